use crate::PartitionId;
use crate::group::consumer::lab::*;
use crate::group::consumer::{check_fetch, describe};
use crate::group::offsets::Commit;
use crate::group::state::Assignment;
use crate::group::{Kind, Reject};

/// Two members of two partitions each: m1 since epoch 2 has 0 and 1, m2 since epoch 3 has 2 and 3.
fn two() -> Lab {
    let mut lab = Lab::new(&[("a", 4), ("b", 1)]);
    lab.ok(join("m1", &["a"]));
    lab.pass(SECOND);
    lab.ok(join("m2", &["a"]));
    let kept = lab.ok(at("m1", 2)).assignment.expect("less");
    lab.ok(at("m1", 2).owns(&kept));
    lab.ok(at("m2", 3));
    lab
}

/// KIP-1251: an epoch is old enough for a partition from the one on in which its member got it.
#[test]
fn a_member_commits_in_its_epoch_or_since_it_has_the_partition() {
    let mut lab = two();
    let a = lab.topic("a");
    assert_eq!(lab.commit(commit_of("m1", 3, a, 0)), Ok(vec![Ok(())]));
    assert_eq!(lab.commit(commit_of("m1", 2, a, 0)), Ok(vec![Ok(())]), "it has it since 2");
    assert_eq!(lab.commit(commit_of("m1", 1, a, 0)), Err(Reject::StaleMemberEpoch));
    assert_eq!(lab.commit(commit_of("m1", 4, a, 0)), Err(Reject::StaleMemberEpoch), "newer than it is");
    assert_eq!(lab.commit(commit_of("m1", 2, a, 2)), Err(Reject::StaleMemberEpoch), "given back");
    assert_eq!(lab.commit(commit_of("m2", 2, a, 2)), Err(Reject::StaleMemberEpoch), "only since 3");
    assert_eq!(lab.commit(commit_of("m1", 3, a, 2)), Ok(vec![Ok(())]), "in its epoch it may commit anything");
    assert_eq!(lab.commit(commit_of("m3", 3, a, 0)), Err(Reject::UnknownMember));
    assert_eq!(lab.commit(commit_of("", -1, a, 0)), Err(Reject::UnknownMember), "the group has members");
    assert_eq!(lab.group().offsets[&PartitionId { topic: a, index: 0 }].offset, 7);
}

#[test]
fn what_is_to_be_given_back_may_be_committed() {
    let mut lab = Lab::new(&[("a", 4)]);
    let a = lab.topic("a");
    lab.ok(join("m1", &["a"]));
    lab.pass(SECOND);
    lab.ok(join("m2", &["a"]));
    lab.ok(at("m1", 2));
    assert_eq!(lab.commit(commit_of("m1", 2, a, 3)), Ok(vec![Ok(())]));
}

#[test]
fn old_versions_cannot_commit_for_a_member() {
    let mut lab = two();
    let a = lab.topic("a");
    let old = Commit { knows_group_not_found: false, ..commit_of("m1", 3, a, 0) };
    assert_eq!(lab.commit(old), Err(Reject::UnsupportedVersion));
}

#[test]
fn anyone_commits_for_an_empty_group() {
    let mut lab = two();
    let a = lab.topic("a");
    lab.ok(at("m1", -1));
    lab.ok(at("m2", -1));
    assert_eq!(lab.commit(commit_of("", -1, a, 0)), Ok(vec![Ok(())]));
    assert_eq!(lab.commit(commit_of("m1", 3, a, 0)), Err(Reject::UnknownMember));
    assert_eq!(lab.group().kind(), Kind::Consumer);
}

#[test]
fn members_read_offsets_in_their_epoch() {
    let lab = two();
    assert_eq!(check_fetch(lab.group(), "m1", 3), Ok(()));
    assert_eq!(check_fetch(lab.group(), "m1", 2), Err(Reject::StaleMemberEpoch));
    assert_eq!(check_fetch(lab.group(), "m3", 3), Err(Reject::UnknownMember));
}

#[test]
fn offsets_of_topics_that_are_read_stay() {
    let mut lab = two();
    let (a, b) = (lab.topic("a"), lab.topic("b"));
    lab.commit(commit_of("m1", 3, a, 0)).expect("committed");
    lab.commit(commit_of("m1", 3, b, 0)).expect("committed");
    assert_eq!(lab.delete_offsets(a), Ok(vec![Err(Reject::SubscribedToTopic)]));
    assert_eq!(lab.delete_offsets(b), Ok(vec![Ok(())]));
    let retention = lab.settings.offsets_retention;
    lab.commit(commit_of("m1", 3, b, 0)).expect("committed");
    lab.settings.consumer_session_timeout = retention * 3;
    lab.ok(at("m1", 3));
    lab.pass(retention + lab.settings.offsets_retention_check);
    let left: Vec<_> = lab.group().offsets.keys().map(|partition| partition.topic).collect();
    assert_eq!(left, [a], "nobody reads the other");
}

/// Retention counts from when the last member is gone.
#[test]
fn an_empty_group_goes_with_its_last_offset() {
    let mut lab = two();
    let a = lab.topic("a");
    lab.commit(commit_of("m1", 3, a, 0)).expect("committed");
    let retention = lab.settings.offsets_retention;
    lab.settings.consumer_session_timeout = retention * 2;
    lab.ok(at("m1", 3));
    lab.ok(at("m2", 3));
    lab.pass(retention + SECOND);
    lab.ok(at("m1", -1));
    lab.ok(at("m2", -1));
    lab.pass(retention - SECOND);
    assert_eq!(lab.group().offsets.len(), 1);
    lab.pass(lab.settings.offsets_retention_check + SECOND);
    assert!(lab.shard.group(GROUP).is_none() && lab.written.is_empty());
}

#[test]
fn what_is_committed_to_an_empty_group_is_kept_from_then_on() {
    let mut lab = two();
    let (a, b) = (lab.topic("a"), lab.topic("b"));
    lab.commit(commit_of("m1", 3, a, 0)).expect("committed");
    lab.ok(at("m1", -1));
    lab.ok(at("m2", -1));
    let (retention, check) = (lab.settings.offsets_retention, lab.settings.offsets_retention_check);
    lab.pass(retention - SECOND);
    lab.commit(commit_of("", -1, b, 0)).expect("an empty group");
    lab.pass(check + SECOND);
    let left: Vec<_> = lab.group().offsets.keys().map(|partition| partition.topic).collect();
    assert_eq!(left, [b], "it was committed just now");
    lab.pass(retention);
    assert!(lab.shard.group(GROUP).is_none());
}

#[test]
fn only_an_empty_group_is_deleted() {
    let mut lab = two();
    assert_eq!(lab.delete_group(), Err(Reject::NonEmptyGroup));
    lab.ok(at("m1", -1));
    lab.ok(at("m2", -1));
    assert_eq!(lab.delete_group(), Ok(()));
    assert_eq!(lab.delete_group(), Err(Reject::GroupNotFound("Group g not found.".to_owned())));
    assert_eq!(lab.ok(join("m1", &["a"])).epoch, 2, "a group of this name again");
}

#[test]
fn a_group_is_described_with_its_members() {
    let mut lab = two();
    lab.pass(SECOND);
    lab.ok(join("m3", &["a"]));
    lab.ok(at("m1", 3));
    let described = lab.described();
    assert_eq!(
        (described.state.name(), described.group_epoch, described.assignment_epoch),
        ("Reconciling", 4, 4)
    );
    let ids: Vec<&str> = described.members.iter().map(|member| &**member.id).collect();
    assert_eq!(ids, ["m1", "m2", "m3"]);
    let (first, last) = (&described.members[0], &described.members[2]);
    assert_eq!((first.member.epoch, last.member.epoch), (4, 4));
    assert_eq!(first.current, lab.parts(&[("a", &[0, 1])]), "quota 2");
    assert_eq!((&last.current, &last.target), (&Assignment::new(), &lab.parts(&[("a", &[3])])));

    let not_found = |message: &str| Some(Reject::GroupNotFound(message.to_owned()));
    assert_eq!(describe("x", None).err(), not_found("Group x not found."));
    let classic = crate::group::Group::default();
    assert_eq!(describe("x", Some(&classic)).err(), not_found("Group x is not a consumer group."));
}

/// Its partitions are kept for it, and no member reads them in its name meanwhile.
#[test]
fn a_static_member_that_is_away_does_not_commit() {
    let mut lab = Lab::new(&[("a", 2)]);
    let a = lab.topic("a");
    lab.ok(join("m1", &["a"]).fixed("i1"));
    lab.ok(at("m1", -2).fixed("i1"));
    for epoch in [-2, -1, 0, 2] {
        let outcome = lab.commit(commit_of("m1", epoch, a, 0));
        assert_eq!(outcome, Err(Reject::StaleMemberEpoch), "{epoch}");
    }
    assert_eq!(lab.commit(commit_of("", -2, a, 0)), Err(Reject::UnknownMember));
    assert!(lab.group().offsets.is_empty());
    let back = lab.ok(join("m1", &["a"]).fixed("i1")).epoch;
    assert_eq!(lab.commit(commit_of("m1", back, a, 0)), Ok(vec![Ok(())]));
}
