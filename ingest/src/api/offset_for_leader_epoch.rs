//! OffsetForLeaderEpoch (KIP-320): where a leader epoch ended. Linearizable, by one barrier.

use std::sync::Arc;

use broker::log::NotLeader;
use broker::node::Led;
use coordinator::cluster::Cluster;
use protocol::ErrorCode;
use protocol::messages::offset_for_leader_epoch::{
    EpochEndOffset, OffsetForLeaderPartition, OffsetForLeaderTopicResult,
};
use protocol::messages::{OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse};

use super::Context;
use super::topics::{Barrier, TopicRef, View, check_leader_epoch, has_partition};

pub(super) async fn answer(
    context: &Context,
    cluster: Arc<Cluster>,
    request: OffsetForLeaderEpochRequest,
) -> OffsetForLeaderEpochResponse {
    let view = View::knowing(context, cluster, |cluster| is_known(cluster, &request)).await;
    let between =
        |view: &View, topic: &str, index| view.is_between(&context.broker, TopicRef::Name(topic), index);
    let view = view.steady(context, |view| {
        request.topics.iter().any(|t| t.partitions.iter().any(|p| between(view, &t.topic, p.partition)))
    });
    let view = view.await;
    let mut barrier = Barrier::default();
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in request.topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for wanted in &topic.partitions {
            let found = match view.lead(&context.broker, TopicRef::Name(&topic.topic), wanted.partition) {
                Ok((_, led)) => end(&led, wanted, &mut barrier).await,
                Err(miss) => Err(miss.code),
            };
            let none = EpochEndOffset { partition: wanted.partition, ..Default::default() };
            partitions.push(match found {
                Ok(Some((leader_epoch, end_offset))) => EpochEndOffset { leader_epoch, end_offset, ..none },
                Ok(None) => none,
                Err(code) => EpochEndOffset { error_code: code.code(), ..none },
            });
        }
        topics.push(OffsetForLeaderTopicResult { topic: topic.topic, partitions });
    }
    OffsetForLeaderEpochResponse { topics, ..Default::default() }
}

fn is_known(cluster: &Cluster, request: &OffsetForLeaderEpochRequest) -> bool {
    request.topics.iter().all(|topic| {
        let name = TopicRef::Name(&topic.topic);
        topic.partitions.iter().all(|partition| has_partition(cluster, name, partition.partition))
    })
}

async fn end(
    led: &Led,
    wanted: &OffsetForLeaderPartition,
    barrier: &mut Barrier,
) -> Result<Option<(i32, i64)>, ErrorCode> {
    check_leader_epoch(wanted.current_leader_epoch, led.partition.leader_epoch())?;
    barrier.passed(led).await.map_err(|_| ErrorCode::NotLeaderOrFollower)?;
    let end = led.log.epoch_end(&led.partition, wanted.leader_epoch);
    Ok(end.map_err(|NotLeader| ErrorCode::NotLeaderOrFollower)?.filter(|_| wanted.leader_epoch >= 0))
}
