//! LeaveGroup: members leave a classic group, or are removed from it.

use crate::codec::Str;
use crate::{Message, Wire};

/// Removes members from a group.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = LeaveGroup, versions = "0..=5", flexible = "4..", response = LeaveGroupResponse)]
pub struct LeaveGroupRequest {
    /// Id of the group.
    pub group_id: Str,
    /// Id of the member.
    #[field(versions = "..=2")]
    pub member_id: Str,
    /// The members.
    #[field(versions = "3..")]
    pub members: Vec<MemberIdentity>,
}

/// A member to remove.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct MemberIdentity {
    /// Id of the member; empty if the name counts alone.
    pub member_id: Str,
    /// Name of a static member.
    #[field(nullable = "0..")]
    pub group_instance_id: Option<Str>,
    /// Why it leaves, in words (KIP-800).
    #[field(versions = "5..", nullable = "5..")]
    pub reason: Option<Str>,
}

/// What became of each member.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = LeaveGroup, versions = "0..=5", flexible = "4..")]
pub struct LeaveGroupResponse {
    /// Milliseconds for which the client was throttled.
    #[field(versions = "1..")]
    pub throttle_time_ms: i32,
    /// Error of the request.
    pub error_code: i16,
    /// The members.
    #[field(versions = "3..")]
    pub members: Vec<MemberResponse>,
}

/// What became of a member.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct MemberResponse {
    /// As asked.
    pub member_id: Str,
    /// As asked.
    #[field(nullable = "0..")]
    pub group_instance_id: Option<Str>,
    /// Error of the member.
    pub error_code: i16,
}
