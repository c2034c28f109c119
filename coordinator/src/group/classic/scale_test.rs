//! What a member costs does not grow with the group: counted in entries of members that are gone through or copied.

use std::sync::Arc;

use crate::group::ClassicState;
use crate::group::driver::*;
use crate::steps;

const MEMBERS: usize = 1_000;

/// A leaf of the members, and the pointers to all leaves.
const ONE: usize = 64 + 4 * MEMBERS / 32 + 100;

fn steps_of(d: &mut Driver, act: impl FnOnce(&mut Driver)) -> usize {
    let reader = d.shard.group(GROUP).map(Arc::clone);
    let before = steps::so_far();
    act(d);
    let steps = steps::so_far() - before;
    drop(reader);
    steps
}

#[test]
fn one_member_costs_what_it_is() {
    let mut d = Driver::new();
    let instances: Vec<String> = (0..MEMBERS).map(|n| format!("i{n}")).collect();
    let members = d.stable(&instances.iter().map(|instance| Some(instance.as_str())).collect::<Vec<_>>());
    let follower =
        members.iter().rposition(|id| d.classic().leader.as_ref() != Some(id)).expect("a follower");
    let (id, instance) = (members[follower].clone(), instances[follower].clone());

    let beat = caller(&id, Some(&instance), 1);
    let steps = steps_of(&mut d, |d| d.beat_as(beat).expect("a member"));
    assert!(steps <= ONE, "heartbeat: {steps}");
    let (mut returned, mut asked) = (0, Vec::new());
    let steps = steps_of(&mut d, |d| returned = d.join("", Some(&instance)));
    assert!(steps <= ONE, "a static member returns: {steps}");
    let back = d.joined(returned).expect("joined").member;
    assert_eq!(d.classic().state, ClassicState::Stable);
    let steps = steps_of(&mut d, |d| asked.push(d.join("", None)));
    assert!(steps <= ONE, "a join begins a rebalance: {steps}");
    let steps = steps_of(&mut d, |d| asked.push(d.join(&back, Some(&instance))));
    assert!(steps <= ONE, "another joins: {steps}");
    assert!(asked.iter().all(|token| d.is_parked(*token)), "the others are to join");
    let steps = steps_of(&mut d, |d| drop(d.leave(&[(&*back, Some(&instance))])));
    assert!(steps <= ONE, "leave: {steps}");
    let steps = steps_of(&mut d, |d| drop(d.leave(&[("", Some(&instances[follower - 1]))])));
    assert!(steps <= ONE, "an administrator removes one: {steps}");
}
