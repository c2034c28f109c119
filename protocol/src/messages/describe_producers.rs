//! DescribeProducers: who has written to partitions (KIP-664).

use crate::codec::Str;
use crate::{Message, Wire};

/// Asks for the producers of partitions.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = DescribeProducers, versions = "0", flexible = "0..", response = DescribeProducersResponse)]
pub struct DescribeProducersRequest {
    /// The topics.
    pub topics: Vec<DescribeProducersTopicRequest>,
}

/// A topic asked about.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct DescribeProducersTopicRequest {
    /// Name of the topic.
    pub name: Str,
    /// Numbers of the partitions.
    pub partition_indexes: Vec<i32>,
}

/// The producers.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = DescribeProducers, versions = "0", flexible = "0..")]
pub struct DescribeProducersResponse {
    /// Milliseconds for which the client was throttled.
    pub throttle_time_ms: i32,
    /// The topics.
    pub topics: Vec<DescribeProducersTopicResponse>,
}

/// A topic.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct DescribeProducersTopicResponse {
    /// Name of the topic.
    pub name: Str,
    /// The partitions.
    pub partitions: Vec<DescribeProducersPartitionResponse>,
}

/// The producers of a partition.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct DescribeProducersPartitionResponse {
    /// Number of the partition.
    pub partition_index: i32,
    /// Error of the partition.
    pub error_code: i16,
    /// What it is about.
    #[field(nullable = "0..", default = "None")]
    pub error_message: Option<Str>,
    /// The producers that the partition remembers.
    pub active_producers: Vec<ProducerState>,
}

/// A producer.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct ProducerState {
    /// Its id.
    pub producer_id: i64,
    /// Its epoch.
    pub producer_epoch: i32,
    /// The sequence of its last record; −1 if it has written none in this epoch.
    #[field(default = "-1")]
    pub last_sequence: i32,
    /// When it last wrote (ms since 1970); −1 if that is not known.
    #[field(default = "-1")]
    pub last_timestamp: i64,
    /// The epoch of the coordinator that last ended a transaction of it; −1 if none did.
    pub coordinator_epoch: i32,
    /// Where its open transaction begins; −1 if it has none.
    #[field(default = "-1")]
    pub current_txn_start_offset: i64,
}
