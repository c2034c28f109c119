//! SyncGroup: the leader of a classic generation gives its assignment, every member gets its part.

use bytes::Bytes;

use crate::codec::Str;
use crate::{Message, Wire};

/// Asks for the member's part of the assignment. It is answered when the leader has given it.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = SyncGroup, versions = "0..=5", flexible = "4..", response = SyncGroupResponse)]
pub struct SyncGroupRequest {
    /// Id of the group.
    pub group_id: Str,
    /// Number of the generation.
    pub generation_id: i32,
    /// Id of the member.
    pub member_id: Str,
    /// Name of a static member.
    #[field(versions = "3..", nullable = "3..")]
    pub group_instance_id: Option<Str>,
    /// What the member believes the group's protocols are about (KIP-559).
    #[field(versions = "5..", nullable = "5..")]
    pub protocol_type: Option<Str>,
    /// The protocol that the member believes was chosen.
    #[field(versions = "5..", nullable = "5..")]
    pub protocol_name: Option<Str>,
    /// Each member's part, from the leader; from others, nothing.
    pub assignments: Vec<SyncGroupRequestAssignment>,
}

/// A member's part of the assignment.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct SyncGroupRequestAssignment {
    /// Id of the member.
    pub member_id: Str,
    /// Its part, which only members understand.
    pub assignment: Bytes,
}

/// The member's part of the assignment.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = SyncGroup, versions = "0..=5", flexible = "4..")]
pub struct SyncGroupResponse {
    /// Milliseconds for which the client was throttled.
    #[field(versions = "1..")]
    pub throttle_time_ms: i32,
    /// Error of the request.
    pub error_code: i16,
    /// What the group's protocols are about.
    #[field(versions = "5..", nullable = "5..")]
    pub protocol_type: Option<Str>,
    /// The protocol of the generation.
    #[field(versions = "5..", nullable = "5..")]
    pub protocol_name: Option<Str>,
    /// The part; no bytes at all if the leader gave the member none.
    pub assignment: Bytes,
}
