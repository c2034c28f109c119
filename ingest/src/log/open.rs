//! The slot being filled, and the decisions that run ahead of the store.

use std::collections::BTreeMap;
use std::sync::Arc;

use coordinator::{Epoch, SessionId, ShardId, partition};
use tiering::format::slot::Builder;

use super::checkpoint::Capture;
use super::partition::{Partition, TailBatch};
use super::ticket::Stub;
use super::{Permit, Ticket};

/// A partition's state, slots in flight included.
pub(super) struct Decided {
    pub(super) partition: Arc<Partition>,
    pub(super) shard: ShardId,
    pub(super) state: partition::Partition,
}

/// A shard that the session holds, and whose state it has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    /// The epoch that its records carry.
    pub(super) epoch: Epoch,
    /// The epoch that clients see.
    pub(super) leader_epoch: i32,
    /// It is about to be released, or is: nothing is appended any more.
    pub(super) frozen: bool,
}

/// A batch of the open slot, for its partition's tail.
pub(super) struct Pending {
    pub(super) partition: Arc<Partition>,
    pub(super) epoch: Epoch,
    pub(super) batch: TailBatch,
}

/// Everything that an append touches, behind one lock.
pub(super) struct Open {
    /// The session whose slots are written.
    pub(super) session: SessionId,
    /// The session that is to follow it, while the entry is under way that says so.
    pub(super) following: Option<SessionId>,
    pub(super) shards: BTreeMap<ShardId, Held>,
    /// Every shard that was granted before this entry is among `shards`.
    pub(super) as_of: Epoch,
    /// By [`Partition::index`]; a place that is free holds nothing.
    pub(super) states: Vec<Option<Decided>>,
    /// The free places.
    pub(super) free: Vec<usize>,
    pub(super) builder: Builder,
    pub(super) pending: Vec<Pending>,
    /// The trims of the open slot.
    pub(super) trims: Vec<(Arc<Partition>, partition::Trimmed)>,
    pub(super) permits: Vec<Permit>,
    pub(super) stub: Stub,
    /// Somebody waits for this slot, even if it stays empty.
    pub(super) awaited: bool,
    /// The slot should go without waiting for more: shards are about to move.
    pub(super) urgent: bool,
    /// The number that this slot gets.
    pub(super) n: u64,
    /// The hash of the slot before it.
    pub(super) previous: u128,
    /// The newest slot in flight or committed.
    pub(super) newest: Option<Ticket>,
    /// What the session began with, before anything was appended; until it is written as checkpoint 0.
    pub(super) inherited: Option<Capture>,
    /// Bytes of records in the session's slots so far.
    pub(super) written: u64,
    /// Nothing may be appended any more.
    pub(super) ended: bool,
}

impl Open {
    pub(super) fn new(session: SessionId, as_of: Epoch) -> Self {
        Self {
            session,
            following: None,
            shards: BTreeMap::new(),
            as_of,
            states: Vec::new(),
            free: Vec::new(),
            builder: Builder::default(),
            pending: Vec::new(),
            trims: Vec::new(),
            permits: Vec::new(),
            stub: Stub::new(),
            awaited: false,
            urgent: false,
            n: 0,
            previous: 0,
            newest: None,
            inherited: None,
            written: 0,
            ended: false,
        }
    }

    /// Where a partition's state is, and the shard's holding; nothing if the partition has gone.
    pub(super) fn decided(&mut self, partition: &Arc<Partition>) -> Option<(&mut Decided, Held)> {
        let decided = self.states.get_mut(partition.index())?.as_mut()?;
        let held = self.shards.get(&decided.shard)?;
        Arc::ptr_eq(&decided.partition, partition).then_some((decided, *held))
    }

    /// A free place among the states.
    pub(super) fn place(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            self.states.push(None);
            self.states.len() - 1
        })
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
        self.trims.clear();
        self.permits.clear();
        self.awaited = false;
    }
}
