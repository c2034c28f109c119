use std::time::Duration;

use super::*;
use crate::PartitionId;
use crate::group::share::ShareGrant;
use crate::group::share::lab::Lab;
use crate::group::{Kind, MemberId, Request};

/// The group's epoch, and its topics.
fn listed(outcome: Result<Listed, Reject>) -> Result<(i32, Vec<TopicId>), Reject> {
    outcome.map(|listed| (listed.epoch, listed.topics.into_iter().collect()))
}

/// Forgets a topic as it is done: after a check.
fn forget(lab: &mut Lab, topic: TopicId) -> Result<Listed, Reject> {
    let since = lab.topics(ShareTopics::Check)?.at;
    lab.topics(ShareTopics::Forget { topics: [topic].into(), since })
}

#[test]
fn offsets_may_be_set_for_a_group_that_nobody_has_joined() {
    let mut lab = Lab::new(&[("a", 2), ("b", 2)]);
    let (a, b) = (lab.topic("a"), lab.topic("b"));
    assert_eq!(lab.topics(ShareTopics::Check), Err(Reject::group_not_found("g")));
    assert_eq!(listed(lab.topics(ShareTopics::Add([a].into()))), Ok((1, vec![a])));
    assert_eq!(listed(lab.topics(ShareTopics::Add([a, b].into()))), Ok((1, vec![a, b])));
    assert_eq!(lab.group().kind(), Kind::Share);
    let writes = lab.writes;
    assert_eq!(listed(lab.topics(ShareTopics::Check)), Ok((1, vec![a, b])));
    assert_eq!(lab.writes, writes, "looking writes nothing");
    assert_eq!(listed(forget(&mut lab, a)), Ok((1, vec![b])));
    assert_eq!(lab.group().share().map(|group| group.topics.clone()), Some([b].into()));
}

#[test]
fn a_group_with_members_keeps_its_topics() {
    let mut lab = Lab::new(&[("a", 2)]);
    let a = lab.topic("a");
    lab.join("m", &["a"]);
    assert_eq!(lab.topics(ShareTopics::Add([a].into())), Err(Reject::NonEmptyGroup));
    assert_eq!(lab.topics(ShareTopics::Check), Err(Reject::NonEmptyGroup));
    assert!(lab.beat("m", -1).is_ok());
    assert_eq!(listed(lab.topics(ShareTopics::Check)), Ok((3, vec![a])));
    assert_eq!(listed(forget(&mut lab, a)), Ok((3, vec![])));
}

#[test]
fn what_may_have_come_into_being_meanwhile_is_not_forgotten() {
    let mut lab = Lab::new(&[("a", 2)]);
    let a = lab.topic("a");
    assert!(lab.topics(ShareTopics::Add([a].into())).is_ok());
    let grant = |member: Option<&str>| {
        let partitions = vec![PartitionId { topic: a, index: 0 }];
        Request::ShareGrant(ShareGrant { member: member.map(MemberId::from), partitions })
    };
    let forget = |since| ShareTopics::Forget { topics: [a].into(), since };
    // An administrator sets the offsets.
    let since = lab.topics(ShareTopics::Check).expect("it has no members").at;
    lab.send(grant(None));
    assert_eq!(lab.topics(forget(since)), Err(Reject::NonEmptyGroup));
    // A member comes, reads, and goes.
    let since = lab.topics(ShareTopics::Check).expect("it has no members").at;
    lab.join("m", &["a"]);
    lab.send(grant(Some("m")));
    assert!(lab.beat("m", -1).is_ok());
    assert_eq!(lab.topics(forget(since)), Err(Reject::NonEmptyGroup));
    // Another owner does not know what the one before it allowed.
    let since = lab.topics(ShareTopics::Check).expect("it has no members").at;
    lab.send(grant(None));
    lab.pass(Duration::from_secs(1));
    lab.crash();
    assert_eq!(lab.topics(forget(since)), Err(Reject::NonEmptyGroup));
    // What was refused has no effect.
    let since = lab.topics(ShareTopics::Check).expect("it has no members").at;
    lab.send(grant(Some("m")));
    assert!(lab.topics(forget(since)).is_ok());
}

#[test]
fn a_group_that_lists_topics_is_not_deleted() {
    let mut lab = Lab::new(&[("a", 2)]);
    let a = lab.topic("a");
    assert!(lab.topics(ShareTopics::Add([a].into())).is_ok());
    assert_eq!(lab.send(Request::Delete), Reply::Done(Err(Reject::NonEmptyGroup)));
    assert!(forget(&mut lab, a).is_ok());
    assert_eq!(lab.send(Request::Delete), Reply::Done(Ok(())));
    assert_eq!(lab.topics(ShareTopics::Check), Err(Reject::group_not_found("g")));
    // Another of the same name is not taken for it.
    assert!(lab.topics(ShareTopics::Add([a].into())).is_ok());
    lab.send(Request::ShareGrant(ShareGrant {
        member: None,
        partitions: vec![PartitionId { topic: a, index: 0 }],
    }));
    assert_eq!(lab.topics(ShareTopics::Forget { topics: [a].into(), since: 1 }), Err(Reject::NonEmptyGroup));
}
