//! DeleteGroups.

use crate::codec::Str;
use crate::{Message, Wire};

/// Deletes groups.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = DeleteGroups, versions = "0..=2", flexible = "2..", response = DeleteGroupsResponse)]
pub struct DeleteGroupsRequest {
    /// Ids of the groups.
    pub groups_names: Vec<Str>,
}

/// What became of each group.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = DeleteGroups, versions = "0..=2", flexible = "2..")]
pub struct DeleteGroupsResponse {
    /// Milliseconds for which the client was throttled.
    pub throttle_time_ms: i32,
    /// The groups.
    pub results: Vec<DeletableGroupResult>,
}

/// What became of a group.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct DeletableGroupResult {
    /// Id of the group.
    pub group_id: Str,
    /// Error of the group.
    pub error_code: i16,
}
