//! ElectLeaders: has partitions led by the broker that should lead them.

use crate::codec::Str;
use crate::{Message, Wire};

/// Asks for elections.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = ElectLeaders, versions = "0..=2", flexible = "2..", response = ElectLeadersResponse)]
pub struct ElectLeadersRequest {
    /// 0: the preferred leader; 1: any replica, if none in sync is there.
    #[field(versions = "1..")]
    pub election_type: i8,
    /// The partitions; null for all.
    #[field(nullable = "0..")]
    pub topic_partitions: Option<Vec<TopicPartitions>>,
    /// Milliseconds to wait.
    #[field(default = "60_000")]
    pub timeout_ms: i32,
}

/// Partitions of a topic.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct TopicPartitions {
    /// Name of the topic.
    pub topic: Str,
    /// Numbers of the partitions.
    pub partitions: Vec<i32>,
}

/// What became of each partition.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = ElectLeaders, versions = "0..=2", flexible = "2..")]
pub struct ElectLeadersResponse {
    /// Milliseconds for which the client was throttled.
    pub throttle_time_ms: i32,
    /// Error of the request.
    #[field(versions = "1..")]
    pub error_code: i16,
    /// The topics.
    pub replica_election_results: Vec<ReplicaElectionResult>,
}

/// What became of a topic's partitions.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct ReplicaElectionResult {
    /// Name of the topic.
    pub topic: Str,
    /// The partitions.
    pub partition_result: Vec<PartitionResult>,
}

/// What became of a partition.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct PartitionResult {
    /// Number of the partition.
    pub partition_id: i32,
    /// Error of the partition.
    pub error_code: i16,
    /// What was wrong.
    #[field(nullable = "0..")]
    pub error_message: Option<Str>,
}
