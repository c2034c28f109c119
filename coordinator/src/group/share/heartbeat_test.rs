use std::time::Duration;

use super::*;
use crate::group::classic::{Caller, Heartbeat};
use crate::group::consumer::ConsumerHeartbeat;
use crate::group::request::Request;
use crate::group::share::lab::{GROUP, Lab, says};
use crate::group::share::{Listed, ShareTopics, describe};
use crate::group::{Assignment, Kind};

fn rejected(result: Result<Beat, HeartbeatReject>) -> (Reject, String) {
    let rejected = result.expect_err("it is refused");
    (rejected.reject, rejected.message)
}

#[test]
fn the_first_member_reads_all_and_the_second_shares() {
    let mut lab = Lab::new(&[("a", 2), ("b", 1)]);
    let beat = lab.join("m1", &["a", "b", "none"]);
    assert_eq!((beat.epoch, beat.heartbeat_interval_ms), (2, 5000));
    assert_eq!(beat.assignment, Some(lab.parts(&[("a", &[0, 1]), ("b", &[0])])));
    assert_eq!(lab.group().kind(), Kind::Share);
    let quiet = lab.beat("m1", 2).expect("a member");
    assert_eq!((quiet.epoch, quiet.assignment), (2, None));
    let writes = lab.writes;
    assert!(lab.beat("m1", 2).is_ok() && lab.writes == writes, "a sign of life writes nothing");

    let second = lab.join("m2", &["a", "b", "none"]);
    assert_eq!(second.epoch, 3);
    let first = lab.beat("m1", 2).expect("a member");
    assert_eq!(first.epoch, 3);
    let both: Vec<Assignment> = lab.read().into_values().collect();
    assert_eq!(
        both.iter().map(|a| a.values().map(|all| all.len()).sum::<usize>()).collect::<Vec<_>>(),
        [2, 1]
    );
    assert_eq!(lab.beat("m1", 2).map(|beat| beat.epoch), Ok(3), "a reply may be lost");
}

#[test]
fn more_members_than_partitions_read_the_same_ones() {
    let mut lab = Lab::new(&[("a", 1)]);
    for member in ["m1", "m2", "m3"] {
        assert_eq!(lab.join(member, &["a"]).assignment, Some(lab.parts(&[("a", &[0])])));
    }
}

#[test]
fn epochs_that_cannot_be_are_fenced() {
    let mut lab = Lab::new(&[("a", 2)]);
    lab.join("m1", &["a"]);
    lab.join("m2", &["a"]);
    lab.join("m3", &["a"]);
    assert_eq!(lab.beat("m1", 2).map(|beat| beat.epoch), Ok(4));
    let (reject, message) = rejected(lab.beat("m1", 5));
    assert_eq!(reject, Reject::FencedMemberEpoch);
    assert!(message.starts_with("The share group member has a greater member epoch (5)"), "{message}");
    let (reject, message) = rejected(lab.beat("m1", 3));
    assert_eq!(reject, Reject::FencedMemberEpoch);
    assert!(message.contains("does not match the previous member epoch (2)"), "{message}");
    assert_eq!(rejected(lab.beat("m9", 3)).0, Reject::UnknownMember);
    assert_eq!(lab.join("m1", &["a"]).epoch, 4, "it may always begin anew");
}

#[test]
fn a_request_that_is_none_is_refused() {
    let mut lab = Lab::new(&[("a", 2)]);
    for (request, expected) in [
        (says(" ", 0, Some(&["a"])), "MemberId can't be empty."),
        (says("m", 0, None), "SubscribedTopicNames must be set in first request."),
        (says("m", 0, Some(&[])), "SubscribedTopicNames must be set in first request."),
        (says("m", -2, None), "MemberEpoch is invalid."),
        (
            ShareHeartbeat { rack: Some(String::new()), ..says("m", 0, Some(&["a"])) },
            "RackId can't be empty.",
        ),
    ] {
        assert_eq!(rejected(lab.heartbeat(request)), (Reject::InvalidRequest, expected.to_owned()));
    }
    let (reject, message) = rejected(lab.beat("m", 1));
    assert_eq!((reject.needs_barrier(), message.as_str()), (true, "Share group g not found."));
    assert_eq!(rejected(lab.beat("m", -1)).1, "Group g not found.");
    assert_eq!(lab.writes, 0);
}

#[test]
fn whoever_is_silent_is_out_and_a_new_owner_waits_anew() {
    let mut lab = Lab::new(&[("a", 2)]);
    lab.join("m1", &["a"]);
    lab.join("m2", &["a"]);
    lab.pass(Duration::from_secs(44));
    assert!(lab.beat("m1", 2).is_ok());
    lab.pass(Duration::from_secs(1));
    assert_eq!(lab.read().into_keys().collect::<Vec<_>>(), ["m1"]);
    assert_eq!(lab.beat("m1", 3).map(|beat| beat.assignment), Ok(Some(lab.parts(&[("a", &[0, 1])]))));
    lab.crash();
    lab.pass(Duration::from_secs(44));
    assert_eq!(lab.read().len(), 1);
    lab.pass(Duration::from_secs(1));
    assert_eq!(lab.read().len(), 0);
    assert_eq!(lab.group().empty_since, Some(lab.now.wall));
    let described = describe(GROUP, Some(lab.group())).expect("it stays");
    assert_eq!((described.state.name(), described.group_epoch), ("Empty", 5));
}

#[test]
fn a_member_leaves() {
    let mut lab = Lab::new(&[("a", 2)]);
    lab.join("m1", &["a"]);
    lab.join("m2", &["a"]);
    let left = lab.beat("m1", -1).expect("a member");
    assert_eq!((left.epoch, left.assignment), (-1, None));
    assert_eq!(lab.beat("m2", 3).map(|beat| beat.assignment), Ok(Some(lab.parts(&[("a", &[0, 1])]))));
    assert_eq!(rejected(lab.beat("m1", -1)).0, Reject::UnknownMember);
}

#[test]
fn topics_that_come_grow_and_go_change_what_is_read() {
    let mut lab = Lab::new(&[("a", 1)]);
    lab.join("m", &["a", "b"]);
    lab.create("b", 2);
    let beat = lab.beat("m", 2).expect("a member");
    assert_eq!((beat.epoch, beat.assignment), (3, Some(lab.parts(&[("a", &[0]), ("b", &[0, 1])]))));
    lab.create("c", 1);
    assert_eq!(lab.beat("m", 3).map(|beat| beat.epoch), Ok(3), "nobody reads it");
    lab.grow("a", 2);
    assert_eq!(
        lab.beat("m", 3).map(|b| b.assignment),
        Ok(Some(lab.parts(&[("a", &[0, 1]), ("b", &[0, 1])])))
    );
    lab.delete("b");
    assert_eq!(lab.beat("m", 4).map(|b| b.assignment), Ok(Some(lab.parts(&[("a", &[0, 1])]))));
    let changed = lab.heartbeat(says("m", 5, Some(&["c"]))).expect("a member");
    assert_eq!((changed.epoch, changed.assignment), (6, Some(lab.parts(&[("c", &[0])]))));
    let known = lab.group().share().map(|group| group.topics.clone());
    assert_eq!(known, Some([lab.topic("a"), lab.topic("c")].into()), "share partitions of both may exist");
}

#[test]
fn targets_are_not_computed_all_the_time() {
    let mut lab = Lab::new(&[("a", 2)]);
    lab.settings.share_assignment_interval = Duration::from_secs(1);
    lab.join("m1", &["a"]);
    let second = lab.join("m2", &["a"]);
    assert_eq!((second.epoch, second.assignment), (2, Some(Assignment::new())));
    lab.pass(Duration::from_secs(1));
    assert_eq!(lab.beat("m2", 2).map(|beat| beat.epoch), Ok(3));
}

#[test]
fn a_group_has_one_kind() {
    let mut lab = Lab::new(&[("a", 2)]);
    lab.join("m", &["a"]);
    let consumer = ConsumerHeartbeat {
        member: "c".into(),
        fresh: "c".into(),
        makes_own_id: true,
        epoch: 0,
        instance: None,
        rack: None,
        client_id: String::new(),
        client_host: String::new(),
        rebalance_timeout_ms: Some(1000),
        topics: Some(["a".to_owned()].into()),
        regex: None,
        assignor: None,
        owned: Some(Assignment::new()),
    };
    let Reply::ConsumerHeartbeat(Err(refused)) = lab.send(Request::ConsumerHeartbeat(consumer)) else {
        panic!("it is refused")
    };
    assert_eq!(refused.message, "Group g is not a consumer group.");
    let caller = Caller { member: "m".into(), instance: None, generation: 2 };
    let beat = lab.send(Request::Heartbeat(Heartbeat { caller }));
    assert_eq!(beat, Reply::Done(Err(Reject::UnknownMember)));
    assert_eq!(lab.send(Request::Delete), Reply::Done(Err(Reject::NonEmptyGroup)));
    assert!(lab.beat("m", -1).is_ok());
    let Listed { topics, at: since, .. } = lab.topics(ShareTopics::Check).expect("it has no members");
    assert!(lab.topics(ShareTopics::Forget { topics, since }).is_ok());
    assert_eq!(lab.send(Request::Delete), Reply::Done(Ok(())));
    assert_eq!(lab.written.len(), 0);
}

#[test]
fn a_group_has_only_so_many_members() {
    let mut lab = Lab::new(&[("a", 2)]);
    lab.settings.share_max_size = 1;
    lab.join("m1", &["a"]);
    let (reject, message) = rejected(lab.heartbeat(says("m2", 0, Some(&["a"]))));
    assert_eq!(reject, Reject::GroupMaxSize);
    assert_eq!(message, "The share group has reached its maximum capacity of 1 members.");
    assert!(lab.beat("m1", 2).is_ok());
}

/// Whatever is committed or not, and however long ago its last member left or died.
#[test]
fn a_group_without_members_stays_until_it_is_deleted() {
    const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
    for leaves in [true, false] {
        let mut lab = Lab::new(&[("a", 2)]);
        lab.join("m1", &["a"]);
        let epoch = lab.join("m2", &["a"]).epoch;
        if leaves {
            lab.heartbeat(says("m1", -1, None)).expect("a member may leave");
            lab.heartbeat(says("m2", -1, None)).expect("a member may leave");
        }
        lab.now.wall += i64::try_from(YEAR.as_millis()).expect("some years");
        lab.pass(YEAR);
        assert_eq!(lab.group().share_members().count(), 0);
        lab.crash();
        lab.pass(YEAR);
        assert!(lab.join("m3", &["a"]).epoch > epoch, "its epoch goes on");
    }
}
