//! CreatePartitions: more partitions for topics.

use crate::codec::Str;
use crate::{Message, Wire};

/// Gives topics more partitions.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = CreatePartitions, versions = "0..=3", flexible = "2..", response = CreatePartitionsResponse)]
pub struct CreatePartitionsRequest {
    /// The topics.
    pub topics: Vec<CreatePartitionsTopic>,
    /// Milliseconds to wait.
    pub timeout_ms: i32,
    /// Whether to only check that they could be created.
    pub validate_only: bool,
}

/// A topic that gets partitions.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct CreatePartitionsTopic {
    /// Name of the topic.
    pub name: Str,
    /// How many partitions it shall have, those that it has included.
    pub count: i32,
    /// Where each new partition goes, in order; null to leave it to the broker.
    #[field(nullable = "0..")]
    pub assignments: Option<Vec<CreatePartitionsAssignment>>,
}

/// Where a new partition goes.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct CreatePartitionsAssignment {
    /// Ids of the brokers.
    pub broker_ids: Vec<i32>,
}

/// What became of each topic.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = CreatePartitions, versions = "0..=3", flexible = "2..")]
pub struct CreatePartitionsResponse {
    /// Milliseconds for which the client was throttled.
    pub throttle_time_ms: i32,
    /// The topics.
    pub results: Vec<CreatePartitionsTopicResult>,
}

/// What became of a topic.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct CreatePartitionsTopicResult {
    /// Name of the topic.
    pub name: Str,
    /// Error of the topic.
    pub error_code: i16,
    /// What was wrong.
    #[field(nullable = "0..")]
    pub error_message: Option<Str>,
}
