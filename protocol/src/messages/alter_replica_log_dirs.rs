//! AlterReplicaLogDirs: which of a broker's directories holds a partition.

use crate::codec::Str;
use crate::{Message, Wire};

/// Moves partitions between directories of a broker.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = AlterReplicaLogDirs, versions = "1..=2", flexible = "2..", response = AlterReplicaLogDirsResponse)]
pub struct AlterReplicaLogDirsRequest {
    /// The directories.
    pub dirs: Vec<AlterReplicaLogDir>,
}

/// A directory and what shall be in it.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct AlterReplicaLogDir {
    /// The directory.
    pub path: Str,
    /// The topics.
    pub topics: Vec<AlterReplicaLogDirTopic>,
}

/// Partitions of a topic.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct AlterReplicaLogDirTopic {
    /// Name of the topic.
    pub name: Str,
    /// Numbers of the partitions.
    pub partitions: Vec<i32>,
}

/// What became of each partition.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = AlterReplicaLogDirs, versions = "1..=2", flexible = "2..")]
pub struct AlterReplicaLogDirsResponse {
    /// Milliseconds for which the client was throttled.
    pub throttle_time_ms: i32,
    /// The topics.
    pub results: Vec<AlterReplicaLogDirTopicResult>,
}

/// What became of a topic's partitions.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct AlterReplicaLogDirTopicResult {
    /// Name of the topic.
    pub topic_name: Str,
    /// The partitions.
    pub partitions: Vec<AlterReplicaLogDirPartitionResult>,
}

/// What became of a partition.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct AlterReplicaLogDirPartitionResult {
    /// Number of the partition.
    pub partition_index: i32,
    /// Error of the partition.
    pub error_code: i16,
}
