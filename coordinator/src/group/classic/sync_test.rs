use crate::group::driver::*;
use crate::group::{ClassicState, MemberId, Reject, Request};

/// A group in CompletingRebalance: its leader and its followers.
fn completing(d: &mut Driver, members: usize) -> (MemberId, Vec<MemberId>) {
    let tokens: Vec<_> = (0..members).map(|_| d.join("", None)).collect();
    d.pass(DELAY * 3);
    let joined: Vec<_> = tokens.into_iter().map(|t| d.joined(t).expect("joined")).collect();
    let leader = joined[0].leader.clone();
    (leader.clone(), joined.into_iter().map(|j| j.member).filter(|m| *m != leader).collect())
}

#[test]
fn followers_wait_for_the_leader() {
    let mut d = Driver::new();
    let (leader, followers) = completing(&mut d, 3);
    let one = d.sync(&followers[0], 1, &[]);
    assert!(d.is_parked(one));
    let shares = [(&*leader, "x"), (&*followers[0], "y"), ("stranger", "z"), (&*followers[0], "w")];
    let led = d.sync(&leader, 1, &shares);
    let synced = d.synced(led).expect("synced");
    assert_eq!(
        (synced.protocol_type.as_deref(), synced.protocol.as_deref()),
        (Some("consumer"), Some("range"))
    );
    assert_eq!(synced.assignment, "x");
    assert_eq!(d.synced(one).expect("synced").assignment, "w");
    assert_eq!(d.classic().state, ClassicState::Stable);
    // Whom the leader left out gets nothing.
    let two = d.sync(&followers[1], 1, &[]);
    assert_eq!(d.synced(two).expect("synced").assignment, "");
    assert_eq!(d.written[GROUP], *d.group());
}

#[test]
fn what_a_sync_is_refused_for() {
    let mut d = Driver::new();
    let (leader, _) = completing(&mut d, 1);
    for (member, instance, generation, reject) in [
        (&*leader, None, 0, Reject::IllegalGeneration),
        (&*leader, None, 2, Reject::IllegalGeneration),
        ("stranger", None, 1, Reject::UnknownMember),
        (&*leader, Some("i"), 1, Reject::UnknownMember),
    ] {
        let caller = caller(member, instance, generation);
        let (protocol_type, protocol, assignments) = (None, None, vec![]);
        let sync = crate::group::classic::Sync { caller, protocol_type, protocol, assignments };
        let token = d.send(Request::Sync(sync));
        assert_eq!(d.synced(token), Err(reject));
    }
    for (protocol_type, protocol) in [(Some("connect"), None), (None, Some("sticky"))] {
        let (protocol_type, protocol) = (protocol_type.map(str::to_owned), protocol.map(str::to_owned));
        let (caller, assignments) = (caller(&leader, None, 1), vec![]);
        let sync = crate::group::classic::Sync { caller, protocol_type, protocol, assignments };
        let token = d.send(Request::Sync(sync));
        assert_eq!(d.synced(token), Err(Reject::InconsistentProtocol));
    }
    let token = d.send_to("another", Request::Sync(sync_of("m", 1)));
    assert_eq!(d.synced(token), Err(Reject::UnknownMember));
}

fn sync_of(member: &str, generation: i32) -> crate::group::classic::Sync {
    let caller = caller(member, None, generation);
    crate::group::classic::Sync { caller, protocol_type: None, protocol: None, assignments: vec![] }
}

#[test]
fn a_rebalance_sends_those_back_who_wait() {
    let mut d = Driver::new();
    let (leader, followers) = completing(&mut d, 2);
    let parked = d.sync(&followers[0], 1, &[]);
    d.join("", None);
    assert_eq!(d.synced(parked), Err(Reject::RebalanceInProgress));
    let late = d.sync(&leader, 1, &[]);
    assert_eq!(d.synced(late), Err(Reject::RebalanceInProgress));
    assert_eq!(d.classic().state, ClassicState::PreparingRebalance);
}

#[test]
fn of_two_syncs_of_one_member_the_last_waits() {
    let mut d = Driver::new();
    let (leader, followers) = completing(&mut d, 2);
    let former = d.sync(&followers[0], 1, &[]);
    let last = d.sync(&followers[0], 1, &[]);
    assert_eq!(d.synced(former), Err(Reject::RebalanceInProgress));
    d.sync(&leader, 1, &[(&followers[0], "x")]);
    assert_eq!(d.synced(last).expect("synced").assignment, "x");
}

/// KAFKA-12890: a leader whose heartbeats go on without a SyncGroup.
#[test]
fn members_that_do_not_sync_in_time_are_dropped() {
    for leader_syncs in [false, true] {
        let mut d = Driver::new();
        let (leader, followers) = completing(&mut d, 2);
        let silent = if leader_syncs {
            d.sync(&leader, 1, &[]);
            followers[0].clone()
        } else {
            d.sync(&followers[0], 1, &[]);
            leader.clone()
        };
        let begun = d.now.since_start;
        // The generation began three delays ago at most.
        while d.group().members.contains_key(&silent) {
            assert!(d.now.since_start - begun <= REBALANCE);
            d.beat(&silent, 1).expect("its session lives");
            if leader_syncs {
                d.beat(&leader, 1).expect("its session lives");
            }
            d.pass(SESSION / 4);
        }
        assert!(d.now.since_start - begun >= REBALANCE - DELAY * 3);
        assert_eq!(d.members().len(), 1);
        assert_eq!(d.classic().state, ClassicState::PreparingRebalance);
    }
}

#[test]
fn once_all_have_synced_nobody_is_dropped() {
    let mut d = Driver::new();
    let members = d.stable(&[None, None]);
    for _ in 0..20 {
        d.pass(SESSION / 2);
        members.iter().for_each(|m| d.beat(m, 1).expect("stable"));
    }
}
