//! What a shard holds: its one partition's records by offset, and where each came from.

use crate::world::{Rec, Shard, Sid, Slot};

/// A list of up to eight small numbers, each a nibble of one integer.
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
    pub(crate) fn push(&mut self, rec: Rec) {
        if self.len() < 8 {
            self.0 |= (u32::from(rec) + 1) << (4 * self.len());
        }
    }

    pub(crate) fn extend(&mut self, more: Log) {
        more.iter().for_each(|rec| self.push(rec));
    }

    /// The same list with its first `len` numbers replaced by one.
    fn filled(self, len: u8, with: u8) -> Self {
        let mut filled = Self::default();
        (0..).zip(self.iter()).for_each(|(at, old)| filled.push(if at < len { with } else { old }));
        filled
    }
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// One holding of a shard by a session: what its records carry, and what marks them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tenure {
    pub(crate) shard: Shard,
    pub(crate) epoch: u8,
    pub(crate) leader: u8,
    pub(crate) sid: Sid,
}

/// The whole state of a shard, as a checkpoint and a RELEASE hold it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct State {
    pub(crate) log: Log,
    /// The leader epoch under which each record was written.
    pub(crate) leaders: Log,
    /// The session in whose slots each record lies: the tenures. Or [`SEGMENT`].
    pub(crate) places: Log,
}

/// The place of a record that tiering moved to a segment, which is never deleted here.
const SEGMENT: u8 = 14;

impl State {
    /// Applies a slot of a tenure. What carries another shard or epoch is skipped (I4).
    pub(crate) fn apply(&mut self, slot: Slot, tenure: Tenure) {
        match slot {
            Slot::Data { shard, epoch, recs, .. } if (shard, epoch) == (tenure.shard, tenure.epoch) => {
                for rec in recs.iter() {
                    self.log.push(rec);
                    self.leaders.push(tenure.leader);
                    self.places.push(tenure.sid);
                }
            }
            Slot::Compact { shard, epoch, end } if (shard, epoch) == (tenure.shard, tenure.epoch) => {
                self.places = self.places.filled(end, SEGMENT);
            }
            _ => {}
        }
    }

    /// How many records are in segments.
    pub(crate) fn compacted(&self) -> u8 {
        self.places.iter().take_while(|&place| place == SEGMENT).count() as u8
    }

    /// Some record lies in a slot of `sid`.
    pub(crate) fn names(&self, sid: Sid) -> bool {
        self.places.iter().any(|place| place == sid)
    }

    pub(crate) fn named(&self) -> impl Iterator<Item = Sid> {
        self.places.iter().filter(|&place| place != SEGMENT)
    }

    /// Only a mutant forgets who wrote the records before `end`.
    pub(crate) fn forget_leaders(&mut self, end: u8) {
        self.leaders = self.leaders.filled(end, 0);
    }
}
