//! A client that does not treat its connections as it should: it asks for much and reads nothing for a while, or only a
//! little at a time; it goes with requests in flight, long polls and batches among them, or in the middle of one; and
//! what it asks at once on one connection is of several kinds.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use protocol::messages::fetch::{FetchPartition, FetchTopic};
use protocol::messages::{FetchRequest, MetadataRequest, ProduceRequest};
use rand::Rng;

use super::parcel::{Parcel, Target, outcome};
use super::records::{Recipe, make};
use super::{Client, Connection, Leaders, PartitionIndex, read_records};

/// How long a node may take beyond what it was allowed.
const PATIENCE: Duration = Duration::from_secs(10);

struct Careless {
    client: Client,
    leaders: Leaders,
    next: i32,
}

/// Goes on until the run says otherwise.
pub async fn be_careless(client: Client, partitions: Vec<PartitionIndex>) {
    let mut careless = Careless { client, leaders: Leaders::default(), next: 0 };
    while careless.client.is_running() {
        let partition = partitions[careless.client.rng.random_range(0..partitions.len())];
        if careless.turn(partition).await.is_err() {
            let _ = careless.leaders.refresh(&mut careless.client).await;
        }
        careless.client.pause(50..2500).await;
    }
}

impl Careless {
    async fn turn(&mut self, partition: PartitionIndex) -> io::Result<()> {
        let Some(led) = self.leaders.of(partition) else {
            return self.leaders.refresh(&mut self.client).await;
        };
        let mut connection = Connection::open(&self.client.network, self.client.host(), led.node).await?;
        match self.client.rng.random_range(0..4) {
            0 => self.read_late(&mut connection, partition).await,
            1 => self.go_early(connection, partition).await,
            2 => self.break_off(connection).await,
            _ => self.mix(&mut connection, partition).await,
        }
    }

    fn fetch(&self, partition: PartitionIndex, offset: i64, wait_ms: i32) -> FetchRequest {
        let name = self.client.topic(partition).as_deref().unwrap_or_default().into();
        let wanted = FetchPartition {
            partition: partition.1,
            current_leader_epoch: -1,
            fetch_offset: offset,
            last_fetched_epoch: -1,
            partition_max_bytes: 1 << 20,
            ..Default::default()
        };
        FetchRequest {
            max_wait_ms: wait_ms,
            min_bytes: 1 << 20,
            max_bytes: 1 << 20,
            topics: vec![FetchTopic { topic: name, partitions: vec![wanted], ..Default::default() }],
            replica_id: -1,
            session_epoch: -1,
            ..Default::default()
        }
    }

    /// Asks for the same again and again, and takes no answer for a while.
    async fn read_late(&mut self, connection: &mut Connection, partition: PartitionIndex) -> io::Result<()> {
        let request = self.fetch(partition, 0, 0);
        let mut due = Vec::new();
        for _ in 0..self.client.rng.random_range(2..12) {
            due.push(connection.send(12, &request).await?);
        }
        self.client.tally.lock().unread += due.len() as u64;
        self.client.pause(500..12_000).await;
        for due in due {
            let response = connection.receive::<FetchRequest>(due, PATIENCE).await?;
            self.client.pause(0..300).await;
            let data = response.responses.into_iter().next().and_then(|mut topic| topic.partitions.pop());
            let Some(data) = data.filter(|data| data.error_code == 0) else { continue };
            if let Err(error) = read_records(data.records.into_bytes(), 0) {
                self.client.wrong(format!("{partition:?}: unreadable records: {error}"));
            }
        }
        Ok(())
    }

    /// Sends batches and a long poll, and goes.
    async fn go_early(&mut self, mut connection: Connection, partition: PartitionIndex) -> io::Result<()> {
        let link = self.client.new_link();
        for _ in 0..self.client.rng.random_range(0..4) {
            let Some(parcel) = self.parcel(partition) else { continue };
            let (version, request) = parcel.request(-1, 30_000);
            parcel.sent(&self.client, link, -1);
            self.client.sends(-1);
            connection.send(version, &request).await?;
        }
        let request = self.fetch(partition, 0, 20_000);
        connection.send(12, &request).await?;
        self.client.tally.lock().abandoned += 1;
        self.client.pause(0..200).await;
        Ok(())
    }

    /// Goes in the middle of a request.
    async fn break_off(&mut self, mut connection: Connection) -> io::Result<()> {
        let length = self.client.rng.random_range(0..60);
        connection.send_part(3, &MetadataRequest::default(), length).await?;
        self.client.tally.lock().abandoned += 1;
        self.client.pause(0..5000).await;
        Ok(())
    }

    /// Asks for several things at once, and takes the answers, which come in order.
    async fn mix(&mut self, connection: &mut Connection, partition: PartitionIndex) -> io::Result<()> {
        let link = self.client.new_link();
        let Some(parcel) = self.parcel(partition) else { return Ok(()) };
        let metadata = MetadataRequest { allow_auto_topic_creation: false, ..Default::default() };
        let poll = self.fetch(partition, 0, 300);
        let first = connection.send(12, &poll).await?;
        let (version, request) = parcel.request(1, 10_000);
        parcel.sent(&self.client, link, 1);
        self.client.sends(1);
        let second = connection.send(version, &request).await?;
        let third = connection.send(12, &metadata).await?;
        connection.receive::<FetchRequest>(first, PATIENCE).await?;
        let response = connection.receive::<ProduceRequest>(second, PATIENCE).await?;
        if let (protocol::ErrorCode::None, offset) = outcome(&response) {
            parcel.acknowledged(&self.client, offset);
        }
        connection.receive::<MetadataRequest>(third, PATIENCE).await?;
        Ok(())
    }

    fn parcel(&mut self, partition: PartitionIndex) -> Option<Parcel> {
        let name = self.client.topic(partition)?;
        let target = Target { topic: Arc::clone(&name), name, id: None, by_name: false };
        let (producer, first) = (self.client.number as i64, self.next);
        let bytes =
            make(Recipe { producer, idempotent: None, first, count: 1, padding: 0, made_at: None }).ok()?;
        self.next += 1;
        Some(Parcel { target, partition: partition.1, sequence: first, count: 1, bytes, plain: true })
    }
}
