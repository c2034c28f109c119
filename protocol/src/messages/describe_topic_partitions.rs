//! DescribeTopicPartitions: the partitions of topics, a page at a time.

use crate::codec::{Str, Uuid};
use crate::{Message, Wire};

/// Asks for partitions.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = DescribeTopicPartitions, versions = "0", flexible = "0..", response = DescribeTopicPartitionsResponse)]
pub struct DescribeTopicPartitionsRequest {
    /// The topics; empty for all.
    pub topics: Vec<TopicRequest>,
    /// The most partitions in the answer.
    #[field(default = "2000")]
    pub response_partition_limit: i32,
    /// Where to begin; null for the beginning.
    #[field(nullable = "0..")]
    pub cursor: Option<Cursor>,
}

/// A topic asked about.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct TopicRequest {
    /// Name of the topic.
    pub name: Str,
}

/// A place among the partitions of all topics.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// Name of the topic.
    pub topic_name: Str,
    /// Number of the first partition.
    pub partition_index: i32,
}

/// Partitions.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = DescribeTopicPartitions, versions = "0", flexible = "0..")]
pub struct DescribeTopicPartitionsResponse {
    /// Milliseconds for which the client was throttled.
    pub throttle_time_ms: i32,
    /// The topics.
    pub topics: Vec<DescribeTopicPartitionsResponseTopic>,
    /// Where to go on; null if there is no more.
    #[field(nullable = "0..")]
    pub next_cursor: Option<Cursor>,
}

/// A topic.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct DescribeTopicPartitionsResponseTopic {
    /// Error of the topic.
    pub error_code: i16,
    /// Name of the topic.
    #[field(nullable = "0..")]
    pub name: Option<Str>,
    /// Id of the topic.
    pub topic_id: Uuid,
    /// Whether the topic is the broker's own.
    pub is_internal: bool,
    /// The partitions.
    pub partitions: Vec<DescribeTopicPartitionsResponsePartition>,
    /// Bits of what the client may do with the topic; the lowest integer if not asked for.
    #[field(default = "i32::MIN")]
    pub topic_authorized_operations: i32,
}

/// A partition.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct DescribeTopicPartitionsResponsePartition {
    /// Error of the partition.
    pub error_code: i16,
    /// Number of the partition.
    pub partition_index: i32,
    /// Broker that leads it; −1 if none does.
    pub leader_id: i32,
    /// Epoch of that leader; −1 if unknown.
    #[field(default = "-1")]
    pub leader_epoch: i32,
    /// All brokers that host it.
    pub replica_nodes: Vec<i32>,
    /// Those in sync with the leader.
    pub isr_nodes: Vec<i32>,
    /// Those that may lead although they are not in sync.
    #[field(nullable = "0..")]
    pub eligible_leader_replicas: Option<Vec<i32>>,
    /// The last of them that were known.
    #[field(nullable = "0..")]
    pub last_known_elr: Option<Vec<i32>>,
    /// Those that are down.
    pub offline_replicas: Vec<i32>,
}
