//! A consumer without a group. It reads partitions in turn and in order, looks for a truncation when the
//! leader changes (KIP-320), and now and then goes back, or to the end.

use std::collections::BTreeMap;

use protocol::ErrorCode;
use rand::Rng;

use super::reader::{Failure, Place, earliest, epoch_end, fetch, latest};
use super::{Client, Leaders, Led, PartitionIndex, Stage};
use crate::history::Event;

/// Where a consumer is in a partition.
#[derive(Debug, Clone, Copy)]
struct Position {
    offset: i64,
    /// The epoch of the record before it, or −1.
    last_epoch: i32,
    /// The leader epoch in which it was found to be right.
    validated: i32,
}

struct Consumer {
    client: Client,
    leaders: Leaders,
    positions: BTreeMap<PartitionIndex, Position>,
    /// Where partitions were said to begin.
    starts: BTreeMap<PartitionIndex, i64>,
    poll: u64,
    /// The most bytes of a response.
    bytes: i32,
}

/// Reads `partitions` until the run is over and their ends are reached.
pub async fn consume(client: Client, partitions: Vec<PartitionIndex>) {
    let start = Position { offset: 0, last_epoch: -1, validated: -1 };
    let positions = partitions.iter().map(|partition| (*partition, start)).collect();
    let (leaders, starts) = (Leaders::default(), BTreeMap::new());
    let mut consumer = Consumer { client, leaders, positions, starts, poll: 0, bytes: 0 };
    consumer.bytes = consumer.client.rng.random_range(100..4000);
    let mut turn = 0;
    while !consumer.is_done() {
        let partition = partitions[turn % partitions.len()];
        turn += 1;
        if let Err(failure) = consumer.turn(partition).await {
            consumer.recover(partition, failure).await;
        }
        let most = if consumer.is_draining() { 2 } else { 60 };
        consumer.client.pause(0..most).await;
    }
}

impl Consumer {
    /// Whether everything is read.
    fn is_done(&self) -> bool {
        match &*self.client.stage.borrow() {
            Stage::Draining(ends) => {
                let reached =
                    |(p, at): (&PartitionIndex, &Position)| ends.get(p).is_none_or(|end| at.offset >= *end);
                self.positions.iter().all(reached)
            }
            _ => false,
        }
    }

    fn is_draining(&self) -> bool {
        matches!(&*self.client.stage.borrow(), Stage::Draining(_))
    }

    /// One poll of a partition.
    async fn turn(&mut self, partition: PartitionIndex) -> Result<(), Failure> {
        let Some(led) = self.leaders.of(partition) else {
            self.leaders.refresh(&mut self.client).await?;
            return Ok(());
        };
        let mut connection = self.leaders.connection(&self.client, led.node).await?;
        let position = self.positions[&partition];
        if position.validated != led.epoch && position.last_epoch >= 0 {
            let asked = position.last_epoch;
            let end = epoch_end(&self.client, &mut connection, partition, led.epoch, asked).await?;
            if end.epoch != asked || end.offset < position.offset {
                self.client.wrong(format!("{partition:?}: truncated: {end:?} for {position:?} at {led:?}"));
            }
        }
        self.at(partition).validated = led.epoch;
        let busy = !self.is_draining();
        if busy && self.client.rng.random_bool(0.03) {
            self.seek(&mut connection, partition, led).await?;
        }
        let (wait_ms, bytes) = match busy {
            true if self.positions.len() == 1 => (500, self.bytes),
            true => (self.client.rng.random_range(0..150), self.bytes),
            false => (0, 1 << 16),
        };
        let position = self.positions[&partition];
        let last_epoch = if self.client.rng.random_bool(0.5) { position.last_epoch } else { -1 };
        let from = Place { offset: position.offset, epoch: led.epoch, last_epoch, bytes, wait_ms };
        let (records, log_start) = fetch(&self.client, &mut connection, partition, from).await?;
        self.begins(partition, log_start);
        self.leaders.keep(led.node, connection);
        let Some(last) = records.last().copied() else { return Ok(()) };
        self.poll += 1;
        self.client.tally.lock().polls += 1;
        let (number, count, first) = (self.client.number, records.len(), from.offset);
        self.client.trace.line(format_args!("poll {number} {partition:?} {first} {count} {}", last.offset));
        let (topic, poll) = (self.client.topic(partition), Some(self.poll));
        let mut history = self.client.history.lock();
        for seen in records {
            history.push(Event::Seen {
                reader: number as i64,
                topic: topic.clone(),
                partition: partition.1,
                offset: seen.offset,
                producer: seen.record.producer,
                sequence: seen.record.sequence,
                epoch: seen.epoch,
                poll,
            });
        }
        drop(history);
        let at = self.at(partition);
        (at.offset, at.last_epoch) = (last.offset + 1, last.epoch.unwrap_or(-1));
        Ok(())
    }

    /// Goes back, or to the end.
    async fn seek(
        &mut self,
        connection: &mut super::Connection,
        partition: PartitionIndex,
        led: Led,
    ) -> Result<(), Failure> {
        let offset = self.positions[&partition].offset;
        let to = if self.client.rng.random_bool(0.3) {
            let latest = latest(&self.client, connection, partition, led.epoch).await?;
            if latest < offset {
                self.client.wrong(format!("{partition:?}: the end is {latest}, and {offset} was read"));
            }
            latest
        } else {
            self.client.rng.random_range(0..=offset)
        };
        self.client.trace.line(format_args!("seek {} {partition:?} {to}", self.client.number));
        let (topic, reader) = (self.client.topic(partition), self.client.number as i64);
        self.client.note(Event::Seek { reader, topic, partition: partition.1 });
        let at = self.at(partition);
        (at.offset, at.last_epoch) = (to, -1);
        Ok(())
    }

    /// Notes where a partition is said to begin, unless that was said last, too.
    fn begins(&mut self, partition: PartitionIndex, offset: i64) {
        if self.starts.insert(partition, offset).unwrap_or(0) != offset {
            let (topic, observer) = (self.client.topic(partition), Some(self.client.number as i64));
            self.client.note(Event::LogStart { topic, partition: partition.1, offset, observer });
        }
    }

    /// Goes on where the partition begins (`auto.offset.reset`): what would come next was deleted.
    async fn reset(&mut self, partition: PartitionIndex) -> Result<(), Failure> {
        let Some(led) = self.leaders.of(partition) else { return Ok(()) };
        let mut connection = self.leaders.connection(&self.client, led.node).await?;
        let start = earliest(&self.client, &mut connection, partition, led.epoch).await?;
        self.leaders.keep(led.node, connection);
        self.begins(partition, start);
        let position = self.positions[&partition];
        if start <= position.offset {
            self.client
                .wrong(format!("{partition:?}: {position:?} is out of range, and the log is from {start}"));
        }
        let (topic, reader) = (self.client.topic(partition), self.client.number as i64);
        self.client.note(Event::Seek { reader, topic, partition: partition.1 });
        let at = self.at(partition);
        (at.offset, at.last_epoch) = (start, -1);
        Ok(())
    }

    async fn recover(&mut self, partition: PartitionIndex, failure: Failure) {
        let number = self.client.number;
        self.client.trace.line(format_args!("consumer {number} {partition:?} {failure:?}"));
        match failure {
            Failure::Code(ErrorCode::OffsetOutOfRange) => {
                // What fails now is tried again at the next turn.
                let _ = self.reset(partition).await;
            }
            Failure::Code(code) if !code.is_retriable() => {
                let position = self.positions[&partition];
                self.client.wrong(format!("{partition:?}: {code:?} for {position:?}"));
                self.client.pause(500..1000).await;
            }
            Failure::Code(ErrorCode::UnknownLeaderEpoch) => self.client.pause(50..300).await,
            _ => {}
        }
        self.client.pause(1..100).await;
        let _ = self.leaders.refresh(&mut self.client).await;
    }

    fn at(&mut self, partition: PartitionIndex) -> &mut Position {
        let start = Position { offset: 0, last_epoch: -1, validated: -1 };
        self.positions.entry(partition).or_insert(start)
    }
}
