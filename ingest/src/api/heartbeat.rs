//! Heartbeat: a member of a classic group is alive.

use coordinator::group::classic::Heartbeat;
use coordinator::group::{Reply, Request};
use protocol::ErrorCode;
use protocol::messages::{HeartbeatRequest, HeartbeatResponse};

use super::Context;
use super::groups::{ask, caller, check_id, code};

pub(super) async fn answer(context: &Context, request: HeartbeatRequest) -> HeartbeatResponse {
    let error_code = beat(context, &request).await.err().unwrap_or(ErrorCode::None).code();
    HeartbeatResponse { error_code, ..Default::default() }
}

async fn beat(context: &Context, request: &HeartbeatRequest) -> Result<(), ErrorCode> {
    check_id(&request.group_id)?;
    let caller = caller(&request.member_id, request.group_instance_id.as_ref(), request.generation_id);
    match ask(context, &request.group_id, Request::Heartbeat(Heartbeat { caller })).await? {
        Reply::Done(done) => done.map_err(|reject| code(&reject)),
        _ => Err(ErrorCode::UnknownServerError),
    }
}
