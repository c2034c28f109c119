//! What exists: the objects of one store, the PUTs still under way, the processes, and what was answered.
//!
//! Everything is small and `Copy` where it can be, because the checker clones a world for each step.

use crate::log::{Log, State};
use crate::node::Proc;

pub(crate) type Sid = u8;
pub(crate) type Rec = u8;
pub(crate) type Shard = u8;

/// Shards at most; a configuration may use one.
pub(crate) const SHARDS: usize = 2;
/// Slots a session can have in the model, the one for its SEAL or CLOSE included.
pub(crate) const SLOTS: usize = 5;
/// Records that producers can send in the model.
pub(crate) const RECS: usize = 4;

/// The bytes of a slot object. A slot holds records of one shard, which makes more slots and no less order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Slot {
    /// Records from offset `base` on; none at all in a slot that only confirms a read.
    Data {
        nonce: u8,
        shard: Shard,
        epoch: u8,
        base: u8,
        recs: Log,
    },
    /// The shard is given away, with all that its next owner needs.
    Release {
        shard: Shard,
        epoch: u8,
        state: State,
    },
    /// The shard's records before offset `end` are in a segment, or trimmed.
    Compact {
        shard: Shard,
        epoch: u8,
        end: u8,
    },
    Close,
    Seal,
}

impl Slot {
    /// SEAL or CLOSE: the session's log ends before it.
    pub(crate) fn ends(self) -> bool {
        matches!(self, Slot::Close | Slot::Seal)
    }
}

/// The state of a session's shards after its first `n` slots; `n` is its name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Checkpoint {
    /// Every shard granted to the session before this entry is in it, unless it was moved away.
    pub(crate) as_of: u8,
    /// With the epoch of the holding.
    pub(crate) shards: [Option<(u8, State)>; SHARDS],
}

/// DEAD or, if `clean`, CLOSED.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct End {
    pub(crate) sid: Sid,
    pub(crate) cut: u8,
    pub(crate) clean: bool,
    /// The last checkpoint that was found: its name and `as_of`.
    pub(crate) checkpoint: Option<(u8, u8)>,
}

/// A holding that ends, which is what a MOVE presumes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct From {
    pub(crate) sid: Sid,
    pub(crate) epoch: u8,
    /// The session's cut, or the slot after the RELEASE.
    pub(crate) end: u8,
    pub(crate) released: bool,
}

/// A shard goes from one holding, or from none, to session `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Move {
    pub(crate) from: Option<From>,
    pub(crate) to: Sid,
    pub(crate) leader: u8,
}

/// A metadata entry: its operations apply in the order of the fields. One without any is a topic's.
///
/// Entries are compared whole, as if each carried a nonce of its own; `by` alone is the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Entry {
    pub(crate) by: u8,
    pub(crate) end: Option<End>,
    pub(crate) open: Option<Sid>,
    pub(crate) moves: [Option<Move>; SHARDS],
    /// A further block of producer ids for this session.
    pub(crate) block: Option<Sid>,
}

/// A conditional PUT that was issued: it lands now, late or never.
///
/// A retry or a hedge sends the same bytes (I2), so a set is enough to hold any number of them. One whose key
/// is taken has no effect, and is forgotten unless keys can be free again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Put {
    Slot { sid: Sid, n: u8, slot: Slot },
    Checkpoint { sid: Sid, n: u8, checkpoint: Checkpoint },
    Meta { k: u8, entry: Entry },
}

impl Put {
    fn same_key(&self, other: &Put) -> bool {
        match (self, other) {
            (Put::Slot { sid: a, n: i, .. }, Put::Slot { sid: b, n: j, .. })
            | (Put::Checkpoint { sid: a, n: i, .. }, Put::Checkpoint { sid: b, n: j, .. }) => {
                (a, i) == (b, j)
            }
            (Put::Meta { k: i, .. }, Put::Meta { k: j, .. }) => i == j,
            _ => false,
        }
    }
}

/// The objects under one session's prefix.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Session {
    pub(crate) slots: [Option<Slot>; SLOTS],
    pub(crate) checkpoints: [Option<Checkpoint>; SLOTS],
    /// The slots as they were when the session was deleted; only the judge looks at these.
    pub(crate) deleted: Option<[Option<Slot>; SLOTS]>,
}

impl Session {
    /// The slots as they first came to be, deleted or not.
    pub(crate) fn history(&self) -> &[Option<Slot>; SLOTS] {
        self.deleted.as_ref().unwrap_or(&self.slots)
    }

    /// The slots before the first that never was, a SEAL or a CLOSE.
    pub(crate) fn data_prefix(&self) -> u8 {
        self.history().iter().take_while(|slot| slot.is_some_and(|slot| !slot.ends())).count() as u8
    }

    /// With their names, the newest first.
    pub(crate) fn checkpoints(&self) -> impl Iterator<Item = (u8, Checkpoint)> {
        (0..SLOTS).rev().filter_map(|n| self.checkpoints[n].map(|checkpoint| (n as u8, checkpoint)))
    }
}

/// How often clients, operators and tiering may still ask for something, and the store fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Requests {
    pub(crate) reads: u8,
    pub(crate) rejections: u8,
    pub(crate) topics: u8,
    pub(crate) producer_ids: u8,
    pub(crate) releases: u8,
    pub(crate) compactions: u8,
    /// Checkpoints that can't be read when they are looked for.
    pub(crate) damages: u8,
}

/// One state of the model.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct World {
    /// Metadata entries; FORMAT is left out, so that the first OPEN has number 0.
    pub(crate) meta: Vec<Entry>,
    pub(crate) sessions: Vec<Session>,
    /// Sorted, without duplicates.
    pub(crate) net: Vec<Put>,
    pub(crate) procs: Vec<Proc>,
    /// The offset with which each record was acknowledged, by whomever.
    pub(crate) acked: [Option<u8>; RECS],
    /// A bit for each producer id that was handed out.
    pub(crate) producer_ids: u16,
    pub(crate) left: Requests,
    /// Keys can be free again, so that PUTs for taken ones are kept.
    pub(crate) deletes: bool,
    /// What went wrong in a step and could not be seen in the state after it.
    pub(crate) faults: u8,
}

impl World {
    pub(crate) fn taken(&self, put: &Put) -> bool {
        match *put {
            Put::Slot { sid, n, .. } => self.sessions[sid as usize].slots[n as usize].is_some(),
            Put::Checkpoint { sid, n, .. } => self.sessions[sid as usize].checkpoints[n as usize].is_some(),
            Put::Meta { k, .. } => (k as usize) < self.meta.len(),
        }
    }

    fn keeps(&self, put: &Put) -> bool {
        self.deletes && !matches!(put, Put::Meta { .. })
    }

    /// Issues a PUT.
    pub(crate) fn issue(&mut self, put: Put) {
        if (!self.taken(&put) || self.keeps(&put))
            && let Err(at) = self.net.binary_search(&put)
        {
            self.net.insert(at, put);
        }
    }

    /// The store carries out a PUT: the first one for a key wins.
    pub(crate) fn land(&mut self, put: Put, overwrite: bool) {
        match put {
            Put::Slot { sid, n, slot } => self.sessions[sid as usize].slots[n as usize] = Some(slot),
            Put::Checkpoint { sid, n, checkpoint } => {
                self.sessions[sid as usize].checkpoints[n as usize] = Some(checkpoint);
            }
            Put::Meta { k, entry } if (k as usize) < self.meta.len() => self.meta[k as usize] = entry,
            Put::Meta { entry, .. } => self.meta.push(entry),
        }
        if overwrite && matches!(put, Put::Meta { .. }) {
            self.net.retain(|other| *other != put);
        } else if !self.keeps(&put) {
            self.net.retain(|other| !other.same_key(&put));
        }
    }
}
