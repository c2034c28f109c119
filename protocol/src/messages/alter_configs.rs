//! AlterConfigs: the whole configuration of resources. Superseded by IncrementalAlterConfigs.

use crate::codec::Str;
use crate::{Message, Wire};

/// Sets configurations, and puts those that are not named back to their defaults.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = AlterConfigs, versions = "0..=2", flexible = "2..", response = AlterConfigsResponse)]
pub struct AlterConfigsRequest {
    /// The resources.
    pub resources: Vec<AlterConfigsResource>,
    /// Whether to only check that they could be set.
    pub validate_only: bool,
}

/// A resource and all that it shall have.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct AlterConfigsResource {
    /// 2: topic; 4: broker; 8: broker logger; 16: client metrics; 32: group.
    pub resource_type: i8,
    /// Name of the resource.
    pub resource_name: Str,
    /// Its configurations; the others go back to their defaults.
    pub configs: Vec<AlterableConfig>,
}

/// A configuration to set.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct AlterableConfig {
    /// Name of the configuration.
    pub name: Str,
    /// Its value.
    #[field(nullable = "0..")]
    pub value: Option<Str>,
}

/// What became of each resource.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = AlterConfigs, versions = "0..=2", flexible = "2..")]
pub struct AlterConfigsResponse {
    /// Milliseconds for which the client was throttled.
    pub throttle_time_ms: i32,
    /// The resources.
    pub responses: Vec<AlterConfigsResourceResponse>,
}

/// What became of a resource.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct AlterConfigsResourceResponse {
    /// Error of the resource.
    pub error_code: i16,
    /// What was wrong.
    #[field(nullable = "0..")]
    pub error_message: Option<Str>,
    /// As asked.
    pub resource_type: i8,
    /// As asked.
    pub resource_name: Str,
}
