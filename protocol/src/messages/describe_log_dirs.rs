//! DescribeLogDirs: how large partitions are, and where they are kept.

use crate::codec::Str;
use crate::{Message, Wire};

/// Asks a broker for the partitions that it has.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = DescribeLogDirs, versions = "1..=5", flexible = "2..", response = DescribeLogDirsResponse)]
pub struct DescribeLogDirsRequest {
    /// The topics; null for all.
    #[field(nullable = "0..")]
    pub topics: Option<Vec<DescribableLogDirTopic>>,
}

/// A topic asked about.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct DescribableLogDirTopic {
    /// Name of the topic.
    pub topic: Str,
    /// Numbers of the partitions.
    pub partitions: Vec<i32>,
}

/// The directories.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = DescribeLogDirs, versions = "1..=5", flexible = "2..")]
pub struct DescribeLogDirsResponse {
    /// Milliseconds for which the client was throttled.
    pub throttle_time_ms: i32,
    /// Error of the request.
    #[field(versions = "3..")]
    pub error_code: i16,
    /// The directories.
    pub results: Vec<DescribeLogDirsResult>,
}

/// A directory.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct DescribeLogDirsResult {
    /// Error of the directory.
    pub error_code: i16,
    /// Where it is.
    pub log_dir: Str,
    /// The topics in it.
    pub topics: Vec<DescribeLogDirsTopic>,
    /// Size of the volume in bytes; −1 if unknown.
    #[field(versions = "4..", default = "-1")]
    pub total_bytes: i64,
    /// Bytes of the volume that can be used; −1 if unknown.
    #[field(versions = "4..", default = "-1")]
    pub usable_bytes: i64,
    /// Whether nothing new is put into it.
    #[field(versions = "5..")]
    pub is_cordoned: bool,
}

/// A topic in a directory.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct DescribeLogDirsTopic {
    /// Name of the topic.
    pub name: Str,
    /// The partitions.
    pub partitions: Vec<DescribeLogDirsPartition>,
}

/// A partition in a directory.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct DescribeLogDirsPartition {
    /// Number of the partition.
    pub partition_index: i32,
    /// Its size in bytes.
    pub partition_size: i64,
    /// How many records the log lacks.
    pub offset_lag: i64,
    /// Whether the log is to replace another.
    pub is_future_key: bool,
}
