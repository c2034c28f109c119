//! DescribeShareGroupOffsets: where share groups begin to read (KIP-932).

use crate::codec::{Str, Uuid};
use crate::{Message, Wire};

/// Asks for the offsets of share groups.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(
    key = DescribeShareGroupOffsets,
    versions = "0..=1",
    flexible = "0..",
    response = DescribeShareGroupOffsetsResponse
)]
pub struct DescribeShareGroupOffsetsRequest {
    /// The groups.
    pub groups: Vec<DescribeShareGroupOffsetsRequestGroup>,
}

/// A group asked about.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct DescribeShareGroupOffsetsRequestGroup {
    /// Id of the group.
    pub group_id: Str,
    /// The topics; null for all that the group has read.
    #[field(nullable = "0..", default = "Some(Vec::new())")]
    pub topics: Option<Vec<DescribeShareGroupOffsetsRequestTopic>>,
}

/// A topic asked about.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct DescribeShareGroupOffsetsRequestTopic {
    /// Name of the topic.
    pub topic_name: Str,
    /// Numbers of the partitions.
    pub partitions: Vec<i32>,
}

/// The offsets.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = DescribeShareGroupOffsets, versions = "0..=1", flexible = "0..")]
pub struct DescribeShareGroupOffsetsResponse {
    /// Milliseconds for which the client was throttled.
    pub throttle_time_ms: i32,
    /// The groups.
    pub groups: Vec<DescribeShareGroupOffsetsResponseGroup>,
}

/// A group's offsets.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct DescribeShareGroupOffsetsResponseGroup {
    /// Id of the group.
    pub group_id: Str,
    /// The topics.
    pub topics: Vec<DescribeShareGroupOffsetsResponseTopic>,
    /// Error of the group.
    pub error_code: i16,
    /// What was wrong.
    #[field(nullable = "0..")]
    pub error_message: Option<Str>,
}

/// A topic's offsets.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct DescribeShareGroupOffsetsResponseTopic {
    /// Name of the topic.
    pub topic_name: Str,
    /// Id of the topic.
    pub topic_id: Uuid,
    /// The partitions.
    pub partitions: Vec<DescribeShareGroupOffsetsResponsePartition>,
}

/// A partition's offset.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct DescribeShareGroupOffsetsResponsePartition {
    /// Number of the partition.
    pub partition_index: i32,
    /// The first offset that is not acknowledged; −1 if there is none yet.
    pub start_offset: i64,
    /// Epoch of the partition's leader.
    pub leader_epoch: i32,
    /// Records that are still to be acknowledged; −1 if unknown (KIP-1226).
    #[field(versions = "1..", default = "-1")]
    pub lag: i64,
    /// Error of the partition.
    pub error_code: i16,
    /// What was wrong.
    #[field(nullable = "0..")]
    pub error_message: Option<Str>,
}
