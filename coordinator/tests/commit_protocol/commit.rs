//! An owner at work: records in, slots out in a pipeline, acknowledgements in order, checkpoints, CLOSE.
//!
//! What it knows of the store, it knows from replies and GETs.

use crate::events::Event;
use crate::meta::Ledger;
use crate::model::Protocol;
use crate::mutants::Mutant;
use crate::node::{Barrier, Phase, Serving};
use crate::world::{Entry, Log, Put, Rec, Slot, World};

impl Protocol {
    pub(crate) fn has_room(&self, s: &Serving) -> bool {
        s.next < self.cfg.slots && s.next - s.acknowledged() < self.cfg.window
    }

    fn put(w: &mut World, s: &mut Serving, slot: Slot) {
        let n = s.next;
        s.slots[n as usize] = Some(slot);
        s.next += 1;
        w.issue(Put::Slot { sid: s.sid, n, slot });
    }

    fn append(w: &mut World, s: &mut Serving, recs: Log) {
        let base = s.after(s.next).len();
        Self::put(w, s, Slot::Data { nonce: 0, base, recs });
    }

    fn is_next(&self, log: Log, rec: Rec) -> bool {
        let (producer, sequence) = self.cfg.sequence(rec);
        log.iter().filter(|&other| self.cfg.sequence(other).0 == producer).count() as u8 == sequence
    }

    /// A producer sends a record, for the first time or again.
    ///
    /// It keeps no state here: a producer that lost a reply may send anything again to any node.
    pub(crate) fn send(&self, w: &mut World, p: u8, mut s: Serving, rec: Rec) {
        let log = s.after(s.next);
        if let Some(offset) = log.offset_of(rec) {
            let known = s.after(s.acknowledged()).len();
            if offset < s.base.len() {
                self.seen.mark(Event::InheritedDuplicate);
                w.reply(rec, offset, None);
            } else if offset < known || self.is(Mutant::DuplicateAnsweredEarly) {
                let holds = |n: &u8| s.after(*n + 1).len() > offset;
                w.reply(rec, offset, (0..s.next).find(holds).map(|n| (s.sid, n)));
            }
        } else if self.is_next(log, rec)
            && self.has_room(&s)
            && (!s.closing || self.is(Mutant::AcceptsAfterClose))
        {
            Self::append(w, &mut s, Log::of(rec));
            w.procs[p as usize].phase = Phase::Serving(s);
        }
    }

    /// A read of the log's end arrives: an empty slot confirms that nobody else went on.
    pub(crate) fn read(&self, w: &mut World, p: u8, mut s: Serving) {
        let floor = w.acked.iter().flatten().map(|offset| offset + 1).max().unwrap_or(0);
        w.reads -= 1;
        if self.is(Mutant::ReadsWithoutBarrier) {
            return w.answer(s.after(s.acknowledged()).len(), floor);
        }
        if self.is(Mutant::BarrierIssuedBefore) && s.next > s.acknowledged() {
            s.read = Some(Barrier { slot: s.next - 1, floor });
        } else {
            s.read = Some(Barrier { slot: s.next, floor });
            Self::append(w, &mut s, Log::default());
        }
        w.procs[p as usize].phase = Phase::Serving(s);
    }

    /// Checkpoint `n`, the state after `n` slots, once all of them are confirmed.
    pub(crate) fn may_checkpoint(&self, s: &Serving, n: u8) -> bool {
        match self.mutant {
            Some(Mutant::CheckpointsUnconfirmed) => n <= s.next,
            Some(Mutant::CheckpointsOverGap) => s.confirmed(n - 1),
            _ => n <= s.acknowledged(),
        }
    }

    /// A client creates a topic: an entry that has nothing to do with the shard. Nobody waits for its outcome
    /// here, so the process may have another entry for the same key under way later.
    pub(crate) fn create_topic(&self, w: &mut World, p: u8) {
        w.topics -= 1;
        let entry = Entry { by: p, end: None, open: None, moves: None };
        w.issue(Put::Meta { k: w.meta.len() as u8, entry });
    }

    pub(crate) fn may_close(&self, s: &Serving) -> bool {
        !s.closing && (s.acknowledged() == s.next || self.is(Mutant::ClosesWithSlotInFlight))
    }

    pub(crate) fn close(&self, w: &mut World, p: u8, mut s: Serving) {
        Self::put(w, &mut s, Slot::Close);
        s.closing = true;
        w.procs[p as usize].phase = Phase::Serving(s);
    }

    /// "Already exists", a 409, or a time-out for slot `n`: a GET tells what it was.
    pub(crate) fn conflict(&self, w: &mut World, p: u8, mut s: Serving, n: u8) {
        let object = w.sessions[s.sid as usize].slots[n as usize];
        if self.is(Mutant::ConflictIsSuccess) {
            return self.confirm(w, p, s, n);
        }
        if self.is(Mutant::ConflictIsFence) {
            return self.end(w, p, w.meta.len() as u8, s.sid, n);
        }
        match object {
            Some(object) if s.is_own(n, object) => {
                self.seen.mark(Event::ConflictWasOwn);
                self.confirm(w, p, s, n);
            }
            Some(Slot::Seal) if self.is(Mutant::StepsPastSeal) => self.again(w, p, s, n),
            Some(Slot::Seal) => self.fenced(w, p, &s),
            Some(_) => self.again(w, p, s, n),
            None => {
                self.seen.mark(Event::ConflictWasNothing);
                self.retry(w, &mut s, n);
                w.procs[p as usize].phase = Phase::Serving(s);
            }
        }
    }

    /// Sends slot `n` again: the same bytes (I2), so nothing is new, but for two mutants.
    fn retry(&self, w: &mut World, s: &mut Serving, n: u8) {
        let Some(Slot::Data { nonce, base, mut recs }) = s.slots[n as usize] else { return };
        let log = s.after(s.next);
        let nonce = match self.mutant {
            Some(Mutant::RetryGrowsSlot) if n + 1 == s.next && recs.len() == 1 => {
                let more = (0..self.cfg.records())
                    .find(|&rec| log.offset_of(rec).is_none() && self.is_next(log, rec));
                recs.extend(more.map(Log::of).unwrap_or_default());
                nonce
            }
            Some(Mutant::RetryDrawsNonce) => 1,
            _ => nonce,
        };
        let slot = Slot::Data { nonce, base, recs };
        s.slots[n as usize] = Some(slot);
        w.issue(Put::Slot { sid: s.sid, n, slot });
    }

    /// Puts what slot `n` held one slot further: only mutants come here.
    fn again(&self, w: &mut World, p: u8, mut s: Serving, n: u8) {
        assert!(self.mutant.is_some(), "slot {n} of session {} is neither its owner's nor a SEAL", s.sid);
        let Some(Slot::Data { recs, .. }) = s.slots[n as usize] else { return };
        if !matches!(self.mutant, Some(Mutant::StepsPastSeal | Mutant::RetryDrawsNonce)) || !self.has_room(&s)
        {
            return;
        }
        s.slots[n as usize] = Some(Slot::Seal);
        s.confirmed |= 1 << n;
        Self::append(w, &mut s, recs);
        w.procs[p as usize].phase = Phase::Serving(s);
    }

    /// Slot `n` is known to have landed. What is now confirmed without a gap is acknowledged, in order.
    pub(crate) fn confirm(&self, w: &mut World, p: u8, mut s: Serving, n: u8) {
        let before = s.acknowledged();
        s.confirmed |= 1 << n;
        let acknowledged = s.acknowledged();
        let now = if self.is(Mutant::AckOutOfOrder) { n..n + 1 } else { before..acknowledged };
        for m in now {
            if let Some(Slot::Data { base, recs, .. }) = s.slots[m as usize] {
                if Ledger::fold(&w.meta, false).cut(s.sid).is_some() {
                    self.seen.mark(Event::LateAck);
                }
                for (at, rec) in recs.iter().enumerate() {
                    w.reply(rec, base + at as u8, Some((s.sid, m)));
                }
            }
            if let Some(read) = s.read.take_if(|read| read.slot == m) {
                self.seen.mark(Event::ReadAnswered);
                w.answer(s.after(m + 1).len(), read.floor);
            }
        }
        w.procs[p as usize].phase = Phase::Serving(s);
        if s.slots[n as usize] == Some(Slot::Close) {
            self.closed(w, p, s.sid, n);
        }
    }

    /// A SEAL stands in the own session: everything unacknowledged fails with NOT_LEADER, the state is dropped.
    fn fenced(&self, w: &mut World, p: u8, s: &Serving) {
        self.seen.mark(Event::Fenced);
        if s.read.is_some() {
            self.seen.mark(Event::ReadFailed);
        }
        if s.closing {
            self.seen.mark(Event::CloseFenced);
        }
        w.procs[p as usize].phase = Phase::Idle { fenced: Some(s.sid) };
    }
}
