//! DescribeShareGroupOffsets (KIP-932): how far share groups have come. Linearizable: the answer is confirmed by
//! slots of the partitions' owners.

use std::collections::BTreeMap;
use std::sync::Arc;

use coordinator::PartitionId;
use coordinator::cluster::Cluster;
use coordinator::topic::Topic;
use futures::future::join_all;
use protocol::messages::describe_share_group_offsets::{
    DescribeShareGroupOffsetsRequestGroup, DescribeShareGroupOffsetsResponseGroup,
    DescribeShareGroupOffsetsResponsePartition, DescribeShareGroupOffsetsResponseTopic,
};
use protocol::messages::{DescribeShareGroupOffsetsRequest, DescribeShareGroupOffsetsResponse};
use protocol::{ErrorCode, Str};

use super::Context;
use super::groups::read;
use super::share_offsets::{Action, Outcome, ask_owners, message};
use super::topics::{TopicRef, View, uuid};

pub(super) async fn answer(
    context: &Context,
    cluster: Arc<Cluster>,
    request: DescribeShareGroupOffsetsRequest,
) -> DescribeShareGroupOffsetsResponse {
    let one = async |group: DescribeShareGroupOffsetsRequestGroup| {
        let group_id = group.group_id.clone();
        match describe(context, &cluster, group).await {
            Ok(topics) => DescribeShareGroupOffsetsResponseGroup { group_id, topics, ..Default::default() },
            Err(code) => DescribeShareGroupOffsetsResponseGroup {
                group_id,
                error_code: code.code(),
                error_message: message(code),
                ..Default::default()
            },
        }
    };
    let groups = join_all(request.groups.into_iter().map(one)).await;
    DescribeShareGroupOffsetsResponse { groups, ..Default::default() }
}

async fn describe(
    context: &Context,
    cluster: &Arc<Cluster>,
    request: DescribeShareGroupOffsetsRequestGroup,
) -> Result<Vec<DescribeShareGroupOffsetsResponseTopic>, ErrorCode> {
    // Asked even where nothing of the group is needed: only its coordinator answers for it.
    let group = read(context, &request.group_id).await?;
    let names = |cluster: &Cluster| {
        request.topics.iter().flatten().all(|topic| cluster.topic_named(&topic.topic_name).is_some())
    };
    let view = View::knowing(context, Arc::clone(cluster), names).await;
    let known = |topic: &Topic| (0..topic.partitions).collect::<Vec<_>>();
    let wanted: Vec<(Str, Option<&Topic>, Vec<i32>)> = match &request.topics {
        Some(topics) => {
            let found = |name: &str| TopicRef::Name(name).find(&view.cluster);
            topics
                .iter()
                .map(|t| (t.topic_name.clone(), found(&t.topic_name), t.partitions.clone()))
                .collect()
        }
        None => {
            let topics = group.as_ref().and_then(|group| group.share()).into_iter().flat_map(|g| &g.topics);
            let topics = topics.filter_map(|topic| view.cluster.topic(*topic));
            topics.map(|topic| (Str::from(&*topic.name), Some(topic), known(topic))).collect()
        }
    };
    let partitions = wanted.iter().flat_map(|(_, topic, indexes)| {
        let of_topic = topic.map(|topic| {
            let indexes = indexes.iter().filter(|index| (0..topic.partitions).contains(*index));
            indexes.map(|index| (PartitionId { topic: topic.id, index: *index }, -1))
        });
        of_topic.into_iter().flatten()
    });
    let outcomes = ask_owners(context, &request.group_id, Action::Describe, partitions.collect()).await;
    let described = |(topic_name, topic, indexes): (Str, Option<&Topic>, Vec<i32>)| {
        let partition = |index| partition(index, topic, &outcomes);
        DescribeShareGroupOffsetsResponseTopic {
            topic_name,
            topic_id: topic.map(|topic| uuid(topic.id)).unwrap_or_default(),
            partitions: indexes.into_iter().map(partition).collect(),
        }
    };
    Ok(wanted.into_iter().map(described).collect())
}

fn partition(
    partition_index: i32,
    topic: Option<&Topic>,
    outcomes: &BTreeMap<PartitionId, Result<Outcome, ErrorCode>>,
) -> DescribeShareGroupOffsetsResponsePartition {
    let outcome =
        topic.and_then(|topic| outcomes.get(&PartitionId { topic: topic.id, index: partition_index }));
    let response = DescribeShareGroupOffsetsResponsePartition {
        partition_index,
        start_offset: -1,
        lag: -1,
        ..Default::default()
    };
    match outcome {
        // What does not exist has no offset, which is no error.
        None => response,
        Some(Ok(Outcome { start, leader_epoch, lag })) => DescribeShareGroupOffsetsResponsePartition {
            start_offset: *start,
            leader_epoch: *leader_epoch,
            lag: *lag,
            ..response
        },
        Some(Err(code)) => DescribeShareGroupOffsetsResponsePartition {
            error_code: code.code(),
            error_message: message(*code),
            ..response
        },
    }
}
