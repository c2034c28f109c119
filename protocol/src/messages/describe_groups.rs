//! DescribeGroups: classic groups and their members.

use bytes::Bytes;

use crate::codec::Str;
use crate::{Message, Wire};

/// Asks about classic groups.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = DescribeGroups, versions = "0..=6", flexible = "5..", response = DescribeGroupsResponse)]
pub struct DescribeGroupsRequest {
    /// Ids of the groups.
    pub groups: Vec<Str>,
    /// Whether to include what the client may do with each group.
    #[field(versions = "3..")]
    pub include_authorized_operations: bool,
}

/// The groups.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = DescribeGroups, versions = "0..=6", flexible = "5..")]
pub struct DescribeGroupsResponse {
    /// Milliseconds for which the client was throttled.
    #[field(versions = "1..")]
    pub throttle_time_ms: i32,
    /// The groups.
    pub groups: Vec<DescribedGroup>,
}

/// A group.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct DescribedGroup {
    /// Error of the group.
    pub error_code: i16,
    /// What was wrong.
    #[field(versions = "6..", nullable = "6..")]
    pub error_message: Option<Str>,
    /// Id of the group.
    pub group_id: Str,
    /// State of the group; empty on an error.
    pub group_state: Str,
    /// What its protocols are about, or empty.
    pub protocol_type: Str,
    /// The protocol that was chosen, or empty; only a stable group has it.
    pub protocol_data: Str,
    /// The members; a dead group has none.
    pub members: Vec<DescribedGroupMember>,
    /// Bits of what the client may do with the group; the lowest integer if not asked for.
    #[field(versions = "3..", default = "i32::MIN")]
    pub authorized_operations: i32,
}

/// A member.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct DescribedGroupMember {
    /// Id of the member.
    pub member_id: Str,
    /// Name of a static member.
    #[field(versions = "4..", nullable = "4..")]
    pub group_instance_id: Option<Str>,
    /// The name that its client gave itself when it last joined.
    pub client_id: Str,
    /// Address that it joined from.
    pub client_host: Str,
    /// What it said for the chosen protocol; only a stable group has it.
    pub member_metadata: Bytes,
    /// Its part of the assignment; only a stable group has it.
    pub member_assignment: Bytes,
}
