//! DeleteRecords: a partition begins at another offset. Answered once that is durable.

use std::sync::Arc;
use std::time::Duration;

use broker::log::{TrimOutcome, TrimTo};
use coordinator::cluster::Cluster;
use protocol::ErrorCode;
use protocol::messages::delete_records::{
    DeleteRecordsPartition, DeleteRecordsPartitionResult, DeleteRecordsTopicResult, HIGH_WATERMARK,
};
use protocol::messages::{DeleteRecordsRequest, DeleteRecordsResponse};
use tokio::time::{Instant, timeout_at};

use super::Context;
use super::topics::{TopicRef, View, has_partition, is_internal};

/// What stands for the log start where a partition has an error.
const NO_LOW_WATERMARK: i64 = -1;

pub(super) async fn answer(
    context: &Context,
    cluster: Arc<Cluster>,
    request: DeleteRecordsRequest,
) -> DeleteRecordsResponse {
    let deadline = Instant::now() + Duration::from_millis(u64::try_from(request.timeout_ms).unwrap_or(0));
    let view = View::knowing(context, cluster, |cluster| is_known(cluster, &request)).await;
    let between =
        |view: &View, topic: &str, index| view.is_between(&context.broker, TopicRef::Name(topic), index);
    let view = view.steady(context, |view| {
        request.topics.iter().any(|t| t.partitions.iter().any(|p| between(view, &t.name, p.partition_index)))
    });
    let view = view.await;
    // All are decided on before any is waited for: they share a slot.
    let wanted = request.topics.iter().flat_map(|t| t.partitions.iter().map(|p| (t.name.as_str(), p)));
    let decided: Vec<_> = wanted.map(|(topic, partition)| trim(context, &view, topic, partition)).collect();
    let mut decided = decided.into_iter();
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in &request.topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for (partition, decided) in topic.partitions.iter().zip(decided.by_ref()) {
            let trimmed = match decided {
                Ok(outcome) => low_watermark(outcome, deadline).await,
                Err(code) => Err(code),
            };
            partitions.push(DeleteRecordsPartitionResult {
                partition_index: partition.partition_index,
                low_watermark: trimmed.unwrap_or(NO_LOW_WATERMARK),
                error_code: trimmed.err().unwrap_or(ErrorCode::None).code(),
            });
        }
        topics.push(DeleteRecordsTopicResult { name: topic.name.clone(), partitions });
    }
    DeleteRecordsResponse { topics, ..Default::default() }
}

fn is_known(cluster: &Cluster, request: &DeleteRecordsRequest) -> bool {
    request.topics.iter().all(|topic| {
        let name = TopicRef::Name(&topic.name);
        topic.partitions.iter().all(|partition| has_partition(cluster, name, partition.partition_index))
    })
}

fn trim(
    context: &Context,
    view: &View,
    topic: &str,
    wanted: &DeleteRecordsPartition,
) -> Result<TrimOutcome, ErrorCode> {
    let led = view.lead(&context.broker, TopicRef::Name(topic), wanted.partition_index);
    let (topic, led) = led.map_err(|miss| miss.code)?;
    if is_internal(&topic.name) {
        return Err(ErrorCode::InvalidTopicException);
    }
    if !topic.config.delete {
        return Err(ErrorCode::PolicyViolation);
    }
    let to = match wanted.offset {
        HIGH_WATERMARK => TrimTo::HighWatermark,
        offset => TrimTo::Offset(offset),
    };
    led.log.trim(&led.partition, to).map_err(|_| ErrorCode::NotLeaderOrFollower)
}

/// The partition's new log start, once the slot is committed.
async fn low_watermark(outcome: TrimOutcome, deadline: Instant) -> Result<i64, ErrorCode> {
    match timeout_at(deadline, outcome.after.committed()).await {
        Ok(Ok(())) => outcome.log_start.map_err(|_| ErrorCode::OffsetOutOfRange),
        Ok(Err(_)) => Err(ErrorCode::NotLeaderOrFollower),
        Err(_) => Err(ErrorCode::RequestTimedOut),
    }
}
