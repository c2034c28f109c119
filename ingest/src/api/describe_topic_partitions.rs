//! DescribeTopicPartitions: topics and their partitions, a page at a time, by name.

use std::collections::BTreeSet;
use std::sync::Arc;

use coordinator::cluster::Cluster;
use coordinator::topic::{Topic, validate_name};
use protocol::ErrorCode;
use protocol::messages::describe_topic_partitions::{
    Cursor, DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic,
};
use protocol::messages::metadata::MetadataResponsePartition;
use protocol::messages::{DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse};

use super::Context;
use super::metadata::{Described, TOPIC_OPERATIONS};
use super::topics::{Node, TopicRef, View, is_internal, uuid};

/// The most partitions in one answer (`max.request.partition.size.limit`).
const MOST: i32 = 2000;

pub(super) async fn answer(
    context: &Context,
    cluster: Arc<Cluster>,
    request: DescribeTopicPartitionsRequest,
) -> DescribeTopicPartitionsResponse {
    let named: BTreeSet<&str> = request.topics.iter().map(|topic| topic.name.as_str()).collect();
    let view = View::knowing(context, cluster, |cluster| {
        named.iter().all(|name| cluster.topic_named(name).is_some())
    });
    let view = view.await;
    let nodes = Node::all(&view.cluster, &context.listener);
    let described = Described {
        cluster: &view.cluster,
        nodes: &nodes,
        unreachable: ErrorCode::ListenerNotFound,
        operations: true,
    };
    let names: Vec<&str> = match named.is_empty() {
        true => view.cluster.topics_by_name().map(|topic| topic.name.as_str()).collect(),
        false => named.into_iter().collect(),
    };
    let (from, mut first) = match &request.cursor {
        Some(cursor) => (cursor.topic_name.as_str(), cursor.partition_index.max(0)),
        None => ("", 0),
    };
    let mut left = request.response_partition_limit.clamp(1, MOST);
    let mut response = DescribeTopicPartitionsResponse::default();
    for name in names.into_iter().filter(|name| *name >= from) {
        if left == 0 {
            response.next_cursor = Some(Cursor { topic_name: name.into(), partition_index: 0 });
            break;
        }
        let begin = if name == from { std::mem::take(&mut first) } else { 0 };
        let Some(topic) = TopicRef::Name(name).find(&view.cluster) else {
            response.topics.push(unknown(&view, name));
            continue;
        };
        let end = topic.partitions.min(begin.saturating_add(left));
        response.topics.push(page(&described, topic, begin..end));
        left -= (end - begin).max(0);
        if end < topic.partitions {
            response.next_cursor = Some(Cursor { topic_name: name.into(), partition_index: end });
            break;
        }
    }
    response
}

fn unknown(view: &View, name: &str) -> DescribeTopicPartitionsResponseTopic {
    let code = match validate_name(name) {
        Err(_) => ErrorCode::InvalidTopicException,
        Ok(()) => match view.missing(ErrorCode::UnknownTopicOrPartition) {
            ErrorCode::NotLeaderOrFollower => ErrorCode::LeaderNotAvailable,
            code => code,
        },
    };
    DescribeTopicPartitionsResponseTopic {
        error_code: code.code(),
        name: Some(name.into()),
        is_internal: is_internal(name),
        ..Default::default()
    }
}

fn page(
    described: &Described<'_>,
    topic: &Topic,
    partitions: std::ops::Range<i32>,
) -> DescribeTopicPartitionsResponseTopic {
    let partition = |index| {
        let MetadataResponsePartition {
            error_code,
            partition_index,
            leader_id,
            leader_epoch,
            replica_nodes,
            isr_nodes,
            offline_replicas,
        } = described.partition(topic, index);
        DescribeTopicPartitionsResponsePartition {
            error_code,
            partition_index,
            leader_id,
            leader_epoch,
            replica_nodes,
            isr_nodes,
            eligible_leader_replicas: Some(Vec::new()),
            last_known_elr: Some(Vec::new()),
            offline_replicas,
        }
    };
    DescribeTopicPartitionsResponseTopic {
        error_code: 0,
        name: Some(topic.name.as_str().into()),
        topic_id: uuid(topic.id),
        is_internal: is_internal(&topic.name),
        partitions: partitions.map(partition).collect(),
        topic_authorized_operations: TOPIC_OPERATIONS,
    }
}
