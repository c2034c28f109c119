//! The slot being filled, and the decisions that run ahead of the store.

use std::sync::Arc;

use coordinator::partition;
use tiering::format::slot::Builder;

use super::checkpoint::Capture;
use super::partition::{Partition, TailBatch};
use super::ticket::Stub;
use super::{Permit, Ticket};

/// A partition's state, slots in flight included.
pub(super) struct Decided {
    pub(super) partition: Arc<Partition>,
    pub(super) state: partition::Partition,
}

/// A batch of the open slot, for its partition's tail.
pub(super) struct Pending {
    pub(super) partition: Arc<Partition>,
    pub(super) batch: TailBatch,
}

/// Everything that an append touches, behind one lock.
pub(super) struct Open {
    /// By [`Partition::index`].
    pub(super) states: Vec<Decided>,
    pub(super) builder: Builder,
    pub(super) pending: Vec<Pending>,
    pub(super) permits: Vec<Permit>,
    pub(super) stub: Stub,
    /// Somebody waits for this slot, even if it stays empty.
    pub(super) awaited: bool,
    /// The number that this slot gets.
    pub(super) n: u64,
    /// The hash of the slot before it.
    pub(super) previous: u128,
    /// The newest slot in flight or committed.
    pub(super) newest: Option<Ticket>,
    /// What the session began with, before anything was appended; until it is written as checkpoint 0.
    pub(super) inherited: Option<Capture>,
    /// Nothing may be appended any more.
    pub(super) ended: bool,
}

impl Open {
    pub(super) fn new() -> Self {
        Self {
            states: Vec::new(),
            builder: Builder::default(),
            pending: Vec::new(),
            permits: Vec::new(),
            stub: Stub::new(),
            awaited: false,
            n: 0,
            previous: 0,
            newest: None,
            inherited: None,
            ended: false,
        }
    }

    /// Whether there is a reason to put the slot.
    pub(super) fn is_wanted(&self) -> bool {
        self.awaited || !self.builder.is_empty()
    }

    /// A ticket for a slot at or after every batch decided so far. The open slot will be put only if it is
    /// wanted; else the newest one in flight is the last that holds anything.
    pub(super) fn latest(&self) -> Option<Ticket> {
        if self.is_wanted() { Some(self.stub.ticket()) } else { self.newest.clone() }
    }

    /// A ticket for the open slot, whose first PUT has not been issued yet.
    pub(super) fn barrier(&mut self) -> Ticket {
        self.awaited = true;
        self.stub.ticket()
    }

    /// Ends the log: what is in the open slot fails, and so does everything that comes.
    pub(super) fn end(&mut self) {
        self.ended = true;
        self.stub.fail();
        self.builder = Builder::default();
        self.pending.clear();
        self.permits.clear();
        self.awaited = false;
    }
}
