//! UpdateFeatures: the cluster's feature levels.

use crate::codec::Str;
use crate::{Message, Wire};

/// Changes feature levels.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = UpdateFeatures, versions = "0..=2", flexible = "0..", response = UpdateFeaturesResponse)]
pub struct UpdateFeaturesRequest {
    /// Milliseconds to wait.
    #[field(default = "60_000")]
    pub timeout_ms: i32,
    /// The features.
    pub feature_updates: Vec<FeatureUpdateKey>,
    /// Whether to only check that they could be changed.
    #[field(versions = "1..")]
    pub validate_only: bool,
}

/// A feature and its new level.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct FeatureUpdateKey {
    /// Name of the feature.
    pub feature: Str,
    /// Its level; below 1 to take it away.
    pub max_version_level: i16,
    /// Whether the level may get lower.
    #[field(versions = "..=0")]
    pub allow_downgrade: bool,
    /// 1: may only get higher; 2: may get lower if nothing is lost; 3: may get lower.
    #[field(versions = "1..", default = "1")]
    pub upgrade_type: i8,
}

/// What became of the features.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = UpdateFeatures, versions = "0..=2", flexible = "0..")]
pub struct UpdateFeaturesResponse {
    /// Milliseconds for which the client was throttled.
    pub throttle_time_ms: i32,
    /// Error of the request.
    pub error_code: i16,
    /// What was wrong.
    #[field(nullable = "0..")]
    pub error_message: Option<Str>,
    /// The features.
    #[field(versions = "..=1")]
    pub results: Vec<UpdatableFeatureResult>,
}

/// What became of a feature.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct UpdatableFeatureResult {
    /// Name of the feature.
    pub feature: Str,
    /// Error of the feature.
    pub error_code: i16,
    /// What was wrong.
    #[field(nullable = "0..")]
    pub error_message: Option<Str>,
}
