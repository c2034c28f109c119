//! DeleteRecords: partitions begin at other offsets from now on.

use crate::codec::Str;
use crate::{Message, Wire};

/// Offset that stands for the high watermark: everything goes.
pub const HIGH_WATERMARK: i64 = -1;

/// Deletes the first records of partitions.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = DeleteRecords, versions = "0..=2", flexible = "2..", response = DeleteRecordsResponse)]
pub struct DeleteRecordsRequest {
    /// The topics.
    pub topics: Vec<DeleteRecordsTopic>,
    /// Milliseconds to wait.
    pub timeout_ms: i32,
}

/// A topic.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct DeleteRecordsTopic {
    /// Name of the topic.
    pub name: Str,
    /// The partitions.
    pub partitions: Vec<DeleteRecordsPartition>,
}

/// A partition.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct DeleteRecordsPartition {
    /// Number of the partition.
    pub partition_index: i32,
    /// The first offset that is kept, or [`HIGH_WATERMARK`].
    pub offset: i64,
}

/// What became of each partition.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = DeleteRecords, versions = "0..=2", flexible = "2..")]
pub struct DeleteRecordsResponse {
    /// Milliseconds for which the client was throttled.
    pub throttle_time_ms: i32,
    /// The topics.
    pub topics: Vec<DeleteRecordsTopicResult>,
}

/// What became of a topic's partitions.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct DeleteRecordsTopicResult {
    /// Name of the topic.
    pub name: Str,
    /// The partitions.
    pub partitions: Vec<DeleteRecordsPartitionResult>,
}

/// What became of a partition.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct DeleteRecordsPartitionResult {
    /// Number of the partition.
    pub partition_index: i32,
    /// The first offset that every replica has; −1 on an error.
    pub low_watermark: i64,
    /// Error of the partition.
    pub error_code: i16,
}
