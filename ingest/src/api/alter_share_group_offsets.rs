//! AlterShareGroupOffsets (KIP-932): a share group without members begins elsewhere.

use std::sync::Arc;

use coordinator::PartitionId;
use coordinator::cluster::Cluster;
use coordinator::group::share::ShareTopics;
use coordinator::group::{Reply, Request};
use protocol::ErrorCode;
use protocol::messages::alter_share_group_offsets::{
    AlterShareGroupOffsetsResponsePartition, AlterShareGroupOffsetsResponseTopic,
};
use protocol::messages::{AlterShareGroupOffsetsRequest, AlterShareGroupOffsetsResponse};

use super::Context;
use super::groups::{ask, check_id};
use super::share_offsets::{Action, Refused, ask_owners, message};
use super::topics::{View, uuid};

pub(super) async fn answer(
    context: &Context,
    cluster: Arc<Cluster>,
    request: AlterShareGroupOffsetsRequest,
) -> AlterShareGroupOffsetsResponse {
    alter(context, cluster, request).await.unwrap_or_else(|refused| AlterShareGroupOffsetsResponse {
        error_code: refused.code.code(),
        error_message: refused.message,
        ..Default::default()
    })
}

async fn alter(
    context: &Context,
    cluster: Arc<Cluster>,
    request: AlterShareGroupOffsetsRequest,
) -> Result<AlterShareGroupOffsetsResponse, Refused> {
    check_id(&request.group_id)?;
    let names = |cluster: &Cluster| {
        request.topics.iter().all(|topic| cluster.topic_named(&topic.topic_name).is_some())
    };
    let view = View::knowing(context, cluster, names).await;
    let topics = request.topics.iter().filter_map(|topic| view.cluster.topic_named(&topic.topic_name));
    let add = ShareTopics::Add(topics.map(|topic| topic.id).collect());
    let epoch = match ask(context, &request.group_id, Request::ShareTopics(add)).await? {
        Reply::ShareTopics(outcome) => outcome?.epoch,
        _ => return Err(ErrorCode::UnknownServerError.into()),
    };
    let partitions = request.topics.iter().flat_map(|topic| {
        let found = view.cluster.topic_named(&topic.topic_name);
        topic.partitions.iter().filter_map(move |partition| {
            let found = found.filter(|found| (0..found.partitions).contains(&partition.partition_index))?;
            let id = PartitionId { topic: found.id, index: partition.partition_index };
            Some((id, partition.start_offset))
        })
    });
    let outcomes = ask_owners(context, &request.group_id, Action::Alter(epoch), partitions.collect()).await;
    let responses = request.topics.iter().map(|topic| {
        let found = view.cluster.topic_named(&topic.topic_name);
        let outcome = |index| match found.map(|found| PartitionId { topic: found.id, index }) {
            None => view.missing(ErrorCode::UnknownTopicOrPartition),
            Some(id) => match outcomes.get(&id) {
                None => view.missing(ErrorCode::UnknownTopicOrPartition),
                Some(outcome) => outcome.err().unwrap_or(ErrorCode::None),
            },
        };
        let partition = |index: i32| {
            let code = outcome(index);
            AlterShareGroupOffsetsResponsePartition {
                partition_index: index,
                error_code: code.code(),
                error_message: message(code),
            }
        };
        AlterShareGroupOffsetsResponseTopic {
            topic_name: topic.topic_name.clone(),
            topic_id: found.map(|found| uuid(found.id)).unwrap_or_default(),
            partitions: topic.partitions.iter().map(|p| partition(p.partition_index)).collect(),
        }
    });
    Ok(AlterShareGroupOffsetsResponse { responses: responses.collect(), ..Default::default() })
}
