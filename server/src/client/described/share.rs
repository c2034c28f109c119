//! Share groups (KIP-932), by ShareGroupDescribe.

use protocol::messages::ShareGroupDescribeRequest;
use protocol::messages::share_group_describe::{self as wire, DescribedGroup};

use super::{Connection, Error, Group, Kind, Member, by_topic, host, sorted};

/// Fails with GroupIdNotFound, or is none, if there is no such share group.
pub(super) async fn describe(connection: &Connection, id: &str) -> Result<Option<Group>, Error> {
    let request = ShareGroupDescribeRequest { group_ids: vec![id.into()], ..Default::default() };
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
        kind: Kind::Share,
        protocol: Kind::Share.name().to_owned(),
        state: group.group_state.into(),
        assignor: group.assignor_name.into(),
        epoch: Some(group.group_epoch),
        assignment_epoch: Some(group.assignment_epoch),
        members: sorted(group.members.into_iter().map(member).collect()),
    }
}

fn member(member: wire::Member) -> Member {
    let assigned = member.assignment.topic_partitions.iter().map(|t| (&*t.topic_name, &*t.partitions));
    Member {
        assignment: Some(by_topic(assigned)),
        id: member.member_id.into(),
        rack: member.rack_id.map(String::from),
        client: member.client_id.into(),
        host: host(&member.client_host),
        epoch: Some(member.member_epoch),
        topics: member.subscribed_topic_names.into_iter().map(String::from).collect(),
        ..Default::default()
    }
}
