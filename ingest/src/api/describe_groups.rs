//! DescribeGroups: classic groups and their members.

use bytes::Bytes;
use coordinator::group::{ClassicGroup, ClassicMember, ClassicState, Group, Member, MemberId, Membership};
use futures::future::join_all;
use protocol::messages::describe_groups::{DescribedGroup, DescribedGroupMember};
use protocol::messages::{DescribeGroupsRequest, DescribeGroupsResponse};
use protocol::{ErrorCode, Str};

use super::groups::{GROUP_OPERATIONS, read};
use super::{Context, text};

/// The first version in which a group that does not exist is an error (KIP-1043).
const NOT_FOUND: i16 = 6;

pub(super) async fn answer(
    context: &Context,
    version: i16,
    request: DescribeGroupsRequest,
) -> DescribeGroupsResponse {
    let operations = request.include_authorized_operations;
    let one = async |id: Str| {
        let mut described = match read(context, &id).await {
            Ok(group) => describe(&id, version, group.as_deref()),
            Err(code) => DescribedGroup { error_code: code.code(), ..Default::default() },
        };
        if operations && described.error_code == 0 {
            described.authorized_operations = GROUP_OPERATIONS;
        }
        DescribedGroup { group_id: id, ..described }
    };
    let groups = join_all(request.groups.into_iter().map(one)).await;
    DescribeGroupsResponse { groups, ..Default::default() }
}

fn describe(id: &str, version: i16, group: Option<&Group>) -> DescribedGroup {
    let dead = |why: &str| {
        let not_found = version >= NOT_FOUND;
        DescribedGroup {
            error_code: if not_found { ErrorCode::GroupIdNotFound } else { ErrorCode::None }.code(),
            error_message: text(why).filter(|_| not_found),
            group_state: Str::from_static("Dead"),
            ..Default::default()
        }
    };
    let Some(group) = group else { return dead(&format!("Group {id} not found.")) };
    match &group.membership {
        Membership::Consumer(_) | Membership::Share(_) => {
            dead(&format!("Group {id} is not a classic group."))
        }
        Membership::Classic(classic) => DescribedGroup {
            group_state: Str::from_static(group.state()),
            protocol_type: classic.protocol_type.as_deref().map(Str::from).unwrap_or_default(),
            protocol_data: chosen(classic).map(Str::from).unwrap_or_default(),
            members: group.members.iter().filter_map(|(id, m)| member(classic, id, m)).collect(),
            ..Default::default()
        },
    }
}

/// The assignor, which is reported once every member has its assignment.
fn chosen(group: &ClassicGroup) -> Option<&str> {
    group.protocol.as_deref().filter(|_| group.state == ClassicState::Stable)
}

fn member(group: &ClassicGroup, id: &MemberId, member: &Member) -> Option<DescribedGroupMember> {
    let member = member.classic()?;
    let ClassicMember { instance, client_id, client_host, protocols, assignment, .. } = member;
    let chosen = chosen(group);
    let metadata = protocols.iter().find(|(name, _)| Some(&**name) == chosen).map(|(_, bytes)| bytes.clone());
    Some(DescribedGroupMember {
        member_id: Str::from(&**id),
        group_instance_id: instance.as_deref().map(Str::from),
        client_id: Str::from(&**client_id),
        client_host: Str::from(&**client_host),
        member_metadata: metadata.unwrap_or_default(),
        member_assignment: chosen.map_or_else(Bytes::new, |_| assignment.clone()),
    })
}
