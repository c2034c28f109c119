//! Fetch: read record batches.

use crate::codec::{Records, Str, Uuid};
use crate::{Message, Wire};

/// Reads partitions from given offsets, waiting for records if there are none.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = Fetch, versions = "4..=18", flexible = "12..", response = FetchResponse)]
pub struct FetchRequest {
    /// Id of the cluster that a broker expects to talk to.
    #[field(tag = 0, versions = "12..", nullable = "12..")]
    pub cluster_id: Option<Str>,
    /// Id of the follower, or −1 for a consumer.
    #[field(versions = "..=14", default = "-1")]
    pub replica_id: i32,
    /// The follower, if it is one.
    #[field(tag = 1, versions = "15..")]
    pub replica_state: ReplicaState,
    /// Milliseconds to wait for `min_bytes`.
    pub max_wait_ms: i32,
    /// Bytes to wait for.
    pub min_bytes: i32,
    /// Bytes wanted at most in the whole response; a first batch that is larger comes all the same.
    #[field(default = "i32::MAX")]
    pub max_bytes: i32,
    /// 0: read uncommitted; 1: read committed.
    pub isolation_level: i8,
    /// The fetch session, or 0.
    #[field(versions = "7..")]
    pub session_id: i32,
    /// Place of the request in its session; 0 opens one, −1 is outside of any.
    #[field(versions = "7..", default = "-1")]
    pub session_epoch: i32,
    /// The topics; in a session, those that changed.
    pub topics: Vec<FetchTopic>,
    /// Partitions that leave the session.
    #[field(versions = "7..")]
    pub forgotten_topics_data: Vec<ForgottenTopic>,
    /// Rack of the consumer, or empty.
    #[field(versions = "11..")]
    pub rack_id: Str,
}

/// A follower.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct ReplicaState {
    /// Id of the follower, or −1 for a consumer.
    #[field(default = "-1")]
    pub replica_id: i32,
    /// Epoch of the follower, or −1.
    #[field(default = "-1")]
    pub replica_epoch: i64,
}

/// A topic to read.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct FetchTopic {
    /// Name of the topic.
    #[field(versions = "..=12")]
    pub topic: Str,
    /// Id of the topic.
    #[field(versions = "13..")]
    pub topic_id: Uuid,
    /// The partitions.
    pub partitions: Vec<FetchPartition>,
}

/// A partition to read.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct FetchPartition {
    /// Number of the partition.
    pub partition: i32,
    /// Leader epoch the client knows, or −1.
    #[field(versions = "9..", default = "-1")]
    pub current_leader_epoch: i32,
    /// First offset wanted.
    pub fetch_offset: i64,
    /// Epoch of the last record fetched, or −1.
    #[field(versions = "12..", default = "-1")]
    pub last_fetched_epoch: i32,
    /// First offset of the follower, or −1 for a consumer.
    #[field(versions = "5..", default = "-1")]
    pub log_start_offset: i64,
    /// Bytes wanted at most from this partition; a first batch that is larger comes all the same.
    pub partition_max_bytes: i32,
    /// Directory of the follower.
    #[field(tag = 0, versions = "17..")]
    pub replica_directory_id: Uuid,
    /// High watermark the follower knows; −1 if unknown, the highest integer if it does not say.
    #[field(tag = 1, versions = "18..", default = "i64::MAX")]
    pub high_watermark: i64,
}

/// A topic whose partitions leave the session.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct ForgottenTopic {
    /// Name of the topic.
    #[field(versions = "..=12")]
    pub topic: Str,
    /// Id of the topic.
    #[field(versions = "13..")]
    pub topic_id: Uuid,
    /// Numbers of the partitions.
    pub partitions: Vec<i32>,
}

/// The records read.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = Fetch, versions = "4..=18", flexible = "12..")]
pub struct FetchResponse {
    /// Milliseconds for which the client was throttled.
    pub throttle_time_ms: i32,
    /// Error of the request.
    #[field(versions = "7..")]
    pub error_code: i16,
    /// The fetch session, or 0.
    #[field(versions = "7..")]
    pub session_id: i32,
    /// The topics; in a session, those that changed.
    pub responses: Vec<FetchableTopicResponse>,
    /// Addresses of the leaders named by partitions that this broker does not lead.
    #[field(tag = 0, versions = "16..")]
    pub node_endpoints: Vec<NodeEndpoint>,
}

/// A topic that was read.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct FetchableTopicResponse {
    /// Name of the topic.
    #[field(versions = "..=12")]
    pub topic: Str,
    /// Id of the topic.
    #[field(versions = "13..")]
    pub topic_id: Uuid,
    /// The partitions.
    pub partitions: Vec<PartitionData>,
}

/// A partition that was read.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct PartitionData {
    /// Number of the partition.
    pub partition_index: i32,
    /// Error of the partition.
    pub error_code: i16,
    /// Offset after the last that is durable.
    pub high_watermark: i64,
    /// Offset after the last whose transaction is decided.
    #[field(default = "-1")]
    pub last_stable_offset: i64,
    /// First offset of the log.
    #[field(versions = "5..", default = "-1")]
    pub log_start_offset: i64,
    /// Where the follower's log departs from the leader's.
    #[field(tag = 0, versions = "12..")]
    pub diverging_epoch: EpochEndOffset,
    /// The partition's leader, if it is another broker.
    #[field(tag = 1, versions = "12..")]
    pub current_leader: LeaderIdAndEpoch,
    /// The snapshot to fetch instead.
    #[field(tag = 2, versions = "12..")]
    pub snapshot_id: SnapshotId,
    /// Aborted transactions among the records; null unless read committed.
    #[field(nullable = "0..")]
    pub aborted_transactions: Option<Vec<AbortedTransaction>>,
    /// Broker that the consumer should rather read from, or −1.
    #[field(versions = "11..", default = "-1")]
    pub preferred_read_replica: i32,
    /// Whole batches. None at all is an empty string, because clients fail on null; null decodes as empty.
    #[field(nullable = "0..")]
    pub records: Records,
}

/// Where an epoch ends.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct EpochEndOffset {
    /// The epoch, or −1.
    #[field(default = "-1")]
    pub epoch: i32,
    /// The offset after its last record, or −1.
    #[field(default = "-1")]
    pub end_offset: i64,
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

/// A snapshot of a metadata log.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct SnapshotId {
    /// The offset after its last record, or −1.
    #[field(default = "-1")]
    pub end_offset: i64,
    /// The epoch of that record, or −1.
    #[field(default = "-1")]
    pub epoch: i32,
}

/// An aborted transaction.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct AbortedTransaction {
    /// Id of its producer.
    pub producer_id: i64,
    /// Offset of its first record.
    pub first_offset: i64,
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
