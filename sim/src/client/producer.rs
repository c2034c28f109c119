//! An idempotent producer. It pipelines batches, and sends what is not acknowledged again until it is: the same
//! batches, in the same order, with the same sequence numbers. Where producers are forgotten soon, what it sends may
//! be there twice, and it goes on under another id if it finds itself forgotten, as Kafka's own producer does.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::time::Duration;

use bytes::Bytes;
use protocol::ErrorCode;
use protocol::messages::produce::{PartitionProduceData, TopicProduceData};
use protocol::messages::{ProduceRequest, ProduceResponse};
use rand::Rng;

use super::records::{Recipe, make};
use super::{Client, Leaders, PartitionIndex, admin};
use crate::history::{Event, Sent};

/// How many batches of a partition a producer may have in flight (`max.in.flight.requests.per.connection`).
const IN_FLIGHT: usize = 5;

/// How a producer works.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// The most milliseconds between two rounds.
    pub pause_ms: u64,
    /// How often it asks another node than the leader.
    pub astray: f64,
    /// Whether a producer may be forgotten while it is there.
    pub forgotten: bool,
    /// The bytes that each record has besides those that mean something.
    pub padding: usize,
}

/// A batch that is not acknowledged.
struct Batch {
    base: i32,
    count: i32,
    bytes: Bytes,
    /// Whether it was sent.
    sent: bool,
}

type Queues = BTreeMap<PartitionIndex, VecDeque<Batch>>;

struct Producer {
    client: Client,
    leaders: Leaders,
    id: i64,
    next: BTreeMap<PartitionIndex, i32>,
    /// What its first record with this id was, where that is not 0.
    first: BTreeMap<PartitionIndex, i32>,
    pace: Pace,
}

/// Produces into `partitions` until the run says otherwise, and returns when everything is acknowledged.
pub async fn produce(mut client: Client, partitions: Vec<PartitionIndex>, pace: Pace) {
    let Some(id) = identify(&mut client).await else { return };
    let next = partitions.iter().map(|partition| (*partition, 0)).collect();
    let (leaders, first) = (Leaders::default(), BTreeMap::new());
    let mut producer = Producer { client, leaders, id, next, first, pace };
    while producer.client.is_running() {
        let Some(queues) = producer.round() else { return };
        if !producer.deliver(queues).await {
            return;
        }
        producer.client.pause(0..pace.pause_ms).await;
    }
}

/// An id, unless the run ends before one is given.
async fn identify(client: &mut Client) -> Option<i64> {
    let id = loop {
        match admin::producer_id(client).await {
            Ok(id) => break id,
            Err(_) if !client.is_running() => return None,
            Err(_) => client.pause(50..500).await,
        }
    };
    client.note(Event::ProducerId { producer: client.number as i64, id });
    client.trace.line(format_args!("producer {} has id {id}", client.number));
    Some(id)
}

impl Producer {
    fn recipe(&self, partition: PartitionIndex, base: i32, count: i32) -> Recipe {
        let first = self.first.get(&partition).copied().unwrap_or(0);
        let idempotent = Some((self.id, base - first));
        let (producer, padding) = (self.client.number as i64, self.pace.padding);
        Recipe { producer, idempotent, first: base, count, padding, made_at: None }
    }

    /// Takes another id, and begins with it at what is not acknowledged.
    async fn renew(&mut self, queues: &mut Queues) -> Option<()> {
        self.id = identify(&mut self.client).await?;
        self.client.tally.lock().renewed += 1;
        self.first = self.next.clone();
        for (partition, queue) in queues {
            if let Some(oldest) = queue.front() {
                self.first.insert(*partition, oldest.base);
            }
            for batch in queue {
                batch.bytes = make(self.recipe(*partition, batch.base, batch.count)).ok()?;
            }
        }
        Some(())
    }

    /// Batches for some of the partitions.
    fn round(&mut self) -> Option<Queues> {
        let mut queues = Queues::new();
        let most = 1 + usize::from(self.client.rng.random_bool(0.3));
        let depth = if self.client.rng.random_bool(0.5) { 1 } else { IN_FLIGHT };
        for _ in 0..most {
            let at = self.client.rng.random_range(0..self.next.len());
            let (&partition, &next) = self.next.iter().nth(at)?;
            if queues.contains_key(&partition) {
                continue;
            }
            let (mut base, mut queue) = (next, VecDeque::new());
            for _ in 0..self.client.rng.random_range(1..=depth) {
                let count = self.client.rng.random_range(1..4);
                let bytes = make(self.recipe(partition, base, count)).ok()?;
                queue.push_back(Batch { base, count, bytes, sent: false });
                base += count;
            }
            self.next.insert(partition, base);
            queues.insert(partition, queue);
        }
        Some(queues)
    }

    /// Sends until everything is acknowledged; false if something is refused for good.
    async fn deliver(&mut self, mut queues: Queues) -> bool {
        loop {
            queues.retain(|_, queue| !queue.is_empty());
            let Some(&first) = queues.keys().next() else { return true };
            let Some(target) = self.target(first) else {
                if self.leaders.refresh(&mut self.client).await.is_err() || self.target(first).is_none() {
                    self.client.pause(20..300).await;
                }
                continue;
            };
            let led = |partition: &PartitionIndex| {
                self.leaders.of(*partition).is_some_and(|led| led.node == target)
            };
            let group: Vec<_> = queues.keys().filter(|p| **p == first || led(p)).copied().collect();
            match self.attempt(target, &group, &mut queues).await {
                Ok(Verdict::Done) => {}
                Ok(Verdict::Refused) => return false,
                Ok(Verdict::Forgotten) => {
                    queues.retain(|_, queue| !queue.is_empty());
                    if self.renew(&mut queues).await.is_none() {
                        return false;
                    }
                }
                outcome => {
                    if outcome.is_err() {
                        self.client.tally.lock().unknown += 1;
                    }
                    self.client.tally.lock().retries += 1;
                    self.client.pause(1..100).await;
                    let _ = self.leaders.refresh(&mut self.client).await;
                }
            }
        }
    }

    fn target(&mut self, partition: PartitionIndex) -> Option<usize> {
        match self.client.rng.random_bool(self.pace.astray) {
            true => Some(self.client.rng.random_range(0..self.client.nodes)),
            false => self.leaders.of(partition).map(|led| led.node),
        }
    }

    /// Sends all batches of a group to a node, one after the other, and takes what is acknowledged off its queue.
    async fn attempt(
        &mut self,
        node: usize,
        group: &[PartitionIndex],
        queues: &mut Queues,
    ) -> io::Result<Verdict> {
        let mut connection = self.leaders.connection(&self.client, node).await?;
        let patience = match self.client.rng.random_bool(0.2) {
            true => self.client.ms(30..1000),
            false => self.client.ms(1000..15_000),
        };
        let timeout_ms = self.client.rng.random_range(500..30_000);
        let depth = group.iter().filter_map(|p| queues.get(p)).map(VecDeque::len).max().unwrap_or(0);
        let mut due = Vec::with_capacity(depth);
        let link = self.pace.forgotten.then(|| self.client.new_link());
        for at in 0..depth {
            let request = self.request(at, group, queues, timeout_ms);
            if let Some(link) = link {
                self.sent(at, group, queues, link);
            }
            due.push(connection.send(9, &request).await?);
        }
        // By partition: whether every batch until now is acknowledged.
        let mut whole: BTreeMap<PartitionIndex, bool> = group.iter().map(|p| (*p, true)).collect();
        let mut done: Vec<(PartitionIndex, i32)> = Vec::new();
        let mut verdict = Verdict::Done;
        let mut broken = None;
        for (at, due) in due.into_iter().enumerate() {
            match connection.receive::<ProduceRequest>(due, patience).await {
                Ok(response) => {
                    let one = self.judge(&response, at, queues, &mut whole, &mut done);
                    verdict = verdict.max(one);
                }
                Err(error) => {
                    broken = Some(error);
                    break;
                }
            }
        }
        for (partition, base) in done {
            queues.entry(partition).and_modify(|queue| queue.retain(|batch| batch.base != base));
        }
        match broken {
            Some(error) => Err(error),
            None => {
                self.leaders.keep(node, connection);
                Ok(verdict)
            }
        }
    }

    /// Notes that the `at`-th batches are sent: they may be taken more than once.
    fn sent(&self, at: usize, group: &[PartitionIndex], queues: &Queues, link: u64) {
        for partition in group {
            let Some(batch) = queues.get(partition).and_then(|queue| queue.get(at)) else { continue };
            self.client.note(Event::Sent(Sent {
                topic: self.client.topic(*partition),
                partition: partition.1,
                producer: self.client.number as i64,
                sequence: batch.base.into(),
                count: batch.count.into(),
                link,
                plain: true,
                by_name: false,
            }));
        }
    }

    fn request(
        &self,
        at: usize,
        group: &[PartitionIndex],
        queues: &mut Queues,
        timeout_ms: i32,
    ) -> ProduceRequest {
        let mut topics: BTreeMap<usize, TopicProduceData> = BTreeMap::new();
        for partition in group {
            let Some(batch) = queues.get_mut(partition).and_then(|queue| queue.get_mut(at)) else { continue };
            batch.sent = true;
            let name = self.client.topic(*partition).as_deref().unwrap_or_default().into();
            let data =
                topics.entry(partition.0).or_insert_with(|| TopicProduceData { name, ..Default::default() });
            let records = Some(batch.bytes.clone().into());
            data.partition_data.push(PartitionProduceData { index: partition.1, records });
        }
        let topic_data = topics.into_values().collect();
        ProduceRequest { transactional_id: None, acks: -1, timeout_ms, topic_data }
    }

    /// What the response to the `at`-th batches means.
    fn judge(
        &self,
        response: &ProduceResponse,
        at: usize,
        queues: &Queues,
        whole: &mut BTreeMap<PartitionIndex, bool>,
        done: &mut Vec<(PartitionIndex, i32)>,
    ) -> Verdict {
        let mut verdict = Verdict::Done;
        for topic in &response.responses {
            let index = self.client.topics.iter().position(|t| *t.name == *topic.name);
            for answer in &topic.partition_responses {
                let partition = (index.unwrap_or(usize::MAX), answer.index);
                let Some(batch) = queues.get(&partition).and_then(|queue| queue.get(at)) else { continue };
                let whole = whole.entry(partition).or_insert(true);
                let code = ErrorCode::from_code(answer.error_code);
                let (base, count, offset) = (batch.base, batch.count, answer.base_offset);
                let number = self.client.number;
                self.client
                    .trace
                    .line(format_args!("produce {number} {partition:?} {base}+{count} {offset} {code:?}"));
                match code {
                    Some(ErrorCode::None) => {
                        self.acknowledge(partition, batch, offset);
                        done.push((partition, base));
                    }
                    // As Kafka's own producer: it is in the log, who knows where.
                    Some(ErrorCode::DuplicateSequenceNumber) => done.push((partition, base)),
                    Some(code) if code.is_retriable() => {
                        *whole = false;
                        verdict = verdict.max(Verdict::Retry);
                    }
                    // What it sent long ago may have come after it was forgotten.
                    Some(ErrorCode::OutOfOrderSequenceNumber) if self.pace.forgotten => {
                        *whole = false;
                        verdict = verdict.max(Verdict::Forgotten);
                    }
                    _ => {
                        self.client
                            .wrong(format!("a batch {base}+{count} of {partition:?} was refused: {code:?}"));
                        verdict = Verdict::Refused;
                    }
                }
            }
        }
        verdict
    }

    fn acknowledge(&self, partition: PartitionIndex, batch: &Batch, offset: i64) {
        let mut history = self.client.history.lock();
        for i in 0..batch.count {
            history.push(Event::Ack {
                topic: self.client.topic(partition),
                partition: partition.1,
                producer: self.client.number as i64,
                sequence: (batch.base + i).into(),
                offset: offset + i64::from(i),
            });
        }
    }
}

/// What a producer does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Done,
    Retry,
    /// It goes on under another id.
    Forgotten,
    Refused,
}

/// The time that everything may take to be acknowledged once nothing goes wrong any more.
pub const PROGRESS: Duration = Duration::from_secs(120);
