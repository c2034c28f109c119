//! What is asked of share partitions, and what becomes of it.

use std::sync::Arc;

use thiserror::Error;

use super::acknowledge::Acknowledge;
use super::acquire::{Acquire, Acquired};
use super::change::Change;
use super::state::SharePartitionId;
use crate::group::MemberId;

/// Names a request whose reply is owed. It means something to the caller only.
pub type Token = u64;

/// A request to one share partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// The share partition begins at this offset, unless it has begun.
    Begin(i64),
    /// Records were read; a member wants them.
    Acquire(Acquire),
    /// A member says what became of records.
    Acknowledge(Acknowledge),
    /// Releases all that a member has acquired: its share session has ended.
    Release(MemberId),
    /// The share partition begins anew (AlterShareGroupOffsets).
    Alter {
        /// The group's epoch.
        epoch: i32,
        /// Where.
        start: i64,
    },
    /// The share partition is forgotten (DeleteShareGroupOffsets, DeleteGroups). That there is none is no error.
    Delete,
}

/// A reply to one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// To an acquisition: ascending, perhaps nothing.
    Acquired(Vec<Acquired>),
    /// To anything else.
    Done(Result<(), Reject>),
}

/// Why a share partition refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Reject {
    /// INVALID_RECORD_STATE (121), with a message.
    #[error("{0}")]
    InvalidRecordState(&'static str),
    /// INVALID_REQUEST (42), with a message.
    #[error("{0}")]
    InvalidRequest(&'static str),
}

impl Reply {
    /// Whether it follows from state held, so that it may be reported only once a slot confirms that the state is
    /// still the owner's.
    pub fn needs_barrier(&self) -> bool {
        matches!(self, Self::Done(Err(Reject::InvalidRecordState(_) | Reject::InvalidRequest(_))))
    }
}

/// What a step asks of its caller, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// These changes, already applied to the shard, must become durable, all or none.
    Write {
        /// The share partition.
        id: SharePartitionId,
        /// What changed.
        changes: Arc<[Change]>,
    },
    /// Requests that wait for records of this share partition may find some.
    Wake(SharePartitionId),
    /// A request is answered, once every write of its share partition before it is durable; if
    /// [`Reply::needs_barrier`], once a slot is that was begun after now.
    Reply {
        /// The share partition.
        id: SharePartitionId,
        /// The request.
        token: Token,
        /// The answer.
        reply: Reply,
    },
}
