//! RemoveRaftVoter: one voter less in the metadata quorum.

use crate::Message;
use crate::codec::{Str, Uuid};

/// Removes a voter.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = RemoveRaftVoter, versions = "0", flexible = "0..", response = RemoveRaftVoterResponse)]
pub struct RemoveRaftVoterRequest {
    /// Id of the cluster.
    #[field(nullable = "0..")]
    pub cluster_id: Option<Str>,
    /// Id of the node.
    pub voter_id: i32,
    /// Id of its directory.
    pub voter_directory_id: Uuid,
}

/// What became of it.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = RemoveRaftVoter, versions = "0", flexible = "0..")]
pub struct RemoveRaftVoterResponse {
    /// Milliseconds for which the client was throttled.
    pub throttle_time_ms: i32,
    /// Error of the request.
    pub error_code: i16,
    /// What was wrong.
    #[field(nullable = "0..")]
    pub error_message: Option<Str>,
}
