//! ListConfigResources: what has configurations.

use crate::codec::Str;
use crate::{Message, Wire};

/// Asks what has configurations.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = ListConfigResources, versions = "0..=1", flexible = "0..", response = ListConfigResourcesResponse)]
pub struct ListConfigResourcesRequest {
    /// The types wanted, as DescribeConfigs numbers them; empty for all. Version 0 asks for client metrics.
    #[field(versions = "1..")]
    pub resource_types: Vec<i8>,
}

/// What has configurations.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = ListConfigResources, versions = "0..=1", flexible = "0..")]
pub struct ListConfigResourcesResponse {
    /// Milliseconds for which the client was throttled.
    pub throttle_time_ms: i32,
    /// Error of the request.
    pub error_code: i16,
    /// The resources.
    pub config_resources: Vec<ConfigResource>,
}

/// A resource.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct ConfigResource {
    /// Name of the resource.
    pub resource_name: Str,
    /// Its type.
    #[field(versions = "1..", default = "16")]
    pub resource_type: i8,
}
