use crate::group::driver::*;
use crate::group::{ClassicState, MemberId, Reject, Request};

/// The instances of a Stable group by whether they lead.
fn stable(d: &mut Driver) -> (MemberId, &'static str, MemberId, &'static str) {
    let members = d.stable(&[Some("a"), Some("b")]);
    let (a, b) = (members[0].clone(), members[1].clone());
    if d.classic().leader.as_ref() == Some(&a) { (a, "a", b, "b") } else { (b, "b", a, "a") }
}

#[test]
fn a_follower_returns_to_a_stable_group_without_a_rebalance() {
    let mut d = Driver::new();
    let (leader, _, follower, instance) = stable(&mut d);
    let token = d.join("", Some(instance));
    let joined = d.joined(token).expect("joined");
    assert_eq!((joined.generation, &joined.leader, joined.skip_assignment), (1, &leader, false));
    assert_ne!(joined.member, follower);
    assert_eq!(d.classic().state, ClassicState::Stable);
    assert_eq!(d.written[GROUP], *d.group(), "its new id is durable");
    // What it had is still its own, and its old id is fenced.
    let synced = d.sync(&joined.member, 1, &[]);
    assert_eq!(d.synced(synced).expect("synced").assignment, follower.as_bytes());
    assert_eq!(d.beat_as(caller(&follower, Some(instance), 1)), Err(Reject::FencedInstance));
    assert_eq!(d.beat_as(caller(&follower, None, 1)), Err(Reject::UnknownMember));
    assert_eq!(d.beat_as(caller(&joined.member, Some(instance), 1)), Ok(()));
}

/// KIP-814.
#[test]
fn a_leader_that_returns_is_told_to_assign_nothing() {
    for skipping in [true, false] {
        let mut d = Driver::new();
        let (leader, instance, ..) = stable(&mut d);
        let mut join = d.join_of("", Some(instance), &[("range", "t1")]);
        join.supports_skipping = skipping;
        let token = d.send(Request::Join(join.clone()));
        let joined = d.joined(token).expect("joined");
        assert_eq!((joined.generation, &joined.member), (1, &join.fresh));
        assert_eq!(joined.skip_assignment, skipping);
        assert_eq!(joined.leader, if skipping { join.fresh.clone() } else { leader });
        assert_eq!(joined.members.len(), if skipping { 2 } else { 0 });
        assert_eq!(d.classic().leader, Some(join.fresh), "it leads all the same");
        assert_eq!(d.classic().state, ClassicState::Stable);
    }
}

#[test]
fn a_return_that_changes_the_assignor_rebalances() {
    let mut d = Driver::new();
    let both = [("range", "t1"), ("sticky", "t1")];
    let tokens: Vec<_> = ["a", "b", "c"]
        .map(|instance| {
            let join = d.join_of("", Some(instance), &both);
            d.send(Request::Join(join))
        })
        .into();
    d.pass(DELAY * 2);
    let joined: Vec<_> = tokens.into_iter().map(|t| d.joined(t).expect("joined")).collect();
    let leader = joined[0].leader.clone();
    d.sync(&leader, 1, &[]);
    assert_eq!((d.classic().state, d.classic().protocol.as_deref()), (ClassicState::Stable, Some("range")));
    // Other preferences, but the same outcome.
    let join = d.join_of("", Some("a"), &[("sticky", "t1"), ("range", "t1")]);
    let token = d.send(Request::Join(join));
    assert!(d.joined(token).is_ok());
    assert_eq!(d.classic().state, ClassicState::Stable);
    let join = d.join_of("", Some("b"), &[("sticky", "t1"), ("range", "t1")]);
    let token = d.send(Request::Join(join));
    assert!(d.is_parked(token));
    assert_eq!(d.classic().state, ClassicState::PreparingRebalance);
}

#[test]
fn a_return_while_the_leader_assigns_begins_anew() {
    let mut d = Driver::new();
    let (one, two) = (d.join("", Some("a")), d.join("", Some("b")));
    d.pass(DELAY * 2);
    let (one, two) = (d.joined(one).expect("joined"), d.joined(two).expect("joined"));
    let waiting = d.sync(if one.leader == one.member { &two.member } else { &one.member }, 1, &[]);
    let returned = d.join("", Some("a"));
    assert_eq!(d.classic().state, ClassicState::PreparingRebalance);
    assert!(d.is_parked(returned));
    assert!(d.synced(waiting).is_err(), "it joins again, or is fenced");
}

#[test]
fn whoever_waits_under_the_old_id_is_fenced() {
    let mut d = Driver::new();
    let members = d.stable(&[Some("a"), Some("b")]);
    let join = d.join_of(&members[0], Some("a"), &[("range", "t2")]);
    let parked = d.send(Request::Join(join));
    let returned = d.join("", Some("a"));
    let refused = d.joined(parked).expect_err("fenced");
    assert_eq!((refused.reject, &refused.member), (Reject::FencedInstance, &members[0]));
    assert!(d.is_parked(returned));
    d.join(&members[1], Some("b"));
    assert_eq!(d.joined(returned).expect("joined").generation, 2);

    let follower = if d.classic().leader.as_ref() == Some(&members[1]) { "a" } else { "b" };
    let id = d.shard.groups[GROUP].index.instance(follower).expect("a member").clone();
    let parked = d.sync(&id, 2, &[]);
    d.join("", Some(follower));
    assert_eq!(d.synced(parked), Err(Reject::FencedInstance));
}

#[test]
fn an_instance_with_another_members_id_is_fenced() {
    let mut d = Driver::new();
    let members = d.stable(&[Some("a"), Some("b")]);
    let token = d.join(&members[1], Some("a"));
    assert_eq!(d.join_reject(token), Reject::FencedInstance);
    assert_eq!(d.leave(&[(&*members[1], Some("a"))]), [Err(Reject::FencedInstance)]);
    let topic = d.create_topic(1);
    let partition = crate::PartitionId { topic, index: 0 };
    let commit = commit_of(caller(&members[1], Some("a"), 1), partition, 1);
    assert_eq!(d.commit(commit), Err(Reject::FencedInstance));
}
