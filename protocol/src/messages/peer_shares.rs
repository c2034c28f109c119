//! What a share group's coordinator asks of the nodes that hold its share partitions. Tidelog's own, as in
//! [`super::peer`].

use crate::codec::{Str, Uuid};
use crate::{Message, Wire};

/// "How far has this group come with these partitions?" Or: "set it", "forget it".
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = PeerShares, versions = "0", flexible = "0..", response = PeerSharesResponse)]
pub struct PeerSharesRequest {
    /// Id of the group.
    pub group_id: Str,
    /// 0: describe the offsets; 1: set them; 2: delete them.
    pub action: i8,
    /// Epoch of the group, where offsets are set.
    pub group_epoch: i32,
    /// The partitions, led by the node that is asked.
    pub partitions: Vec<PeerSharePartition>,
}

/// The offsets are described.
pub const DESCRIBE: i8 = 0;

/// The offsets are set.
pub const ALTER: i8 = 1;

/// The offsets are forgotten.
pub const DELETE: i8 = 2;

/// A partition asked about.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct PeerSharePartition {
    /// Id of the topic.
    pub topic_id: Uuid,
    /// Number of the partition.
    pub partition_index: i32,
    /// The first offset to read, where it is set.
    pub start_offset: i64,
}

/// What became of each partition, in the request's order.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = PeerShares, versions = "0", flexible = "0..")]
pub struct PeerSharesResponse {
    /// Error of the request.
    pub error_code: i16,
    /// The partitions.
    pub partitions: Vec<PeerShareOutcome>,
}

/// What became of a partition.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct PeerShareOutcome {
    /// Error of the partition: 6 if the node that was asked does not lead it.
    pub error_code: i16,
    /// The first offset that is not settled; −1 if the group never read the partition.
    pub start_offset: i64,
    /// Epoch of the partition's leader.
    pub leader_epoch: i32,
    /// Records that are not settled; −1 if the group never read the partition.
    pub lag: i64,
}
