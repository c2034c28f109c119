//! JoinGroup: a classic member enters a group, or the next generation of it.

use bytes::Bytes;

use crate::codec::Str;
use crate::{Message, Wire};

/// Joins a group. It is answered when the generation begins.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = JoinGroup, versions = "0..=9", flexible = "6..", response = JoinGroupResponse)]
pub struct JoinGroupRequest {
    /// Id of the group.
    pub group_id: Str,
    /// Milliseconds without a heartbeat after which the member is dead.
    pub session_timeout_ms: i32,
    /// Milliseconds for which a rebalance waits for the member to rejoin; −1 in version 0, where the session's
    /// timeout counts.
    #[field(versions = "1..", default = "-1")]
    pub rebalance_timeout_ms: i32,
    /// Id that the coordinator gave the member; empty if it has none yet.
    pub member_id: Str,
    /// Name of a static member (KIP-345).
    #[field(versions = "5..", nullable = "5..")]
    pub group_instance_id: Option<Str>,
    /// What the group's protocols are about: `consumer`, `connect` or a client's own.
    pub protocol_type: Str,
    /// The protocols that the member can follow, the one it likes best first.
    pub protocols: Vec<JoinGroupRequestProtocol>,
    /// Why the member joins, in words (KIP-800).
    #[field(versions = "8..", nullable = "8..")]
    pub reason: Option<Str>,
}

/// A protocol that a member can follow.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct JoinGroupRequestProtocol {
    /// Name of the protocol; of consumers, their assignor.
    pub name: Str,
    /// What the member says to its leader; of consumers, a subscription.
    pub metadata: Bytes,
}

/// The generation that the member is in.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = JoinGroup, versions = "0..=9", flexible = "6..")]
pub struct JoinGroupResponse {
    /// Milliseconds for which the client was throttled.
    #[field(versions = "2..")]
    pub throttle_time_ms: i32,
    /// Error of the request.
    pub error_code: i16,
    /// Number of the generation, or −1.
    #[field(default = "-1")]
    pub generation_id: i32,
    /// What the group's protocols are about.
    #[field(versions = "7..", nullable = "7..")]
    pub protocol_type: Option<Str>,
    /// The protocol that the coordinator chose; null or empty on an error.
    #[field(nullable = "7..")]
    pub protocol_name: Option<Str>,
    /// Id of the member that leads the generation; empty on an error.
    pub leader: Str,
    /// Whether the leader must not assign anew: a static one that came back (KIP-814).
    #[field(versions = "9..")]
    pub skip_assignment: bool,
    /// Id of the member.
    pub member_id: Str,
    /// All members, for the leader; empty for the others.
    pub members: Vec<JoinGroupResponseMember>,
}

/// A member, as its leader sees it.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct JoinGroupResponseMember {
    /// Id of the member.
    pub member_id: Str,
    /// Name of a static member.
    #[field(versions = "5..", nullable = "5..")]
    pub group_instance_id: Option<Str>,
    /// What the member said for the chosen protocol.
    pub metadata: Bytes,
}
