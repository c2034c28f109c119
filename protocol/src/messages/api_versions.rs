//! ApiVersions: which APIs and features a broker has. A broker answers a version that it does not know in
//! version 0, with error 35 and its range for this API.

use crate::codec::Str;
use crate::{Message, Wire};

/// Asks what a broker speaks.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = ApiVersions, versions = "0..=4", flexible = "3..", response = ApiVersionsResponse)]
pub struct ApiVersionsRequest {
    /// Name of the client library.
    #[field(versions = "3..")]
    pub client_software_name: Str,
    /// Version of the client library.
    #[field(versions = "3..")]
    pub client_software_version: Str,
}

/// What a broker speaks.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = ApiVersions, versions = "0..=4", flexible = "3..")]
pub struct ApiVersionsResponse {
    /// Error of the request.
    pub error_code: i16,
    /// The APIs served.
    pub api_keys: Vec<ApiVersion>,
    /// Milliseconds for which the client was throttled.
    #[field(versions = "1..")]
    pub throttle_time_ms: i32,
    /// Features the broker could have. Before version 4, one whose minimum is 0 must not be listed.
    #[field(tag = 0, versions = "3..")]
    pub supported_features: Vec<SupportedFeatureKey>,
    /// Epoch of the finalized features; −1 if unknown.
    #[field(tag = 1, versions = "3..", default = "-1")]
    pub finalized_features_epoch: i64,
    /// Features in force, if the epoch is known.
    #[field(tag = 2, versions = "3..")]
    pub finalized_features: Vec<FinalizedFeatureKey>,
    /// Whether a migration from ZooKeeper could begin.
    #[field(tag = 3, versions = "3..")]
    pub zk_migration_ready: bool,
}

/// The versions served of one API.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct ApiVersion {
    /// Code of the API.
    pub api_key: i16,
    /// Lowest version, inclusive.
    pub min_version: i16,
    /// Highest version, inclusive.
    pub max_version: i16,
}

/// A feature that a broker could have.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct SupportedFeatureKey {
    /// Name of the feature.
    pub name: Str,
    /// Lowest level.
    pub min_version: i16,
    /// Highest level.
    pub max_version: i16,
}

/// A feature in force.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct FinalizedFeatureKey {
    /// Name of the feature.
    pub name: Str,
    /// Highest level in the cluster.
    pub max_version_level: i16,
    /// Lowest level in the cluster.
    pub min_version_level: i16,
}
