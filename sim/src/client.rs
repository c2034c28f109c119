//! Clients of a run: idempotent producers that send again what they are not sure of, and readers.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use coordinator::partition::ProducerBatch;
use coordinator::{PartitionId, TopicId};
use ingest::broker::Broker;
use ingest::log::{Answer, Candidate, Found, Outcome};
use parking_lot::Mutex;
use protocol::records::{Batch, BatchBuilder, Batches};
use rand::Rng;
use rand::rngs::StdRng;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::history::{History, Record};

/// The most bytes that a batch of a run unpacks to.
const LIMIT: usize = 1 << 20;

/// What every client has.
pub struct Client {
    /// The node that clients believe in.
    pub current: watch::Receiver<Arc<Broker>>,
    /// Becomes true when the run ends.
    pub stopped: watch::Receiver<bool>,
    /// What is told and seen.
    pub history: Arc<Mutex<History>>,
    /// Everything random.
    pub rng: StdRng,
}

impl Client {
    /// Sends batches to all partitions in turn, each until it is acknowledged. Now and then it loses patience,
    /// and sends the same batch again while the first is still on its way.
    pub async fn produce(mut self, producer: i64, topic: TopicId, partitions: i32) {
        let mut next = vec![0i32; partitions as usize];
        while !*self.stopped.borrow() {
            let index = self.rng.random_range(0..partitions);
            let base = next[index as usize];
            let count = self.rng.random_range(1..5);
            let batch = encode(producer, base, count);
            let partition = PartitionId { topic, index };
            while !*self.stopped.borrow() {
                let patience = Duration::from_millis(self.rng.random_range(50..20_000));
                let sent = self.send(partition, producer, &batch);
                match timeout(patience, sent).await {
                    Ok(Some(Answer::Offset { base_offset, .. })) => {
                        let mut history = self.history.lock();
                        for i in 0..count {
                            let record = Record { producer, sequence: base + i };
                            history.acknowledge(index, record, base_offset + i64::from(i));
                        }
                        next[index as usize] = base + count;
                        break;
                    }
                    Ok(Some(Answer::Reject(reject))) => {
                        self.history
                            .lock()
                            .violate(format!("{index}: producer {producer} was refused: {reject}"));
                        return;
                    }
                    Ok(Some(Answer::NotLeader) | None) | Err(_) => self.history.lock().unknown += 1,
                }
                sleep(Duration::from_millis(self.rng.random_range(1..500))).await;
            }
            sleep(Duration::from_millis(self.rng.random_range(0..300))).await;
        }
    }

    /// One attempt; `None` if the node does not lead, or its answer will never come.
    pub(crate) async fn send(&self, partition: PartitionId, producer: i64, batch: &Batch) -> Option<Answer> {
        let broker = Arc::clone(&self.current.borrow());
        let led = broker.lead(partition).ok()?;
        let header = batch.header();
        let candidate = Candidate {
            partition: led.partition,
            bytes: batch.bytes().clone(),
            attributes: header.attributes,
            last_offset_delta: header.last_offset_delta,
            max_timestamp: header.max_timestamp,
            producer: Some(ProducerBatch { id: producer, epoch: 0, base_sequence: header.base_sequence }),
        };
        let Outcome { answer, after } = led.log.append(vec![candidate], None).ok()?.pop()?;
        if let Some(ticket) = after {
            ticket.committed().await.ok()?;
        }
        Some(answer)
    }

    /// Reads a partition from wherever it likes, and notes what it sees.
    pub async fn read(mut self, partition: PartitionId) {
        let mut offset = 0;
        while !*self.stopped.borrow() {
            sleep(Duration::from_millis(self.rng.random_range(10..1_000))).await;
            let broker = Arc::clone(&self.current.borrow());
            let patience = Duration::from_secs(30);
            let Ok(Some(batches)) = timeout(patience, read(&broker, partition, offset)).await else {
                continue;
            };
            let mut history = self.history.lock();
            for (at, record) in batches {
                history.see(partition.index, at, record);
                offset = at + 1;
            }
            if self.rng.random_bool(0.05) {
                offset = self.rng.random_range(0..=offset);
            }
        }
    }
}

pub(crate) fn encode(producer: i64, base: i32, count: i32) -> Batch {
    let mut builder = BatchBuilder::new().producer(producer, 0, base);
    for sequence in base..base + count {
        builder.push(i64::from(sequence), None, Some(format!("{producer} {sequence}").as_bytes()), &[]);
    }
    let bytes = builder.build().expect("a small batch can be built");
    Batch::single(bytes).expect("what was built can be read")
}

fn decode(bytes: Bytes) -> Vec<(i64, Record)> {
    let mut records = Vec::new();
    for batch in Batches::new(bytes) {
        let batch = batch.expect("a whole batch");
        batch.verify_crc().expect("an intact batch");
        for record in batch.records(LIMIT).expect("readable records") {
            let record = record.expect("a readable record");
            let value = record.value.clone().expect("a value");
            let text = std::str::from_utf8(&value).expect("text");
            let (producer, sequence) = text.split_once(' ').expect("two numbers");
            let producer = producer.parse().expect("a producer");
            let sequence = sequence.parse().expect("a sequence");
            records.push((batch.header().offset_of(&record), Record { producer, sequence }));
        }
    }
    records
}

/// One fetch: records from `offset` on. `None` if the node can't say.
async fn read(broker: &Broker, partition: PartitionId, offset: i64) -> Option<Vec<(i64, Record)>> {
    let led = broker.lead(partition).ok()?;
    let positions = match led.partition.find(offset, 4096, true) {
        Found::OutOfRange | Found::AtEnd => return Some(Vec::new()),
        Found::Tail(batches) => {
            let records = decode(batches.slices.concat().into());
            return Some(records.into_iter().filter(|(at, _)| *at >= offset).collect());
        }
        Found::Slots(positions) => positions,
        Found::Index(index) => {
            let positions = led.log.reader().positions(index).await.ok()?;
            let positions = tiering::read::of_partition(&positions, partition);
            let at = positions.partition_point(|p| p.last_offset() < offset);
            positions[at..].iter().take(8).copied().collect()
        }
    };
    let mut records = Vec::new();
    for position in positions {
        records.extend(decode(led.log.reader().batch(&position).await.ok()?));
    }
    Some(records.into_iter().filter(|(at, _)| *at >= offset).collect())
}

/// The whole log of a partition, read from a node on a store without faults.
pub async fn read_all(broker: &Broker, partition: PartitionId) -> Vec<(i64, Record)> {
    let mut log: Vec<(i64, Record)> = Vec::new();
    loop {
        let offset = log.last().map_or(0, |(at, _)| at + 1);
        match read(broker, partition, offset).await {
            Some(more) if more.is_empty() => return log,
            Some(more) => log.extend(more),
            None => return log,
        }
    }
}
