//! OffsetForLeaderEpoch: where a leader's epoch ended, so that a client can find out whether its log was truncated.

use crate::codec::Str;
use crate::{Message, Wire};

/// Asks where epochs end.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(
    key = OffsetForLeaderEpoch,
    versions = "2..=4",
    flexible = "4..",
    response = OffsetForLeaderEpochResponse
)]
pub struct OffsetForLeaderEpochRequest {
    /// Id of the follower, −1 for a consumer, −2 where the version does not have it.
    #[field(versions = "3..", default = "-2")]
    pub replica_id: i32,
    /// The topics.
    pub topics: Vec<OffsetForLeaderTopic>,
}

/// A topic asked about.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct OffsetForLeaderTopic {
    /// Name of the topic.
    pub topic: Str,
    /// The partitions.
    pub partitions: Vec<OffsetForLeaderPartition>,
}

/// A partition asked about.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct OffsetForLeaderPartition {
    /// Number of the partition.
    pub partition: i32,
    /// Leader epoch the client knows, or −1.
    #[field(default = "-1")]
    pub current_leader_epoch: i32,
    /// The epoch whose end is wanted.
    pub leader_epoch: i32,
}

/// Where epochs end.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = OffsetForLeaderEpoch, versions = "2..=4", flexible = "4..")]
pub struct OffsetForLeaderEpochResponse {
    /// Milliseconds for which the client was throttled.
    pub throttle_time_ms: i32,
    /// The topics.
    pub topics: Vec<OffsetForLeaderTopicResult>,
}

/// A topic's epochs.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct OffsetForLeaderTopicResult {
    /// Name of the topic.
    pub topic: Str,
    /// The partitions.
    pub partitions: Vec<EpochEndOffset>,
}

/// The end of a partition's epoch.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct EpochEndOffset {
    /// Error of the partition.
    pub error_code: i16,
    /// Number of the partition.
    pub partition: i32,
    /// The highest epoch not above the one asked for, or −1.
    #[field(default = "-1")]
    pub leader_epoch: i32,
    /// The offset after its last record, or −1.
    #[field(default = "-1")]
    pub end_offset: i64,
}
