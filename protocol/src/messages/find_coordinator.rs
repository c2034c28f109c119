//! FindCoordinator: which broker coordinates a group, a transaction or a share partition.

use crate::codec::Str;
use crate::{Message, Wire};

/// Asks for coordinators.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = FindCoordinator, versions = "0..=6", flexible = "3..", response = FindCoordinatorResponse)]
pub struct FindCoordinatorRequest {
    /// Id of the group, or transactional id.
    #[field(versions = "..=3")]
    pub key: Str,
    /// What the keys are. 0: groups; 1: transactional ids; 2: share partitions, each as
    /// `group:topic id:partition`.
    #[field(versions = "1..")]
    pub key_type: i8,
    /// Ids of the groups, or transactional ids.
    #[field(versions = "4..")]
    pub coordinator_keys: Vec<Str>,
}

/// The coordinators.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = FindCoordinator, versions = "0..=6", flexible = "3..")]
pub struct FindCoordinatorResponse {
    /// Milliseconds for which the client was throttled.
    #[field(versions = "1..")]
    pub throttle_time_ms: i32,
    /// Error of the request.
    #[field(versions = "..=3")]
    pub error_code: i16,
    /// What was wrong.
    #[field(versions = "1..=3", nullable = "1..=3")]
    pub error_message: Option<Str>,
    /// Id of the broker.
    #[field(versions = "..=3")]
    pub node_id: i32,
    /// Host that clients connect to.
    #[field(versions = "..=3")]
    pub host: Str,
    /// Port that clients connect to.
    #[field(versions = "..=3")]
    pub port: i32,
    /// The coordinator of each key.
    #[field(versions = "4..")]
    pub coordinators: Vec<Coordinator>,
}

/// The coordinator of a key.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct Coordinator {
    /// The key.
    pub key: Str,
    /// Id of the broker.
    pub node_id: i32,
    /// Host that clients connect to.
    pub host: Str,
    /// Port that clients connect to.
    pub port: i32,
    /// Error of the key.
    pub error_code: i16,
    /// What was wrong.
    #[field(nullable = "0..")]
    pub error_message: Option<Str>,
}
