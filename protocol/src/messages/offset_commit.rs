//! OffsetCommit: a group remembers how far it has read.

use crate::codec::{Str, Uuid};
use crate::{Message, Wire};

/// Commits a group's offsets.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = OffsetCommit, versions = "2..=10", flexible = "8..", response = OffsetCommitResponse)]
pub struct OffsetCommitRequest {
    /// Id of the group.
    pub group_id: Str,
    /// Generation of a classic member, or epoch of a member of KIP-848; −1 from a client that is no member.
    #[field(default = "-1")]
    pub generation_id_or_member_epoch: i32,
    /// Id of the member; empty from a client that is none.
    pub member_id: Str,
    /// Name of a static member.
    #[field(versions = "7..", nullable = "7..")]
    pub group_instance_id: Option<Str>,
    /// Milliseconds to remember the offsets for; −1 for as long as the broker likes.
    #[field(versions = "..=4", default = "-1")]
    pub retention_time_ms: i64,
    /// The topics.
    pub topics: Vec<OffsetCommitRequestTopic>,
}

/// A topic whose offsets are committed.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct OffsetCommitRequestTopic {
    /// Name of the topic.
    #[field(versions = "..=9")]
    pub name: Str,
    /// Id of the topic.
    #[field(versions = "10..")]
    pub topic_id: Uuid,
    /// The partitions.
    pub partitions: Vec<OffsetCommitRequestPartition>,
}

/// A partition whose offset is committed.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct OffsetCommitRequestPartition {
    /// Number of the partition.
    pub partition_index: i32,
    /// The next offset that the group wants to read.
    pub committed_offset: i64,
    /// Epoch of the last record read, or −1.
    #[field(versions = "6..", default = "-1")]
    pub committed_leader_epoch: i32,
    /// The client's own words, to be given back; null is empty.
    #[field(nullable = "0..", default = "Some(Str::default())")]
    pub committed_metadata: Option<Str>,
}

/// What became of each offset.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = OffsetCommit, versions = "2..=10", flexible = "8..")]
pub struct OffsetCommitResponse {
    /// Milliseconds for which the client was throttled.
    #[field(versions = "3..")]
    pub throttle_time_ms: i32,
    /// The topics.
    pub topics: Vec<OffsetCommitResponseTopic>,
}

/// What became of a topic's offsets.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct OffsetCommitResponseTopic {
    /// Name of the topic.
    #[field(versions = "..=9")]
    pub name: Str,
    /// Id of the topic.
    #[field(versions = "10..")]
    pub topic_id: Uuid,
    /// The partitions.
    pub partitions: Vec<OffsetCommitResponsePartition>,
}

/// What became of a partition's offset.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct OffsetCommitResponsePartition {
    /// Number of the partition.
    pub partition_index: i32,
    /// Error of the partition.
    pub error_code: i16,
}
