//! ConsumerGroupHeartbeat (KIP-848): a member joins, lives, learns its assignment, leaves.

use std::sync::Arc;

use coordinator::TopicId;
use coordinator::cluster::Cluster;
use coordinator::group::consumer::{Beat, ConsumerHeartbeat, HeartbeatReject};
use coordinator::group::{Assignment, MemberId, Reply, Request};
use protocol::messages::consumer_group_heartbeat::{self as wire, TopicPartitions};
use protocol::messages::{ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse};
use protocol::{ErrorCode, Str};

use super::groups::{ask, code, text};
use super::topics::uuid;
use super::{Answer, Context, Incoming, Refusal};

/// The first version whose clients make their ids themselves (KIP-1082).
const OWN_ID: i16 = 1;

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
    request: ConsumerGroupHeartbeatRequest,
) -> ConsumerGroupHeartbeatResponse {
    let beat = ConsumerHeartbeat {
        member: MemberId::from(&*request.member_id),
        fresh: fresh(context).into(),
        makes_own_id: version >= OWN_ID,
        epoch: request.member_epoch,
        instance: request.instance_id.as_ref().map(text),
        rack: request.rack_id.as_ref().map(text),
        client_id: client_id.as_ref().map(text).unwrap_or_default(),
        client_host: context.remote.host(),
        rebalance_timeout_ms: Some(request.rebalance_timeout_ms).filter(|ms| *ms != -1),
        topics: request.subscribed_topic_names.map(|names| names.iter().map(text).collect()),
        regex: request.subscribed_topic_regex.as_ref().map(text),
        assignor: request.server_assignor.as_ref().map(text),
        owned: request.topic_partitions.as_deref().map(owned),
    };
    match ask(context, &request.group_id, Request::ConsumerHeartbeat(beat)).await {
        Ok(Reply::ConsumerHeartbeat(Ok(beat))) => response(beat),
        Ok(Reply::ConsumerHeartbeat(Err(HeartbeatReject { reject, message }))) => {
            refused(code(&reject), Some(message))
        }
        Ok(_) => refused(ErrorCode::UnknownServerError, None),
        Err(code) => refused(code, None),
    }
}

/// A member's id in Kafka's form of a UUID.
fn fresh(context: &Context) -> String {
    context.broker.new_topic_id().to_string()
}

fn refused(code: ErrorCode, message: Option<String>) -> ConsumerGroupHeartbeatResponse {
    let error_message = message.map(Str::cut);
    ConsumerGroupHeartbeatResponse { error_code: code.code(), error_message, ..Default::default() }
}

fn response(beat: Beat) -> ConsumerGroupHeartbeatResponse {
    let assignment = |assignment: Assignment| wire::Assignment {
        topic_partitions: assignment
            .into_iter()
            .map(|(topic, partitions)| TopicPartitions {
                topic_id: uuid(topic),
                partitions: partitions.into_iter().collect(),
            })
            .collect(),
    };
    ConsumerGroupHeartbeatResponse {
        member_id: Some(Str::from(&*beat.member)),
        member_epoch: beat.epoch,
        heartbeat_interval_ms: beat.heartbeat_interval_ms,
        assignment: beat.assignment.map(assignment),
        ..Default::default()
    }
}

fn owned(topics: &[TopicPartitions]) -> Assignment {
    let mut owned = Assignment::new();
    for topic in topics {
        let partitions = owned.entry(TopicId(*topic.topic_id.as_bytes())).or_default();
        partitions.extend(topic.partitions.iter().copied());
    }
    owned
}
