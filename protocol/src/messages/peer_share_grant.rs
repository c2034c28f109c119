//! What a node that leads partitions asks of a share group's coordinator. Tidelog's own, as in [`super::peer`].

use crate::codec::{Str, Uuid};
use crate::{Message, Wire};

/// "May these share partitions of the group come into being?"
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = PeerShareGrant, versions = "0", flexible = "0..", response = PeerShareGrantResponse)]
pub struct PeerShareGrantRequest {
    /// Id of the group.
    pub group_id: Str,
    /// The member that reads them; null if their offsets are set.
    #[field(nullable = "0..")]
    pub member_id: Option<Str>,
    /// The partitions.
    pub partitions: Vec<PeerShareGrantPartition>,
}

/// Those that may.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = PeerShareGrant, versions = "0", flexible = "0..")]
pub struct PeerShareGrantResponse {
    /// Error of the request: 16 if the node that was asked does not coordinate the group.
    pub error_code: i16,
    /// The partitions.
    pub partitions: Vec<PeerShareGrantPartition>,
}

/// A partition.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct PeerShareGrantPartition {
    /// Id of the topic.
    pub topic_id: Uuid,
    /// Number of the partition.
    pub partition_index: i32,
}
