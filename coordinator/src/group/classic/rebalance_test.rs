use crate::group::driver::*;
use crate::group::{ClassicState, Reject, Request};

/// KIP-134.
#[test]
fn an_empty_group_waits_for_more_members() {
    let mut d = Driver::new();
    let one = d.join("", None);
    d.pass(DELAY - MS);
    assert!(d.is_parked(one));
    d.pass(MS);
    let joined = d.joined(one).expect("joined");
    assert_eq!((joined.generation, joined.protocol.as_deref()), (1, Some("range")));
    assert_eq!((&joined.leader, joined.members.len()), (&joined.member, 1));
}

#[test]
fn members_that_come_meanwhile_add_to_the_wait_up_to_the_rebalance_timeout() {
    let mut d = Driver::new();
    let patience = |d: &mut Driver| {
        let mut join = d.join_of("", None, &[("range", "t1")]);
        join.rebalance_timeout_ms = 8_000;
        d.send(Request::Join(join))
    };
    let first = patience(&mut d);
    // 3 s, 3 s more, 2 s more: 8 s are the most that anybody waits.
    for wait in [3, 3] {
        d.pass(DELAY * wait / 3 - MS);
        patience(&mut d);
        d.pass(MS);
        assert!(d.is_parked(first));
    }
    d.pass(DELAY * 2 / 3 - MS);
    patience(&mut d);
    assert!(d.is_parked(first));
    d.pass(MS);
    assert_eq!(d.joined(first).expect("joined").members.len(), 4);
}

#[test]
fn a_group_with_members_does_not_wait() {
    let mut d = Driver::new();
    let members = d.stable(&[None]);
    let new = d.join("", None);
    assert_eq!(d.classic().state, ClassicState::PreparingRebalance);
    assert_eq!(d.beat(&members[0], 1), Err(Reject::RebalanceInProgress));
    let old = d.join(&members[0], None);
    assert_eq!(d.joined(new).expect("joined").generation, 2);
    assert_eq!(d.joined(old).expect("joined").generation, 2);
}

#[test]
fn dynamic_members_that_join_too_late_are_dropped() {
    let mut d = Driver::new();
    let members = d.stable(&[None, None]);
    let new = d.join("", None);
    for member in &members {
        assert_eq!(d.beat(member, 1), Err(Reject::RebalanceInProgress));
    }
    let first = d.join(&members[0], None);
    for _ in 0..11 {
        d.pass(SESSION / 2);
        assert_eq!(d.beat(&members[1], 1), Err(Reject::RebalanceInProgress));
    }
    d.pass(SESSION / 2 - MS);
    assert!(d.is_parked(first));
    d.pass(MS);
    assert_eq!(d.joined(first).expect("joined").members.len(), 2);
    assert!(d.joined(new).is_ok());
    assert_eq!(d.beat(&members[1], 1), Err(Reject::UnknownMember));
}

#[test]
fn a_leader_that_does_not_join_leads_no_more() {
    let mut d = Driver::new();
    let members = d.stable(&[Some("a"), Some("b")]);
    let leader = d.classic().leader.clone().expect("a leader");
    let (other, instance) = if members[0] == leader { (&members[1], "b") } else { (&members[0], "a") };
    let join = d.join_of(other, Some(instance), &[("range", "t2")]);
    let token = d.send(Request::Join(join));
    for _ in 0..11 {
        d.pass(SESSION / 2);
        d.beat(&leader, 1).expect_err("rebalancing");
    }
    d.pass(SESSION / 2);
    let joined = d.joined(token).expect("joined");
    assert_eq!((&joined.leader, joined.generation), (other, 2));
    assert_eq!(joined.members.len(), 2, "a static member keeps its place until its session ends");
}

#[test]
fn static_members_of_whom_none_joins_are_waited_for() {
    let mut d = Driver::new();
    let members = d.stable(&[Some("a"), Some("b")]);
    let new = d.join("", None);
    let left: Vec<_> = d.leave(&[("m3", None)]);
    assert_eq!(left, [Ok(())]);
    assert_eq!(d.join_reject(new), Reject::UnknownMember);
    for _ in 0..13 {
        d.pass(SESSION / 2);
        for member in &members {
            assert_eq!(d.beat(member, 1), Err(Reject::RebalanceInProgress));
        }
    }
    assert_eq!((d.classic().state, d.classic().generation), (ClassicState::PreparingRebalance, 1));
    let one = d.join(&members[0], Some("a"));
    let two = d.join(&members[1], Some("b"));
    assert_eq!(d.joined(one).expect("joined").generation, 2);
    assert_eq!(d.joined(two).expect("joined").generation, 2);
}

#[test]
fn a_group_that_is_left_is_empty_and_its_generation_goes_on() {
    let mut d = Driver::new();
    let members = d.stable(&[None]);
    assert_eq!(d.group().empty_since, None);
    assert_eq!(d.leave(&[(&*members[0], None)]), [Ok(())]);
    let group = d.classic().clone();
    assert_eq!((group.state, group.generation), (ClassicState::Empty, 2));
    assert_eq!((group.leader, group.protocol), (None, None));
    assert_eq!(group.protocol_type.as_deref(), Some("consumer"));
    assert_eq!(d.group().empty_since, Some(d.now.wall));
    // Another kind of client may have it now, after the delay of an empty group.
    let mut join = d.join_of("", None, &[("default", "")]);
    join.protocol_type = "connect".to_owned();
    let token = d.send(Request::Join(join));
    assert_eq!(d.group().empty_since, None);
    d.pass(DELAY);
    assert_eq!(d.joined(token).expect("joined").generation, 3);
}

#[test]
fn an_empty_group_that_loses_its_first_member_during_the_delay_is_empty_after_it() {
    let mut d = Driver::new();
    let token = d.join("", None);
    let member = d.members()[0].to_owned();
    assert_eq!(d.leave(&[(&member, None)]), [Ok(())]);
    assert_eq!(d.join_reject(token), Reject::UnknownMember);
    assert_eq!(d.classic().state, ClassicState::PreparingRebalance);
    d.pass(DELAY);
    assert_eq!((d.classic().state, d.classic().generation), (ClassicState::Empty, 1));
}

#[test]
fn a_rebalance_timeout_of_nothing_ends() {
    let mut d = Driver::new();
    let members = d.stable(&[Some("a")]);
    let mut join = d.join_of("", None, &[("range", "t1")]);
    join.rebalance_timeout_ms = -1;
    let joining = d.send(Request::Join(join.clone()));
    assert!(d.is_parked(joining));
    let rebalance = |member: &crate::group::ClassicMember| member.rebalance_timeout_ms;
    assert_eq!(d.group().classic_member("m2").map(rebalance), Some(join.session_timeout_ms));
    let mut join = d.join_of(&members[0], Some("a"), &[("range", "t1")]);
    join.rebalance_timeout_ms = 0;
    let token = d.send(Request::Join(join));
    assert_eq!(d.joined(token).expect("joined").generation, 2);
}

/// KIP-429: what members give back between two rebalances is their own business.
#[test]
fn a_cooperative_rebalance_is_two_rebalances() {
    let mut d = Driver::new();
    let first = d.join_of("", None, &[("cooperative-sticky", "t1")]);
    let token = d.send(Request::Join(first.clone()));
    d.pass(DELAY);
    let one = d.joined(token).expect("joined").member;
    let assign = |d: &mut Driver, leader: &str, generation, shares: &[(&str, &str)]| {
        let assignments = shares.iter().map(|(m, a)| ((*m).into(), bytes::Bytes::from((*a).to_owned())));
        let (caller, assignments) = (caller(leader, None, generation), assignments.collect());
        let sync = crate::group::classic::Sync { caller, protocol_type: None, protocol: None, assignments };
        let token = d.send(Request::Sync(sync));
        d.synced(token).expect("synced").assignment
    };
    assert_eq!(assign(&mut d, &one, 1, &[(&one, "t1:0,1")]), "t1:0,1");
    // A second member: what the first is to lose is nobody's at first.
    let second = d.join_of("", None, &[("cooperative-sticky", "t1")]);
    let second = d.send(Request::Join(second));
    let again = d.join_of(&one, None, &[("cooperative-sticky", "t1 owns 0,1")]);
    let again = d.send(Request::Join(again));
    let (two, leader) = (d.joined(second).expect("joined").member, d.joined(again).expect("joined"));
    assert_eq!(leader.members[0].2, "t1 owns 0,1");
    assert_eq!(assign(&mut d, &one, 2, &[(&one, "t1:0"), (&two, "")]), "t1:0");
    let waits = d.sync(&two, 2, &[]);
    assert_eq!(d.synced(waits), Err(Reject::InconsistentProtocol), "it says range");
    // Having given it back, the first joins again at once, and the second gets it.
    let again = d.join_of(&one, None, &[("cooperative-sticky", "t1 owns 0")]);
    let again = d.send(Request::Join(again));
    assert_eq!(d.beat(&two, 2), Err(Reject::RebalanceInProgress));
    let second = d.join_of(&two, None, &[("cooperative-sticky", "t1")]);
    let second = d.send(Request::Join(second));
    assert_eq!(d.joined(again).expect("joined").generation, 3);
    assert_eq!(d.joined(second).expect("joined").generation, 3);
    assert_eq!(assign(&mut d, &one, 3, &[(&one, "t1:0"), (&two, "t1:1")]), "t1:0");
}
