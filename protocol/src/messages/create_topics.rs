//! CreateTopics.

use crate::codec::{Str, Uuid};
use crate::{Message, Wire};

/// Creates topics.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = CreateTopics, versions = "2..=7", flexible = "5..", response = CreateTopicsResponse)]
pub struct CreateTopicsRequest {
    /// The topics.
    pub topics: Vec<CreatableTopic>,
    /// Milliseconds to wait.
    #[field(default = "60_000")]
    pub timeout_ms: i32,
    /// Whether to only check that they could be created.
    pub validate_only: bool,
}

/// A topic to create.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct CreatableTopic {
    /// Name of the topic.
    pub name: Str,
    /// Partitions, or −1 for the broker's default or for those of `assignments`.
    pub num_partitions: i32,
    /// Replicas of each partition, or −1 for the broker's default or for those of `assignments`.
    pub replication_factor: i16,
    /// Where partitions go; empty to leave it to the broker.
    pub assignments: Vec<CreatableReplicaAssignment>,
    /// Configuration that differs from the broker's.
    pub configs: Vec<CreatableTopicConfig>,
}

/// Where a partition goes.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct CreatableReplicaAssignment {
    /// Number of the partition.
    pub partition_index: i32,
    /// Ids of the brokers.
    pub broker_ids: Vec<i32>,
}

/// A configuration to set.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct CreatableTopicConfig {
    /// Name of the configuration.
    pub name: Str,
    /// Its value.
    #[field(nullable = "0..")]
    pub value: Option<Str>,
}

/// What became of each topic.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = CreateTopics, versions = "2..=7", flexible = "5..")]
pub struct CreateTopicsResponse {
    /// Milliseconds for which the client was throttled.
    pub throttle_time_ms: i32,
    /// The topics.
    pub topics: Vec<CreatableTopicResult>,
}

/// What became of a topic.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct CreatableTopicResult {
    /// Name of the topic.
    pub name: Str,
    /// Id of the topic.
    #[field(versions = "7..")]
    pub topic_id: Uuid,
    /// Error of the topic.
    pub error_code: i16,
    /// What was wrong.
    #[field(nullable = "0..")]
    pub error_message: Option<Str>,
    /// Why the configuration is left out, if it is.
    #[field(tag = 0, versions = "5..")]
    pub topic_config_error_code: i16,
    /// Partitions of the topic.
    #[field(versions = "5..", default = "-1")]
    pub num_partitions: i32,
    /// Replicas of each partition.
    #[field(versions = "5..", default = "-1")]
    pub replication_factor: i16,
    /// Configuration of the topic.
    #[field(versions = "5..", nullable = "5..")]
    pub configs: Option<Vec<CreatableTopicConfigs>>,
}

/// A configuration of a created topic.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct CreatableTopicConfigs {
    /// Name of the configuration.
    pub name: Str,
    /// Its value.
    #[field(nullable = "0..")]
    pub value: Option<Str>,
    /// Whether it cannot be changed.
    pub read_only: bool,
    /// Where it comes from.
    #[field(default = "-1")]
    pub config_source: i8,
    /// Whether its value must not be shown.
    pub is_sensitive: bool,
}
