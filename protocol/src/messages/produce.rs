//! Produce: append record batches.

use crate::codec::{Records, Str, Uuid};
use crate::{Message, Wire};

/// Appends batches to partitions.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = Produce, versions = "3..=13", flexible = "9..", response = ProduceResponse)]
pub struct ProduceRequest {
    /// The transactional id, if the producer has one.
    #[field(nullable = "0..")]
    pub transactional_id: Option<Str>,
    /// 0: no response wanted; 1 or −1: respond when it is durable.
    pub acks: i16,
    /// Milliseconds after which the outcome may be given up.
    pub timeout_ms: i32,
    /// The topics.
    pub topic_data: Vec<TopicProduceData>,
}

/// A topic to append to.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct TopicProduceData {
    /// Name of the topic.
    #[field(versions = "..=12")]
    pub name: Str,
    /// Id of the topic.
    #[field(versions = "13..")]
    pub topic_id: Uuid,
    /// The partitions.
    pub partition_data: Vec<PartitionProduceData>,
}

/// A partition to append to.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct PartitionProduceData {
    /// Number of the partition.
    pub index: i32,
    /// The batch.
    #[field(nullable = "0..")]
    pub records: Option<Records>,
}

/// What became of each batch.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = Produce, versions = "3..=13", flexible = "9..")]
pub struct ProduceResponse {
    /// The topics.
    pub responses: Vec<TopicProduceResponse>,
    /// Milliseconds for which the client was throttled.
    pub throttle_time_ms: i32,
    /// Addresses of the leaders named by partitions that this broker does not lead.
    #[field(tag = 0, versions = "10..")]
    pub node_endpoints: Vec<NodeEndpoint>,
}

/// A topic that was appended to.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct TopicProduceResponse {
    /// Name of the topic.
    #[field(versions = "..=12")]
    pub name: Str,
    /// Id of the topic.
    #[field(versions = "13..")]
    pub topic_id: Uuid,
    /// The partitions.
    pub partition_responses: Vec<PartitionProduceResponse>,
}

/// A partition that was appended to.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct PartitionProduceResponse {
    /// Number of the partition.
    pub index: i32,
    /// Error of the partition.
    pub error_code: i16,
    /// Offset of the first record.
    pub base_offset: i64,
    /// The broker's time at appending if the topic stores that, or −1.
    #[field(default = "-1")]
    pub log_append_time_ms: i64,
    /// First offset of the log.
    #[field(versions = "5..", default = "-1")]
    pub log_start_offset: i64,
    /// The records for which the batch was refused.
    #[field(versions = "8..")]
    pub record_errors: Vec<BatchIndexAndErrorMessage>,
    /// Why the batch was refused.
    #[field(versions = "8..", nullable = "8..")]
    pub error_message: Option<Str>,
    /// The partition's leader, if it is another broker.
    #[field(tag = 0, versions = "10..")]
    pub current_leader: LeaderIdAndEpoch,
}

/// A record for which a batch was refused.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct BatchIndexAndErrorMessage {
    /// Place of the record in its batch, from 0.
    pub batch_index: i32,
    /// What was wrong with it.
    #[field(nullable = "0..")]
    pub batch_index_error_message: Option<Str>,
}

/// Who leads a partition.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct LeaderIdAndEpoch {
    /// Id of the broker; −1 if unknown.
    #[field(default = "-1")]
    pub leader_id: i32,
    /// The leader's epoch; −1 if unknown.
    #[field(default = "-1")]
    pub leader_epoch: i32,
}

/// The address of a broker.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct NodeEndpoint {
    /// Id of the broker.
    pub node_id: i32,
    /// Host that clients connect to.
    pub host: Str,
    /// Port that clients connect to.
    pub port: i32,
    /// Rack of the broker.
    #[field(nullable = "0..")]
    pub rack: Option<Str>,
}
