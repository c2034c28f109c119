//! JoinGroup: answered when the group's next generation begins.

use std::sync::Arc;

use coordinator::cluster::Cluster;
use coordinator::group::classic::{Join, JoinReject, Joined};
use coordinator::group::{MemberId, Reply, Request};
use protocol::messages::join_group::JoinGroupResponseMember;
use protocol::messages::{JoinGroupRequest, JoinGroupResponse};
use protocol::{ErrorCode, Str};

use super::groups::{ask_patiently, check_id, code, detached, text};
use super::{Answer, Context, Incoming, Refusal};

/// The first version whose clients come back with the id that they are given (KIP-394).
const KNOWN_ID: i16 = 4;

/// The first version whose clients know `skip_assignment` (KIP-814).
const SKIPPING: i16 = 9;

pub(super) async fn handle(
    context: &Context,
    cluster: Arc<Cluster>,
    incoming: Incoming,
) -> Result<Answer, Refusal> {
    let client_id = incoming.header.client_id.clone();
    let version = incoming.version();
    let respond = async |request| answer(context, version, client_id, request).await;
    incoming.answered(context, &cluster, respond).await
}

async fn answer(
    context: &Context,
    version: i16,
    client_id: Option<Str>,
    request: JoinGroupRequest,
) -> JoinGroupResponse {
    if let Err(code) = check_id(&request.group_id) {
        return refused(code, &request.member_id);
    }
    let client_id = client_id.as_ref().map(text).unwrap_or_default();
    let instance = request.group_instance_id.as_ref().map(text);
    let prefix = instance.as_deref().unwrap_or(&client_id);
    let rebalance_timeout_ms =
        if version == 0 { request.session_timeout_ms } else { request.rebalance_timeout_ms };
    let join = Join {
        member: MemberId::from(&*request.member_id),
        fresh: fresh(prefix, &context.broker.new_uuid().as_hyphenated().to_string()).into(),
        requires_known_id: version >= KNOWN_ID && instance.is_none(),
        instance,
        client_id,
        client_host: context.remote.host(),
        session_timeout_ms: request.session_timeout_ms,
        rebalance_timeout_ms,
        protocol_type: text(&request.protocol_type),
        protocols: request.protocols.iter().map(|p| (text(&p.name), detached(&p.metadata))).collect(),
        supports_skipping: version >= SKIPPING,
    };
    match ask_patiently(context, &request.group_id, Request::Join(join)).await {
        Ok(Reply::Join(Ok(joined))) => response(joined),
        Ok(Reply::Join(Err(JoinReject { reject, member }))) => refused(code(&reject), &member),
        Ok(_) => refused(ErrorCode::UnknownServerError, &request.member_id),
        Err(code) => refused(code, &request.member_id),
    }
}

/// An id for a new member: its name and a UUID, as with Kafka. Of a name that leaves no room for the UUID, as much as
/// there is room for.
fn fresh(name: &str, uuid: &str) -> String {
    let room = Str::MAX_LENGTH - 1 - uuid.len();
    format!("{}-{uuid}", &name[..name.floor_char_boundary(room)])
}

fn refused(code: ErrorCode, member: &str) -> JoinGroupResponse {
    JoinGroupResponse {
        error_code: code.code(),
        member_id: Str::from(member),
        protocol_name: None,
        ..Default::default()
    }
}

fn response(joined: Joined) -> JoinGroupResponse {
    let member = |(id, instance, metadata): (MemberId, Option<String>, _)| JoinGroupResponseMember {
        member_id: Str::from(&*id),
        group_instance_id: instance.map(Str::from),
        metadata,
    };
    JoinGroupResponse {
        generation_id: joined.generation,
        protocol_type: joined.protocol_type.map(Str::from),
        protocol_name: joined.protocol.map(Str::from),
        leader: Str::from(&*joined.leader),
        skip_assignment: joined.skip_assignment,
        member_id: Str::from(&*joined.member),
        members: joined.members.into_iter().map(member).collect(),
        ..Default::default()
    }
}
