use crate::PartitionId;
use crate::group::driver::*;
use crate::group::{Reject, Request};

/// A group whose only member has this protocol type and metadata, and partition 0 of topics 1 and 2 with offsets
/// committed.
fn group(d: &mut Driver, protocol_type: &str, metadata: &str) -> [PartitionId; 2] {
    let partitions = [1, 2].map(|n| PartitionId { topic: d.create_topic(n), index: 0 });
    let mut join = d.join_of("", None, &[("range", metadata)]);
    join.protocol_type = protocol_type.to_owned();
    let token = d.send(Request::Join(join));
    d.pass(DELAY);
    let member = d.joined(token).expect("joined").member;
    let (caller, assignments) = (caller(&member, None, 1), vec![]);
    let sync = crate::group::classic::Sync { caller, protocol_type: None, protocol: None, assignments };
    d.send(Request::Sync(sync));
    for partition in partitions {
        let commit = commit_of(crate::group::driver::caller(&member, None, 1), partition, 5);
        assert_eq!(d.commit(commit), Ok(vec![Ok(())]));
    }
    partitions
}

#[test]
fn topics_that_members_read_keep_their_offsets() {
    let mut d = Driver::new();
    let [read, other] = group(&mut d, "consumer", "t1");
    let none = PartitionId { index: 3, ..other };
    let outcome = d.delete_offsets(&[read, other, none, other]);
    assert_eq!(outcome, Ok(vec![Err(Reject::SubscribedToTopic), Ok(()), Ok(()), Ok(())]));
    assert_eq!(d.group().offsets.keys().collect::<Vec<_>>(), [&read]);
    assert_eq!(d.written[GROUP], *d.group());
}

#[test]
fn what_cannot_be_read_may_be_any_topic() {
    let mut d = Driver::new();
    let [one, two] = group(&mut d, "consumer", "?");
    let refused = Err(Reject::SubscribedToTopic);
    assert_eq!(d.delete_offsets(&[one, two]), Ok(vec![refused.clone(), refused]));
}

#[test]
fn a_group_that_is_not_of_consumers_keeps_all_while_it_has_members() {
    let mut d = Driver::new();
    let [one, two] = group(&mut d, "connect", "t1");
    assert_eq!(d.delete_offsets(&[one, two]), Err(Reject::NonEmptyGroup));
    let member = d.members()[0].to_owned();
    d.leave(&[(&member, None)]);
    assert_eq!(d.delete_offsets(&[one, two]), Ok(vec![Ok(()), Ok(())]));
    assert!(d.group().offsets.is_empty());
}

#[test]
fn a_group_that_nobody_knows_has_no_offsets() {
    let mut d = Driver::new();
    assert_eq!(d.delete_offsets(&[]), Err(Reject::GroupNotFound("Group g not found.".to_owned())));
    assert_eq!(d.shard.groups().count(), 0);
}
