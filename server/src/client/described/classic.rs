//! Classic groups, by DescribeGroups; members of consumers' groups say what they have in words of their own.

use bytes::Bytes;
use protocol::consumer_protocol::{self, ConsumerProtocolAssignment, ConsumerProtocolSubscription};
use protocol::messages::DescribeGroupsRequest;
use protocol::messages::describe_groups::{DescribedGroup, DescribedGroupMember};

use super::{Connection, Error, Group, Kind, Member, Partitions, by_topic, host, sorted};

/// The state of a group that does not exist, before version 6.
const DEAD: &str = "Dead";

/// Fails with GroupIdNotFound, or is none, if there is no such classic group.
pub(super) async fn describe(connection: &Connection, id: &str) -> Result<Option<Group>, Error> {
    let request = DescribeGroupsRequest { groups: vec![id.into()], ..Default::default() };
    let response = connection.call(&request).await?;
    let Some(group) = response.groups.into_iter().find(|group| group.group_id == *id) else {
        return Ok(None);
    };
    Error::check_with_message(group.error_code, group.error_message.as_deref(), || format!("group {id}"))?;
    Ok((group.group_state != *DEAD).then(|| described(group)))
}

fn described(group: DescribedGroup) -> Group {
    let speaks = group.protocol_type == *consumer_protocol::PROTOCOL_TYPE;
    Group {
        id: group.group_id.into(),
        kind: Kind::Classic,
        state: group.group_state.into(),
        protocol: group.protocol_type.into(),
        assignor: group.protocol_data.into(),
        epoch: None,
        assignment_epoch: None,
        members: sorted(group.members.into_iter().map(|m| member(m, speaks)).collect()),
    }
}

fn member(member: DescribedGroupMember, speaks: bool) -> Member {
    let subscription =
        speaks.then(|| ConsumerProtocolSubscription::decode(member.member_metadata).ok()).flatten();
    let mut topics: Vec<String> =
        subscription.iter().flat_map(|subscription| &subscription.topics).map(|t| t.to_string()).collect();
    topics.sort_unstable();
    Member {
        id: member.member_id.into(),
        instance: member.group_instance_id.map(String::from),
        rack: subscription.and_then(|subscription| subscription.rack_id).map(String::from),
        client: member.client_id.into(),
        host: host(&member.client_host),
        topics,
        assignment: assignment(member.member_assignment, speaks),
        classic: true,
        ..Default::default()
    }
}

/// None if it can't be read. No bytes stand for no partitions.
fn assignment(bytes: Bytes, speaks: bool) -> Option<Partitions> {
    if bytes.is_empty() {
        return Some(Partitions::new());
    }
    let assigned = speaks.then(|| ConsumerProtocolAssignment::decode(bytes).ok()).flatten()?;
    Some(by_topic(assigned.assigned_partitions.iter().map(|t| (&*t.topic, &*t.partitions))))
}

#[cfg(test)]
mod tests {
    use protocol::consumer_protocol::TopicPartition;

    use super::*;

    fn group(protocol: &str, metadata: Bytes, assignment: Bytes) -> Group {
        let member = |id: &str| DescribedGroupMember {
            member_id: id.into(),
            client_host: "/10.0.0.1".into(),
            member_metadata: metadata.clone(),
            member_assignment: assignment.clone(),
            ..Default::default()
        };
        described(DescribedGroup {
            protocol_type: protocol.into(),
            members: vec![member("b"), member("a")],
            ..Default::default()
        })
    }

    #[test]
    fn what_consumers_say_is_understood() {
        let topic = |topic: &str, partitions: &[i32]| TopicPartition {
            topic: topic.into(),
            partitions: partitions.to_vec(),
        };
        let assigned = ConsumerProtocolAssignment {
            assigned_partitions: vec![topic("u", &[2, 0]), topic("t", &[1])],
            user_data: None,
        };
        let subscribed = ConsumerProtocolSubscription {
            topics: vec!["u".into(), "t".into()],
            user_data: None,
            owned_partitions: Vec::new(),
            generation_id: -1,
            rack_id: Some("r".into()),
        };
        let assigned = assigned.encode(3).expect("it fits");
        let described = group("consumer", subscribed.encode(3).expect("it fits"), assigned.clone());
        let [a, b] = &described.members[..] else { panic!("{described:?}") };
        assert_eq!((&*a.id, &*b.id, &*a.host, a.rack.as_deref()), ("a", "b", "10.0.0.1", Some("r")));
        assert_eq!(a.topics, ["t", "u"]);
        let expected = Partitions::from([("t".to_owned(), vec![1]), ("u".to_owned(), vec![0, 2])]);
        assert_eq!(a.assignment, Some(expected));
        // Others than consumers have formats of their own, and no bytes are trusted.
        assert_eq!(group("connect", Bytes::new(), assigned.clone()).members[0].assignment, None);
        let damaged = group("consumer", Bytes::from_static(b"x"), assigned.slice(..5));
        assert_eq!((damaged.members[0].assignment.clone(), damaged.members[0].topics.len()), (None, 0));
        let joining = group("consumer", Bytes::new(), Bytes::new());
        assert_eq!(joining.members[0].assignment, Some(Partitions::new()));
    }
}
