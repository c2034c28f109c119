use crate::group::driver::*;
use crate::group::{ClassicState, Reject, Request};

/// KIP-394.
#[test]
fn a_dynamic_member_comes_back_with_the_id_that_it_is_given() {
    let mut d = Driver::new();
    let mut join = d.join_of("", None, &[("range", "t1")]);
    join.requires_known_id = true;
    let token = d.send(Request::Join(join.clone()));
    let refused = d.joined(token).expect_err("an id is required");
    assert_eq!((refused.reject, &refused.member), (Reject::MemberIdRequired, &join.fresh));
    assert!(d.shard.group(GROUP).is_none(), "whoever is pending is not durable");
    join.member = join.fresh.clone();
    let token = d.send(Request::Join(join.clone()));
    d.pass(DELAY);
    assert_eq!(d.joined(token).expect("joined").member, join.fresh);
}

#[test]
fn an_id_that_is_not_used_in_a_session_is_forgotten() {
    let mut d = Driver::new();
    let mut join = d.join_of("", None, &[("range", "t1")]);
    join.requires_known_id = true;
    let token = d.send(Request::Join(join.clone()));
    d.pass(SESSION);
    join.member = join.fresh.clone();
    assert_eq!(d.join_reject(token), Reject::MemberIdRequired);
    let token = d.send(Request::Join(join));
    assert_eq!(d.join_reject(token), Reject::UnknownMember);
    assert_eq!(d.shard.next_tick(), None, "nothing is left of the group");
}

#[test]
fn a_rebalance_waits_for_whoever_was_given_an_id() {
    let mut d = Driver::new();
    let members = d.stable(&[None]);
    let mut join = d.join_of("", None, &[("range", "t1")]);
    join.requires_known_id = true;
    let asked = d.send(Request::Join(join.clone()));
    assert_eq!(d.join_reject(asked), Reject::MemberIdRequired);
    let rejoined = d.join(&members[0], None);
    assert!(d.is_parked(rejoined));
    join.member = join.fresh.clone();
    let token = d.send(Request::Join(join));
    assert_eq!(d.joined(token).expect("joined").generation, 2);
    assert_eq!(d.joined(rejoined).expect("joined").members.len(), 2);
}

#[test]
fn whoever_does_not_come_back_holds_a_rebalance_up_for_a_session_only() {
    let mut d = Driver::new();
    let members = d.stable(&[None]);
    let mut join = d.join_of("", None, &[("range", "t1")]);
    join.requires_known_id = true;
    d.send(Request::Join(join));
    let rejoined = d.join(&members[0], None);
    d.pass(SESSION - MS);
    assert!(d.is_parked(rejoined));
    d.pass(MS);
    assert_eq!(d.joined(rejoined).expect("joined").members.len(), 1);
}

#[test]
fn what_a_join_is_refused_for() {
    type Case = (&'static str, fn(&mut crate::group::classic::Join), Reject);
    let cases: [Case; 8] = [
        ("too short a session", |j| j.session_timeout_ms = 5_999, Reject::InvalidSessionTimeout),
        ("too long a session", |j| j.session_timeout_ms = 1_800_001, Reject::InvalidSessionTimeout),
        ("a negative session", |j| j.session_timeout_ms = -1, Reject::InvalidSessionTimeout),
        ("a stranger", |j| j.member = "nobody".into(), Reject::UnknownMember),
        ("another protocol type", |j| j.protocol_type = "connect".to_owned(), Reject::InconsistentProtocol),
        ("no assignor", |j| j.protocols.clear(), Reject::InconsistentProtocol),
        ("no common assignor", |j| j.protocols[0].0 = "sticky".to_owned(), Reject::InconsistentProtocol),
        (
            "an unknown instance with an id",
            |j| (j.member, j.instance) = ("m1".into(), Some("i".to_owned())),
            Reject::UnknownMember,
        ),
    ];
    for (what, change, reject) in cases {
        let mut d = Driver::new();
        d.stable(&[None]);
        let writes = d.writes;
        let mut join = d.join_of("", None, &[("range", "t1")]);
        change(&mut join);
        let token = d.send(Request::Join(join.clone()));
        let refused = d.joined(token).expect_err(what);
        assert_eq!((refused.reject, refused.member), (reject, join.member), "{what}");
        assert_eq!(d.writes, writes, "{what}");
    }
}

#[test]
fn a_group_that_nobody_knows_has_no_members() {
    let mut d = Driver::new();
    let token = d.join("m", None);
    assert_eq!(d.join_reject(token), Reject::UnknownMember);
    let mut join = d.join_of("", None, &[]);
    join.protocols.clear();
    let token = d.send(Request::Join(join));
    assert_eq!(d.join_reject(token), Reject::InconsistentProtocol);
    assert_eq!(d.shard.groups().count(), 0);
}

#[test]
fn the_assignor_is_one_that_all_take_and_most_want() {
    let select = |lists: &[&[(&str, &str)]]| {
        let mut d = Driver::new();
        for list in lists {
            let join = d.join_of("", None, list);
            d.send(Request::Join(join));
        }
        d.pass(DELAY * 3);
        d.classic().protocol.clone().expect("one is selected")
    };
    let (range, sticky, own) = (("range", ""), ("sticky", ""), ("own", ""));
    assert_eq!(select(&[&[range, sticky], &[sticky, range], &[sticky, range]]), "sticky");
    assert_eq!(select(&[&[range, sticky], &[range, sticky], &[sticky, range]]), "range");
    assert_eq!(select(&[&[own, range, sticky], &[sticky, range], &[sticky]]), "sticky");
    assert_eq!(select(&[&[sticky, range], &[range, sticky]]), "range", "of equal votes the first by name");
}

#[test]
fn a_full_group_takes_no_more() {
    let mut d = Driver::new();
    let members = d.stable(&[None, None]);
    d.settings.max_size = 2;
    let token = d.join("", None);
    let refused = d.joined(token).expect_err("full");
    assert_eq!((refused.reject, &*refused.member), (Reject::GroupMaxSize, ""));
    // Its own members may join again, and while they do, nobody else gets their places.
    let first = d.join(&members[0], None);
    let second = d.join(&members[1], None);
    assert_eq!(d.joined(first).expect("joined").generation, 2);
    assert_eq!(d.joined(second).expect("joined").generation, 2);
}

#[test]
fn a_group_over_its_limit_loses_the_members_that_come_last() {
    let mut d = Driver::new();
    let members = d.stable(&[None, None, None]);
    d.settings.max_size = 2;
    let first = d.join(&members[0], None);
    let third = d.join(&members[2], None);
    let second = d.join(&members[1], None);
    assert_eq!(d.join_reject(second), Reject::GroupMaxSize);
    assert_eq!(d.joined(first).expect("joined").members.len(), 2);
    assert!(d.joined(third).is_ok());
}

#[test]
fn of_two_joins_of_one_member_the_last_waits() {
    let mut d = Driver::new();
    let members = d.stable(&[None, None]);
    let former = d.join(&members[0], None);
    let last = d.join(&members[0], None);
    assert_eq!(d.join_reject(former), Reject::RebalanceInProgress);
    assert!(d.is_parked(last));
    d.join(&members[1], None);
    assert_eq!(d.joined(last).expect("joined").generation, 2);
}

#[test]
fn a_lost_reply_is_told_again_without_a_rebalance() {
    let mut d = Driver::new();
    let (one, two) = (d.join("", None), d.join("", None));
    d.pass(DELAY * 2);
    let (leader, follower) = (d.joined(one).expect("joined"), d.joined(two).expect("joined"));
    assert_eq!(d.classic().state, ClassicState::CompletingRebalance);
    for first in [leader, follower] {
        let again = d.join(&first.member, None);
        assert_eq!(d.joined(again).expect("joined"), first);
    }
    assert_eq!(d.classic().state, ClassicState::CompletingRebalance);
}

#[test]
fn who_joins_a_stable_group_again() {
    // (leads, other metadata, rebalances)
    for (leads, changed, rebalances) in
        [(false, false, false), (false, true, true), (true, false, true), (true, true, true)]
    {
        let mut d = Driver::new();
        let members = d.stable(&[None, None]);
        let leader = d.classic().leader.clone().expect("a leader");
        let member = members.iter().find(|m| (**m == leader) == leads).expect("such a member").clone();
        let join = d.join_of(&member, None, &[("range", if changed { "t2" } else { "t1" })]);
        let token = d.send(Request::Join(join));
        assert_eq!(d.is_parked(token), rebalances, "{leads} {changed}");
        assert_eq!(d.classic().state == ClassicState::Stable, !rebalances);
        if !rebalances {
            let joined = d.joined(token).expect("joined");
            assert_eq!((joined.generation, joined.members.len()), (1, 0));
        }
    }
}

/// KAFKA-7610.
#[test]
fn a_new_member_may_wait_for_five_minutes() {
    let mut d = Driver::new();
    let members = d.stable(&[Some("i")]);
    let mut join = d.join_of("", None, &[("range", "t1")]);
    join.rebalance_timeout_ms = 3_600_000;
    let token = d.send(Request::Join(join));
    for _ in 0..59 {
        d.pass(SESSION / 2);
        assert_eq!(d.beat_as(caller(&members[0], Some("i"), 1)), Err(Reject::RebalanceInProgress));
    }
    d.pass(SESSION / 2 - MS);
    assert!(d.is_parked(token));
    d.pass(MS);
    let refused = d.joined(token).expect_err("too long");
    assert_eq!((refused.reject, &*refused.member), (Reject::UnknownMember, ""));
    assert_eq!(d.members(), [&*members[0]]);
}

/// Lists as long as a request may be would cost every group of the node its time.
#[test]
fn a_member_offers_few_assignors_and_each_once() {
    let names: Vec<String> = (0..101).map(|n| format!("a{n:03}")).collect();
    let list = |names: &[String]| names.iter().map(|name| (name.clone(), bytes::Bytes::new())).collect();
    let mut d = Driver::new();
    let mut join = d.join_of("", None, &[]);
    for bad in [list(&names), list(&[names[0].clone(), names[1].clone(), names[0].clone()]), list(&[])] {
        join.protocols = bad;
        let token = d.send(Request::Join(join.clone()));
        assert_eq!(d.join_reject(token), Reject::InconsistentProtocol);
        assert_eq!(d.writes, 0);
    }
    join.protocols = list(&names[..100]);
    let first = d.send(Request::Join(join.clone()));
    join.fresh = "second".into();
    join.protocols = list(&names[99..]);
    let second = d.send(Request::Join(join.clone()));
    d.pass(DELAY * 3);
    for token in [first, second] {
        assert_eq!(d.joined(token).expect("joined").protocol.as_deref(), Some("a099"), "all that both take");
    }
    join.fresh = "third".into();
    join.protocols = list(&names[100..]);
    let third = d.send(Request::Join(join));
    assert_eq!(d.join_reject(third), Reject::InconsistentProtocol, "the first does not take it");
}
