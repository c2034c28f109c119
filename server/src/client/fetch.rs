//! Reading partitions from given offsets on.
//!
//! One task per leader keeps a fetch on its way and hands on what came; it looks for the new leader when its
//! own is none any more.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use protocol::ErrorCode;
use protocol::messages::fetch::{FetchPartition, FetchRequest, FetchTopic, PartitionData};
use protocol::messages::list_offsets::EARLIEST_TIMESTAMP;
use protocol::records::{Batch, Batches};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::{Client, Connection, Error, Topic};

/// How much is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReaderOptions {
    /// How long a broker may wait for records.
    pub(crate) max_wait: Duration,
    /// Bytes of one answer.
    pub(crate) max_bytes: i32,
    /// Bytes of one partition in an answer.
    pub(crate) partition_max_bytes: i32,
}

impl Default for ReaderOptions {
    fn default() -> Self {
        Self { max_wait: Duration::from_millis(500), max_bytes: 50 << 20, partition_max_bytes: 8 << 20 }
    }
}

/// Batches of one partition, in order.
#[derive(Debug)]
pub(crate) struct Fetched {
    /// The partition.
    pub(crate) partition: i32,
    /// Offsets before these batches that are not in the log any more: retention was faster.
    pub(crate) passed: Option<Range<i64>>,
    /// The first may begin before the offset that was asked for.
    pub(crate) batches: Vec<Batch>,
}

/// A partition that is being read.
#[derive(Debug, Clone, Copy)]
struct Position {
    next: i64,
    /// Reading ends in front of this offset.
    end: Option<i64>,
}

impl Position {
    fn is_done(&self) -> bool {
        self.end.is_some_and(|end| self.next >= end)
    }
}

/// Batches as they come. Dropping it ends reading.
pub(crate) struct Reader {
    fetched: mpsc::Receiver<Result<Fetched, Error>>,
    _tasks: JoinSet<()>,
}

impl Reader {
    /// Reads partitions of a topic, each from an offset up to another; without one, for ever.
    pub(crate) async fn new(
        client: &Client,
        topic: &str,
        from: &BTreeMap<i32, (i64, Option<i64>)>,
        options: ReaderOptions,
    ) -> Result<Self, Error> {
        let mut by_leader: BTreeMap<String, BTreeMap<i32, Position>> = BTreeMap::new();
        for (partition, (next, end)) in from {
            let position = Position { next: *next, end: *end };
            if !position.is_done() {
                let (_, address) = client.leader(topic, *partition).await?;
                by_leader.entry(address).or_default().insert(*partition, position);
            }
        }
        let (sender, fetched) = mpsc::channel(4);
        let mut tasks = JoinSet::new();
        for positions in by_leader.into_values() {
            let (client, topic, sender) = (client.clone(), topic.to_owned(), sender.clone());
            tasks.spawn(async move {
                let mut task = Task { client, topic, positions, options, connections: HashMap::new() };
                if let Err(error) = task.run(&sender).await {
                    // No receiver may be left.
                    let _ = sender.send(Err(error)).await;
                }
            });
        }
        Ok(Self { fetched, _tasks: tasks })
    }

    /// What comes next; none once every partition has been read to its end.
    pub(crate) async fn next(&mut self) -> Result<Option<Fetched>, Error> {
        self.fetched.recv().await.transpose()
    }

    /// What has come already.
    pub(crate) fn next_now(&mut self) -> Result<Option<Fetched>, Error> {
        self.fetched.try_recv().ok().transpose()
    }
}

struct Task {
    client: Client,
    topic: String,
    positions: BTreeMap<i32, Position>,
    options: ReaderOptions,
    connections: HashMap<String, Arc<Connection>>,
}

impl Task {
    async fn run(&mut self, sender: &mpsc::Sender<Result<Fetched, Error>>) -> Result<(), Error> {
        let mut backoff = self.client.backoff();
        while !self.positions.is_empty() && !sender.is_closed() {
            match self.round(sender).await {
                Ok(()) => backoff = self.client.backoff(),
                Err(error) => {
                    backoff.wait(error).await?;
                    self.connections.clear();
                    self.client.forget(&self.topic).await;
                }
            }
        }
        Ok(())
    }

    /// One fetch from each leader; there is more than one only after leaders have changed.
    async fn round(&mut self, sender: &mpsc::Sender<Result<Fetched, Error>>) -> Result<(), Error> {
        let mut by_leader: BTreeMap<String, (Topic, Vec<i32>)> = BTreeMap::new();
        for partition in self.positions.keys() {
            let (topic, address) = self.client.leader(&self.topic, *partition).await?;
            by_leader.entry(address).or_insert((topic, Vec::new())).1.push(*partition);
        }
        for (address, (topic, partitions)) in by_leader {
            let connection = match self.connections.get(&address) {
                Some(connection) => Arc::clone(connection),
                None => {
                    let connection = self.client.dial(&address).await?;
                    self.connections.insert(address, Arc::clone(&connection));
                    connection
                }
            };
            let response = connection.call(&self.request(&topic, &partitions)).await?;
            Error::check(response.error_code, || format!("fetch from {}", connection.address()))?;
            for data in response.responses.iter().flat_map(|topic| &topic.partitions) {
                self.take(data, sender).await?;
            }
        }
        Ok(())
    }

    fn request(&self, topic: &Topic, partitions: &[i32]) -> FetchRequest {
        let partition = |partition: &i32| FetchPartition {
            partition: *partition,
            current_leader_epoch: -1,
            fetch_offset: self.positions.get(partition).map_or(0, |position| position.next),
            log_start_offset: -1,
            partition_max_bytes: self.options.partition_max_bytes,
            ..Default::default()
        };
        FetchRequest {
            max_wait_ms: i32::try_from(self.options.max_wait.as_millis()).unwrap_or(i32::MAX),
            min_bytes: 1,
            max_bytes: self.options.max_bytes,
            session_epoch: -1,
            topics: vec![FetchTopic {
                topic: topic.name.as_str().into(),
                topic_id: topic.id,
                partitions: partitions.iter().map(partition).collect(),
            }],
            ..Default::default()
        }
    }

    async fn take(
        &mut self,
        data: &PartitionData,
        sender: &mpsc::Sender<Result<Fetched, Error>>,
    ) -> Result<(), Error> {
        let partition = data.partition_index;
        let Some(position) = self.positions.get(&partition).copied() else { return Ok(()) };
        let what = || format!("partition {partition} of {} at offset {}", self.topic, position.next);
        match Error::check(data.error_code, what) {
            Err(error) if error.code() == Some(ErrorCode::OffsetOutOfRange) => {
                return self.pass(partition, position, error, sender).await;
            }
            checked => checked?,
        }
        let mut batches = Vec::new();
        let mut next = position.next;
        for batch in Batches::new(data.records.clone().into_bytes()) {
            match batch {
                Ok(batch) => {
                    next = next.max(batch.header().last_offset() + 1);
                    batches.push(batch);
                }
                // The last batch may be cut off.
                Err(_) if !batches.is_empty() => break,
                Err(error) => return Err(error.into()),
            }
        }
        self.go_on(partition, Position { next, ..position });
        if !batches.is_empty() {
            // No receiver may be left.
            let _ = sender.send(Ok(Fetched { partition, passed: None, batches })).await;
        }
        Ok(())
    }

    /// Goes on with the first record that is left, if the log begins behind the position. Fails with `error` if it
    /// doesn't: then it ends before it.
    async fn pass(
        &mut self,
        partition: i32,
        position: Position,
        error: Error,
        sender: &mpsc::Sender<Result<Fetched, Error>>,
    ) -> Result<(), Error> {
        let earliest = BTreeMap::from([(partition, EARLIEST_TIMESTAMP)]);
        let first = self.client.offsets(&self.topic, &earliest).await?.get(&partition).copied();
        let Some(first) = first.filter(|first| *first > position.next) else { return Err(error) };
        self.go_on(partition, Position { next: first, ..position });
        let passed = Some(position.next..position.end.map_or(first, |end| first.min(end)));
        // No receiver may be left.
        let _ = sender.send(Ok(Fetched { partition, passed, batches: Vec::new() })).await;
        Ok(())
    }

    fn go_on(&mut self, partition: i32, position: Position) {
        if position.is_done() {
            self.positions.remove(&partition);
        } else {
            self.positions.insert(partition, position);
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use protocol::messages::FetchResponse;
    use protocol::messages::fetch::FetchableTopicResponse;
    use protocol::messages::list_offsets::{
        ListOffsetsPartitionResponse, ListOffsetsResponse, ListOffsetsTopicResponse,
    };
    use protocol::records::BatchBuilder;

    use super::super::scripted::{Script, broker};
    use super::*;

    /// Records of one batch each with these offsets.
    fn records(offsets: Range<i64>) -> Bytes {
        let batch = |offset: i64| {
            let mut builder = BatchBuilder::new();
            builder.push(0, None, Some(b"value"), &[]);
            let mut batch = builder.build().expect("a batch").to_vec();
            batch[..8].copy_from_slice(&offset.to_be_bytes());
            batch
        };
        offsets.flat_map(batch).collect()
    }

    /// What a reader gets of a log that holds offsets 0 and 1 in its first answer and then 7 to 9: offsets that were
    /// passed, and such that were read.
    async fn read(from: i64, end: Option<i64>) -> Result<(Vec<Range<i64>>, Vec<i64>), Error> {
        let fetch = |request: FetchRequest| {
            let at = request.topics[0].partitions[0].fetch_offset;
            let (error_code, records) = match at {
                0 => (0, records(0..2)),
                7..10 => (0, records(at..10)),
                10 => (0, Bytes::new()),
                _ => (ErrorCode::OffsetOutOfRange.code(), Bytes::new()),
            };
            let partition = PartitionData { error_code, records: records.into(), ..Default::default() };
            let topic = FetchableTopicResponse {
                topic: "t".into(),
                partitions: vec![partition],
                ..Default::default()
            };
            FetchResponse { responses: vec![topic], ..Default::default() }
        };
        let offsets = |_| {
            let partition = ListOffsetsPartitionResponse { offset: 7, ..Default::default() };
            let topic = ListOffsetsTopicResponse { name: "t".into(), partitions: vec![partition] };
            ListOffsetsResponse { topics: vec![topic], ..Default::default() }
        };
        let script = Script { fetch: Box::new(fetch), offsets: Box::new(offsets), ..Script::default() };
        let client = Client::new(&[broker(script).await], Duration::from_secs(30));
        let mut reader =
            Reader::new(&client, "t", &BTreeMap::from([(0, (from, end))]), ReaderOptions::default()).await?;
        let (mut passed, mut offsets) = (Vec::new(), Vec::new());
        while offsets.last() != Some(&9)
            && let Some(fetched) = reader.next().await?
        {
            passed.extend(fetched.passed);
            offsets.extend(fetched.batches.iter().map(|batch| batch.header().base_offset));
        }
        Ok((passed, offsets))
    }

    #[tokio::test]
    async fn reading_goes_on_when_retention_has_passed_it() {
        let gone = |range: Range<i64>| vec![range];
        assert_eq!(read(0, None).await.expect("it goes on"), (gone(2..7), vec![0, 1, 7, 8, 9]));
        assert_eq!(read(3, None).await.expect("it goes on"), (gone(3..7), vec![7, 8, 9]));
        assert_eq!(read(0, Some(8)).await.expect("it ends").0, gone(2..7));
        assert_eq!(
            read(0, Some(5)).await.expect("it ends"),
            (gone(2..5), vec![0, 1]),
            "all the rest is gone"
        );
    }

    #[tokio::test]
    async fn an_offset_behind_the_end_is_an_error() {
        let error = read(11, None).await.expect_err("the log ends before it");
        assert_eq!(error.code(), Some(ErrorCode::OffsetOutOfRange));
    }
}
