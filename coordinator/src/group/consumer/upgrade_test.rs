//! KIP-848, "Online Migration": a classic group becomes a consumer group.

use crate::PartitionId;
use crate::group::consumer::lab::*;
use crate::group::consumer::{ConsumerState, MemberState};
use crate::group::{Kind, Migration, Reject, Reply};

#[test]
fn classic_members_keep_what_they_have() {
    let mut lab = Lab::new(&[("a", 4), ("b", 1)]);
    let ids = lab.classic_group("1|a,b", &["1|a:0 1", "1|a:2 3,b:0"]);
    let generation = lab.group().classic().expect("classic").generation;
    assert_eq!(generation, 1);
    let a = lab.topic("a");
    lab.commit(commit_of(&ids[0], 1, a, 0)).expect("committed");

    let beat = lab.ok(join("new", &["a", "b"]));
    assert_eq!(beat.assignment, Some(Default::default()), "the others have everything");
    assert_eq!((lab.group().kind(), lab.epochs()), (Kind::Consumer, (2, 2)));
    assert_eq!(lab.group().offsets[&PartitionId { topic: a, index: 0 }].offset, 7);
    for (id, parts) in
        [(&ids[0], vec![("a", &[0, 1][..])]), (&ids[1], vec![("a", &[2, 3][..]), ("b", &[0][..])])]
    {
        let member = lab.member(id);
        assert_eq!(
            (member.epoch, member.state, member.client_id.as_str()),
            (1, MemberState::Stable, "classic")
        );
        assert_eq!(crate::group::consumer::state::partitions(&member.assigned), lab.parts(&parts));
        assert!(member.classic.is_some() && member.topics.len() == 2);
    }
    // They are told to join again, and give up what is new's.
    assert_eq!(lab.classic_beat(&ids[1], 1), Err(Reject::RebalanceInProgress));
    let mut rejoin = lab.join_of(&ids[1], "1|a,b|a:2 3,b:0");
    rejoin.session_timeout_ms = 10_000;
    let token = lab.classic_join(rejoin);
    let joined = lab.joined(token).expect("joined");
    assert_eq!(
        (joined.generation, &*joined.leader, joined.members.len()),
        (1, "", 0),
        "it is to give back first"
    );
    let synced = lab.sync(&ids[1], 1, &[]).expect("synced");
    let kept = std::str::from_utf8(&synced.assignment).expect("text").to_owned();
    let kept = kept.strip_prefix("1|").expect("its version");
    assert_eq!(kept, "a:2 3");
    assert_eq!(
        lab.classic_beat(&ids[1], 1),
        Err(Reject::RebalanceInProgress),
        "it has to say that it gave back"
    );
    let rejoin = lab.join_of(&ids[1], &format!("1|a,b|{kept}"));
    let token = lab.classic_join(rejoin);
    assert_eq!(lab.joined(token).expect("joined").generation, 2);
    lab.sync(&ids[1], 2, &[]).expect("synced");
    assert_eq!(lab.classic_beat(&ids[1], 2), Ok(()));

    assert_eq!(lab.ok(at("new", 2)).assignment, Some(lab.parts(&[("b", &[0])])));
    let rejoin = lab.join_of(&ids[0], "1|a,b|a:0 1");
    let token = lab.classic_join(rejoin);
    assert_eq!(lab.joined(token).expect("joined").generation, 2);
    assert_eq!(lab.described().state, ConsumerState::Stable);
}

#[test]
fn whoever_waits_for_a_rebalance_is_told_to_join_again() {
    let mut lab = Lab::new(&[("a", 4)]);
    let ids = lab.classic_group("1|a", &["1|a:0 1", "1|a:2 3"]);
    let rejoin = lab.join_of(&ids[0], "1|a|a:0 1");
    let waiting = lab.classic_join(rejoin);
    lab.ok(join("new", &["a"]));
    assert_eq!(lab.joined(waiting).expect_err("refused").reject, Reject::RebalanceInProgress);
    assert!(lab.replies.is_empty());
    assert_eq!(lab.group().members.len(), 3);
}

#[test]
fn an_empty_classic_group_is_replaced_and_keeps_its_offsets() {
    let mut lab = Lab::new(&[("a", 4)]);
    let a = lab.topic("a");
    lab.commit(commit_of("", -1, a, 0)).expect("committed");
    assert_eq!(lab.group().kind(), Kind::Classic);
    assert_eq!(lab.ok(join("m1", &["a"])).epoch, 2);
    assert_eq!((lab.group().kind(), lab.group().offsets.len()), (Kind::Consumer, 1));
    lab.ok(at("m1", -1));

    let mut lab = Lab::new(&[("a", 4)]);
    let ids = lab.classic_group("1|a", &["1|a:0 1 2 3"]);
    lab.classic_leave(&[(&ids[0], None)]);
    let generation = lab.group().classic().expect("classic").generation;
    assert_eq!(lab.ok(join("m1", &["a"])).epoch, generation + 1, "epochs go on");
}

#[test]
fn groups_that_cannot_be_upgraded() {
    let cannot = |lab: &mut Lab, why: &str| {
        let before = lab.written.clone();
        let message = format!("Cannot upgrade classic group g to consumer group because {why}.");
        assert_eq!(lab.refused(join("new", &["a"])), (Reject::GroupNotFound(message.clone()), message));
        assert_eq!((lab.group().kind(), &lab.written), (Kind::Classic, &before));
    };
    let mut lab = Lab::new(&[("a", 4)]);
    lab.classic_group("1|a", &["1|a:0 1", "1|a:2 3"]);
    lab.settings.consumer_migration = Migration::Downgrade;
    cannot(&mut lab, "online upgrade is disabled");
    lab.settings.consumer_migration = Migration::Upgrade;
    lab.settings.consumer_max_size = 1;
    cannot(&mut lab, "the group size exceeds the consumer group maximum size");

    const CUSTOM: &str = "an unsupported custom assignor is in use. Please refer to the documentation or switch to a \
                          default assignor before re-attempting the upgrade";
    for (metadata, assignments, why) in [
        ("?", ["1|a:0 1", "1|a:2 3"], "the embedded consumer protocol is malformed"),
        ("1|a", ["?", "1|a:2 3"], "the embedded consumer protocol is malformed"),
        ("1|a", ["1|a:0 1|data", "1|a:2 3"], CUSTOM),
        ("1|a", ["1|a:0 1 2", "1|a:2 3"], CUSTOM),
    ] {
        let mut lab = Lab::new(&[("a", 4)]);
        lab.classic_group(metadata, &assignments);
        cannot(&mut lab, why);
    }

    let mut lab = Lab::new(&[("a", 4)]);
    let mut connect = lab.join_of("", "1|a");
    connect.protocol_type = "connect".to_owned();
    let token = lab.classic_join(connect);
    cannot(&mut lab, "the group does not use the consumer embedded protocol");
    assert!(!lab.replies.contains_key(&token), "it waits on");
}

#[test]
fn a_member_that_does_not_join_does_not_upgrade() {
    let mut lab = Lab::new(&[("a", 4)]);
    let ids = lab.classic_group("1|a", &["1|a:0 1 2 3"]);
    let message = "Group g is not a consumer group.".to_owned();
    for epoch in [1, -1] {
        assert_eq!(
            lab.refused(at(&ids[0], epoch)),
            (Reject::GroupNotFound(message.clone()), message.clone())
        );
    }
}

/// The first rebalance of an empty group waits for more members.
#[test]
fn a_group_that_nobody_has_led_yet_is_upgraded() {
    let mut lab = Lab::new(&[("a", 4)]);
    let first = lab.join_of("", "1|a");
    let id = first.fresh.clone();
    let waiting = lab.classic_join(first);
    let beat = lab.ok(join("new", &["a"]));
    assert_eq!(lab.joined(waiting).expect_err("refused").reject, Reject::RebalanceInProgress);
    assert_eq!(beat.assignment.expect("half").values().next().expect("a").len(), 2);
    let rejoin = lab.join_of(&id, "1|a");
    let token = lab.classic_join(rejoin);
    assert_eq!(lab.joined(token).expect("joined").generation, beat.epoch);
}

/// A static member of the classic group restarts with the new protocol.
#[test]
fn a_static_member_changes_its_protocol() {
    let mut lab = Lab::new(&[("a", 4)]);
    let mut first = lab.join_of("", "1|a");
    first.instance = Some("i1".to_owned());
    let old = first.fresh.clone();
    let token = lab.classic_join(first);
    lab.pass(SECOND * 3);
    assert_eq!(lab.joined(token).expect("joined").generation, 1);
    lab.sync(&old, 1, &[(&old, "1|a:0 1 2 3")]).expect("synced");
    let beat = lab.ok(join("new", &["a"]).fixed("i1"));
    assert_eq!(beat.assignment, Some(lab.parts(&[("a", &[0, 1, 2, 3])])));
    assert_eq!(lab.group().members.keys().map(|id| &**id).collect::<Vec<_>>(), ["new"]);
    assert_eq!(lab.classic_beat(&old, 1), Err(Reject::UnknownMember));
}

#[test]
fn upgraded_members_have_their_own_session_timeouts() {
    let mut lab = Lab::new(&[("a", 4)]);
    let ids = lab.classic_group("1|a", &["1|a:0 1", "1|a:2 3"]);
    lab.ok(join("new", &["a"]));
    lab.pass(SECOND * 9);
    assert_eq!(lab.classic_beat(&ids[0], 1), Err(Reject::RebalanceInProgress));
    lab.pass(SECOND);
    let left: Vec<&str> = lab.group().members.keys().map(|id| &**id).collect();
    assert_eq!(left, [&*ids[0], "new"], "10 seconds for them, 45 for the new one");
    let parked = |reply: &Reply| matches!(reply, Reply::Join(_));
    assert!(!lab.replies.values().any(parked));
}
