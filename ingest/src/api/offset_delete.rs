//! OffsetDelete: a group forgets offsets of topics that it no longer reads (KIP-496).

use std::sync::Arc;

use coordinator::PartitionId;
use coordinator::cluster::Cluster;
use coordinator::group::offsets::DeleteOffsets;
use coordinator::group::{Reject, Reply, Request};
use protocol::ErrorCode;
use protocol::messages::offset_delete::{OffsetDeleteResponsePartition, OffsetDeleteResponseTopic};
use protocol::messages::{OffsetDeleteRequest, OffsetDeleteResponse};

use super::Context;
use super::groups::{ask, code};
use super::topics::{TopicRef, View, has_partition};

pub(super) async fn answer(
    context: &Context,
    cluster: Arc<Cluster>,
    request: OffsetDeleteRequest,
) -> OffsetDeleteResponse {
    let all = |cluster: &Cluster| {
        request.topics.iter().all(|topic| {
            let name = TopicRef::Name(&topic.name);
            topic.partitions.iter().all(|p| has_partition(cluster, name, p.partition_index))
        })
    };
    let view = View::knowing(context, cluster, all).await;
    let id = |topic: &str, index| {
        let topic = view.cluster.topic_named(topic).filter(|t| (0..t.partitions).contains(&index))?;
        Some(PartitionId { topic: topic.id, index })
    };
    let named =
        request.topics.iter().flat_map(|t| t.partitions.iter().map(|p| (&*t.name, p.partition_index)));
    let partitions = named.filter_map(|(topic, index)| id(topic, index)).collect();
    let mut outcomes = match delete(context, &request.group_id, partitions).await {
        Ok(outcomes) => outcomes.into_iter(),
        Err(code) => return OffsetDeleteResponse { error_code: code.code(), ..Default::default() },
    };
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in &request.topics {
        let partitions = topic.partitions.iter().map(|p| {
            let code = match id(&topic.name, p.partition_index) {
                None => view.missing(ErrorCode::UnknownTopicOrPartition),
                Some(_) => match outcomes.next() {
                    Some(Ok(())) => ErrorCode::None,
                    Some(Err(reject)) => code(&reject),
                    None => ErrorCode::UnknownServerError,
                },
            };
            OffsetDeleteResponsePartition { partition_index: p.partition_index, error_code: code.code() }
        });
        let partitions = partitions.collect();
        topics.push(OffsetDeleteResponseTopic { name: topic.name.clone(), partitions });
    }
    OffsetDeleteResponse { topics, ..Default::default() }
}

async fn delete(
    context: &Context,
    group: &str,
    partitions: Vec<PartitionId>,
) -> Result<Vec<Result<(), Reject>>, ErrorCode> {
    match ask(context, group, Request::DeleteOffsets(DeleteOffsets { partitions })).await? {
        Reply::Offsets(outcomes) => outcomes.map_err(|reject| code(&reject)),
        _ => Err(ErrorCode::UnknownServerError),
    }
}
