//! Reading what a leader has: one fetch, whole partitions, and the ends of leader epochs.

use std::io;
use std::time::Duration;

use protocol::ErrorCode;
use protocol::messages::fetch::{FetchPartition, FetchTopic};
use protocol::messages::list_offsets::{
    EARLIEST_TIMESTAMP, LATEST_TIMESTAMP, ListOffsetsPartition, ListOffsetsTopic,
};
use protocol::messages::offset_for_leader_epoch::{OffsetForLeaderPartition, OffsetForLeaderTopic};
use protocol::messages::{FetchRequest, ListOffsetsRequest, OffsetForLeaderEpochRequest};
use tokio::time::error::Elapsed;
use tokio::time::timeout;

use super::{Client, Connection, Leaders, PROGRESS, PartitionIndex, read_records};
use crate::history::{EpochEnd, Stored};

/// How long a node may take beyond what it was allowed.
const PATIENCE: Duration = Duration::from_secs(10);

/// A request to one partition that was answered with an error, or not at all.
#[derive(Debug)]
pub(super) enum Failure {
    /// No answer.
    Io(#[expect(dead_code, reason = "for the trace")] io::Error),
    /// An error.
    Code(ErrorCode),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

pub(super) fn check(code: i16) -> Result<(), Failure> {
    match ErrorCode::from_code(code) {
        Some(ErrorCode::None) => Ok(()),
        code => Err(Failure::Code(code.unwrap_or(ErrorCode::UnknownServerError))),
    }
}

/// Where a fetch begins, and how much it may return.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) offset: i64,
    /// The leader epoch that the client knows.
    pub(super) epoch: i32,
    /// That of the last record that it has.
    pub(super) last_epoch: i32,
    pub(super) bytes: i32,
    pub(super) wait_ms: i32,
}

/// What a fetch returned: records, and where the log begins.
pub(super) type Fetched = (Vec<Stored>, i64);

pub(super) async fn fetch(
    client: &Client,
    connection: &mut Connection,
    partition: PartitionIndex,
    from: Place,
) -> Result<Fetched, Failure> {
    let wanted = FetchPartition {
        partition: partition.1,
        current_leader_epoch: from.epoch,
        fetch_offset: from.offset,
        last_fetched_epoch: from.last_epoch,
        partition_max_bytes: from.bytes,
        ..Default::default()
    };
    let topic = FetchTopic { topic: name(client, partition), partitions: vec![wanted], ..Default::default() };
    let request = FetchRequest {
        max_wait_ms: from.wait_ms,
        min_bytes: 1,
        max_bytes: from.bytes,
        topics: vec![topic],
        replica_id: -1,
        session_epoch: -1,
        ..Default::default()
    };
    let mut response = connection.ask(12, &request, PATIENCE).await?;
    check(response.error_code)?;
    let data = response.responses.pop().and_then(|mut topic| topic.partitions.pop());
    let data = data.ok_or_else(|| io::Error::other("no partition in the response"))?;
    check(data.error_code)?;
    if data.diverging_epoch.end_offset >= 0 {
        client.wrong(format!("{partition:?}: the log diverges at {:?} from {from:?}", data.diverging_epoch));
    }
    let (records, log_start) = (read_records(data.records.into_bytes(), from.offset), data.log_start_offset);
    records.map(|records| (records, log_start)).map_err(|error| {
        client.wrong(format!("{partition:?}: unreadable records from {}: {error}", from.offset));
        Failure::Io(io::Error::other("unreadable records"))
    })
}

/// The end of a partition, as its leader says.
pub(super) async fn latest(
    client: &Client,
    connection: &mut Connection,
    partition: PartitionIndex,
    epoch: i32,
) -> Result<i64, Failure> {
    list(client, connection, partition, epoch, LATEST_TIMESTAMP).await
}

/// Where a partition begins, as its leader says.
pub(super) async fn earliest(
    client: &Client,
    connection: &mut Connection,
    partition: PartitionIndex,
    epoch: i32,
) -> Result<i64, Failure> {
    list(client, connection, partition, epoch, EARLIEST_TIMESTAMP).await
}

async fn list(
    client: &Client,
    connection: &mut Connection,
    partition: PartitionIndex,
    epoch: i32,
    timestamp: i64,
) -> Result<i64, Failure> {
    let wanted =
        ListOffsetsPartition { partition_index: partition.1, current_leader_epoch: epoch, timestamp };
    let topic = ListOffsetsTopic { name: name(client, partition), partitions: vec![wanted] };
    let request = ListOffsetsRequest { replica_id: -1, topics: vec![topic], ..Default::default() };
    let mut response = connection.ask(6, &request, PATIENCE).await?;
    let found = response.topics.pop().and_then(|mut topic| topic.partitions.pop());
    let found = found.ok_or_else(|| io::Error::other("no partition in the response"))?;
    check(found.error_code)?;
    Ok(found.offset)
}

/// Where a leader epoch ends, as the leader says: the epoch that it tells of, and the offset.
pub(super) async fn epoch_end(
    client: &Client,
    connection: &mut Connection,
    partition: PartitionIndex,
    current: i32,
    asked: i32,
) -> Result<EpochEnd, Failure> {
    let wanted = OffsetForLeaderPartition {
        partition: partition.1,
        current_leader_epoch: current,
        leader_epoch: asked,
    };
    let topic = OffsetForLeaderTopic { topic: name(client, partition), partitions: vec![wanted] };
    let request = OffsetForLeaderEpochRequest { replica_id: -1, topics: vec![topic] };
    let mut response = connection.ask(4, &request, PATIENCE).await?;
    let found = response.topics.pop().and_then(|mut topic| topic.partitions.pop());
    let found = found.ok_or_else(|| io::Error::other("no partition in the response"))?;
    check(found.error_code)?;
    Ok(EpochEnd { asked, epoch: found.leader_epoch, offset: found.end_offset })
}

pub(super) fn name(client: &Client, partition: PartitionIndex) -> protocol::Str {
    client.topic(partition).as_deref().unwrap_or_default().into()
}

/// A whole partition.
#[derive(Debug, Default)]
pub struct Whole {
    /// Where it begins.
    pub log_start: i64,
    /// Its records.
    pub log: Vec<Stored>,
    /// Where every leader epoch ends.
    pub ends: Vec<EpochEnd>,
}

/// A whole partition, read from its leader once nothing goes wrong any more: its records, and what the leader
/// says of where it begins and of its epochs. Gives up when nothing more of it was read for [`PROGRESS`].
pub async fn read_all(client: &mut Client, partition: PartitionIndex) -> Result<Whole, Elapsed> {
    read_rest(client, partition, None).await
}

/// The same, from where it was read before.
pub async fn read_rest(
    client: &mut Client,
    partition: PartitionIndex,
    mut whole: Option<Whole>,
) -> Result<Whole, Elapsed> {
    loop {
        let before = end(&whole);
        match timeout(PROGRESS, read_whole(client, partition, &mut whole)).await {
            Err(elapsed) if end(&whole) <= before => return Err(elapsed),
            Err(_) => {}
            read => return read,
        }
    }
}

/// The offset of the last record that was read.
fn end(whole: &Option<Whole>) -> Option<i64> {
    whole.as_ref().and_then(|whole| whole.log.last()).map(|last| last.offset)
}

async fn read_whole(client: &mut Client, partition: PartitionIndex, whole: &mut Option<Whole>) -> Whole {
    let mut leaders = Leaders::default();
    loop {
        if leaders.refresh(client).await.is_ok()
            && let Some(led) = leaders.of(partition)
            && let Ok(mut connection) = leaders.connection(client, led.node).await
        {
            match read_on(client, &mut connection, partition, led.epoch, whole).await {
                Ok(()) => {
                    let ends = ends(client, &mut connection, partition, led.epoch).await;
                    let start = earliest(client, &mut connection, partition, led.epoch).await;
                    // What was read is no longer whole if it begins elsewhere by now.
                    if let (Ok(ends), Ok(start), Some(whole)) = (ends, start, whole.take())
                        && start == whole.log_start
                    {
                        return Whole { ends, ..whole };
                    }
                }
                Err(Failure::Code(ErrorCode::OffsetOutOfRange)) => *whole = None,
                Err(_) => {}
            }
        }
        client.pause(50..500).await;
    }
}

async fn read_on(
    client: &Client,
    connection: &mut Connection,
    partition: PartitionIndex,
    epoch: i32,
    whole: &mut Option<Whole>,
) -> Result<(), Failure> {
    let Whole { log_start, log, .. } = match whole {
        Some(whole) => whole,
        None => {
            let log_start = earliest(client, connection, partition, epoch).await?;
            whole.insert(Whole { log_start, ..Whole::default() })
        }
    };
    let end = latest(client, connection, partition, epoch).await?;
    loop {
        let offset = log.last().map_or(*log_start, |last| last.offset + 1);
        if offset >= end {
            return Ok(());
        }
        let from = Place { offset, epoch, last_epoch: -1, bytes: 1 << 20, wait_ms: 0 };
        let (records, _) = fetch(client, connection, partition, from).await?;
        if records.is_empty() {
            return Err(io::Error::other("nothing where something must be").into());
        }
        log.extend(records);
    }
}

async fn ends(
    client: &Client,
    connection: &mut Connection,
    partition: PartitionIndex,
    current: i32,
) -> Result<Vec<EpochEnd>, Failure> {
    let mut ends = Vec::new();
    for asked in 0..=current {
        ends.push(epoch_end(client, connection, partition, current, asked).await?);
    }
    Ok(ends)
}
