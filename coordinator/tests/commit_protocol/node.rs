//! What a process has in memory: nothing, a takeover under way, or a session that serves.

use crate::world::{Entry, Log, SLOTS, Sid, Slot};

/// A process. One that crashed is one that takes no step any more: its PUTs stay under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Proc {
    /// Sessions opened so far.
    pub(crate) opened: u8,
    pub(crate) phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Phase {
    /// Before its first session, or after a fence with the session that was fenced.
    Idle {
        fenced: Option<Sid>,
    },
    /// Has read `known` entries, and seals `sid` at slot `at`.
    Sealing {
        known: u8,
        sid: Sid,
        at: u8,
        sent: bool,
    },
    /// Has sent `entry` for key `k`.
    Proposing {
        k: u8,
        entry: Entry,
    },
    Serving(Serving),
    Stopped,
}

/// A read that waits until slot `slot` is acknowledged, and may not miss what was acknowledged before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Barrier {
    pub(crate) slot: u8,
    pub(crate) floor: u8,
}

/// The memory of an owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Serving {
    pub(crate) sid: Sid,
    /// The state inherited.
    pub(crate) base: Log,
    /// Frozen bytes, and how many slots there are.
    pub(crate) slots: [Option<Slot>; SLOTS],
    pub(crate) next: u8,
    /// A bit for each slot known to have landed.
    pub(crate) confirmed: u8,
    pub(crate) closing: bool,
    pub(crate) read: Option<Barrier>,
}

impl Serving {
    pub(crate) fn new(sid: Sid, base: Log) -> Self {
        Self { sid, base, slots: [None; SLOTS], next: 0, confirmed: 0, closing: false, read: None }
    }

    /// The state after the first `slots` slots.
    pub(crate) fn after(&self, slots: u8) -> Log {
        let mut log = self.base;
        for slot in &self.slots[..slots as usize] {
            if let Some(Slot::Data { recs, .. }) = slot {
                log.extend(*recs);
            }
        }
        log
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
            (Some(Slot::Close), Slot::Close) => true,
            _ => false,
        }
    }
}
