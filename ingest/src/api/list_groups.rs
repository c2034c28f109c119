//! ListGroups: the groups that this node coordinates.

use coordinator::group::{Group, Kind, Membership};
use protocol::messages::list_groups::ListedGroup;
use protocol::messages::{ListGroupsRequest, ListGroupsResponse};
use protocol::{ErrorCode, Str};

use super::Context;

pub(super) async fn answer(context: &Context, request: ListGroupsRequest) -> ListGroupsResponse {
    let Some(log) = context.broker.log() else {
        let error_code = ErrorCode::CoordinatorLoadInProgress.code();
        return ListGroupsResponse { error_code, ..Default::default() };
    };
    let wanted = |filter: &[Str], value: &str| {
        filter.is_empty() || filter.iter().any(|wanted| wanted.eq_ignore_ascii_case(value))
    };
    // Earlier builds took longer names than any answer can carry. No request can name such a group any more; its
    // offsets expire.
    let nameable = |id: &str| id.len() <= Str::MAX_LENGTH;
    let listed =
        log.all_groups().await.into_iter().filter(|(id, _)| nameable(id)).filter_map(|(id, group)| {
            let (state, kind) = (group.state(), name(group.kind()));
            let is_wanted = wanted(&request.states_filter, state) && wanted(&request.types_filter, kind);
            is_wanted.then(|| ListedGroup {
                group_id: Str::from(&*id),
                protocol_type: Str::cut(protocol_type(&group).to_owned()),
                group_state: Str::from_static(state),
                group_type: Str::from_static(kind),
            })
        });
    ListGroupsResponse { groups: listed.collect(), ..Default::default() }
}

/// A kind of group as Kafka's tools write it.
fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Classic => "classic",
        Kind::Consumer => "consumer",
        Kind::Share => "share",
    }
}

/// What a group's protocol is about.
fn protocol_type(group: &Group) -> &str {
    match &group.membership {
        Membership::Classic(classic) => classic.protocol_type.as_deref().unwrap_or_default(),
        Membership::Consumer(_) => "consumer",
        Membership::Share(_) => "share",
    }
}
