//! Committed offsets: commit, deletion, expiry.

mod commit;
mod delete;
mod expiry;

pub(super) use commit::commit;
pub(super) use delete::delete;
pub(super) use expiry::{expire, forget_topic, plan_expiry, topics_among};

use std::collections::BTreeSet;

use super::classic::{Caller, Subscribed};
use super::state::Membership;
use super::work::Work;
use super::{classic, consumer};
use crate::PartitionId;

/// What the group's members read.
fn subscribed(work: &Work<'_>) -> Subscribed {
    match &work.group().membership {
        Membership::Classic(_) => classic::subscribed(work.group(), &work.world.consumer_protocol),
        Membership::Consumer(_) => Subscribed::To(consumer::subscribed(work)),
        // It commits nothing.
        Membership::Share(_) => Subscribed::To(BTreeSet::new()),
    }
}

/// OffsetCommit. The caller has answered for partitions that do not exist; they are not in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// The member that commits; generation −1 and no member id for a client that is no member of a group.
    pub caller: Caller,
    /// How long offsets are kept, from now, if the client says so (OffsetCommit 2 to 4; ms).
    pub retention_ms: Option<i64>,
    /// Whether an unknown group is GROUP_ID_NOT_FOUND (OffsetCommit 9), not ILLEGAL_GENERATION.
    pub knows_group_not_found: bool,
    /// The offsets.
    pub offsets: Vec<(PartitionId, Offset)>,
}

/// An offset to commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offset {
    /// The next record that the group will process.
    pub offset: i64,
    /// The leader epoch of the record before, or −1.
    pub leader_epoch: i32,
    /// What the client keeps with it.
    pub metadata: String,
}

/// OffsetDelete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteOffsets {
    /// Which; those of topics that the group is subscribed to are refused.
    pub partitions: Vec<PartitionId>,
}
