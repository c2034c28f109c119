//! ListOffsets: the ends of the log, and offsets by timestamp. Linearizable: one barrier serves all partitions
//! of a request.

pub(super) mod by_time;

use std::collections::HashSet;
use std::sync::Arc;

use broker::memory::Pool;
use broker::node::Led;
use coordinator::cluster::Cluster;
use protocol::ErrorCode;
use protocol::messages::list_offsets::{
    EARLIEST_LOCAL_TIMESTAMP, EARLIEST_PENDING_UPLOAD_TIMESTAMP, EARLIEST_TIMESTAMP, LATEST_TIERED_TIMESTAMP,
    LATEST_TIMESTAMP, ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
    MAX_TIMESTAMP,
};
use protocol::messages::{ListOffsetsRequest, ListOffsetsResponse};
use tiering::store::ErrorKind;
use tokio::time::timeout;

use super::records::Stamped;
use super::topics::{Barrier, TopicRef, View, check_leader_epoch, has_partition};
use super::{Context, PATIENCE};
use by_time::{LookupError, first, newest};

pub(super) async fn answer(
    context: &Context,
    cluster: Arc<Cluster>,
    version: i16,
    request: ListOffsetsRequest,
) -> ListOffsetsResponse {
    let view = View::knowing(context, cluster, |cluster| is_known(cluster, &request)).await;
    let between =
        |view: &View, topic: &str, index| view.is_between(&context.broker, TopicRef::Name(topic), index);
    let view = view.steady(context, |view| {
        request.topics.iter().any(|t| t.partitions.iter().any(|p| between(view, &t.name, p.partition_index)))
    });
    let view = view.await;
    let duplicates = duplicates(&request);
    let mut barrier = Barrier::default();
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in &request.topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for partition in &topic.partitions {
            let found = if duplicates.contains(&(topic.name.as_str(), partition.partition_index)) {
                Err(ErrorCode::InvalidRequest)
            } else if is_unsupported(partition.timestamp, version) {
                Err(ErrorCode::UnsupportedVersion)
            } else {
                let led = view.lead(&context.broker, TopicRef::Name(&topic.name), partition.partition_index);
                match led {
                    Ok((_, led)) => offset(context.broker.unpacking(), &led, partition, &mut barrier).await,
                    Err(miss) => Err(miss.code),
                }
            };
            partitions.push(partition_response(partition.partition_index, found));
        }
        topics.push(ListOffsetsTopicResponse { name: topic.name.clone(), partitions });
    }
    ListOffsetsResponse { topics, ..Default::default() }
}

fn is_known(cluster: &Cluster, request: &ListOffsetsRequest) -> bool {
    request.topics.iter().all(|topic| {
        let name = TopicRef::Name(&topic.name);
        topic.partitions.iter().all(|partition| has_partition(cluster, name, partition.partition_index))
    })
}

fn duplicates(request: &ListOffsetsRequest) -> HashSet<(&str, i32)> {
    let mut seen = HashSet::new();
    let all =
        request.topics.iter().flat_map(|t| t.partitions.iter().map(|p| (t.name.as_str(), p.partition_index)));
    all.filter(|partition| !seen.insert(*partition)).collect()
}

/// Whether a client of this version can't know the timestamp's meaning, or no client can.
fn is_unsupported(timestamp: i64, version: i16) -> bool {
    let since = match timestamp {
        0.. | LATEST_TIMESTAMP | EARLIEST_TIMESTAMP => 0,
        MAX_TIMESTAMP => 7,
        EARLIEST_LOCAL_TIMESTAMP => 8,
        LATEST_TIERED_TIMESTAMP => 9,
        EARLIEST_PENDING_UPLOAD_TIMESTAMP => 11,
        _ => return true,
    };
    version < since
}

/// An offset that was found, or none.
type Found = Option<(Stamped, i32)>;

async fn offset(
    unpacking: &Pool,
    led: &Led,
    wanted: &ListOffsetsPartition,
    barrier: &mut Barrier,
) -> Result<Found, ErrorCode> {
    check_leader_epoch(wanted.current_leader_epoch, led.partition.leader_epoch())?;
    barrier.passed(led).await.map_err(|_| ErrorCode::NotLeaderOrFollower)?;
    let end = |offset| Some(Stamped { offset, timestamp: -1 });
    let found = match wanted.timestamp {
        LATEST_TIMESTAMP => end(led.partition.high_watermark()),
        // Everything is as near as everything else.
        EARLIEST_TIMESTAMP | EARLIEST_LOCAL_TIMESTAMP => end(led.partition.log_start()),
        // There is no second tier.
        LATEST_TIERED_TIMESTAMP | EARLIEST_PENDING_UPLOAD_TIMESTAMP => None,
        MAX_TIMESTAMP => match looked_up(led, MAX_TIMESTAMP, newest(unpacking, led)).await? {
            Some(timestamp) => looked_up(led, timestamp, first(unpacking, led, timestamp)).await?,
            None => None,
        },
        timestamp => looked_up(led, timestamp, first(unpacking, led, timestamp)).await?,
    };
    Ok(found.map(|found| (found, led.log.epoch_at(&led.partition, found.offset))))
}

/// What a lookup finds, in time.
async fn looked_up<T>(
    led: &Led,
    timestamp: i64,
    lookup: impl Future<Output = Result<T, LookupError>>,
) -> Result<T, ErrorCode> {
    let found = timeout(PATIENCE, Box::pin(lookup)).await.map_err(|_| ErrorCode::NotLeaderOrFollower)?;
    found.map_err(|error| {
        let partition = led.partition.id();
        tracing::warn!(%error, %partition, timestamp, "a timestamp could not be looked up");
        match error {
            LookupError::Fetch(error) if error.kind() != ErrorKind::Corrupt => ErrorCode::NotLeaderOrFollower,
            _ => ErrorCode::KafkaStorageError,
        }
    })
}

fn partition_response(partition_index: i32, found: Result<Found, ErrorCode>) -> ListOffsetsPartitionResponse {
    let response = ListOffsetsPartitionResponse { partition_index, ..Default::default() };
    match found {
        Ok(Some((Stamped { offset, timestamp }, leader_epoch))) => {
            ListOffsetsPartitionResponse { offset, timestamp, leader_epoch, ..response }
        }
        Ok(None) => response,
        Err(code) => ListOffsetsPartitionResponse { error_code: code.code(), ..response },
    }
}
