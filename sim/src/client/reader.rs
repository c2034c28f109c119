//! Reading what a leader has: one fetch, whole partitions, and the ends of leader epochs.

use std::io;
use std::time::Duration;

use protocol::ErrorCode;
use protocol::messages::fetch::{FetchPartition, FetchTopic};
use protocol::messages::list_offsets::{LATEST_TIMESTAMP, ListOffsetsPartition, ListOffsetsTopic};
use protocol::messages::offset_for_leader_epoch::{OffsetForLeaderPartition, OffsetForLeaderTopic};
use protocol::messages::{FetchRequest, ListOffsetsRequest, OffsetForLeaderEpochRequest};

use super::{Client, Connection, Leaders, PartitionIndex, read_records};
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

fn check(code: i16) -> Result<(), Failure> {
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

pub(super) async fn fetch(
    client: &Client,
    connection: &mut Connection,
    partition: PartitionIndex,
    from: Place,
) -> Result<Vec<Stored>, Failure> {
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
    let records = read_records(data.records.into_bytes(), from.offset);
    records.map_err(|error| {
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
    let wanted = ListOffsetsPartition {
        partition_index: partition.1,
        current_leader_epoch: epoch,
        timestamp: LATEST_TIMESTAMP,
    };
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

fn name(client: &Client, partition: PartitionIndex) -> protocol::Str {
    client.topic(partition).as_deref().unwrap_or_default().into()
}

/// Where every leader epoch of a partition ends.
pub type EpochEnds = Vec<EpochEnd>;

/// A whole partition, read from its leader once nothing goes wrong any more: its records, and what the leader
/// says of its epochs.
pub async fn read_all(client: &mut Client, partition: PartitionIndex) -> (Vec<Stored>, EpochEnds) {
    let mut leaders = Leaders::default();
    let mut log: Vec<Stored> = Vec::new();
    loop {
        if leaders.refresh(client).await.is_ok()
            && let Some(led) = leaders.of(partition)
            && let Ok(mut connection) = leaders.connection(client, led.node).await
            && read_on(client, &mut connection, partition, led.epoch, &mut log).await.is_ok()
            && let Ok(ends) = ends(client, &mut connection, partition, led.epoch).await
        {
            return (log, ends);
        }
        client.pause(50..500).await;
    }
}

async fn read_on(
    client: &Client,
    connection: &mut Connection,
    partition: PartitionIndex,
    epoch: i32,
    log: &mut Vec<Stored>,
) -> Result<(), Failure> {
    let end = latest(client, connection, partition, epoch).await?;
    loop {
        let offset = log.last().map_or(0, |last| last.offset + 1);
        if offset >= end {
            return Ok(());
        }
        let from = Place { offset, epoch, last_epoch: -1, bytes: 1 << 20, wait_ms: 0 };
        let records = fetch(client, connection, partition, from).await?;
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
) -> Result<EpochEnds, Failure> {
    let mut ends = Vec::new();
    for asked in 0..=current {
        ends.push(epoch_end(client, connection, partition, current, asked).await?);
    }
    Ok(ends)
}
