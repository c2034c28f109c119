use crate::group::driver::*;
use crate::group::{ClassicState, Reject};

#[test]
fn a_stable_group_stays_stable_under_a_new_owner() {
    let mut d = Driver::new();
    let members = d.stable(&[None, Some("i")]);
    d.pass(SESSION - MS);
    let (before, writes) = (d.group().clone(), d.writes);
    d.crash();
    assert_eq!(*d.group(), before);
    // Sessions begin at full length.
    d.pass(SESSION - MS);
    for member in &members {
        assert_eq!(d.beat(member, 1), Ok(()));
        let token = d.sync(member, 1, &[]);
        assert_eq!(d.synced(token).expect("synced").assignment, member.as_bytes());
    }
    assert_eq!((d.classic().generation, d.writes), (1, writes));
    d.pass(SESSION);
    assert_eq!(d.classic().state, ClassicState::Empty);
}

#[test]
fn a_rebalance_that_members_have_joined_goes_on() {
    let mut d = Driver::new();
    let (one, two) = (d.join("", None), d.join("", None));
    d.pass(DELAY * 2);
    let (one, two) = (d.joined(one).expect("joined"), d.joined(two).expect("joined"));
    let (leader, follower) = if one.leader == one.member { (one, two) } else { (two, one) };
    d.crash();
    // The reply may have been lost, and is told again.
    let again = d.join(&leader.member, None);
    assert_eq!(d.joined(again).expect("joined"), leader);
    let waits = d.sync(&follower.member, 1, &[]);
    d.sync(&leader.member, 1, &[(&follower.member, "x")]);
    assert_eq!(d.synced(waits).expect("synced").assignment, "x");
    assert_eq!(d.classic().state, ClassicState::Stable);
}

#[test]
fn members_that_the_old_owner_waited_for_join_the_new_one() {
    let mut d = Driver::new();
    let members = d.stable(&[None, None, None]);
    d.join(&members[0], None);
    d.join("", None);
    let new = d.members()[3].to_owned();
    d.crash();
    assert_eq!(d.classic().state, ClassicState::PreparingRebalance);
    assert_eq!(d.beat(&members[1], 1), Err(Reject::RebalanceInProgress));
    let token = d.sync(&members[1], 1, &[]);
    assert_eq!(d.synced(token), Err(Reject::RebalanceInProgress));
    let tokens = [d.join(&members[0], None), d.join(&members[1], None), d.join(&new, None)];
    assert!(tokens.iter().all(|token| d.is_parked(*token)));
    // The third is silent, and goes with its session.
    d.pass(SESSION);
    for token in tokens {
        let joined = d.joined(token).expect("joined");
        assert_eq!(joined.generation, 2);
    }
    assert_eq!(d.members().len(), 3);
}

#[test]
fn an_initial_delay_that_was_cut_short_is_not_begun_again() {
    let mut d = Driver::new();
    d.join("", None);
    let member = d.members()[0].to_owned();
    d.crash();
    let token = d.join(&member, None);
    assert_eq!(d.joined(token).expect("joined").generation, 1);
}

#[test]
fn a_group_that_nobody_comes_back_to_is_empty_in_the_end() {
    for state in [ClassicState::PreparingRebalance, ClassicState::CompletingRebalance] {
        let mut d = Driver::new();
        d.join("", None);
        if state == ClassicState::CompletingRebalance {
            d.pass(DELAY);
        }
        d.replies.clear();
        d.crash();
        assert_eq!(d.classic().state, state);
        d.pass(SESSION);
        assert_eq!(d.classic().state, ClassicState::Empty);
        d.pass(d.settings.offsets_retention_check);
        assert!(d.shard.group(GROUP).is_none());
        assert_eq!(d.shard.next_tick(), None);
    }
}
