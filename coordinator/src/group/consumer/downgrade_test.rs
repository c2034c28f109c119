//! KIP-848, "Online Migration": a consumer group becomes a classic group.

use crate::group::consumer::lab::*;
use crate::group::state::MemberId;
use crate::group::{ClassicState, Kind, Migration, Reject, Request};

/// A mixed group in which everyone has reached epoch 2: two classic members of a classic group before, and `new`.
fn mixed() -> (Lab, Vec<MemberId>) {
    let mut lab = Lab::new(&[("a", 4)]);
    let ids = lab.classic_group("1|a", &["1|a:0 1", "1|a:2 3"]);
    lab.ok(join("new", &["a"]));
    for (id, kept) in [(&ids[0], "a:0 1"), (&ids[1], "a:2")] {
        let rejoin = lab.join_of(id, &format!("1|a|{kept}"));
        let token = lab.classic_join(rejoin);
        assert_eq!(lab.joined(token).expect("joined").generation, 2);
        lab.sync(id, 2, &[]).expect("synced");
    }
    assert_eq!(lab.ok(at("new", 2)).assignment, Some(lab.parts(&[("a", &[3])])));
    (lab, ids)
}

#[test]
fn classic_members_that_are_left_are_a_classic_group() {
    let (mut lab, ids) = mixed();
    let a = lab.topic("a");
    lab.commit(commit_of("new", 2, a, 3)).expect("committed");
    lab.ok(at("new", -1));
    let group = lab.group().classic().expect("classic").clone();
    assert_eq!((group.state, group.generation), (ClassicState::PreparingRebalance, 2));
    assert_eq!(
        (group.protocol_type.as_deref(), group.protocol.as_deref()),
        (Some("consumer"), Some("range"))
    );
    assert_eq!((lab.group().members.len(), lab.group().targets.len(), lab.group().offsets.len()), (2, 0, 1));
    let assigned = |id| lab.group().classic_member(id).expect("a member").assignment.clone();
    assert_eq!([assigned(&ids[0]), assigned(&ids[1])], ["1|a:0 1", "1|a:2"]);

    for id in &ids {
        assert_eq!(lab.classic_beat(id, 2), Err(Reject::RebalanceInProgress));
    }
    let rejoins: Vec<_> = ids.iter().map(|id| lab.join_of(id, "1|a")).collect();
    let tokens: Vec<_> = rejoins.into_iter().map(|join| lab.classic_join(join)).collect();
    let joined: Vec<_> = tokens.into_iter().map(|token| lab.joined(token).expect("joined")).collect();
    assert!(joined.iter().all(|joined| joined.generation == 3 && joined.leader == ids[0]));
    lab.sync(&ids[0], 3, &[(&ids[0], "1|a:0 1"), (&ids[1], "1|a:2 3")]).expect("synced");
    assert_eq!(lab.group().classic().map(|group| group.state), Some(ClassicState::Stable));
}

#[test]
fn a_silent_member_is_left_behind_too() {
    let (mut lab, ids) = mixed();
    for _ in 0..9 {
        lab.pass(SECOND * 5);
        for id in &ids {
            lab.classic_beat(id, 2).ok();
        }
    }
    assert_eq!((lab.group().kind(), lab.group().members.len()), (Kind::Classic, 2));
}

#[test]
fn a_crash_after_the_downgrade_changes_nothing() {
    let (mut lab, ids) = mixed();
    lab.ok(at("new", -1));
    lab.crash();
    assert_eq!(lab.classic_beat(&ids[0], 2), Err(Reject::RebalanceInProgress));
    let again = lab.join_of(&ids[0], "1|a");
    lab.classic_join(again);
    lab.pass(SECOND * 10);
    let group = lab.group().classic().expect("classic").clone();
    assert_eq!((group.generation, lab.group().members.len()), (3, 1));
}

#[test]
fn without_permission_it_stays_a_consumer_group() {
    let (mut lab, ids) = mixed();
    lab.settings.consumer_migration = Migration::Upgrade;
    lab.ok(at("new", -1));
    assert_eq!((lab.group().kind(), lab.epochs()), (Kind::Consumer, (3, 2)));
    lab.settings.consumer_migration = Migration::Bidirectional;
    lab.settings.max_size = 0;
    let outcomes = lab.classic_leave(&[(&ids[0], None), ("nobody", None), (&ids[0], None)]);
    assert_eq!(outcomes, [Ok(()), Err(Reject::UnknownMember), Ok(())]);
    assert_eq!((lab.group().kind(), lab.epochs()), (Kind::Consumer, (4, 2)));
}

#[test]
fn a_consumer_group_without_members_is_never_downgraded_by_leaving() {
    let mut lab = Lab::new(&[("a", 4)]);
    lab.ok(join("m1", &["a"]));
    lab.ok(at("m1", -1));
    assert_eq!((lab.group().kind(), lab.epochs()), (Kind::Consumer, (3, 2)));
}

#[test]
fn a_classic_member_turns_an_empty_consumer_group_into_its_own() {
    let mut lab = Lab::new(&[("a", 4)]);
    lab.ok(join("m1", &["a"]));
    let a = lab.topic("a");
    lab.commit(commit_of("m1", 2, a, 3)).expect("committed");
    lab.ok(at("m1", -1));
    let unknown = lab.join_of("m1", "1|a");
    let token = lab.send(Request::Join(unknown));
    assert_eq!(lab.joined(token).expect_err("refused").reject, Reject::UnknownMember);
    assert_eq!(lab.group().kind(), Kind::Consumer);

    let first = lab.join_of("", "1|a");
    let token = lab.send(Request::Join(first));
    lab.pass(SECOND * 3);
    assert_eq!(lab.joined(token).expect("joined").generation, 4, "generations go on from the epochs");
    assert_eq!((lab.group().kind(), lab.group().offsets.len()), (Kind::Classic, 1));
}

/// The last member with the new protocol restarts with the old one.
#[test]
fn a_static_member_that_returns_with_the_classic_protocol_downgrades() {
    let mut lab = Lab::new(&[("a", 4)]);
    lab.ok(join("m1", &["a"]).fixed("i1"));
    lab.ok(at("m1", -2).fixed("i1"));
    let mut back = lab.join_of("", "1|a");
    back.instance = Some("i1".to_owned());
    let id = back.fresh.clone();
    let token = lab.classic_join(back);
    let joined = lab.joined(token).expect("joined");
    let group = lab.group().classic().expect("classic").clone();
    assert_eq!((joined.generation, &joined.member), (2, &id));
    assert_eq!((group.state, group.generation, group.leader), (ClassicState::Stable, 2, Some(id.clone())));
    assert_eq!(lab.group().members.len(), 1);
    let synced = lab.sync(&id, 2, &[]).expect("synced");
    assert_eq!(synced.assignment, "1|a:0 1 2 3");
    assert_eq!(lab.classic_beat(&id, 2), Ok(()));
}

/// It reads something else, so that the targets are of no use.
#[test]
fn a_downgrade_with_stale_targets_rebalances() {
    let mut lab = Lab::new(&[("a", 4), ("b", 1)]);
    lab.ok(join("m1", &["a"]).fixed("i1"));
    lab.ok(at("m1", -2).fixed("i1"));
    let mut back = lab.join_of("", "1|a,b");
    back.instance = Some("i1".to_owned());
    let id = back.fresh.clone();
    let token = lab.classic_join(back);
    lab.joined(token).expect("joined");
    let group = lab.group().classic().expect("classic").clone();
    assert_eq!((group.state, group.generation), (ClassicState::PreparingRebalance, 3));
    let mut again = lab.join_of(&id, "1|a,b");
    again.instance = Some("i1".to_owned());
    let token = lab.classic_join(again);
    assert_eq!(lab.joined(token).expect("joined").generation, 4);
}
