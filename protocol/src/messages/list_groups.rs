//! ListGroups: the groups that a broker coordinates.

use crate::codec::Str;
use crate::{Message, Wire};

/// Asks for groups.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = ListGroups, versions = "0..=5", flexible = "3..", response = ListGroupsResponse)]
pub struct ListGroupsRequest {
    /// States wanted; empty for all (KIP-518).
    #[field(versions = "4..")]
    pub states_filter: Vec<Str>,
    /// Types wanted; empty for all (KIP-848).
    #[field(versions = "5..")]
    pub types_filter: Vec<Str>,
}

/// The groups.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = ListGroups, versions = "0..=5", flexible = "3..")]
pub struct ListGroupsResponse {
    /// Milliseconds for which the client was throttled.
    #[field(versions = "1..")]
    pub throttle_time_ms: i32,
    /// Error of the request.
    pub error_code: i16,
    /// The groups.
    pub groups: Vec<ListedGroup>,
}

/// A group.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct ListedGroup {
    /// Id of the group.
    pub group_id: Str,
    /// What its protocols are about; empty for a group that only holds offsets.
    pub protocol_type: Str,
    /// State of the group.
    #[field(versions = "4..")]
    pub group_state: Str,
    /// Type of the group: `classic`, `consumer`, `share` or `streams`.
    #[field(versions = "5..")]
    pub group_type: Str,
}
