//! ListOffsets: offsets by timestamp, and the ends of the log.

use crate::codec::Str;
use crate::{Message, Wire};

/// Timestamp that asks for the offset after the last record.
pub const LATEST_TIMESTAMP: i64 = -1;
/// Timestamp that asks for the first offset of the log.
pub const EARLIEST_TIMESTAMP: i64 = -2;
/// Timestamp that asks for the record with the highest timestamp; since version 7.
pub const MAX_TIMESTAMP: i64 = -3;
/// Timestamp that asks for the first offset on the broker's own disk; since version 8.
pub const EARLIEST_LOCAL_TIMESTAMP: i64 = -4;
/// Timestamp that asks for the last offset in tiered storage; since version 9.
pub const LATEST_TIERED_TIMESTAMP: i64 = -5;
/// Timestamp that asks for the first offset not yet in tiered storage; since version 11.
pub const EARLIEST_PENDING_UPLOAD_TIMESTAMP: i64 = -6;

/// Asks for offsets.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = ListOffsets, versions = "1..=11", flexible = "6..", response = ListOffsetsResponse)]
pub struct ListOffsetsRequest {
    /// Id of the follower, or −1 for a consumer.
    pub replica_id: i32,
    /// 0: read uncommitted; 1: read committed.
    #[field(versions = "2..")]
    pub isolation_level: i8,
    /// The topics.
    pub topics: Vec<ListOffsetsTopic>,
    /// Milliseconds to wait for tiered storage.
    #[field(versions = "10..")]
    pub timeout_ms: i32,
}

/// A topic asked about.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct ListOffsetsTopic {
    /// Name of the topic.
    pub name: Str,
    /// The partitions.
    pub partitions: Vec<ListOffsetsPartition>,
}

/// A partition asked about.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct ListOffsetsPartition {
    /// Number of the partition.
    pub partition_index: i32,
    /// Leader epoch the client knows, or −1.
    #[field(versions = "4..", default = "-1")]
    pub current_leader_epoch: i32,
    /// Milliseconds since 1970, or one of the constants of this module.
    pub timestamp: i64,
}

/// The offsets.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = ListOffsets, versions = "1..=11", flexible = "6..")]
pub struct ListOffsetsResponse {
    /// Milliseconds for which the client was throttled.
    #[field(versions = "2..")]
    pub throttle_time_ms: i32,
    /// The topics.
    pub topics: Vec<ListOffsetsTopicResponse>,
}

/// A topic's offsets.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct ListOffsetsTopicResponse {
    /// Name of the topic.
    pub name: Str,
    /// The partitions.
    pub partitions: Vec<ListOffsetsPartitionResponse>,
}

/// A partition's offset.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct ListOffsetsPartitionResponse {
    /// Number of the partition.
    pub partition_index: i32,
    /// Error of the partition.
    pub error_code: i16,
    /// Timestamp of the record found, or −1.
    #[field(default = "-1")]
    pub timestamp: i64,
    /// Offset found, or −1.
    #[field(default = "-1")]
    pub offset: i64,
    /// Leader epoch of the record found, or −1.
    #[field(versions = "4..", default = "-1")]
    pub leader_epoch: i32,
}
