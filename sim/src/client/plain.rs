//! A producer without idempotence. It sends by several connections, does not always wait for an acknowledgement, and
//! sends what was not acknowledged again now and then, whatever became of it.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use protocol::ErrorCode;
use protocol::messages::ProduceRequest;
use rand::Rng;

use super::connection::Due;
use super::parcel::{Parcel, Target, outcome};
use super::records::{Recipe, make};
use super::{Client, Connection, Leaders, Pace, PartitionIndex};

/// How many batches are sent before the first answer is waited for.
const IN_FLIGHT: usize = 5;

/// How many connections to a node there are.
const CONNECTIONS: usize = 3;

/// A connection, and its number.
type Line = (Connection, u64);

/// A batch that was sent and is to be acknowledged.
type Sent = (usize, Line, Vec<(Due, Parcel)>);

struct Plain {
    client: Client,
    leaders: Leaders,
    /// By node and place.
    lines: BTreeMap<(usize, usize), Line>,
    acks: i16,
    next: i32,
}

/// Produces into `partitions` until the run says otherwise.
pub async fn produce(mut client: Client, partitions: Vec<PartitionIndex>, pace: Pace) {
    let acks = [-1, 1, 1, 0][client.rng.random_range(0..4)];
    let mut plain = Plain { client, leaders: Leaders::default(), lines: BTreeMap::new(), acks, next: 0 };
    while plain.client.is_running() {
        let partition = partitions[plain.client.rng.random_range(0..partitions.len())];
        if plain.round(partition).await.is_err() {
            plain.client.tally.lock().unknown += 1;
            plain.client.pause(1..100).await;
            let _ = plain.leaders.refresh(&mut plain.client).await;
        }
        plain.client.pause(0..pace.pause_ms).await;
    }
}

impl Plain {
    /// Sends a few batches by one connection or two, and takes the answers.
    async fn round(&mut self, partition: PartitionIndex) -> io::Result<()> {
        let Some(led) = self.leaders.of(partition) else {
            return self.leaders.refresh(&mut self.client).await;
        };
        let ways = self.client.rng.random_range(1..=2);
        let mut sent = Vec::with_capacity(ways);
        for way in 0..ways {
            let batches = self.client.rng.random_range(1..=IN_FLIGHT);
            let parcels: Vec<_> = (0..batches).filter_map(|_| self.parcel(partition)).collect();
            let place = (way + self.client.rng.random_range(0..CONNECTIONS)) % CONNECTIONS;
            sent.push(self.send(led.node, place, parcels).await?);
        }
        let mut again = Vec::new();
        for (place, (mut connection, link), due) in sent {
            for (due, parcel) in due {
                let patience = self.client.ms(300..10_000);
                let response = connection.receive::<ProduceRequest>(due, patience).await?;
                let (code, offset) = outcome(&response);
                let (number, sequence) = (self.client.number, parcel.sequence);
                self.client
                    .trace
                    .line(format_args!("sent {number} {partition:?} {sequence} {offset} {code:?}"));
                match code {
                    ErrorCode::None => parcel.acknowledged(&self.client, offset),
                    code if code.is_retriable() => again.push(parcel),
                    code => self.client.wrong(format!("a batch of {partition:?} was refused: {code:?}")),
                }
            }
            self.lines.insert((led.node, place), (connection, link));
        }
        if again.is_empty() {
            return Ok(());
        }
        // Once more, and then they are given up.
        self.client.tally.lock().retries += 1;
        let _ = self.leaders.refresh(&mut self.client).await;
        let Some(led) = self.leaders.of(partition) else { return Ok(()) };
        let (place, (mut connection, link), due) = self.send(led.node, 0, again).await?;
        for (due, parcel) in due {
            let patience = self.client.ms(300..10_000);
            let response = connection.receive::<ProduceRequest>(due, patience).await?;
            if let (ErrorCode::None, offset) = outcome(&response) {
                parcel.acknowledged(&self.client, offset);
            }
        }
        self.lines.insert((led.node, place), (connection, link));
        Ok(())
    }

    fn parcel(&mut self, partition: PartitionIndex) -> Option<Parcel> {
        let name = self.client.topic(partition)?;
        let target = Target { topic: Arc::clone(&name), name, id: None, by_name: false };
        let count = self.client.rng.random_range(1..4);
        let (producer, first) = (self.client.number as i64, self.next);
        let bytes =
            make(Recipe { producer, idempotent: None, first, count, padding: 0, made_at: None }).ok()?;
        self.next += count;
        Some(Parcel { target, partition: partition.1, sequence: first, count, bytes, plain: true })
    }

    /// Sends batches by a connection to a node. Now and then what was not acknowledged is sent once more right away,
    /// by the same one.
    async fn send(&mut self, node: usize, place: usize, parcels: Vec<Parcel>) -> io::Result<Sent> {
        let (mut connection, link) = match self.lines.remove(&(node, place)) {
            Some(line) => line,
            None => {
                let connection = Connection::open(&self.client.network, self.client.host(), node).await?;
                (connection, self.client.new_link())
            }
        };
        let mut due = Vec::with_capacity(parcels.len());
        for parcel in parcels {
            let times = 1 + usize::from(self.client.rng.random_bool(0.05));
            for _ in 0..times {
                let (version, request) = parcel.request(self.acks, self.client.rng.random_range(500..10_000));
                parcel.sent(&self.client, link, self.acks);
                self.client.sends(self.acks);
                let sent = connection.send(version, &request).await?;
                if self.acks != 0 {
                    due.push((sent, parcel.clone()));
                }
            }
        }
        Ok((place, (connection, link), due))
    }
}
