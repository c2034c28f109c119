//! DescribeProducers: the idempotent producers that partitions remember (KIP-664). None has a transaction.

use std::sync::Arc;

use broker::log::NotLeader;
use broker::node::Led;
use coordinator::cluster::Cluster;
use coordinator::partition::Producer;
use protocol::ErrorCode;
use protocol::messages::describe_producers::{
    DescribeProducersPartitionResponse, DescribeProducersTopicResponse, ProducerState,
};
use protocol::messages::{DescribeProducersRequest, DescribeProducersResponse};

use super::Context;
use super::topics::{Barrier, TopicRef, View, has_partition};

/// No transaction, and no coordinator of one.
const NONE: i32 = -1;

pub(super) async fn answer(
    context: &Context,
    cluster: Arc<Cluster>,
    request: DescribeProducersRequest,
) -> DescribeProducersResponse {
    let view = View::knowing(context, cluster, |cluster| is_known(cluster, &request)).await;
    // Everything is looked at before anything is waited for: one slot confirms it all.
    let wanted =
        request.topics.iter().flat_map(|t| t.partition_indexes.iter().map(|index| (&t.name, *index)));
    let found: Vec<_> = wanted.map(|(topic, index)| look(context, &view, topic, index)).collect();
    let mut found = found.into_iter();
    let mut barrier = Barrier::default();
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in request.topics {
        let mut partitions = Vec::with_capacity(topic.partition_indexes.len());
        for (&partition_index, found) in topic.partition_indexes.iter().zip(found.by_ref()) {
            let confirmed = match found {
                Ok((led, producers)) => barrier.passed(&led).await.map(|()| producers).map_err(lost),
                Err(code) => Err(code),
            };
            partitions.push(DescribeProducersPartitionResponse {
                partition_index,
                error_code: confirmed.as_ref().err().copied().unwrap_or(ErrorCode::None).code(),
                active_producers: confirmed.unwrap_or_default(),
                ..Default::default()
            });
        }
        topics.push(DescribeProducersTopicResponse { name: topic.name, partitions });
    }
    DescribeProducersResponse { topics, ..Default::default() }
}

fn is_known(cluster: &Cluster, request: &DescribeProducersRequest) -> bool {
    request.topics.iter().all(|topic| {
        let name = TopicRef::Name(&topic.name);
        topic.partition_indexes.iter().all(|index| has_partition(cluster, name, *index))
    })
}

/// What is decided of a partition; it may be reported once a slot confirms it (I10).
fn look(
    context: &Context,
    view: &View,
    topic: &str,
    index: i32,
) -> Result<(Led, Vec<ProducerState>), ErrorCode> {
    let (_, led) = view.lead(&context.broker, TopicRef::Name(topic), index).map_err(|miss| miss.code)?;
    let producers = led.log.producers(&led.partition).map_err(lost)?;
    Ok((led, producers.iter().map(|(id, producer)| state(*id, producer)).collect()))
}

fn lost(_: NotLeader) -> ErrorCode {
    ErrorCode::NotLeaderOrFollower
}

fn state(producer_id: i64, producer: &Producer) -> ProducerState {
    ProducerState {
        producer_id,
        producer_epoch: i32::from(producer.epoch),
        last_sequence: producer.last_sequence().unwrap_or(-1),
        last_timestamp: producer.last_append,
        coordinator_epoch: NONE,
        ..Default::default()
    }
}
