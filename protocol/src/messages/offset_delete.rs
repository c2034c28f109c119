//! OffsetDelete: a group forgets how far it has read.

use crate::codec::Str;
use crate::{Message, Wire};

/// Deletes a group's offsets.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = OffsetDelete, versions = "0", response = OffsetDeleteResponse)]
pub struct OffsetDeleteRequest {
    /// Id of the group.
    pub group_id: Str,
    /// The topics.
    pub topics: Vec<OffsetDeleteRequestTopic>,
}

/// A topic whose offsets are deleted.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct OffsetDeleteRequestTopic {
    /// Name of the topic.
    pub name: Str,
    /// The partitions.
    pub partitions: Vec<OffsetDeleteRequestPartition>,
}

/// A partition whose offset is deleted.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct OffsetDeleteRequestPartition {
    /// Number of the partition.
    pub partition_index: i32,
}

/// What became of each offset.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = OffsetDelete, versions = "0")]
pub struct OffsetDeleteResponse {
    /// Error of the request.
    pub error_code: i16,
    /// Milliseconds for which the client was throttled.
    pub throttle_time_ms: i32,
    /// The topics.
    pub topics: Vec<OffsetDeleteResponseTopic>,
}

/// What became of a topic's offsets.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct OffsetDeleteResponseTopic {
    /// Name of the topic.
    pub name: Str,
    /// The partitions.
    pub partitions: Vec<OffsetDeleteResponsePartition>,
}

/// What became of a partition's offset.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct OffsetDeleteResponsePartition {
    /// Number of the partition.
    pub partition_index: i32,
    /// Error of the partition.
    pub error_code: i16,
}
