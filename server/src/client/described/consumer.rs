//! Groups of KIP-848, by ConsumerGroupDescribe.

use protocol::consumer_protocol::PROTOCOL_TYPE;
use protocol::messages::ConsumerGroupDescribeRequest;
use protocol::messages::consumer_group_describe::{self as wire, Assignment, DescribedGroup};

use super::{Connection, Error, Group, Kind, Member, Partitions, by_topic, host, sorted};

/// What `member_type` is of a member that speaks the classic protocol.
const CLASSIC: i8 = 0;

/// Fails with GroupIdNotFound, or is none, if there is no such consumer group.
pub(super) async fn describe(connection: &Connection, id: &str) -> Result<Option<Group>, Error> {
    let request = ConsumerGroupDescribeRequest { group_ids: vec![id.into()], ..Default::default() };
    let response = connection.call(&request).await?;
    let Some(group) = response.groups.into_iter().find(|group| group.group_id == *id) else {
        return Ok(None);
    };
    Error::check_with_message(group.error_code, group.error_message.as_deref(), || format!("group {id}"))?;
    Ok(Some(described(group)))
}

fn described(group: DescribedGroup) -> Group {
    Group {
        id: group.group_id.into(),
        kind: Kind::Consumer,
        protocol: PROTOCOL_TYPE.to_owned(),
        state: group.group_state.into(),
        assignor: group.assignor_name.into(),
        epoch: Some(group.group_epoch),
        assignment_epoch: Some(group.assignment_epoch),
        members: sorted(group.members.into_iter().map(member).collect()),
    }
}

fn member(member: wire::Member) -> Member {
    Member {
        id: member.member_id.into(),
        instance: member.instance_id.map(String::from),
        rack: member.rack_id.map(String::from),
        client: member.client_id.into(),
        host: host(&member.client_host),
        epoch: Some(member.member_epoch),
        topics: member.subscribed_topic_names.into_iter().map(String::from).collect(),
        regex: member.subscribed_topic_regex.map(String::from).filter(|regex| !regex.is_empty()),
        assignment: Some(partitions(&member.assignment)),
        target: Some(partitions(&member.target_assignment)),
        classic: member.member_type == CLASSIC,
    }
}

fn partitions(assignment: &Assignment) -> Partitions {
    by_topic(assignment.topic_partitions.iter().map(|t| (&*t.topic_name, &*t.partitions)))
}
