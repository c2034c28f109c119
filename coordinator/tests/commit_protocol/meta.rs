//! The metadata log folded: who owns each shard, which sessions are open, and where the others were cut.

use crate::mutants::Mutant;
use crate::world::{Entry, From, Move, SHARDS, Shard, Sid};

/// Sessions that a configuration can open.
pub(crate) const SESSIONS: usize = 6;
/// Holdings that a shard can have had.
const GRANTS: usize = 10;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Status {
    #[default]
    Unknown,
    Open,
    /// DEAD or CLOSED: the number alone counts, objects are not consulted (I1).
    Ended {
        cut: u8,
        checkpoint: Option<(u8, u8)>,
    },
}

/// One holding of a shard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) sid: Sid,
    pub(crate) epoch: u8,
    pub(crate) leader: u8,
    /// The slots that count are those before this one.
    pub(crate) end: Option<u8>,
    /// The session and slot of the RELEASE that it starts from, if it does.
    pub(crate) release: Option<(Sid, u8)>,
}

/// A shard's holdings, oldest first.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Grants {
    list: [Grant; GRANTS],
    len: usize,
    /// Those before this one are forgotten: only the judge may look at them.
    pub(crate) first: usize,
}

impl Grants {
    pub(crate) fn all(&self) -> &[Grant] {
        &self.list[..self.len]
    }

    pub(crate) fn last(&self) -> Option<Grant> {
        self.all().last().copied()
    }

    /// The place in the list of a holding.
    pub(crate) fn position(&self, sid: Sid, epoch: u8) -> Option<usize> {
        self.all().iter().position(|grant| (grant.sid, grant.epoch) == (sid, epoch))
    }

    pub(crate) fn last_mut(&mut self) -> Option<&mut Grant> {
        self.list[..self.len].last_mut()
    }

    fn push(&mut self, grant: Grant) {
        self.list[self.len] = grant;
        self.len += 1;
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) status: [Status; SESSIONS],
    pub(crate) grants: [Grants; SHARDS],
    /// Operations that were void when applied.
    pub(crate) voids: u8,
}

impl Ledger {
    /// Applies entries in order (I11), as a mutant's nodes do or as the judge does.
    pub(crate) fn fold(entries: &[Entry], mutant: Option<Mutant>) -> Self {
        let mut ledger = Self::default();
        for (at, entry) in entries.iter().enumerate() {
            ledger.apply(at as u8, entry, mutant);
        }
        ledger
    }

    pub(crate) fn apply(&mut self, epoch: u8, entry: &Entry, mutant: Option<Mutant>) {
        if let Some(end) = entry.end {
            let holds = self.is_open(end.sid);
            self.when(holds, |ledger| ledger.end(end.sid, end.cut, end.checkpoint));
        }
        if let Some(sid) = entry.open {
            let holds = self.status[sid as usize] == Status::Unknown;
            self.when(holds, |ledger| ledger.status[sid as usize] = Status::Open);
        }
        for (shard, moves) in entry.moves.iter().enumerate() {
            if let Some(moves) = moves {
                let holds = self.presumed(shard, moves, mutant) && self.is_open(moves.to);
                let blind = mutant == Some(Mutant::ResendsLostEntryBlindly);
                self.when(holds || blind, |ledger| ledger.grant(shard, epoch, moves));
            }
        }
        if let Some(sid) = entry.block {
            let holds = self.is_open(sid);
            self.when(holds, |_| ());
        }
    }

    fn presumed(&self, shard: usize, moves: &Move, mutant: Option<Mutant>) -> bool {
        let last = self.grants[shard].last();
        let (Some(last), Some(from)) = (last, moves.from) else {
            return last.is_none() && moves.from.is_none();
        };
        let assigned = (last.sid, last.epoch) == (from.sid, from.epoch);
        match from.released {
            true if mutant == Some(Mutant::MovesReleasedOfDead) => {
                last.sid == from.sid || !self.is_open(from.sid)
            }
            true => assigned && self.is_open(from.sid),
            false => assigned && !self.is_open(from.sid) && last.end == Some(from.end),
        }
    }

    /// What a checkpoint covers is forgotten.
    fn end(&mut self, sid: Sid, cut: u8, checkpoint: Option<(u8, u8)>) {
        self.status[sid as usize] = Status::Ended { cut, checkpoint };
        for grants in &mut self.grants {
            let len = grants.len;
            if let Some(last) = grants.last_mut()
                && last.sid == sid
            {
                last.end = Some(cut);
                if checkpoint.is_some_and(|(_, as_of)| last.epoch < as_of) {
                    grants.first = len - 1;
                }
            }
        }
    }

    /// What came before a RELEASE is forgotten too: the next owner starts from what that holds.
    fn grant(&mut self, shard: usize, epoch: u8, moves: &Move) {
        let grants = &mut self.grants[shard];
        let len = grants.len;
        let mut release = None;
        if let (Some(last), Some(From { sid, end, released: true, .. })) = (grants.last_mut(), moves.from) {
            last.end = Some(end);
            grants.first = len;
            release = Some((sid, end - 1));
        }
        grants.push(Grant { sid: moves.to, epoch, leader: moves.leader, end: None, release });
    }

    fn when(&mut self, holds: bool, change: impl FnOnce(&mut Self)) {
        if holds { change(self) } else { self.voids += 1 }
    }

    pub(crate) fn is_open(&self, sid: Sid) -> bool {
        self.status[sid as usize] == Status::Open
    }

    pub(crate) fn cut(&self, sid: Sid) -> Option<u8> {
        match self.status[sid as usize] {
            Status::Ended { cut, .. } => Some(cut),
            _ => None,
        }
    }

    /// The last checkpoint that its DEAD or CLOSED entry names.
    pub(crate) fn recorded(&self, sid: Sid) -> Option<(u8, u8)> {
        match self.status[sid as usize] {
            Status::Ended { checkpoint, .. } => checkpoint,
            _ => None,
        }
    }

    /// The shards whose last MOVE names `sid`, RELEASEd or not (I4).
    pub(crate) fn assigned(&self, sid: Sid) -> impl Iterator<Item = Shard> {
        let grants = self.grants;
        (0..SHARDS as u8).filter(move |&shard| grants[shard as usize].last().is_some_and(|g| g.sid == sid))
    }
}
