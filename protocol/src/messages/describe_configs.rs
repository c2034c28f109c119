//! DescribeConfigs: the configuration of topics and brokers.

use crate::codec::Str;
use crate::{Message, Wire};

/// Asks for configurations.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = DescribeConfigs, versions = "1..=4", flexible = "4..", response = DescribeConfigsResponse)]
pub struct DescribeConfigsRequest {
    /// The resources.
    pub resources: Vec<DescribeConfigsResource>,
    /// Whether to include the synonyms: what else each value could come from.
    pub include_synonyms: bool,
    /// Whether to explain each configuration.
    #[field(versions = "3..")]
    pub include_documentation: bool,
}

/// A resource asked about.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct DescribeConfigsResource {
    /// 2: topic; 4: broker; 8: broker logger; 16: client metrics; 32: group.
    pub resource_type: i8,
    /// Name of the topic, id of the broker.
    pub resource_name: Str,
    /// Names of the configurations; null for all.
    #[field(nullable = "0..")]
    pub configuration_keys: Option<Vec<Str>>,
}

/// The configurations.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = DescribeConfigs, versions = "1..=4", flexible = "4..")]
pub struct DescribeConfigsResponse {
    /// Milliseconds for which the client was throttled.
    pub throttle_time_ms: i32,
    /// The resources.
    pub results: Vec<DescribeConfigsResult>,
}

/// A resource's configurations.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct DescribeConfigsResult {
    /// Error of the resource.
    pub error_code: i16,
    /// What was wrong.
    #[field(nullable = "0..")]
    pub error_message: Option<Str>,
    /// As asked.
    pub resource_type: i8,
    /// As asked.
    pub resource_name: Str,
    /// The configurations.
    pub configs: Vec<DescribeConfigsResourceResult>,
}

/// A configuration.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct DescribeConfigsResourceResult {
    /// Name of the configuration.
    pub name: Str,
    /// Its value.
    #[field(nullable = "0..")]
    pub value: Option<Str>,
    /// Whether it cannot be changed.
    pub read_only: bool,
    /// Where it comes from. 1: topic; 2: broker; 3: all brokers; 4: static; 5: default; −1: unknown.
    #[field(default = "-1")]
    pub config_source: i8,
    /// Whether its value must not be shown.
    pub is_sensitive: bool,
    /// What else the value could come from, the winner first.
    pub synonyms: Vec<DescribeConfigsSynonym>,
    /// 1: boolean; 2: string; 3: int; 4: short; 5: long; 6: double; 7: list; 8: class; 9: password.
    #[field(versions = "3..")]
    pub config_type: i8,
    /// What it does.
    #[field(versions = "3..", nullable = "3..")]
    pub documentation: Option<Str>,
}

/// Something that a configuration's value could come from.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct DescribeConfigsSynonym {
    /// Name of the configuration there.
    pub name: Str,
    /// The value there.
    #[field(nullable = "0..")]
    pub value: Option<Str>,
    /// As `config_source`.
    pub source: i8,
}
