//! What a process has in memory: its session if it has one, and what it is about in metadata.

use crate::log::{State, Tenure};
use crate::recovery::Base;
use crate::world::{Checkpoint, Entry, SHARDS, SLOTS, Shard, Sid, Slot};

/// A process. One that crashed is one that takes no step any more: its PUTs stay under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Proc {
    /// Sessions opened so far.
    pub(crate) opened: u8,
    pub(crate) serving: Option<Serving>,
    /// The last session of its own that turned out to be ended by others.
    pub(crate) fenced: Option<Sid>,
    pub(crate) task: Task,
    pub(crate) writer: Writer,
    /// Producer ids handed out: only a mutant counts.
    pub(crate) counter: u8,
}

/// One thing at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Task {
    #[default]
    Idle,
    /// Has read `known` entries and found `checkpoint`; seals `sid` at slot `at`.
    Sealing { known: u8, sid: Sid, checkpoint: Option<(u8, u8)>, at: u8, sent: bool },
    /// Has sent `entry` for key `k`.
    Proposing { k: u8, entry: Entry },
    /// Takes no step any more.
    Stopped,
}

/// A reply that waits until slot `slot` is acknowledged, and may not miss what was acknowledged before the
/// request: records before `floor`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Barrier {
    pub(crate) slot: u8,
    pub(crate) floor: u8,
    /// The reply is an error that follows from the state held, not the log's end.
    pub(crate) rejects: bool,
}

/// How far a session is with a shard that was granted to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Progress {
    Granted,
    /// It has read where to start.
    Started(Base),
    Ready,
    /// Given away in this slot: frozen.
    Released(u8),
}

/// A shard in the memory of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Holding {
    pub(crate) epoch: u8,
    pub(crate) leader: u8,
    pub(crate) progress: Progress,
    /// The state inherited, and the slots that the session had by then.
    pub(crate) base: State,
    pub(crate) since: u8,
}

impl Holding {
    pub(crate) fn is_replayed(&self) -> bool {
        matches!(self.progress, Progress::Ready | Progress::Released(_))
    }
}

/// What was captured when the slot before it was cut. A holding that is in it keeps its state until that slot
/// is confirmed, so that the states are read from the slots then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Capture {
    /// Zero if nothing was captured.
    pub(crate) as_of: u8,
    /// The holdings that are in it.
    pub(crate) epochs: [Option<u8>; SHARDS],
    /// Those whose states are in it: the others are as in the capture before.
    pub(crate) changed: [bool; SHARDS],
}

/// The task that writes checkpoints, one at a time. It outlives sessions; what it was handed does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Writer {
    /// The session's state after its first `n` slots, put together from captures.
    pub(crate) image: Checkpoint,
    pub(crate) n: u8,
    /// The image is not yet written.
    pub(crate) due: bool,
    /// A checkpoint that was sent, and neither answered nor given up: its session, name and `as_of`.
    pub(crate) writing: Option<(Sid, u8, u8)>,
    /// The session's last checkpoint that is known to be written.
    pub(crate) last: Option<(u8, u8)>,
}

/// The memory of an open session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Serving {
    pub(crate) sid: Sid,
    /// The metadata entries that it has read.
    pub(crate) known: u8,
    pub(crate) holdings: [Option<Holding>; SHARDS],
    /// Frozen bytes, and how many slots there are.
    pub(crate) slots: [Option<Slot>; SLOTS],
    pub(crate) next: u8,
    /// A bit for each slot known to have landed.
    pub(crate) confirmed: u8,
    pub(crate) captures: [Capture; SLOTS],
    /// The holdings that the last capture had.
    pub(crate) captured: [Option<u8>; SHARDS],
    /// What the session began with was captured.
    pub(crate) inherited: bool,
    pub(crate) closing: bool,
    /// The session's end was read in metadata; the task that puts its slots has not seen that yet.
    pub(crate) ended: bool,
    pub(crate) waiting: Option<Barrier>,
    /// A block of producer ids, one to a block.
    pub(crate) block: Option<u8>,
}

impl Serving {
    pub(crate) fn new(sid: Sid, known: u8, block: Option<u8>) -> Self {
        Self {
            sid,
            known,
            holdings: [None; SHARDS],
            slots: [None; SLOTS],
            next: 0,
            confirmed: 0,
            captures: Default::default(),
            captured: [None; SHARDS],
            inherited: false,
            closing: false,
            ended: false,
            waiting: None,
            block,
        }
    }

    pub(crate) fn holding(&self, shard: Shard) -> Option<Holding> {
        self.holdings[shard as usize]
    }

    /// The shard, if this session may append to it.
    pub(crate) fn owned(&self, shard: Shard) -> Option<Holding> {
        self.holding(shard).filter(|holding| holding.progress == Progress::Ready && !self.closing)
    }

    pub(crate) fn tenure(&self, shard: Shard, holding: &Holding) -> Tenure {
        Tenure { shard, epoch: holding.epoch, leader: holding.leader, sid: self.sid }
    }

    /// Slots confirmed without a gap: those that are acknowledged (I3).
    pub(crate) fn acknowledged(&self) -> u8 {
        self.confirmed.trailing_ones() as u8
    }

    pub(crate) fn confirmed(&self, n: u8) -> bool {
        self.confirmed & (1 << n) != 0
    }

    /// The header of an object shows the own nonce.
    pub(crate) fn is_own(&self, n: u8, object: Slot) -> bool {
        match (self.slots[n as usize], object) {
            (Some(Slot::Data { nonce: own, .. }), Slot::Data { nonce, .. }) => own == nonce,
            (Some(Slot::Seal), _) => false,
            (own, object) => own == Some(object),
        }
    }
}
