//! Metadata: brokers, topics, and who leads which partition.

use crate::codec::{Str, Uuid};
use crate::{Message, Wire};

/// Asks for brokers and topics.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = Metadata, versions = "0..=13", flexible = "9..", response = MetadataResponse)]
pub struct MetadataRequest {
    /// The topics wanted. All are asked for with null, or in version 0 with an empty array.
    #[field(nullable = "1..")]
    pub topics: Option<Vec<MetadataRequestTopic>>,
    /// Whether a topic that does not exist may be created.
    #[field(versions = "4..", default = "true")]
    pub allow_auto_topic_creation: bool,
    /// Whether to include what the client may do with the cluster.
    #[field(versions = "8..=10")]
    pub include_cluster_authorized_operations: bool,
    /// Whether to include what the client may do with each topic.
    #[field(versions = "8..")]
    pub include_topic_authorized_operations: bool,
}

/// A topic asked for, by name or by id.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct MetadataRequestTopic {
    /// Id of the topic, or zero.
    #[field(versions = "10..")]
    pub topic_id: Uuid,
    /// Name of the topic, or null if the id counts.
    #[field(nullable = "10..")]
    pub name: Option<Str>,
}

/// Brokers and topics.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = Metadata, versions = "0..=13", flexible = "9..")]
pub struct MetadataResponse {
    /// Milliseconds for which the client was throttled.
    #[field(versions = "3..")]
    pub throttle_time_ms: i32,
    /// The brokers.
    pub brokers: Vec<MetadataResponseBroker>,
    /// Id of the cluster.
    #[field(versions = "2..", nullable = "2..")]
    pub cluster_id: Option<Str>,
    /// Id of the broker that takes administrative requests; −1 if unknown.
    #[field(versions = "1..", default = "-1")]
    pub controller_id: i32,
    /// The topics.
    pub topics: Vec<MetadataResponseTopic>,
    /// Bits of what the client may do with the cluster; the lowest integer if not asked for.
    #[field(versions = "8..=10", default = "i32::MIN")]
    pub cluster_authorized_operations: i32,
    /// Error of the request.
    #[field(versions = "13..")]
    pub error_code: i16,
}

/// A broker.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct MetadataResponseBroker {
    /// Id of the broker.
    pub node_id: i32,
    /// Host that clients connect to.
    pub host: Str,
    /// Port that clients connect to.
    pub port: i32,
    /// Rack of the broker.
    #[field(versions = "1..", nullable = "1..")]
    pub rack: Option<Str>,
}

/// A topic.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct MetadataResponseTopic {
    /// Error of the topic.
    pub error_code: i16,
    /// Name; null only for an unknown topic asked for by id.
    #[field(nullable = "12..")]
    pub name: Option<Str>,
    /// Id; zero only for an unknown topic asked for by name.
    #[field(versions = "10..")]
    pub topic_id: Uuid,
    /// Whether the topic is the broker's own.
    #[field(versions = "1..")]
    pub is_internal: bool,
    /// The partitions.
    pub partitions: Vec<MetadataResponsePartition>,
    /// Bits of what the client may do with the topic; the lowest integer if not asked for.
    #[field(versions = "8..", default = "i32::MIN")]
    pub topic_authorized_operations: i32,
}

/// A partition.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct MetadataResponsePartition {
    /// Error of the partition.
    pub error_code: i16,
    /// Number of the partition.
    pub partition_index: i32,
    /// Broker that leads it; −1 if none does.
    pub leader_id: i32,
    /// Epoch of that leader; −1 if unknown.
    #[field(versions = "7..", default = "-1")]
    pub leader_epoch: i32,
    /// All brokers that host it.
    pub replica_nodes: Vec<i32>,
    /// Those in sync with the leader.
    pub isr_nodes: Vec<i32>,
    /// Those that are down.
    #[field(versions = "5..")]
    pub offline_replicas: Vec<i32>,
}
