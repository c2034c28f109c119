//! KIP-848, "Online Migration": classic members of a consumer group.

use crate::group::classic::{Heartbeat, Join, Sync};
use crate::group::consumer::lab::*;
use crate::group::consumer::{ConsumerState, MemberState, check_fetch};
use crate::group::{Migration, Reject, Reply, Request};

/// A consumer group of `m1`, which has everything, and a classic member, which has joined and not synced.
fn joined() -> (Lab, Join) {
    let mut lab = Lab::new(&[("a", 4)]);
    lab.ok(join("m1", &["a"]));
    lab.pass(SECOND);
    let join = lab.join_of("", "1|a");
    let token = lab.classic_join(join.clone());
    let joined = lab.joined(token).expect("joined");
    assert_eq!((joined.generation, &joined.member, &*joined.leader), (3, &join.fresh, ""));
    assert_eq!(
        (joined.protocol_type.as_deref(), joined.protocol.as_deref()),
        (Some("consumer"), Some("range"))
    );
    (lab, Join { member: join.fresh.clone(), ..join })
}

fn rejects(lab: &mut Lab, join: Join) -> Reject {
    let before = lab.written.clone();
    let token = lab.classic_join(join);
    let reject = lab.joined(token).expect_err("refused").reject;
    assert_eq!(lab.written, before);
    reject
}

#[test]
fn a_classic_member_gets_its_share() {
    let (mut lab, join) = joined();
    let id = join.member.clone();
    assert_eq!(lab.sync(&id, 3, &[]).expect("synced").assignment, "1|", "m1 still has everything");
    assert_eq!(lab.classic_beat(&id, 3), Ok(()), "there is nothing to learn before m1 gives back");
    let kept = lab.ok(at("m1", 2)).assignment.expect("less");
    assert_eq!(lab.classic_beat(&id, 3), Ok(()));
    lab.ok(at("m1", 2).owns(&kept));
    assert_eq!(lab.classic_beat(&id, 3), Err(Reject::RebalanceInProgress));
    let token = lab.classic_join(join);
    assert_eq!(lab.joined(token).expect("joined").generation, 3);
    let synced = lab.sync(&id, 3, &[]).expect("synced");
    let given: Vec<i32> = (0..4).filter(|index| !kept.values().any(|all| all.contains(index))).collect();
    assert_eq!(synced.assignment, format!("1|a:{} {}", given[0], given[1]));
    assert_eq!(
        (synced.protocol_type.as_deref(), synced.protocol.as_deref()),
        (Some("consumer"), Some("range"))
    );
    assert_eq!(lab.classic_beat(&id, 3), Ok(()));
    assert_eq!(lab.described().state, ConsumerState::Stable);
}

#[test]
fn a_classic_member_gives_back_what_another_is_to_get() {
    let (mut lab, join_again) = joined();
    let id = join_again.member.clone();
    lab.sync(&id, 3, &[]).expect("synced");
    lab.ok(at("m1", 2).reads(&[]).owns(&Default::default()));
    lab.pass(SECOND);
    let token = lab.classic_join(join_again.clone());
    assert_eq!(lab.joined(token).expect("joined").generation, 4, "it gets all that m1 had");
    assert_eq!(lab.sync(&id, 4, &[]).expect("synced").assignment, "1|a:0 1 2 3");
    lab.pass(SECOND);
    lab.ok(join("m2", &["a"]));
    assert_eq!(lab.classic_beat(&id, 4), Err(Reject::RebalanceInProgress));
    let owns = lab.join_of(&id, "1|a|a:0 1 2 3");
    let token = lab.classic_join(owns.clone());
    assert_eq!(lab.joined(token).expect("joined").generation, 4);
    assert_eq!(lab.member(&id).state, MemberState::UnrevokedPartitions);
    assert_eq!(lab.sync(&id, 4, &[]).expect("synced").assignment, "1|a:0 1");
    assert_eq!(lab.ok(at("m2", 5)).assignment, None);
    let token = lab.classic_join(owns);
    assert_eq!(lab.joined(token).expect("joined").generation, 4, "it still owns them");
    let gave = lab.join_of(&id, "1|a|a:0 1");
    let token = lab.classic_join(gave);
    assert_eq!(lab.joined(token).expect("joined").generation, 5);
    assert_eq!(lab.ok(at("m2", 5)).assignment, Some(lab.parts(&[("a", &[2, 3])])));
}

#[test]
fn a_classic_member_gives_back_what_it_no_longer_reads() {
    let mut lab = Lab::new(&[("a", 2), ("b", 1)]);
    lab.ok(join("m1", &[]));
    let first = lab.join_of("", "1|a,b");
    let id = first.fresh.clone();
    let token = lab.classic_join(first);
    let generation = lab.joined(token).expect("joined").generation;
    assert_eq!(lab.sync(&id, generation, &[]).expect("synced").assignment, "1|a:0 1,b:0");
    // The next targets are due in a second, but this needs none.
    let less = lab.join_of(&id, "1|a|a:0 1,b:0");
    let token = lab.classic_join(less);
    assert_eq!(lab.joined(token).expect("joined").generation, generation);
    assert_eq!(lab.sync(&id, generation, &[]).expect("synced").assignment, "1|a:0 1");
    assert_eq!(
        lab.classic_beat(&id, generation),
        Err(Reject::RebalanceInProgress),
        "it has to say that it did"
    );
    let gave = lab.join_of(&id, "1|a|a:0 1");
    let token = lab.classic_join(gave);
    lab.joined(token).expect("joined");
    assert_eq!(lab.classic_beat(&id, generation), Ok(()));
}

/// The only member is a classic one: `m1` has left, and the group may not turn back.
fn alone() -> (Lab, Join) {
    let (mut lab, join) = joined();
    lab.sync(&join.member, 3, &[]).expect("synced");
    lab.settings.consumer_migration = Migration::Upgrade;
    lab.ok(at("m1", -1));
    (lab, join)
}

#[test]
fn a_classic_member_gets_what_the_last_other_member_had() {
    let (mut lab, join) = alone();
    let id = join.member.clone();
    lab.pass(SECOND);
    assert_eq!(lab.classic_beat(&id, 3), Err(Reject::RebalanceInProgress));
    let token = lab.classic_join(join);
    assert_eq!(lab.joined(token).expect("joined").generation, 4);
    assert_eq!(lab.sync(&id, 4, &[]).expect("synced").assignment, "1|a:0 1 2 3");
    assert_eq!(lab.classic_beat(&id, 4), Ok(()));
}

#[test]
fn a_classic_member_on_its_own_learns_that_a_topic_has_grown() {
    let (mut lab, join) = alone();
    let id = join.member.clone();
    lab.pass(SECOND);
    let token = lab.classic_join(join.clone());
    assert_eq!(lab.joined(token).expect("joined").generation, 4);
    lab.sync(&id, 4, &[]).expect("synced");
    lab.grow("a", 5);
    lab.pass(SECOND);
    assert_eq!(lab.classic_beat(&id, 4), Err(Reject::RebalanceInProgress));
    let token = lab.classic_join(join);
    assert_eq!(lab.joined(token).expect("joined").generation, 5);
    assert_eq!(lab.sync(&id, 5, &[]).expect("synced").assignment, "1|a:0 1 2 3 4");
}

#[test]
fn joins_that_are_refused() {
    let (mut lab, join) = joined();
    let new = lab.join_of("", "1|a");
    assert_eq!(
        rejects(&mut lab, Join { session_timeout_ms: 1, ..new.clone() }),
        Reject::InvalidSessionTimeout
    );
    assert_eq!(
        rejects(&mut lab, Join { protocol_type: "connect".to_owned(), ..new.clone() }),
        Reject::InconsistentProtocol
    );
    let mut other = new.clone();
    other.protocols[0].0 = "sticky".to_owned();
    assert_eq!(
        rejects(&mut lab, other),
        Reject::InconsistentProtocol,
        "the other classic member takes range only"
    );
    let malformed = lab.join_of("", "?");
    assert_eq!(rejects(&mut lab, malformed), Reject::InconsistentProtocol);
    let static_unknown = Join { instance: Some("i9".to_owned()), member: "x".into(), ..new.clone() };
    assert_eq!(rejects(&mut lab, static_unknown), Reject::UnknownMember);

    let token = lab.classic_join(Join { requires_known_id: true, ..new.clone() });
    let reject = lab.joined(token).expect_err("refused");
    assert_eq!((reject.reject, &reject.member), (Reject::MemberIdRequired, &new.fresh));
    lab.settings.consumer_max_size = 2;
    assert_eq!(rejects(&mut lab, new.clone()), Reject::GroupMaxSize);
    lab.settings.consumer_migration = Migration::Disabled;
    assert_eq!(rejects(&mut lab, join), Reject::InconsistentProtocol);
}

#[test]
fn callers_that_are_no_members_or_elsewhere() {
    let (mut lab, join) = joined();
    let id = join.member;
    assert_eq!(lab.sync("x", 3, &[]), Err(Reject::UnknownMember));
    assert_eq!(lab.sync("m1", 2, &[]), Err(Reject::UnknownMember), "it speaks another protocol");
    assert_eq!(lab.sync(&id, 2, &[]), Err(Reject::IllegalGeneration));
    assert_eq!(lab.classic_beat("x", 3), Err(Reject::UnknownMember));
    assert_eq!(lab.classic_beat("m1", 2), Err(Reject::UnknownMember));
    assert_eq!(lab.classic_beat(&id, 2), Err(Reject::IllegalGeneration));
    let sync = Sync {
        caller: caller(&id, 3),
        protocol_type: None,
        protocol: Some("sticky".to_owned()),
        assignments: vec![],
    };
    let token = lab.send(Request::Sync(sync));
    assert_eq!(lab.take(token), Reply::Sync(Err(Reject::InconsistentProtocol)));
    let a = lab.topic("a");
    assert_eq!(lab.commit(commit_of(&id, 4, a, 0)), Err(Reject::IllegalGeneration), "not STALE_MEMBER_EPOCH");
    assert_eq!(check_fetch(lab.group(), &id, 4), Err(Reject::IllegalGeneration));
    // Old versions commit for classic members.
    let mut old = commit_of(&id, 3, a, 0);
    old.knows_group_not_found = false;
    assert_eq!(lab.commit(old), Ok(vec![Ok(())]));
}

#[test]
fn a_static_classic_member_is_fenced_by_its_next_incarnation() {
    let (mut lab, join) = joined();
    let fixed = Join { instance: Some("i1".to_owned()), ..lab.join_of("", "1|a") };
    let old = fixed.fresh.clone();
    let token = lab.classic_join(fixed);
    lab.joined(token).expect("joined");
    let again = Join { instance: Some("i1".to_owned()), ..lab.join_of("", "1|a") };
    let id = again.fresh.clone();
    let epochs = lab.epochs();
    let token = lab.classic_join(again);
    assert_eq!(lab.joined(token).expect("joined").member, id);
    assert_eq!(lab.epochs(), epochs, "nobody else is concerned");
    let mut beat = Heartbeat { caller: caller(&old, 3) };
    beat.caller.instance = Some("i1".to_owned());
    let token = lab.send(Request::Heartbeat(beat));
    assert_eq!(lab.take(token), Reply::Done(Err(Reject::FencedInstance)));
    let fenced = [(&*old, Some("i1")), ("", Some("i1")), ("", Some("i2"))];
    assert_eq!(
        lab.classic_leave(&fenced),
        [Err(Reject::FencedInstance), Ok(()), Err(Reject::UnknownMember)],
        "an administrator names the instance alone"
    );
    assert!(lab.group().members.contains_key(&join.member) && !lab.group().members.contains_key(&id));
}

#[test]
fn a_classic_member_that_does_not_sync_is_out() {
    let (mut lab, join) = joined();
    let kept = lab.ok(at("m1", 2)).assignment.expect("less");
    lab.ok(at("m1", 2).owns(&kept));
    for n in 0..12 {
        lab.pass(SECOND * 5);
        let there = lab.classic_beat(&join.member, 3);
        assert_eq!(there.is_err_and(|reject| reject == Reject::UnknownMember), n == 11, "a minute");
        lab.ok(at("m1", lab.epochs().1.min(3)));
    }
}

#[test]
fn a_classic_member_that_does_not_rejoin_is_out() {
    let (mut lab, join) = joined();
    lab.sync(&join.member, 3, &[]).expect("synced");
    let kept = lab.ok(at("m1", 2)).assignment.expect("less");
    lab.ok(at("m1", 2).owns(&kept));
    for n in 0..13 {
        lab.pass(SECOND * 5);
        let there = lab.classic_beat(&join.member, 3);
        let expected = if n < 12 { Reject::RebalanceInProgress } else { Reject::UnknownMember };
        assert_eq!(there, Err(expected), "after {} seconds", n * 5 + 5);
        lab.ok(at("m1", lab.member("m1").epoch));
    }
}

#[test]
fn a_member_may_change_its_protocol_under_its_id() {
    let (mut lab, join) = joined();
    let id = join.member.clone();
    let beat = lab.ok(crate::group::consumer::lab::join(&id, &["a"]));
    assert_eq!(beat.epoch, 3);
    assert!(lab.member(&id).classic.is_none());
    // Nobody waits for its SyncGroup any more.
    for _ in 0..13 {
        lab.pass(SECOND * 5);
        lab.ok(at(&id, lab.member(&id).epoch)
            .owns(&crate::group::consumer::state::partitions(&lab.member(&id).assigned)));
        lab.ok(at("m1", lab.member("m1").epoch)
            .owns(&crate::group::consumer::state::partitions(&lab.member("m1").assigned)));
    }
    let token = lab.classic_join(join);
    assert_eq!(lab.joined(token).expect("joined").generation, 3);
    assert!(lab.member(&id).classic.is_some());
}

#[test]
fn a_classic_member_offers_few_assignors_and_each_once() {
    let (mut lab, join) = joined();
    let metadata = || join.protocols[0].1.clone();
    let list = |count: usize| (0..count).map(|n| (format!("a{n}"), metadata())).collect::<Vec<_>>();
    let range = ("range".to_owned(), metadata());
    for bad in
        [[list(100), vec![range.clone()]].concat(), vec![range.clone(), range.clone()], list(0), list(3)]
    {
        let newcomer = Join { protocols: bad, ..lab.join_of("", "1|a") };
        assert_eq!(rejects(&mut lab, newcomer), Reject::InconsistentProtocol);
    }
    let newcomer = Join { protocols: [list(99), vec![range]].concat(), ..lab.join_of("", "1|a") };
    let token = lab.classic_join(newcomer);
    assert!(lab.joined(token).is_ok(), "both take range");
}
