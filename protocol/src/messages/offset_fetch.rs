//! OffsetFetch: how far groups have read.

use crate::codec::{Str, Uuid};
use crate::{Message, Wire};

/// Asks for committed offsets: of one group, or from version 8 on of many.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = OffsetFetch, versions = "1..=10", flexible = "6..", response = OffsetFetchResponse)]
pub struct OffsetFetchRequest {
    /// Id of the group.
    #[field(versions = "..=7")]
    pub group_id: Str,
    /// The topics; null for all that have offsets.
    #[field(versions = "..=7", nullable = "2..", default = "Some(Vec::new())")]
    pub topics: Option<Vec<OffsetFetchRequestTopic>>,
    /// The groups.
    #[field(versions = "8..")]
    pub groups: Vec<OffsetFetchRequestGroup>,
    /// Whether a partition with offsets in an open transaction is an error.
    #[field(versions = "7..")]
    pub require_stable: bool,
}

/// A topic asked about.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct OffsetFetchRequestTopic {
    /// Name of the topic.
    pub name: Str,
    /// Numbers of the partitions.
    pub partition_indexes: Vec<i32>,
}

/// A group asked about.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct OffsetFetchRequestGroup {
    /// Id of the group.
    pub group_id: Str,
    /// Id of the member that asks; null from a client that is none.
    #[field(versions = "9..", nullable = "9..")]
    pub member_id: Option<Str>,
    /// Epoch of the member, or −1.
    #[field(versions = "9..", default = "-1")]
    pub member_epoch: i32,
    /// The topics; null for all that have offsets.
    #[field(nullable = "0..", default = "Some(Vec::new())")]
    pub topics: Option<Vec<OffsetFetchRequestTopics>>,
}

/// A topic asked about for one of many groups.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct OffsetFetchRequestTopics {
    /// Name of the topic.
    #[field(versions = "..=9")]
    pub name: Str,
    /// Id of the topic.
    #[field(versions = "10..")]
    pub topic_id: Uuid,
    /// Numbers of the partitions.
    pub partition_indexes: Vec<i32>,
}

/// The committed offsets.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = OffsetFetch, versions = "1..=10", flexible = "6..")]
pub struct OffsetFetchResponse {
    /// Milliseconds for which the client was throttled.
    #[field(versions = "3..")]
    pub throttle_time_ms: i32,
    /// The topics.
    #[field(versions = "..=7")]
    pub topics: Vec<OffsetFetchResponseTopic>,
    /// Error of the request.
    #[field(versions = "2..=7")]
    pub error_code: i16,
    /// The groups.
    #[field(versions = "8..")]
    pub groups: Vec<OffsetFetchResponseGroup>,
}

/// A topic's offsets.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct OffsetFetchResponseTopic {
    /// Name of the topic.
    pub name: Str,
    /// The partitions.
    pub partitions: Vec<OffsetFetchResponsePartition>,
}

/// A partition's offset.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct OffsetFetchResponsePartition {
    /// Number of the partition.
    pub partition_index: i32,
    /// The next offset that the group wants to read; −1 if it has not committed any.
    pub committed_offset: i64,
    /// Epoch of the last record read, or −1.
    #[field(versions = "5..", default = "-1")]
    pub committed_leader_epoch: i32,
    /// The client's own words; empty if there are none.
    #[field(nullable = "0..", default = "Some(Str::default())")]
    pub metadata: Option<Str>,
    /// Error of the partition.
    pub error_code: i16,
}

/// A group's offsets.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct OffsetFetchResponseGroup {
    /// Id of the group.
    pub group_id: Str,
    /// The topics.
    pub topics: Vec<OffsetFetchResponseTopics>,
    /// Error of the group.
    pub error_code: i16,
}

/// A topic's offsets in one of many groups.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct OffsetFetchResponseTopics {
    /// Name of the topic.
    #[field(versions = "..=9")]
    pub name: Str,
    /// Id of the topic.
    #[field(versions = "10..")]
    pub topic_id: Uuid,
    /// The partitions.
    pub partitions: Vec<OffsetFetchResponsePartitions>,
}

/// A partition's offset in one of many groups.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct OffsetFetchResponsePartitions {
    /// Number of the partition.
    pub partition_index: i32,
    /// The next offset that the group wants to read; −1 if it has not committed any.
    pub committed_offset: i64,
    /// Epoch of the last record read, or −1.
    #[field(default = "-1")]
    pub committed_leader_epoch: i32,
    /// The client's own words; empty if there are none.
    #[field(nullable = "0..", default = "Some(Str::default())")]
    pub metadata: Option<Str>,
    /// Error of the partition.
    pub error_code: i16,
}
