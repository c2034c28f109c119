//! DescribeCluster: the brokers, for administrators.

use crate::codec::Str;
use crate::{Message, Wire};

/// Asks for the brokers.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = DescribeCluster, versions = "0..=2", flexible = "0..", response = DescribeClusterResponse)]
pub struct DescribeClusterRequest {
    /// Whether to include what the client may do with the cluster.
    pub include_cluster_authorized_operations: bool,
    /// 1: brokers; 2: controllers.
    #[field(versions = "1..", default = "1")]
    pub endpoint_type: i8,
    /// Whether to list fenced brokers.
    #[field(versions = "2..")]
    pub include_fenced_brokers: bool,
}

/// The brokers.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = DescribeCluster, versions = "0..=2", flexible = "0..")]
pub struct DescribeClusterResponse {
    /// Milliseconds for which the client was throttled.
    pub throttle_time_ms: i32,
    /// Error of the request.
    pub error_code: i16,
    /// What was wrong.
    #[field(nullable = "0..")]
    pub error_message: Option<Str>,
    /// 1: brokers; 2: controllers.
    #[field(versions = "1..", default = "1")]
    pub endpoint_type: i8,
    /// Id of the cluster.
    pub cluster_id: Str,
    /// Id of the broker that takes administrative requests; −1 if unknown.
    #[field(default = "-1")]
    pub controller_id: i32,
    /// The brokers.
    pub brokers: Vec<DescribeClusterBroker>,
    /// Bits of what the client may do with the cluster; the lowest integer if not asked for.
    #[field(default = "i32::MIN")]
    pub cluster_authorized_operations: i32,
}

/// A broker.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct DescribeClusterBroker {
    /// Id of the broker.
    pub broker_id: i32,
    /// Host that clients connect to.
    pub host: Str,
    /// Port that clients connect to.
    pub port: i32,
    /// Rack of the broker.
    #[field(nullable = "0..")]
    pub rack: Option<Str>,
    /// Whether it must not lead.
    #[field(versions = "2..")]
    pub is_fenced: bool,
}
