//! The metadata log folded: who owns the shard, which sessions are open, and where the others were cut.

use crate::world::{Entry, Sid};

/// Sessions that a configuration can open.
pub(crate) const SESSIONS: usize = 6;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Status {
    #[default]
    Unknown,
    Open,
    /// DEAD or CLOSED: the number alone counts, objects are not consulted (I1).
    Ended {
        cut: u8,
    },
}

/// How a session came to the shard: the epoch, and the predecessor with its cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) epoch: u8,
    pub(crate) from: Option<(Sid, u8)>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ledger {
    /// The session that the last MOVE names, and that entry's number.
    pub(crate) owner: Option<(Sid, u8)>,
    pub(crate) status: [Status; SESSIONS],
    pub(crate) grants: [Option<Grant>; SESSIONS],
    /// Operations that were void when applied.
    pub(crate) voids: u8,
}

impl Ledger {
    /// Applies entries in order (I11). With `blind`, a mutant's, what a MOVE presumes is not looked at.
    pub(crate) fn fold(entries: &[Entry], blind: bool) -> Self {
        let mut ledger = Self::default();
        for (at, entry) in entries.iter().enumerate() {
            ledger.apply(at as u8, entry, blind);
        }
        ledger
    }

    fn apply(&mut self, epoch: u8, entry: &Entry, blind: bool) {
        if let Some(end) = entry.end {
            let holds = self.status[end.sid as usize] == Status::Open;
            self.when(holds, |ledger| ledger.status[end.sid as usize] = Status::Ended { cut: end.cut });
        }
        if let Some(sid) = entry.open {
            let holds = self.status[sid as usize] == Status::Unknown;
            self.when(holds, |ledger| ledger.status[sid as usize] = Status::Open);
        }
        if let Some(moves) = entry.moves {
            let presumed = match moves.from {
                None => self.owner.is_none(),
                Some((sid, epoch, cut)) => {
                    self.owner == Some((sid, epoch)) && self.status[sid as usize] == Status::Ended { cut }
                }
            };
            let holds = presumed && self.status[moves.to as usize] == Status::Open;
            self.when(holds || blind, |ledger| {
                ledger.owner = Some((moves.to, epoch));
                ledger.grants[moves.to as usize] =
                    Some(Grant { epoch, from: moves.from.map(|(sid, _, cut)| (sid, cut)) });
            });
        }
    }

    fn when(&mut self, holds: bool, change: impl FnOnce(&mut Self)) {
        if holds { change(self) } else { self.voids += 1 }
    }

    pub(crate) fn cut(&self, sid: Sid) -> Option<u8> {
        match self.status[sid as usize] {
            Status::Ended { cut } => Some(cut),
            _ => None,
        }
    }

    /// The owner and its predecessors, the first owner first. A mutant's circle is cut short.
    pub(crate) fn tenures(&self) -> Vec<Sid> {
        let mut chain = Vec::with_capacity(SESSIONS);
        let mut next = self.owner.map(|(sid, _)| sid);
        while let Some(sid) = next
            && chain.len() < SESSIONS
        {
            chain.push(sid);
            next = self.grants[sid as usize].and_then(|grant| grant.from).map(|(from, _)| from);
        }
        chain.reverse();
        chain
    }
}
