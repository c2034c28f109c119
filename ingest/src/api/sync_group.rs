//! SyncGroup: a member gets its assignment, as soon as the leader has sent it.

use coordinator::group::classic::Sync;
use coordinator::group::{MemberId, Reply, Request};
use protocol::messages::{SyncGroupRequest, SyncGroupResponse};
use protocol::{ErrorCode, Str};

use super::Context;
use super::groups::{ask_patiently, caller, check_id, code, detached, text};

pub(super) async fn answer(context: &Context, request: SyncGroupRequest) -> SyncGroupResponse {
    let refused = |code: ErrorCode| SyncGroupResponse { error_code: code.code(), ..Default::default() };
    if let Err(code) = check_id(&request.group_id) {
        return refused(code);
    }
    let assigned = request.assignments.iter();
    let sync = Sync {
        caller: caller(&request.member_id, request.group_instance_id.as_ref(), request.generation_id),
        protocol_type: request.protocol_type.as_ref().map(text),
        protocol: request.protocol_name.as_ref().map(text),
        assignments: assigned.map(|a| (MemberId::from(&*a.member_id), detached(&a.assignment))).collect(),
    };
    match ask_patiently(context, &request.group_id, Request::Sync(sync)).await {
        Ok(Reply::Sync(Ok(synced))) => SyncGroupResponse {
            protocol_type: synced.protocol_type.map(Str::from),
            protocol_name: synced.protocol.map(Str::from),
            assignment: synced.assignment,
            ..Default::default()
        },
        Ok(Reply::Sync(Err(reject))) => refused(code(&reject)),
        Ok(_) => refused(ErrorCode::UnknownServerError),
        Err(code) => refused(code),
    }
}
