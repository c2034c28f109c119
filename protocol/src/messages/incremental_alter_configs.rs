//! IncrementalAlterConfigs: changes to configurations.

use crate::codec::Str;
use crate::{Message, Wire};

/// Changes configurations, and leaves those that are not named as they are.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = IncrementalAlterConfigs, versions = "0..=1", flexible = "1..", response = IncrementalAlterConfigsResponse)]
pub struct IncrementalAlterConfigsRequest {
    /// The resources.
    pub resources: Vec<AlterConfigsResource>,
    /// Whether to only check that they could be changed.
    pub validate_only: bool,
}

/// A resource and what changes.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct AlterConfigsResource {
    /// 2: topic; 4: broker; 8: broker logger; 16: client metrics; 32: group.
    pub resource_type: i8,
    /// Name of the resource.
    pub resource_name: Str,
    /// The changes.
    pub configs: Vec<AlterableConfig>,
}

/// A change.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct AlterableConfig {
    /// Name of the configuration.
    pub name: Str,
    /// 0: set; 1: delete; 2: append to the list; 3: take from the list.
    pub config_operation: i8,
    /// The value; null to delete.
    #[field(nullable = "0..")]
    pub value: Option<Str>,
}

/// What became of each resource.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = IncrementalAlterConfigs, versions = "0..=1", flexible = "1..")]
pub struct IncrementalAlterConfigsResponse {
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
