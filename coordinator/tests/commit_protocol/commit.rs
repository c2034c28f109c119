//! An owner at work: records in, slots out in a pipeline, acknowledgements in order.
//!
//! What it knows of the store, it knows from replies and GETs.

use crate::events::Event;
use crate::log::{Log, State};
use crate::meta::Ledger;
use crate::model::Protocol;
use crate::mutants::Mutant;
use crate::node::{Barrier, Progress, Serving, Task};
use crate::world::{Put, Rec, SHARDS, Shard, Slot, World};

impl Protocol {
    /// A shard's state after the session's first `slots` slots.
    pub(crate) fn after(&self, s: &Serving, shard: Shard, slots: u8) -> State {
        let Some(holding) = s.holding(shard) else { return State::default() };
        let mut state = holding.base;
        for slot in s.slots[..slots as usize].iter().skip(holding.since as usize).flatten() {
            self.apply(&mut state, *slot, s.tenure(shard, &holding));
        }
        state
    }

    /// An owner may fill so many slots; what ends its part in a shard or in the log finds room beyond them.
    pub(crate) fn has_room(&self, s: &Serving) -> bool {
        s.next < self.cfg.slots && s.next - s.acknowledged() < self.cfg.window
    }

    /// Fixes the bytes of the next slot, sends them, and captures the state after it.
    pub(crate) fn put(&self, w: &mut World, s: &mut Serving, slot: Slot) {
        let n = if self.is(Mutant::ReusesTrimmedSlot) { self.trimmed(w, s) } else { None }.unwrap_or(s.next);
        s.slots[n as usize] = Some(slot);
        s.next = s.next.max(n + 1);
        if self.cfg.checkpoints && !slot.ends() {
            self.capture(s);
            if self.is(Mutant::CheckpointsUnconfirmed) {
                self.hand_capture(w, s, s.next);
            }
        }
        w.issue(Put::Slot { sid: s.sid, n, slot });
    }

    fn append(&self, w: &mut World, s: &mut Serving, shard: Shard, recs: Log) {
        let epoch = s.holding(shard).map_or(0, |holding| holding.epoch);
        let base = self.after(s, shard, s.next).log.len();
        self.put(w, s, Slot::Data { nonce: 0, shard, epoch, base, recs });
    }

    fn is_next(&self, log: Log, rec: Rec) -> bool {
        let (producer, sequence) = self.cfg.sequence(rec);
        log.iter().filter(|&other| self.cfg.sequence(other).0 == producer).count() as u8 == sequence
    }

    /// A producer sends a record, for the first time or again.
    ///
    /// It keeps no state here: a producer that lost a reply may send anything again to any node.
    pub(crate) fn send(&self, w: &mut World, p: u8, mut s: Serving, rec: Rec) {
        let shard = self.cfg.shard(rec);
        let Some(holding) = s.holding(shard) else { return };
        let log = self.after(&s, shard, s.next).log;
        if let Some(offset) = log.offset_of(rec) {
            let known = self.after(&s, shard, s.acknowledged()).log.len();
            if offset < holding.base.log.len() {
                self.seen.mark(Event::InheritedDuplicate);
                w.reply(rec, shard, offset, None);
            } else if offset < known || self.is(Mutant::DuplicateAnsweredEarly) {
                let holds = |n: &u8| self.after(&s, shard, *n + 1).log.len() > offset;
                w.reply(rec, shard, offset, (0..s.next).find(holds).map(|n| (s.sid, n, holding.epoch)));
            }
        } else if self.is_next(log, rec) && self.has_room(&s) {
            self.append(w, &mut s, shard, Log::of(rec));
            w.procs[p as usize].serving = Some(s);
        }
    }

    /// A session may take requests for a shard.
    pub(crate) fn serves(&self, s: &Serving, shard: Shard) -> bool {
        s.owned(shard).is_some()
            || s.holding(shard).is_some_and(|holding| match holding.progress {
                Progress::Ready => self.is(Mutant::AcceptsAfterClose),
                Progress::Released(_) => self.is(Mutant::AppendsAfterRelease) && !s.closing,
                _ => self.is(Mutant::ServesBeforeReplay),
            })
    }

    /// A read of the log's end arrives, or a request that the state held would have refused. An empty slot
    /// confirms that no other process went on.
    pub(crate) fn wait(&self, w: &mut World, p: u8, mut s: Serving, rejects: Option<Rec>) {
        let (without, before) = match rejects {
            None => (Mutant::ReadsWithoutBarrier, Mutant::BarrierIssuedBefore),
            Some(_) => (Mutant::RejectsWithoutBarrier, Mutant::RejectBarrierIssuedBefore),
        };
        // A record is refused here because the one before it is missing. Was that one acknowledged?
        let floor = match rejects {
            Some(rec) => u8::from(w.acked[rec as usize - 1].is_some()),
            None => (0..)
                .zip(w.acked)
                .filter_map(|(rec, acked)| acked.filter(|_| self.cfg.shard(rec) == 0))
                .map(|offset| offset + 1)
                .max()
                .unwrap_or(0),
        };
        let rejects = rejects.is_some();
        let left = if rejects { &mut w.left.rejections } else { &mut w.left.reads };
        *left -= 1;
        if self.is(without) {
            let end = if rejects { 0 } else { self.after(&s, 0, s.acknowledged()).log.len() };
            return w.answer(end, floor, rejects);
        }
        if self.is(before) && s.next > s.acknowledged() {
            s.waiting = Some(Barrier { slot: s.next - 1, floor, rejects });
        } else {
            s.waiting = Some(Barrier { slot: s.next, floor, rejects });
            self.append(w, &mut s, 0, Log::default());
        }
        w.procs[p as usize].serving = Some(s);
    }

    /// The records that a request for `rec` would be refused without: the one before it in its sequence.
    pub(crate) fn refuses(&self, s: &Serving, rec: Rec) -> bool {
        let log = self.after(s, 0, s.next).log;
        let (_, sequence) = self.cfg.sequence(rec);
        self.cfg.shard(rec) == 0 && sequence > 0 && log.offset_of(rec - 1).is_none()
    }

    /// CLOSE comes when nothing is in flight.
    pub(crate) fn may_close(&self, s: &Serving) -> bool {
        !s.closing && !s.ended && (s.acknowledged() == s.next || self.is(Mutant::ClosesWithSlotInFlight))
    }

    /// COMPACT: what is acknowledged is in a segment from here on.
    pub(crate) fn compact(&self, w: &mut World, s: &mut Serving, shard: Shard) {
        let Some(holding) = s.owned(shard) else { return };
        self.seen.mark(Event::Compacted);
        w.left.compactions -= 1;
        let end = self.after(s, shard, s.acknowledged()).log.len();
        self.put(w, s, Slot::Compact { shard, epoch: holding.epoch, end });
    }

    /// A client creates a topic: an entry that has nothing to do with shards. Nothing waits for its outcome
    /// here, so the process may have another entry for the same key under way later.
    pub(crate) fn create_topic(&self, w: &mut World, p: u8) {
        w.left.topics -= 1;
        w.issue(Put::Meta {
            k: w.meta.len() as u8,
            entry: crate::world::Entry { by: p, ..Default::default() },
        });
    }

    /// "Already exists", a 409, or a time-out for slot `n`: a GET tells what it was.
    pub(crate) fn conflict(&self, w: &mut World, p: u8, mut s: Serving, n: u8) {
        let object = w.sessions[s.sid as usize].slots[n as usize];
        if self.is(Mutant::ConflictIsSuccess) {
            return self.confirm(w, p, s, n);
        }
        if self.is(Mutant::ConflictIsFence) {
            w.procs[p as usize].serving = None;
            return self.end(w, p, w.meta.len() as u8, s.sid, n, None);
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
                w.procs[p as usize].serving = Some(s);
            }
        }
    }

    /// Sends slot `n` again: the same bytes (I2), so nothing is new, but for two mutants.
    fn retry(&self, w: &mut World, s: &mut Serving, n: u8) {
        let Some(Slot::Data { nonce, shard, epoch, base, mut recs }) = s.slots[n as usize] else { return };
        let log = self.after(s, shard, s.next).log;
        let nonce = match self.mutant {
            Some(Mutant::RetryGrowsSlot) if n + 1 == s.next && recs.len() == 1 => {
                let fits = |rec: &Rec| self.cfg.shard(*rec) == shard && log.offset_of(*rec).is_none();
                let more = (0..self.cfg.records()).filter(fits).find(|&rec| self.is_next(log, rec));
                recs.extend(more.map(Log::of).unwrap_or_default());
                nonce
            }
            Some(Mutant::RetryDrawsNonce) => 1,
            _ => nonce,
        };
        let slot = Slot::Data { nonce, shard, epoch, base, recs };
        s.slots[n as usize] = Some(slot);
        w.issue(Put::Slot { sid: s.sid, n, slot });
    }

    /// Puts what slot `n` held one slot further: only mutants come here.
    fn again(&self, w: &mut World, p: u8, mut s: Serving, n: u8) {
        assert!(self.mutant.is_some(), "slot {n} of session {} is neither its owner's nor a SEAL", s.sid);
        let Some(Slot::Data { shard, recs, .. }) = s.slots[n as usize] else { return };
        if !matches!(self.mutant, Some(Mutant::StepsPastSeal | Mutant::RetryDrawsNonce)) || !self.has_room(&s)
        {
            return;
        }
        s.slots[n as usize] = Some(Slot::Seal);
        s.confirmed |= 1 << n;
        self.append(w, &mut s, shard, recs);
        w.procs[p as usize].serving = Some(s);
    }

    /// Slot `n` is known to have landed. What is now confirmed without a gap is acknowledged, in order.
    pub(crate) fn confirm(&self, w: &mut World, p: u8, mut s: Serving, n: u8) {
        let before = s.acknowledged();
        s.confirmed |= 1 << n;
        let acknowledged = s.acknowledged();
        let now = if self.is(Mutant::AckOutOfOrder) { n..n + 1 } else { before..acknowledged };
        for m in now {
            if let Some(Slot::Data { shard, epoch, base, recs, .. }) = s.slots[m as usize] {
                if Ledger::fold(&w.meta, None).cut(s.sid).is_some() {
                    self.seen.mark(Event::LateAck);
                }
                for (at, rec) in recs.iter().enumerate() {
                    w.reply(rec, shard, base + at as u8, Some((s.sid, m, epoch)));
                }
            }
            if let Some(waiting) = s.waiting.take_if(|waiting| waiting.slot == m) {
                self.seen.mark(if waiting.rejects { Event::Rejected } else { Event::ReadAnswered });
                let end = if waiting.rejects { 0 } else { self.after(&s, 0, m + 1).log.len() };
                w.answer(end, waiting.floor, waiting.rejects);
            }
        }
        if s.ended {
            self.seen.mark(Event::ConfirmedAfterEnd);
        }
        let over_gap = self.is(Mutant::CheckpointsOverGap);
        for m in if over_gap { n..n + 1 } else { before..acknowledged } {
            self.hand_capture(w, &mut s, m + 1);
        }
        w.procs[p as usize].serving = Some(s);
        if s.slots[n as usize] == Some(Slot::Close) {
            self.closed(w, p, s.sid, n);
        }
    }

    /// The own session is ended: everything unacknowledged fails with NOT_LEADER, the state is dropped.
    pub(crate) fn fenced(&self, w: &mut World, p: u8, s: &Serving) {
        self.seen.mark(Event::Fenced);
        match s.waiting {
            Some(Barrier { rejects: true, .. }) => self.seen.mark(Event::RejectionFailed),
            Some(_) => self.seen.mark(Event::ReadFailed),
            None => {}
        }
        if s.closing {
            self.seen.mark(Event::CloseFenced);
        }
        let proc = &mut w.procs[p as usize];
        (proc.serving, proc.fenced, proc.task) = (None, Some(s.sid), Task::Idle);
        self.forget_image(w, p);
    }

    /// The session's end is read in metadata: its states go at once. What is in flight is looked at later.
    pub(crate) fn end_is_read(&self, w: &mut World, p: u8, mut s: Serving) {
        if !self.cfg.checkpoints || s.acknowledged() == s.next {
            return self.fenced(w, p, &s);
        }
        (s.ended, s.holdings, s.waiting, s.block) = (true, [None; SHARDS], None, None);
        w.procs[p as usize].serving = Some(s);
        self.forget_image(w, p);
    }
}
