//! What a member costs does not grow with the group: counted in entries of members and targets that are gone through
//! or copied.

use std::sync::Arc;

use super::lab::*;
use crate::group::{Change, Group, World};
use crate::steps;

const MEMBERS: usize = 2_000;
const TOPICS: [&str; 5] = ["a", "b", "c", "d", "e"];

/// What a step may cost that concerns one member: a leaf of the members and one of the targets, the pointers to all
/// leaves, and what a member has and reads.
const ONE: usize = 2 * 64 + 4 * MEMBERS / 32 + 100;

fn id(n: usize) -> String {
    format!("m{n:05}")
}

/// Everyone reads all topics; the first has all partitions.
fn large() -> Lab {
    let mut lab = Lab::new(&TOPICS.map(|name| (name, 10)));
    (0..MEMBERS).for_each(|n| drop(lab.ok(join(&id(n), &TOPICS))));
    assert_eq!(lab.group().members.len(), MEMBERS);
    lab
}

/// The steps that this takes while a reader holds the group.
fn steps_of(lab: &mut Lab, act: impl FnOnce(&mut Lab)) -> usize {
    let reader: Arc<Group> = Arc::clone(lab.shard.group(GROUP).expect("the group"));
    let before = steps::so_far();
    act(lab);
    let steps = steps::so_far() - before;
    drop(reader);
    steps
}

#[test]
fn one_member_costs_what_it_is() {
    let mut lab = large();
    let last = id(MEMBERS - 1);
    let epoch = lab.member(&last).epoch;
    for (what, request) in [
        ("join", join("x", &TOPICS)),
        ("a static member's join", join("y", &TOPICS).fixed("i")),
        ("a static member goes", at("y", -2).fixed("i")),
        ("it comes back", join("z", &TOPICS).fixed("i")),
        ("another subscription", at(&last, epoch).reads(&["a"])),
        ("heartbeat", at(&id(7), 2)),
        ("leave", at("x", -1)),
    ] {
        let steps = steps_of(&mut lab, |lab| drop(lab.ok(request)));
        assert!(steps <= ONE, "{what}: {steps} steps, not {ONE}");
    }
}

#[test]
fn who_is_to_get_a_partition_is_not_compared_with_everyone() {
    let mut lab = large();
    lab.pass(SECOND);
    // Targets are computed with this one, which goes through all.
    lab.ok(join("x", &TOPICS));
    let epoch = lab.epochs().1;
    let (waiting, _) = lab.group().targets.iter().find(|(id, _)| &***id != "m00000").expect("a target");
    let waiting = waiting.to_string();
    assert!(lab.member(&waiting).assigned.is_empty(), "the first has everything");
    let (asks, before) = (at(&waiting, lab.member(&waiting).epoch), epoch);
    let steps = steps_of(&mut lab, |lab| assert_eq!(lab.ok(asks).epoch, before));
    assert!(steps <= ONE, "{steps}");
}

/// They were silent for too long together, and what follows from that follows once.
#[test]
fn all_that_are_due_go_in_one_step() {
    let mut lab = large();
    let (group_epoch, _) = lab.epochs();
    let stays = id(3);
    lab.pass(SECOND * 40);
    let epoch = lab.ok(at(&stays, lab.member(&stays).epoch)).epoch;
    let retargeted = lab.epochs().0;
    let steps = steps_of(&mut lab, |lab| lab.pass(SECOND * 5));
    assert_eq!(lab.group().members.len(), 1, "{epoch}");
    assert_eq!(lab.epochs().0, retargeted + 1, "since {group_epoch}");
    assert!(steps <= (2 + TOPICS.len()) * MEMBERS, "{steps}");
}

/// Requests to other groups wait for no more than that.
#[test]
fn a_tick_does_as_much_as_it_may() {
    let mut lab = large();
    lab.now.since_start += SECOND * 45;
    let mut left = MEMBERS;
    while left > 0 {
        let most = 300.min(left);
        let mut did = 0;
        let count = |shard: &mut super::super::Shard, now, world: &World<'_>, effects: &mut Vec<_>| {
            did = shard.tick(now, world, 300, effects);
        };
        lab.step(count);
        assert_eq!(did, most);
        left -= most;
        assert_eq!(lab.group().members.len(), left);
    }
    assert!(lab.shard.next_tick().is_some_and(|at| at > lab.now.since_start));
}

#[test]
fn a_commit_finds_its_member() {
    let mut lab = large();
    let topic = lab.topic("a");
    let epoch = lab.member("m00000").epoch;
    let commit = commit_of("m00000", epoch, topic, 1);
    let steps = steps_of(&mut lab, |lab| assert_eq!(lab.commit(commit), Ok(vec![Ok(())])));
    assert!(steps <= ONE, "{steps}");
}

/// Nodes of older builds, which may be in a cluster of level 1, don't know any other change.
#[test]
fn a_member_is_written_whole_where_older_builds_read_it() {
    let mut lab = Lab::at_level(1, &[("a", 4)]);
    lab.ok(join("m1", &["a"]));
    lab.pass(SECOND);
    lab.ok(join("m2", &["a"]));
    lab.ok(at("m1", 2));
    assert!(matches!(&lab.changes[..], [Change::Member(id, Some(_))] if **id == *"m1"), "{:?}", lab.changes);
    lab.crash();
    assert_eq!(lab.written[GROUP], *lab.group());
}

/// What a member said, its subscription above all, is many times as long as how far it has come.
#[test]
fn a_new_epoch_does_not_write_again_what_a_member_said() {
    let mut lab = Lab::new(&[("a", 4)]);
    lab.ok(join("m1", &["a"]));
    lab.pass(SECOND);
    lab.ok(join("m2", &["a"]));
    let kept = lab.ok(at("m1", 2)).assignment.expect("less");
    let progress = |lab: &Lab| match &lab.changes[..] {
        [Change::Progress(id, progress)] => (id.to_string(), progress.clone()),
        changes => panic!("{changes:?}"),
    };
    assert_eq!(progress(&lab), ("m1".to_owned(), lab.member("m1").progress()));
    lab.ok(at("m1", 2).owns(&kept));
    assert_eq!(progress(&lab).1.epoch, 3);
    lab.ok(at("m1", 3).reads(&[]));
    assert!(lab.changes.iter().any(|change| matches!(change, Change::Member(..))), "it says something new");
    lab.crash();
    assert_eq!(lab.written[GROUP], *lab.group(), "what is written makes the member");
}
