//! Opening, failing over and closing: what a process reads and seals, and the metadata entries it writes.

use crate::events::Event;
use crate::meta::{Ledger, Status};
use crate::model::Protocol;
use crate::mutants::Mutant;
use crate::node::Phase;
use crate::world::{End, Entry, Move, Put, Sid, Slot, World};

impl Protocol {
    pub(crate) fn ledger(&self, w: &World, entries: usize) -> Ledger {
        Ledger::fold(&w.meta[..entries], self.is(Mutant::ResendsLostEntryBlindly))
    }

    /// The session that process `p` may open next.
    fn own(&self, w: &World, p: u8) -> Option<Sid> {
        let opened = w.procs[p as usize].opened;
        (opened < self.cfg.opens[p as usize]).then(|| self.cfg.sid(p, opened))
    }

    /// The session was granted the shard, and its process never got to know.
    fn unborn(&self, w: &World, sid: Sid) -> bool {
        (0..)
            .zip(&w.procs)
            .any(|(p, proc)| (proc.opened..self.cfg.opens[p as usize]).any(|i| self.cfg.sid(p, i) == sid))
    }

    /// Reads metadata to its end and decides what to do with the shard's owner.
    pub(crate) fn begin(&self, w: &mut World, p: u8) {
        let known = w.meta.len() as u8;
        let ledger = self.ledger(w, w.meta.len());
        let own = self.own(w, p);
        let fenced = match w.procs[p as usize].phase {
            Phase::Idle { fenced } => fenced,
            Phase::Proposing { entry, .. } => entry.end.map(|end| end.sid),
            _ => None,
        };
        let Some((sid, epoch)) = ledger.owner else {
            return self.propose(w, p, known, None, own.map(|to| Move { from: None, to }));
        };
        match ledger.status[sid as usize] {
            Status::Ended { cut } => {
                if own.is_some() {
                    self.seen.mark(Event::EndedTaken);
                }
                let moves = own.map(|to| Move { from: Some((sid, epoch, cut)), to });
                self.propose(w, p, known, None, moves);
            }
            // A process that opens nothing more completes its own DEAD entry, and leaves others alone.
            _ if own.is_none() && fenced != Some(sid) => w.procs[p as usize].phase = Phase::Stopped,
            _ => {
                let past = u8::from(self.is(Mutant::SealsPastCheckpoint));
                let at = w.sessions[sid as usize].last_checkpoint().map_or(0, |(n, _)| n + past);
                if at > 0 {
                    self.seen.mark(Event::SealedFromCheckpoint);
                }
                w.procs[p as usize].phase = Phase::Sealing { known, sid, at, sent: false };
            }
        }
    }

    /// One step upward: past data, a SEAL into the first free slot, a stop at SEAL or CLOSE.
    pub(crate) fn seal(&self, w: &mut World, p: u8, known: u8, sid: Sid, start: u8, sent: bool) {
        let slots = w.sessions[sid as usize].slots;
        let free = |from: u8| {
            let data = |slot: &&Option<Slot>| matches!(slot, Some(Slot::Data { .. }));
            from + slots[from as usize..].iter().take_while(data).count() as u8
        };
        let at = if self.is(Mutant::SealsAtMaximumPlusOne) {
            let ended = slots.iter().position(|slot| matches!(slot, Some(Slot::Seal | Slot::Close)));
            let after = slots.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
            ended.unwrap_or(after) as u8
        } else {
            free(start)
        };
        if sent && at > start {
            self.seen.mark(Event::LandedBeforeSeal);
        }
        match slots[at as usize] {
            None if self.is(Mutant::SkipsSeal) => self.end(w, p, known, sid, at),
            None => {
                w.issue(Put::Slot { sid, n: at, slot: Slot::Seal });
                w.procs[p as usize].phase = Phase::Sealing { known, sid, at, sent: true };
            }
            Some(slot) => {
                if slot == Slot::Close {
                    self.seen.mark(Event::CloseWithoutEntryTaken);
                }
                self.end(w, p, known, sid, at);
            }
        }
    }

    /// The cut is fixed: DEAD, and if the process may go on, its own OPEN and the MOVE.
    pub(crate) fn end(&self, w: &mut World, p: u8, known: u8, sid: Sid, cut: u8) {
        let ledger = self.ledger(w, known as usize);
        let epoch = ledger.owner.map_or(0, |(_, epoch)| epoch);
        let moves = self.own(w, p).map(|to| Move { from: Some((sid, epoch, cut)), to });
        if moves.is_some() && self.unborn(w, sid) {
            self.seen.mark(Event::UnbornOwnerTaken);
        }
        self.propose(w, p, known, Some(End { sid, cut, clean: false }), moves);
    }

    /// CLOSE is confirmed at slot `cut`: CLOSED, and with it the next session if the process rotates.
    pub(crate) fn closed(&self, w: &mut World, p: u8, sid: Sid, cut: u8) {
        let k = w.meta.len() as u8;
        let ledger = self.ledger(w, w.meta.len());
        match ledger.owner {
            Some((owner, epoch)) if owner == sid && ledger.status[sid as usize] == Status::Open => {
                let moves = self.own(w, p).map(|to| Move { from: Some((sid, epoch, cut)), to });
                self.propose(w, p, k, Some(End { sid, cut, clean: true }), moves);
            }
            // Somebody found CLOSE and wrote the entry.
            _ => self.begin(w, p),
        }
    }

    fn propose(&self, w: &mut World, p: u8, k: u8, end: Option<End>, moves: Option<Move>) {
        if end.is_none() && moves.is_none() {
            w.procs[p as usize].phase = Phase::Stopped;
            return;
        }
        let entry = Entry { by: p, end, open: moves.map(|moves| moves.to), moves };
        let k = if self.is(Mutant::SendsToTheEnd) { w.meta.len() as u8 } else { k };
        self.send_entry(w, p, k, entry);
        if self.is(Mutant::ServesBeforeGrant) {
            self.granted(w, p, entry);
        }
    }

    fn send_entry(&self, w: &mut World, p: u8, k: u8, entry: Entry) {
        w.issue(Put::Meta { k, entry });
        w.procs[p as usize].phase = Phase::Proposing { k, entry };
    }

    /// Key `k` exists: a reply or a GET tells whose entry it is. The loser decides again (I11).
    pub(crate) fn resolve(&self, w: &mut World, p: u8, k: u8, entry: Entry) {
        let standing = w.meta[k as usize];
        let own = match self.mutant {
            Some(Mutant::EntryConflictIsSuccess) => true,
            Some(Mutant::ResolvesByProcess) => standing.by == p,
            _ => standing == entry,
        };
        if own {
            // An entry that a right proposer wrote is never void: the second half of this is a second fence.
            let trusting = self.mutant.is_some_and(Mutant::trusts_its_entry);
            let owner = self.ledger(w, k as usize + 1).owner;
            return match entry.moves {
                Some(moves) if owner != Some((moves.to, k)) && !trusting => self.begin(w, p),
                _ => self.granted(w, p, entry),
            };
        }
        self.seen.mark(Event::EntryLost);
        if standing.end.is_none() && standing.moves.is_none() {
            self.seen.mark(Event::EntryLostToTopic);
        }
        match (self.mutant, entry.end) {
            (Some(Mutant::ResendsLostEntry | Mutant::ResendsLostEntryBlindly), _) => {
                self.send_entry(w, p, w.meta.len() as u8, entry);
            }
            (_, Some(End { sid, cut, clean: true })) => self.closed(w, p, sid, cut),
            _ => self.begin(w, p),
        }
    }

    /// Only a mutant: no answer for key `k`, so the entry goes to the next key.
    pub(crate) fn resend(&self, w: &mut World, p: u8, k: u8, entry: Entry) {
        self.send_entry(w, p, k + 1, entry);
    }
}
