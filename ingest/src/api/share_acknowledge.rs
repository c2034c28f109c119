//! ShareAcknowledge (KIP-932): a member says what became of records. Answered once that is durable.

use std::collections::BTreeMap;
use std::sync::Arc;

use coordinator::cluster::Cluster;
use futures::future::join_all;
use protocol::messages::share_acknowledge::{
    AcknowledgeTopic, LeaderIdAndEpoch, NodeEndpoint, PartitionData, ShareAcknowledgeTopicResponse,
};
use protocol::messages::{ShareAcknowledgeRequest, ShareAcknowledgeResponse};
use protocol::{ErrorCode, Str};

use super::Context;
use super::share_fetch::{Acknowledging, Failed, check_named, error_fields, holder, release, session_error};
use super::topics::{Node, TopicRef, View, has_partition};
use crate::share_sessions::FINAL;

/// The first version in which a request may renew locks.
const RENEWS: i16 = 2;

pub(super) async fn answer(
    context: &Context,
    cluster: Arc<Cluster>,
    version: i16,
    request: ShareAcknowledgeRequest,
) -> ShareAcknowledgeResponse {
    let named = request.topics.iter().map(|topic| topic.partitions.len()).sum();
    let asked =
        check_named(named).and_then(|()| holder(request.group_id.as_ref(), request.member_id.as_ref()));
    let holder = match asked {
        Ok(holder) => holder,
        Err(message) => {
            let error_message = Some(Str::from_static(message));
            let error_code = ErrorCode::InvalidRequest.code();
            return ShareAcknowledgeResponse { error_code, error_message, ..Default::default() };
        }
    };
    let sessions = context.service.share_sessions();
    if let Err(reject) = sessions.acknowledge(&holder, request.share_session_epoch) {
        let error_code = session_error(reject).code();
        return ShareAcknowledgeResponse { error_code, ..Default::default() };
    }
    let view = View::knowing(context, cluster, |cluster| knows(cluster, &request.topics)).await;
    let renews = version >= RENEWS && request.is_renew_ack;
    let acknowledging = Acknowledging { context, view: &view, holder: &holder, renews };
    // All are decided on before any is waited for: they share a slot.
    let mut decided = Vec::new();
    for topic in &request.topics {
        for partition in &topic.partitions {
            let said = partition.acknowledgement_batches.iter();
            let said = said.map(|b| (b.first_offset, b.last_offset, &b.acknowledge_types[..]));
            let index = partition.partition_index;
            decided.push((topic.topic_id, index, acknowledging.decide(topic.topic_id, index, said)));
        }
    }
    if request.share_session_epoch == FINAL {
        release(context, &holder);
    }
    let outcomes = join_all(decided.into_iter().map(async |(topic, index, decided)| {
        let outcome = match decided {
            Ok(acknowledged) => acknowledged.outcome(&view).await,
            Err(failed) => Err(failed),
        };
        (topic, index, outcome)
    }));
    let mut responses: BTreeMap<_, Vec<PartitionData>> = BTreeMap::new();
    let mut nodes = Vec::new();
    for (topic, index, outcome) in outcomes.await {
        let partitions = responses.entry(*topic.as_bytes()).or_default();
        partitions.push(partition_data(index, &outcome, &mut nodes));
    }
    let responses = responses.into_iter().map(|(topic, partitions)| ShareAcknowledgeTopicResponse {
        topic_id: protocol::Uuid::from_bytes(topic),
        partitions,
    });
    let locks = context.broker.log().map(|log| log.share_settings(&holder.group).record_lock_duration);
    ShareAcknowledgeResponse {
        acquisition_lock_timeout_ms: locks.map_or(0, |l| i32::try_from(l.as_millis()).unwrap_or(i32::MAX)),
        responses: responses.collect(),
        node_endpoints: nodes.into_iter().map(endpoint).collect(),
        ..Default::default()
    }
}

fn knows(cluster: &Cluster, topics: &[AcknowledgeTopic]) -> bool {
    topics.iter().all(|topic| {
        let id = TopicRef::Id(topic.topic_id);
        topic.partitions.iter().all(|partition| has_partition(cluster, id, partition.partition_index))
    })
}

fn partition_data(index: i32, outcome: &Result<(), Failed>, nodes: &mut Vec<Node>) -> PartitionData {
    let (error_code, error_message) = error_fields(outcome);
    let mut data = PartitionData { partition_index: index, error_code, error_message, ..Default::default() };
    if let Err(Failed { leader: Some(leader), .. }) = outcome {
        data.current_leader = LeaderIdAndEpoch { leader_id: leader.node.id, leader_epoch: leader.epoch };
        if !nodes.contains(&leader.node) {
            nodes.push(leader.node.clone());
        }
    }
    data
}

fn endpoint(node: Node) -> NodeEndpoint {
    NodeEndpoint {
        node_id: node.id,
        host: node.host.into(),
        port: node.port,
        rack: node.rack.map(Into::into),
    }
}
