//! AlterShareGroupOffsets: an empty share group shall begin to read elsewhere (KIP-932).

use crate::codec::{Str, Uuid};
use crate::{Message, Wire};

/// Sets the offsets of a share group.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(
    key = AlterShareGroupOffsets,
    versions = "0",
    flexible = "0..",
    response = AlterShareGroupOffsetsResponse
)]
pub struct AlterShareGroupOffsetsRequest {
    /// Id of the group.
    pub group_id: Str,
    /// The topics.
    pub topics: Vec<AlterShareGroupOffsetsRequestTopic>,
}

/// A topic whose offsets are set.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct AlterShareGroupOffsetsRequestTopic {
    /// Name of the topic.
    pub topic_name: Str,
    /// The partitions.
    pub partitions: Vec<AlterShareGroupOffsetsRequestPartition>,
}

/// A partition whose offset is set.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct AlterShareGroupOffsetsRequestPartition {
    /// Number of the partition.
    pub partition_index: i32,
    /// The first offset to read.
    pub start_offset: i64,
}

/// What became of each offset.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = AlterShareGroupOffsets, versions = "0", flexible = "0..")]
pub struct AlterShareGroupOffsetsResponse {
    /// Milliseconds for which the client was throttled.
    pub throttle_time_ms: i32,
    /// Error of the request.
    pub error_code: i16,
    /// What was wrong.
    #[field(nullable = "0..")]
    pub error_message: Option<Str>,
    /// The topics.
    pub responses: Vec<AlterShareGroupOffsetsResponseTopic>,
}

/// What became of a topic's offsets.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct AlterShareGroupOffsetsResponseTopic {
    /// Name of the topic.
    pub topic_name: Str,
    /// Id of the topic.
    pub topic_id: Uuid,
    /// The partitions.
    pub partitions: Vec<AlterShareGroupOffsetsResponsePartition>,
}

/// What became of a partition's offset.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct AlterShareGroupOffsetsResponsePartition {
    /// Number of the partition.
    pub partition_index: i32,
    /// Error of the partition.
    pub error_code: i16,
    /// What was wrong.
    #[field(nullable = "0..")]
    pub error_message: Option<Str>,
}
