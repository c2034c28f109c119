//! What exists: the objects of one store, the PUTs still under way, the processes, and what clients were told.
//!
//! Everything is small and `Copy` where it can be, because the checker clones a world for each step.

use crate::node::Proc;

pub(crate) type Sid = u8;
pub(crate) type Rec = u8;

/// Slots a session can have in the model, the one for its SEAL or CLOSE included.
pub(crate) const SLOTS: usize = 5;
/// Records that producers can send in the model.
pub(crate) const RECS: usize = 4;

/// A partition's records by offset: up to eight nibbles, each a record's number plus one.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Log(u32);

impl Log {
    pub(crate) fn of(rec: Rec) -> Self {
        Self(u32::from(rec) + 1)
    }

    pub(crate) fn len(self) -> u8 {
        (32 - self.0.leading_zeros()).div_ceil(4) as u8
    }

    pub(crate) fn get(self, offset: u8) -> Option<Rec> {
        (offset < self.len()).then(|| ((self.0 >> (4 * offset)) & 0xf) as u8 - 1)
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = Rec> {
        (0..self.len()).filter_map(move |offset| self.get(offset))
    }

    pub(crate) fn offset_of(self, rec: Rec) -> Option<u8> {
        self.iter().position(|r| r == rec).map(|at| at as u8)
    }

    /// Only a mutant can make a log of more than eight records; what is beyond is dropped.
    pub(crate) fn extend(&mut self, more: Log) {
        for rec in more.iter() {
            if self.len() < 8 {
                self.0 |= (u32::from(rec) + 1) << (4 * self.len());
            }
        }
    }

    pub(crate) fn prefix(self, len: u8) -> Self {
        Self(if len >= 8 { self.0 } else { self.0 & ((1 << (4 * len)) - 1) })
    }
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// The bytes of a slot object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Slot {
    /// Records from offset `base` on; none at all in a slot that only confirms a read.
    Data {
        nonce: u8,
        base: u8,
        recs: Log,
    },
    Close,
    Seal,
}

/// DEAD or, if `clean`, CLOSED.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct End {
    pub(crate) sid: Sid,
    pub(crate) cut: u8,
    pub(crate) clean: bool,
}

/// The shard goes from `from` (session, epoch, cut), which is what the entry presumes, to session `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Move {
    pub(crate) from: Option<(Sid, u8, u8)>,
    pub(crate) to: Sid,
}

/// A metadata entry: its operations apply in the order of the fields. One without any is a topic's.
///
/// Entries are compared whole, as if each carried a nonce of its own; `by` alone is the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Entry {
    pub(crate) by: u8,
    pub(crate) end: Option<End>,
    pub(crate) open: Option<Sid>,
    pub(crate) moves: Option<Move>,
}

/// A conditional PUT that was issued and whose key is still free: it lands now, late or never.
///
/// A retry or a hedge sends the same bytes (I2), so a set is enough to hold any number of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Put {
    Slot { sid: Sid, n: u8, slot: Slot },
    Ckpt { sid: Sid, n: u8, log: Log },
    Meta { k: u8, entry: Entry },
}

impl Put {
    fn same_key(&self, other: &Put) -> bool {
        match (self, other) {
            (Put::Slot { sid: a, n: i, .. }, Put::Slot { sid: b, n: j, .. })
            | (Put::Ckpt { sid: a, n: i, .. }, Put::Ckpt { sid: b, n: j, .. }) => (a, i) == (b, j),
            (Put::Meta { k: i, .. }, Put::Meta { k: j, .. }) => i == j,
            _ => false,
        }
    }
}

/// The objects under one session's prefix. Checkpoint `n` covers the slots before `n`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Session {
    pub(crate) slots: [Option<Slot>; SLOTS],
    pub(crate) ckpts: [Option<Log>; SLOTS],
}

impl Session {
    /// The slots before the first that is absent, a SEAL or a CLOSE.
    pub(crate) fn data_prefix(&self) -> u8 {
        self.slots.iter().take_while(|slot| matches!(slot, Some(Slot::Data { .. }))).count() as u8
    }

    pub(crate) fn last_checkpoint(&self) -> Option<(u8, Log)> {
        (0..SLOTS).rev().find_map(|n| self.ckpts[n].map(|log| (n as u8, log)))
    }
}

/// One state of the model.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct World {
    /// Metadata entries; FORMAT is left out, so that the first OPEN has number 0.
    pub(crate) meta: Vec<Entry>,
    pub(crate) sessions: Vec<Session>,
    /// Sorted, without duplicates, only for free keys.
    pub(crate) net: Vec<Put>,
    pub(crate) procs: Vec<Proc>,
    /// The offset with which each record was acknowledged, by whomever.
    pub(crate) acked: [Option<u8>; RECS],
    /// Linearizable reads and topic creations that clients may still send.
    pub(crate) reads: u8,
    pub(crate) topics: u8,
    /// What went wrong in a step and could not be seen in the state after it.
    pub(crate) faults: u8,
}

impl World {
    fn taken(&self, put: &Put) -> bool {
        match *put {
            Put::Slot { sid, n, .. } => self.sessions[sid as usize].slots[n as usize].is_some(),
            Put::Ckpt { sid, n, .. } => self.sessions[sid as usize].ckpts[n as usize].is_some(),
            Put::Meta { k, .. } => (k as usize) < self.meta.len(),
        }
    }

    /// Issues a PUT. One for a key that is taken has no effect, whenever it arrives.
    pub(crate) fn issue(&mut self, put: Put) {
        if !self.taken(&put)
            && let Err(at) = self.net.binary_search(&put)
        {
            self.net.insert(at, put);
        }
    }

    /// The store carries out a PUT: the first one for a key wins.
    pub(crate) fn land(&mut self, put: Put, overwrite: bool) {
        match put {
            Put::Slot { sid, n, slot } => self.sessions[sid as usize].slots[n as usize] = Some(slot),
            Put::Ckpt { sid, n, log } => self.sessions[sid as usize].ckpts[n as usize] = Some(log),
            Put::Meta { k, entry } if (k as usize) < self.meta.len() => self.meta[k as usize] = entry,
            Put::Meta { entry, .. } => self.meta.push(entry),
        }
        if overwrite && matches!(put, Put::Meta { .. }) {
            self.net.retain(|other| *other != put);
        } else {
            self.net.retain(|other| !other.same_key(&put));
        }
    }
}
