//! ListPartitionReassignments: which partitions are on the move between brokers.

use crate::codec::Str;
use crate::{Message, Wire};

/// Asks what is on the move.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = ListPartitionReassignments, versions = "0", flexible = "0..", response = ListPartitionReassignmentsResponse)]
pub struct ListPartitionReassignmentsRequest {
    /// Milliseconds to wait.
    #[field(default = "60_000")]
    pub timeout_ms: i32,
    /// The partitions asked about; null for all.
    #[field(nullable = "0..")]
    pub topics: Option<Vec<ListPartitionReassignmentsTopics>>,
}

/// Partitions of a topic.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct ListPartitionReassignmentsTopics {
    /// Name of the topic.
    pub name: Str,
    /// Numbers of the partitions.
    pub partition_indexes: Vec<i32>,
}

/// What is on the move.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = ListPartitionReassignments, versions = "0", flexible = "0..")]
pub struct ListPartitionReassignmentsResponse {
    /// Milliseconds for which the client was throttled.
    pub throttle_time_ms: i32,
    /// Error of the request.
    pub error_code: i16,
    /// What was wrong.
    #[field(nullable = "0..")]
    pub error_message: Option<Str>,
    /// The topics with partitions on the move.
    pub topics: Vec<OngoingTopicReassignment>,
}

/// A topic with partitions on the move.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct OngoingTopicReassignment {
    /// Name of the topic.
    pub name: Str,
    /// The partitions.
    pub partitions: Vec<OngoingPartitionReassignment>,
}

/// A partition on the move.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct OngoingPartitionReassignment {
    /// Number of the partition.
    pub partition_index: i32,
    /// Brokers that hold it.
    pub replicas: Vec<i32>,
    /// Those that are to hold it.
    pub adding_replicas: Vec<i32>,
    /// Those that are to hold it no more.
    pub removing_replicas: Vec<i32>,
}
