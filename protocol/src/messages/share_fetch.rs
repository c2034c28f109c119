//! ShareFetch: acquire records for a member of a share group, and acknowledge earlier ones (KIP-932).

use crate::codec::{Records, Str, Uuid};
use crate::{Message, Wire};

/// Acknowledges records, then acquires more, waiting for some if there are none.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = ShareFetch, versions = "1..=2", flexible = "0..", response = ShareFetchResponse)]
pub struct ShareFetchRequest {
    /// Id of the group.
    #[field(nullable = "0..")]
    pub group_id: Option<Str>,
    /// Id of the member.
    #[field(nullable = "0..")]
    pub member_id: Option<Str>,
    /// Place of the request in its share session; 0 opens one, −1 closes it.
    pub share_session_epoch: i32,
    /// Milliseconds to wait for `min_bytes`.
    pub max_wait_ms: i32,
    /// Bytes to wait for.
    pub min_bytes: i32,
    /// Bytes wanted at most in the whole response; a first batch that is larger comes all the same.
    #[field(default = "i32::MAX")]
    pub max_bytes: i32,
    /// Records wanted at most; the rest of a batch comes all the same, unless `share_acquire_mode` is 1.
    pub max_records: i32,
    /// Records that the client likes to find in one range of `acquired_records`.
    pub batch_size: i32,
    /// 0: whole batches are acquired; 1: no more than `max_records` are (KIP-1206).
    #[field(versions = "2..")]
    pub share_acquire_mode: i8,
    /// Whether an acknowledgement among these renews the lock of its records (KIP-1222).
    #[field(versions = "2..")]
    pub is_renew_ack: bool,
    /// The topics; in a session, those that changed or are acknowledged.
    pub topics: Vec<FetchTopic>,
    /// Partitions that leave the session.
    pub forgotten_topics_data: Vec<ForgottenTopic>,
}

/// A topic to read.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct FetchTopic {
    /// Id of the topic.
    pub topic_id: Uuid,
    /// The partitions.
    pub partitions: Vec<FetchPartition>,
}

/// A partition to read.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct FetchPartition {
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

/// A topic whose partitions leave the session.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct ForgottenTopic {
    /// Id of the topic.
    pub topic_id: Uuid,
    /// Numbers of the partitions.
    pub partitions: Vec<i32>,
}

/// The records acquired.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = ShareFetch, versions = "1..=2", flexible = "0..")]
pub struct ShareFetchResponse {
    /// Milliseconds for which the client was throttled.
    pub throttle_time_ms: i32,
    /// Error of the request.
    pub error_code: i16,
    /// What was wrong.
    #[field(nullable = "0..")]
    pub error_message: Option<Str>,
    /// Milliseconds for which the acquired records are locked.
    pub acquisition_lock_timeout_ms: i32,
    /// The topics.
    pub responses: Vec<ShareFetchableTopicResponse>,
    /// Addresses of the leaders named by partitions that this broker does not lead.
    pub node_endpoints: Vec<NodeEndpoint>,
}

/// A topic that was read.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct ShareFetchableTopicResponse {
    /// Id of the topic.
    pub topic_id: Uuid,
    /// The partitions.
    pub partitions: Vec<PartitionData>,
}

/// A partition that was read.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct PartitionData {
    /// Number of the partition.
    pub partition_index: i32,
    /// Error of reading.
    pub error_code: i16,
    /// What was wrong.
    #[field(nullable = "0..")]
    pub error_message: Option<Str>,
    /// Error of acknowledging.
    pub acknowledge_error_code: i16,
    /// What was wrong.
    #[field(nullable = "0..")]
    pub acknowledge_error_message: Option<Str>,
    /// The partition's leader, if it is another broker.
    pub current_leader: LeaderIdAndEpoch,
    /// Whole batches, of which only `acquired_records` count. None at all is an empty string; null is illegal.
    pub records: Records,
    /// The records that are the member's for now.
    pub acquired_records: Vec<AcquiredRecords>,
}

/// Who leads a partition.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct LeaderIdAndEpoch {
    /// Id of the broker; −1 if unknown.
    pub leader_id: i32,
    /// The leader's epoch.
    pub leader_epoch: i32,
}

/// A range of records that a member acquired.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct AcquiredRecords {
    /// Offset of the first.
    pub first_offset: i64,
    /// Offset of the last.
    pub last_offset: i64,
    /// How often they were acquired, this time included.
    pub delivery_count: i16,
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
