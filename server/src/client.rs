//! A small client of Kafka's protocol, for the commands of this binary; it works against any Kafka broker.
//!
//! It finds leaders and coordinators, picks versions, and tries again where that can help. It is no member of
//! groups, and has no transactions and no security.

mod admin;
mod backoff;
mod connection;
mod coordinators;
mod described;
mod error;
mod fetch;
mod groups;
mod metadata;
mod offsets;
mod offsets_of_groups;
mod partitions;
mod peers;
mod producer;
#[cfg(test)]
mod scripted;
mod settings;
mod versions;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

pub(crate) use admin::NewTopic;
pub(crate) use backoff::Backoff;
pub(crate) use connection::{Connection, Reply};
pub(crate) use coordinators::Coordinator;
pub(crate) use described::{Group, Kind, Member, Partitions};
pub(crate) use error::Error;
pub(crate) use fetch::{Fetched, Reader, ReaderOptions};
pub(crate) use groups::Listed;
pub(crate) use metadata::{Metadata, Topic};
pub(crate) use offsets_of_groups::TopicPartition;
pub(crate) use producer::{Identity, Lane, LaneOptions, check as check_produced};
pub(crate) use settings::{Change, Resource, Setting};

/// How long a node has to take a connection while there is another one to try.
const OPENING: Duration = Duration::from_secs(3);

/// A client of one cluster. Clones share connections.
#[derive(Clone)]
pub(crate) struct Client {
    shared: Arc<Shared>,
}

struct Shared {
    bootstrap: Vec<String>,
    timeout: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    metadata: Metadata,
    /// By address.
    connections: HashMap<String, Arc<Connection>>,
}

impl Client {
    /// A client of the cluster behind these addresses, each `HOST:PORT`. `timeout` is for each operation with all
    /// its attempts.
    pub(crate) fn new(bootstrap: &[String], timeout: Duration) -> Self {
        let bootstrap = bootstrap.to_vec();
        Self { shared: Arc::new(Shared { bootstrap, timeout, state: Mutex::default() }) }
    }

    /// How long an operation may take.
    pub(crate) fn timeout(&self) -> Duration {
        self.shared.timeout
    }

    /// Attempts that begin now.
    pub(crate) fn backoff(&self) -> Backoff {
        Backoff::new(self.shared.timeout)
    }

    /// A connection for the caller alone. Fails if the address can't be reached.
    pub(crate) async fn dial(&self, address: &str) -> Result<Arc<Connection>, Error> {
        self.open(address, self.shared.timeout).await
    }

    async fn open(&self, address: &str, opening: Duration) -> Result<Arc<Connection>, Error> {
        Connection::open(address, opening.min(self.shared.timeout), self.shared.timeout).await
    }

    /// The shared connection to an address.
    async fn connection(&self, address: &str) -> Result<Arc<Connection>, Error> {
        self.connection_within(address, self.shared.timeout).await
    }

    async fn connection_within(&self, address: &str, opening: Duration) -> Result<Arc<Connection>, Error> {
        let mut state = self.shared.state.lock().await;
        if let Some(connection) = state.connections.get(address).filter(|c| !c.is_closed()) {
            return Ok(Arc::clone(connection));
        }
        let connection = self.open(address, opening).await?;
        state.connections.insert(address.to_owned(), Arc::clone(&connection));
        Ok(connection)
    }

    /// The shared connection to any node.
    async fn any(&self) -> Result<Arc<Connection>, Error> {
        let mut addresses = self.shared.bootstrap.clone();
        addresses.extend(self.shared.state.lock().await.metadata.brokers.values().cloned());
        let mut failure = Error::NoAddress;
        for (at, address) in addresses.iter().enumerate() {
            // A node that is frozen accepts connections, and answers nothing.
            let is_last = at + 1 == addresses.len();
            let opening = if is_last { self.shared.timeout } else { OPENING };
            match self.connection_within(address, opening).await {
                Ok(connection) => return Ok(connection),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    /// The address of a partition's leader, from metadata that is read if need be.
    pub(crate) async fn leader(&self, topic: &str, partition: i32) -> Result<(Topic, String), Error> {
        if let Some(found) = self.shared.state.lock().await.metadata.leader(topic, partition) {
            return Ok(found);
        }
        let metadata = self.metadata(Some(&[topic]), false).await?;
        metadata.topic(topic)?;
        metadata
            .leader(topic, partition)
            .ok_or_else(|| Error::NoLeader { topic: topic.to_owned(), partition })
    }

    /// The shared connection to a partition's leader.
    pub(crate) async fn leading(
        &self,
        topic: &str,
        partition: i32,
    ) -> Result<(Topic, Arc<Connection>), Error> {
        let (topic, address) = self.leader(topic, partition).await?;
        Ok((topic, self.connection(&address).await?))
    }

    /// Forgets what is known of a topic, so that its leaders are asked for again.
    pub(crate) async fn forget(&self, topic: &str) {
        self.shared.state.lock().await.metadata.topics.remove(topic);
    }
}
