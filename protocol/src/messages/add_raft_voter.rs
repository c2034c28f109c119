//! AddRaftVoter: a new voter of the metadata quorum.

use crate::codec::{Str, Uuid};
use crate::{Message, Wire};

/// Adds a voter.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = AddRaftVoter, versions = "0..=1", flexible = "0..", response = AddRaftVoterResponse)]
pub struct AddRaftVoterRequest {
    /// Id of the cluster.
    #[field(nullable = "0..")]
    pub cluster_id: Option<Str>,
    /// Milliseconds to wait.
    pub timeout_ms: i32,
    /// Id of the node.
    pub voter_id: i32,
    /// Id of its directory.
    pub voter_directory_id: Uuid,
    /// Where it is reached.
    pub listeners: Vec<VoterListener>,
    /// Whether to wait until that is committed.
    #[field(versions = "1..", default = "true")]
    pub ack_when_committed: bool,
}

/// Where a voter is reached.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct VoterListener {
    /// Name of the listener.
    pub name: Str,
    /// Host.
    pub host: Str,
    /// Port.
    pub port: u16,
}

/// What became of it.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = AddRaftVoter, versions = "0..=1", flexible = "0..")]
pub struct AddRaftVoterResponse {
    /// Milliseconds for which the client was throttled.
    pub throttle_time_ms: i32,
    /// Error of the request.
    pub error_code: i16,
    /// What was wrong.
    #[field(nullable = "0..")]
    pub error_message: Option<Str>,
}
