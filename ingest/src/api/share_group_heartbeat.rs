//! ShareGroupHeartbeat (KIP-932): a member joins, lives, learns its assignment, leaves.

use std::sync::Arc;

use coordinator::cluster::Cluster;
use coordinator::group::consumer::{Beat, HeartbeatReject};
use coordinator::group::share::ShareHeartbeat;
use coordinator::group::{Assignment, MemberId, Reply, Request};
use protocol::messages::share_group_heartbeat::{self as wire, TopicPartitions};
use protocol::messages::{ShareGroupHeartbeatRequest, ShareGroupHeartbeatResponse};
use protocol::{ErrorCode, Str};

use super::groups::{ask, code, text};
use super::topics::uuid;
use super::{Answer, Context, Incoming, Refusal};

/// The longest id of a member, in characters: a UUID has as many.
pub(super) const LONGEST_MEMBER_ID: usize = 36;

/// Whether an id may be one of a member.
pub(super) fn is_member_id(id: &str) -> bool {
    !id.is_empty() && id.encode_utf16().take(LONGEST_MEMBER_ID + 1).count() <= LONGEST_MEMBER_ID
}

pub(super) async fn handle(
    context: &Context,
    cluster: Arc<Cluster>,
    incoming: Incoming,
) -> Result<Answer, Refusal> {
    let client_id = incoming.header.client_id.clone();
    let respond = async |request| answer(context, client_id, request).await;
    incoming.answered(context, &cluster, respond).await
}

async fn answer(
    context: &Context,
    client_id: Option<Str>,
    request: ShareGroupHeartbeatRequest,
) -> ShareGroupHeartbeatResponse {
    if !is_member_id(&request.member_id) {
        return refused(ErrorCode::InvalidRequest, Some("Invalid member id in the request.".to_owned()));
    }
    let beat = ShareHeartbeat {
        member: MemberId::from(&*request.member_id),
        epoch: request.member_epoch,
        rack: request.rack_id.as_ref().map(text),
        client_id: client_id.as_ref().map(text).unwrap_or_default(),
        client_host: context.remote.host(),
        topics: request.subscribed_topic_names.map(|names| names.iter().map(text).collect()),
    };
    match ask(context, &request.group_id, Request::ShareHeartbeat(beat)).await {
        Ok(Reply::ShareHeartbeat(Ok(beat))) => response(beat),
        Ok(Reply::ShareHeartbeat(Err(HeartbeatReject { reject, message }))) => {
            refused(code(&reject), Some(message))
        }
        Ok(_) => refused(ErrorCode::UnknownServerError, None),
        Err(code) => refused(code, None),
    }
}

fn refused(code: ErrorCode, message: Option<String>) -> ShareGroupHeartbeatResponse {
    let error_message = message.map(Str::cut);
    ShareGroupHeartbeatResponse { error_code: code.code(), error_message, ..Default::default() }
}

fn response(beat: Beat) -> ShareGroupHeartbeatResponse {
    let assignment = |assignment: Assignment| wire::Assignment {
        topic_partitions: assignment
            .into_iter()
            .map(|(topic, partitions)| TopicPartitions {
                topic_id: uuid(topic),
                partitions: partitions.into_iter().collect(),
            })
            .collect(),
    };
    ShareGroupHeartbeatResponse {
        member_id: Some(Str::from(&*beat.member)),
        member_epoch: beat.epoch,
        heartbeat_interval_ms: beat.heartbeat_interval_ms,
        assignment: beat.assignment.map(assignment),
        ..Default::default()
    }
}
