//! LeaveGroup: members go, or are removed.

use coordinator::group::classic::Leave;
use coordinator::group::{MemberId, Reject, Reply, Request};
use protocol::ErrorCode;
use protocol::messages::leave_group::{MemberIdentity, MemberResponse};
use protocol::messages::{LeaveGroupRequest, LeaveGroupResponse};

use super::Context;
use super::groups::{ask, check_id, code, text};

/// The first version that names several members (KIP-345).
const BATCHED: i16 = 3;

pub(super) async fn answer(
    context: &Context,
    version: i16,
    request: LeaveGroupRequest,
) -> LeaveGroupResponse {
    let alone = MemberIdentity { member_id: request.member_id.clone(), ..Default::default() };
    let members = if version >= BATCHED { request.members } else { vec![alone] };
    let outcomes = match leave(context, &request.group_id, &members).await {
        Ok(outcomes) => outcomes,
        Err(code) => return LeaveGroupResponse { error_code: code.code(), ..Default::default() },
    };
    let code = |outcome: Result<(), Reject>| outcome.map_or_else(|r| code(&r), |()| ErrorCode::None).code();
    if version < BATCHED {
        let error_code = outcomes.into_iter().next().map_or(0, code);
        return LeaveGroupResponse { error_code, ..Default::default() };
    }
    let members = members.into_iter().zip(outcomes).map(|(member, outcome)| MemberResponse {
        member_id: member.member_id,
        group_instance_id: member.group_instance_id,
        error_code: code(outcome),
    });
    LeaveGroupResponse { members: members.collect(), ..Default::default() }
}

async fn leave(
    context: &Context,
    group: &str,
    members: &[MemberIdentity],
) -> Result<Vec<Result<(), Reject>>, ErrorCode> {
    check_id(group)?;
    let named = |m: &MemberIdentity| (MemberId::from(&*m.member_id), m.group_instance_id.as_ref().map(text));
    let leave = Leave { members: members.iter().map(named).collect() };
    match ask(context, group, Request::Leave(leave)).await? {
        Reply::Left(left) => left.map_err(|reject| code(&reject)),
        _ => Err(ErrorCode::UnknownServerError),
    }
}
