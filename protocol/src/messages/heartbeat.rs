//! Heartbeat: a classic member lives, and learns whether its generation does.

use crate::Message;
use crate::codec::Str;

/// "I am alive."
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = Heartbeat, versions = "0..=4", flexible = "4..", response = HeartbeatResponse)]
pub struct HeartbeatRequest {
    /// Id of the group.
    pub group_id: Str,
    /// Number of the generation that the member is in.
    pub generation_id: i32,
    /// Id of the member.
    pub member_id: Str,
    /// Name of a static member.
    #[field(versions = "3..", nullable = "3..")]
    pub group_instance_id: Option<Str>,
}

/// Whether the member may go on.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = Heartbeat, versions = "0..=4", flexible = "4..")]
pub struct HeartbeatResponse {
    /// Milliseconds for which the client was throttled.
    #[field(versions = "1..")]
    pub throttle_time_ms: i32,
    /// Error of the request; that of a rebalance asks the member to rejoin.
    pub error_code: i16,
}
