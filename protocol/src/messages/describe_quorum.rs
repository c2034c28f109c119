//! DescribeQuorum: who keeps the cluster's metadata, where a Raft quorum does.

use crate::codec::{Str, Uuid};
use crate::{Message, Wire};

/// Asks about quorums.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = DescribeQuorum, versions = "0..=2", flexible = "0..", response = DescribeQuorumResponse)]
pub struct DescribeQuorumRequest {
    /// The metadata topics.
    pub topics: Vec<DescribeQuorumTopic>,
}

/// A metadata topic.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct DescribeQuorumTopic {
    /// Name of the topic.
    pub topic_name: Str,
    /// The partitions.
    pub partitions: Vec<DescribeQuorumPartition>,
}

/// A partition of a metadata topic.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct DescribeQuorumPartition {
    /// Number of the partition.
    pub partition_index: i32,
}

/// Quorums.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = DescribeQuorum, versions = "0..=2", flexible = "0..")]
pub struct DescribeQuorumResponse {
    /// Error of the request.
    pub error_code: i16,
    /// What was wrong.
    #[field(versions = "2..", nullable = "2..")]
    pub error_message: Option<Str>,
    /// The metadata topics.
    pub topics: Vec<QuorumTopic>,
    /// The nodes of the quorum.
    #[field(versions = "2..")]
    pub nodes: Vec<QuorumNode>,
}

/// A metadata topic's quorum.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct QuorumTopic {
    /// Name of the topic.
    pub topic_name: Str,
    /// The partitions.
    pub partitions: Vec<QuorumPartition>,
}

/// A partition's quorum.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct QuorumPartition {
    /// Number of the partition.
    pub partition_index: i32,
    /// Error of the partition.
    pub error_code: i16,
    /// What was wrong.
    #[field(versions = "2..", nullable = "2..")]
    pub error_message: Option<Str>,
    /// Node that leads; −1 if none does.
    pub leader_id: i32,
    /// Epoch of that leader.
    pub leader_epoch: i32,
    /// End of what is committed.
    pub high_watermark: i64,
    /// The voters.
    pub current_voters: Vec<ReplicaState>,
    /// The observers.
    pub observers: Vec<ReplicaState>,
}

/// How far a node has come.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct ReplicaState {
    /// Id of the node.
    pub replica_id: i32,
    /// Id of its directory.
    #[field(versions = "2..")]
    pub replica_directory_id: Uuid,
    /// End of its log; −1 if unknown.
    pub log_end_offset: i64,
    /// When it last asked the leader; −1 if unknown.
    #[field(versions = "1..", default = "-1")]
    pub last_fetch_timestamp: i64,
    /// When it last had all that the leader has; −1 if unknown.
    #[field(versions = "1..", default = "-1")]
    pub last_caught_up_timestamp: i64,
}

/// A node of the quorum.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct QuorumNode {
    /// Id of the node.
    pub node_id: i32,
    /// Where it is reached.
    pub listeners: Vec<QuorumListener>,
}

/// Where a node is reached.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct QuorumListener {
    /// Name of the listener.
    pub name: Str,
    /// Host.
    pub host: Str,
    /// Port.
    pub port: u16,
}
