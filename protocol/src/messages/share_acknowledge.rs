//! ShareAcknowledge: a member of a share group is done with records (KIP-932).

use crate::codec::{Str, Uuid};
use crate::{Message, Wire};

/// Acknowledges records.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(
    key = ShareAcknowledge,
    versions = "1..=2",
    flexible = "0..",
    response = ShareAcknowledgeResponse
)]
pub struct ShareAcknowledgeRequest {
    /// Id of the group.
    #[field(nullable = "0..")]
    pub group_id: Option<Str>,
    /// Id of the member.
    #[field(nullable = "0..")]
    pub member_id: Option<Str>,
    /// Place of the request in its share session; −1 closes it.
    pub share_session_epoch: i32,
    /// Whether an acknowledgement among these renews the lock of its records (KIP-1222).
    #[field(versions = "2..")]
    pub is_renew_ack: bool,
    /// The topics.
    pub topics: Vec<AcknowledgeTopic>,
}

/// A topic with records to acknowledge.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct AcknowledgeTopic {
    /// Id of the topic.
    pub topic_id: Uuid,
    /// The partitions.
    pub partitions: Vec<AcknowledgePartition>,
}

/// A partition with records to acknowledge.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct AcknowledgePartition {
    /// Number of the partition.
    pub partition_index: i32,
    /// Records that the member is done with.
    pub acknowledgement_batches: Vec<AcknowledgementBatch>,
}

/// A range of records that the member is done with.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct AcknowledgementBatch {
    /// Offset of the first.
    pub first_offset: i64,
    /// Offset of the last.
    pub last_offset: i64,
    /// One for each record, or one for all. 0: there is no such record; 1: accepted; 2: released; 3: rejected;
    /// from version 2 on, 4: the lock is renewed.
    pub acknowledge_types: Vec<i8>,
}

/// What became of the acknowledgements.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = ShareAcknowledge, versions = "1..=2", flexible = "0..")]
pub struct ShareAcknowledgeResponse {
    /// Milliseconds for which the client was throttled.
    pub throttle_time_ms: i32,
    /// Error of the request.
    pub error_code: i16,
    /// What was wrong.
    #[field(nullable = "0..")]
    pub error_message: Option<Str>,
    /// Milliseconds for which records are locked whose lock was renewed.
    #[field(versions = "2..")]
    pub acquisition_lock_timeout_ms: i32,
    /// The topics.
    pub responses: Vec<ShareAcknowledgeTopicResponse>,
    /// Addresses of the leaders named by partitions that this broker does not lead.
    pub node_endpoints: Vec<NodeEndpoint>,
}

/// What became of a topic's acknowledgements.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct ShareAcknowledgeTopicResponse {
    /// Id of the topic.
    pub topic_id: Uuid,
    /// The partitions.
    pub partitions: Vec<PartitionData>,
}

/// What became of a partition's acknowledgements.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct PartitionData {
    /// Number of the partition.
    pub partition_index: i32,
    /// Error of the partition.
    pub error_code: i16,
    /// What was wrong.
    #[field(nullable = "0..")]
    pub error_message: Option<Str>,
    /// The partition's leader, if it is another broker.
    pub current_leader: LeaderIdAndEpoch,
}

/// Who leads a partition.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct LeaderIdAndEpoch {
    /// Id of the broker; −1 if unknown.
    pub leader_id: i32,
    /// The leader's epoch.
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
