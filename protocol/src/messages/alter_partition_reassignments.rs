//! AlterPartitionReassignments: which brokers hold partitions.

use crate::codec::Str;
use crate::{Message, Wire};

/// Moves partitions between brokers.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = AlterPartitionReassignments, versions = "0..=1", flexible = "0..", response = AlterPartitionReassignmentsResponse)]
pub struct AlterPartitionReassignmentsRequest {
    /// Milliseconds to wait.
    #[field(default = "60_000")]
    pub timeout_ms: i32,
    /// Whether partitions may get another number of replicas.
    #[field(versions = "1..", default = "true")]
    pub allow_replication_factor_change: bool,
    /// The topics.
    pub topics: Vec<ReassignableTopic>,
}

/// Partitions of a topic.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct ReassignableTopic {
    /// Name of the topic.
    pub name: Str,
    /// The partitions.
    pub partitions: Vec<ReassignablePartition>,
}

/// A partition.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct ReassignablePartition {
    /// Number of the partition.
    pub partition_index: i32,
    /// Brokers that shall hold it; null to call a move off.
    #[field(nullable = "0..")]
    pub replicas: Option<Vec<i32>>,
}

/// What became of each partition.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = AlterPartitionReassignments, versions = "0..=1", flexible = "0..")]
pub struct AlterPartitionReassignmentsResponse {
    /// Milliseconds for which the client was throttled.
    pub throttle_time_ms: i32,
    /// As asked.
    #[field(versions = "1..", default = "true")]
    pub allow_replication_factor_change: bool,
    /// Error of the request.
    pub error_code: i16,
    /// What was wrong.
    #[field(nullable = "0..")]
    pub error_message: Option<Str>,
    /// The topics.
    pub responses: Vec<ReassignableTopicResponse>,
}

/// What became of a topic's partitions.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct ReassignableTopicResponse {
    /// Name of the topic.
    pub name: Str,
    /// The partitions.
    pub partitions: Vec<ReassignablePartitionResponse>,
}

/// What became of a partition.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct ReassignablePartitionResponse {
    /// Number of the partition.
    pub partition_index: i32,
    /// Error of the partition.
    pub error_code: i16,
    /// What was wrong.
    #[field(nullable = "0..")]
    pub error_message: Option<Str>,
}
