//! What a broker should do, checked and in plain units.

use std::time::Duration;

use coordinator::NodeId;
use coordinator::cluster::{Address, Limits};
use coordinator::config::broker::Statics;

use crate::log::LogConfig;

/// A node's settings.
#[derive(Clone, Debug)]
pub struct BrokerConfig {
    /// Whether asking for an unknown topic creates it (`auto.create.topics.enable`, default true).
    pub auto_create_topics: bool,
    /// Partitions of a topic that does not say how many (`num.partitions`, default 1).
    pub default_partitions: i32,
    /// Replication factor of a topic that does not say one (default 1). The store replicates; nothing here does.
    pub default_replication_factor: i16,
    /// How many topics, partitions and groups with settings the cluster may have.
    pub limits: Limits,
    /// So many metadata entries a second clients may cause on this node in the long run (default 50).
    pub changes_per_second: u32,
    /// The largest request in bytes (`socket.request.max.bytes`, default 100 MiB).
    pub max_request_bytes: usize,
    /// The bytes of requests being read, unflushed or in flight (default 256 MiB). Producers over it wait.
    pub request_memory: usize,
    /// The bytes of answers being read or sent (default 256 MiB). Consumers over it get less, or wait.
    pub answer_memory: usize,
    /// The bytes that looking into batches, and compressing them otherwise, may take (default 64 MiB).
    pub unpack_memory: usize,
    /// A connection that sends nothing for this long is closed (`connections.max.idle.ms`, default 10 min).
    pub idle_timeout: Duration,
    /// A request that has begun must make progress within this (default 30 s).
    pub stall_timeout: Duration,
    /// Connections over this are refused (`max.connections`, default 20,000).
    pub max_connections: usize,
    /// The node id; `None` takes the index of the metadata entry that opened the process's first session.
    pub node_id: Option<NodeId>,
    /// The rack (`broker.rack`).
    pub rack: Option<String>,
    /// Where the node is reached, one address for each listener. Clients get the one that has the name of the
    /// listener that accepted them. The first is that of the inter-node listener (Kafka's
    /// `inter.broker.listener.name`), by which nodes reach each other.
    pub addresses: Vec<Address>,
    /// Kafka's settings for groups and fetches that the node was started with.
    pub settings: Statics,
    /// How slots are filled and put.
    pub log: LogConfig,
    /// How often records are looked for that need not be kept any longer (`log.retention.check.interval.ms`,
    /// default 5 min).
    pub retention_check_interval: Duration,
    /// How often idle producers are looked for (`producer.id.expiration.check.interval.ms`, 10 min).
    pub producer_check_interval: Duration,
    /// Bytes of slots and indexes kept in memory for readers behind the tail (default 64 MiB).
    pub read_cache_bytes: u64,
}

impl BrokerConfig {
    /// Whether this is the listener by which nodes reach each other. A node's only listener is, and serves clients, too.
    pub fn is_inter_node(&self, listener: &str) -> bool {
        self.addresses.first().is_some_and(|address| address.listener == listener)
    }
}
