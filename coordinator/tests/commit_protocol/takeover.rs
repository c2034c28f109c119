//! Opening, failing over and closing: what a process reads and seals, and the metadata entries it writes.

use crate::events::Event;
use crate::meta::Ledger;
use crate::model::Protocol;
use crate::mutants::Mutant;
use crate::node::{Holding, Progress, Serving, Task, Writer};
use crate::world::{End, Entry, From, Move, Put, SHARDS, Shard, Sid, Slot, World};

impl Protocol {
    pub(crate) fn ledger(&self, w: &World, entries: usize) -> Ledger {
        Ledger::fold(&w.meta[..entries], self.mutant)
    }

    /// The session that process `p` may open next.
    pub(crate) fn next_own(&self, w: &World, p: u8) -> Option<Sid> {
        let opened = w.procs[p as usize].opened;
        (opened < self.cfg.opens[p as usize]).then(|| self.cfg.sid(p, opened))
    }

    /// Where process `p` takes shards to: its session, or the one that it opens.
    pub(crate) fn own(&self, w: &World, p: u8) -> Option<Sid> {
        w.procs[p as usize].serving.map(|s| s.sid).or(self.next_own(w, p))
    }

    /// The session was granted the shard, and its process never got to know.
    fn unborn(&self, w: &World, sid: Sid) -> bool {
        (0..)
            .zip(&w.procs)
            .any(|(p, proc)| (proc.opened..self.cfg.opens[p as usize]).any(|i| self.cfg.sid(p, i) == sid))
    }

    /// Reads metadata to its end, and decides to seal `sid`. Its last checkpoint may be `damaged`.
    pub(crate) fn begin(&self, w: &mut World, p: u8, sid: Sid, damaged: bool) {
        let past = u8::from(self.is(Mutant::SealsPastCheckpoint));
        let found = w.sessions[sid as usize].checkpoints().nth(usize::from(damaged));
        w.left.damages -= u8::from(damaged);
        let at = found.map_or(0, |(n, _)| n + past);
        if at > 0 {
            self.seen.mark(Event::SealedFromCheckpoint);
        }
        let checkpoint = found.map(|(n, checkpoint)| (n, checkpoint.as_of));
        w.procs[p as usize].task =
            Task::Sealing { known: w.meta.len() as u8, sid, checkpoint, at, sent: false };
    }

    /// The shards that any open session may take: assigned to none, or to a closed or dead session.
    pub(crate) fn unassigned(&self, ledger: &Ledger) -> impl Iterator<Item = Shard> {
        let ledger = *ledger;
        (0..self.cfg.shards).filter(move |&shard| {
            ledger.grants[shard as usize].last().is_none_or(|last| !ledger.is_open(last.sid))
        })
    }

    /// Reads metadata to its end, and takes what is unassigned; opens a session for it if need be.
    pub(crate) fn take(&self, w: &mut World, p: u8) {
        let ledger = self.ledger(w, w.meta.len());
        let shards: Vec<_> = self.unassigned(&ledger).collect();
        if shards.iter().any(|&shard| ledger.grants[shard as usize].last().is_some()) {
            self.seen.mark(Event::EndedTaken);
        }
        let mut entry = self.opening(w, p);
        self.moves(w, p, &ledger, &mut entry, &shards);
        self.send_entry(w, p, w.meta.len() as u8, entry);
    }

    fn opening(&self, w: &World, p: u8) -> Entry {
        let open = if w.procs[p as usize].serving.is_some() { None } else { self.next_own(w, p) };
        Entry { by: p, open, ..Entry::default() }
    }

    /// Adds MOVEs of ended holdings to the own session, of shard 1 to another survivor if the load is spread.
    fn moves(&self, w: &World, p: u8, ledger: &Ledger, entry: &mut Entry, shards: &[Shard]) {
        let Some(own) = entry.open.or(self.own(w, p)) else { return };
        let ending = entry.end.map(|end| end.sid);
        let survivor = (0..w.sessions.len() as Sid)
            .find(|&sid| ledger.is_open(sid) && Some(sid) != ending && sid != own);
        for &shard in shards {
            let last = ledger.grants[shard as usize].last();
            let spread = self.cfg.spread && shard == 1 && entry.end.is_some_and(|end| !end.clean);
            let to = survivor.filter(|_| spread).unwrap_or(own);
            if to != own && shards.len() > 1 {
                self.seen.mark(Event::Spread);
            }
            let from = last.map(|last| {
                let end = entry.end.filter(|end| end.sid == last.sid).map(|end| end.cut);
                let end = end.or(ledger.cut(last.sid)).unwrap_or(0);
                From { sid: last.sid, epoch: last.epoch, end, released: false }
            });
            let leader = self.leader(last.map(|last| (last.sid, last.leader)), to);
            entry.moves[shard as usize] = Some(Move { from, to, leader });
        }
    }

    /// One step upward: past data, a SEAL into the first free slot, a stop at SEAL or CLOSE.
    pub(crate) fn seal(&self, w: &mut World, p: u8, task: Task) {
        let Task::Sealing { known, sid, checkpoint, at: start, sent } = task else { return };
        let slots = w.sessions[sid as usize].slots;
        let free = |from: u8| {
            let data = |slot: &&Option<Slot>| slot.is_some_and(|slot| !slot.ends());
            from + slots[from as usize..].iter().take_while(data).count() as u8
        };
        let at = if self.is(Mutant::SealsAtMaximumPlusOne) {
            let ended = slots.iter().position(|slot| slot.is_some_and(Slot::ends));
            let after = slots.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
            ended.unwrap_or(after) as u8
        } else {
            free(start)
        };
        if sent && at > start {
            self.seen.mark(Event::LandedBeforeSeal);
        }
        match slots[at as usize] {
            None if self.is(Mutant::SkipsSeal) => self.end(w, p, known, sid, at, checkpoint),
            None => {
                if w.sessions[sid as usize].deleted.is_some() {
                    self.seen.mark(Event::SealedDeleted);
                }
                w.issue(Put::Slot { sid, n: at, slot: Slot::Seal });
                w.procs[p as usize].task = Task::Sealing { known, sid, checkpoint, at, sent: true };
            }
            Some(slot) => {
                if slot == Slot::Close {
                    self.seen.mark(Event::CloseWithoutEntryTaken);
                }
                self.end(w, p, known, sid, at, checkpoint);
            }
        }
    }

    /// The cut is fixed: DEAD, and if the process may go on, MOVEs of all shards assigned.
    pub(crate) fn end(
        &self,
        w: &mut World,
        p: u8,
        known: u8,
        sid: Sid,
        cut: u8,
        checkpoint: Option<(u8, u8)>,
    ) {
        let ledger = self.ledger(w, known as usize);
        if !ledger.is_open(sid) {
            w.procs[p as usize].task = Task::Idle;
            return;
        }
        let shards: Vec<_> = ledger.assigned(sid).collect();
        for &shard in &shards {
            let epoch = ledger.grants[shard as usize].last().map_or(0, |last| last.epoch);
            let frozen = |slot: &Option<Slot>| matches!(slot, Some(Slot::Release { shard: s, epoch: e, .. }) if (*s, *e) == (shard, epoch));
            if w.sessions[sid as usize].slots[..cut as usize].iter().any(frozen) {
                self.seen.mark(Event::ReleasedTaken);
            }
        }
        let mut entry = self.opening(w, p);
        if entry.open.is_some() && self.unborn(w, sid) {
            self.seen.mark(Event::UnbornOwnerTaken);
        }
        entry.end = Some(End { sid, cut, clean: false, checkpoint });
        self.moves(w, p, &ledger, &mut entry, &shards);
        self.send_entry(w, p, known, entry);
    }

    /// CLOSE is confirmed at slot `cut`: CLOSED, and with it the next session if the process rotates.
    pub(crate) fn closed(&self, w: &mut World, p: u8, sid: Sid, cut: u8) {
        let ledger = self.ledger(w, w.meta.len());
        if !ledger.is_open(sid) {
            // Another process found CLOSE and wrote the entry.
            let proc = &mut w.procs[p as usize];
            (proc.serving, proc.fenced, proc.task) = (None, Some(sid), Task::Idle);
            return self.forget_image(w, p);
        }
        let checkpoint = w.procs[p as usize].writer.last;
        let shards: Vec<_> = ledger.assigned(sid).collect();
        let end = Some(End { sid, cut, clean: true, checkpoint });
        let mut entry = Entry { by: p, end, open: self.next_own(w, p), ..Entry::default() };
        if entry.open.is_some() {
            self.moves(w, p, &ledger, &mut entry, &shards);
        }
        self.send_entry(w, p, w.meta.len() as u8, entry);
    }

    pub(crate) fn send_entry(&self, w: &mut World, p: u8, k: u8, entry: Entry) {
        let k = if self.is(Mutant::SendsToTheEnd) { w.meta.len() as u8 } else { k };
        w.issue(Put::Meta { k, entry });
        w.procs[p as usize].task = Task::Proposing { k, entry };
        if self.is(Mutant::ServesBeforeGrant) && entry.open.is_some() {
            self.granted(w, p, k, entry, self.as_if_applied(w, k, entry));
        }
    }

    /// Metadata as a mutant sees it that believes in its entry.
    fn as_if_applied(&self, w: &World, k: u8, entry: Entry) -> Ledger {
        let mut ledger = self.ledger(w, (k as usize).min(w.meta.len()));
        ledger.apply(k, &entry, Some(Mutant::ResendsLostEntryBlindly));
        ledger
    }

    /// Key `k` exists: a reply or a GET tells whose entry it is. The loser decides again (I11).
    pub(crate) fn resolve(&self, w: &mut World, p: u8, k: u8, entry: Entry) {
        let standing = w.meta[k as usize];
        let own = match self.mutant {
            Some(Mutant::EntryConflictIsSuccess) => true,
            Some(Mutant::ResolvesByProcess) => standing.by == p,
            _ => standing == entry,
        };
        let ledger = self.ledger(w, k as usize + 1);
        let void = (0..SHARDS).any(|shard| {
            let last = ledger.grants[shard].last().map(|last| (last.sid, last.epoch));
            entry.moves[shard].is_some_and(|moves| last != Some((moves.to, k)))
        });
        if own && !void {
            return self.granted(w, p, k, entry, ledger);
        }
        if own {
            // An entry that a right proposer wrote is never void: to look is a second fence.
            if self.mutant.is_some_and(Mutant::trusts_its_entry) {
                let ledger = self.as_if_applied(w, k, entry);
                return self.granted(w, p, k, entry, ledger);
            }
            w.procs[p as usize].task = Task::Idle;
            return;
        }
        self.lost(w, p, entry, standing);
    }

    fn lost(&self, w: &mut World, p: u8, entry: Entry, standing: Entry) {
        self.seen.mark(Event::EntryLost);
        if standing == (Entry { by: standing.by, ..Entry::default() }) {
            self.seen.mark(Event::EntryLostToTopic);
        }
        let releases = entry.moves.iter().flatten().any(|moves| moves.from.is_some_and(|from| from.released));
        if releases {
            self.seen.mark(Event::ReleasedMoveLost);
        }
        match (self.mutant, entry.end) {
            (Some(Mutant::MovesReleasedOfDead), _) if releases => {
                self.send_entry(w, p, w.meta.len() as u8, entry);
            }
            (Some(Mutant::ResendsLostEntry | Mutant::ResendsLostEntryBlindly), _) => {
                self.send_entry(w, p, w.meta.len() as u8, entry);
            }
            (_, Some(End { sid, cut, clean: true, .. })) => self.closed(w, p, sid, cut),
            _ => w.procs[p as usize].task = Task::Idle,
        }
    }

    /// Only a mutant: no answer for key `k`, so the entry goes to the next key.
    pub(crate) fn resend(&self, w: &mut World, p: u8, k: u8, entry: Entry) {
        self.send_entry(w, p, k + 1, entry);
    }

    /// The entry stands.
    pub(crate) fn granted(&self, w: &mut World, p: u8, k: u8, entry: Entry, ledger: Ledger) {
        let clean = entry.end.is_some_and(|end| end.clean);
        let proc = &mut w.procs[p as usize];
        proc.task = Task::Idle;
        if let Some(to) = entry.open {
            if proc.opened > 0 {
                self.seen.mark(if clean { Event::Rotated } else { Event::FencedReopened });
            }
            let before = proc.serving;
            proc.opened = proc.opened.max(to - self.cfg.sid(p, 0) + 1);
            proc.fenced = None;
            self.next_image(w, p);
            let mut s = Serving::new(to, k + 1, Some(k));
            for moves in before.iter().flat_map(|before| self.carried(before, &entry, k)) {
                let (shard, holding) = moves;
                s.holdings[shard as usize] = Some(holding);
            }
            self.update(w, &mut s, &ledger);
            w.procs[p as usize].serving = Some(s);
        } else if let Some(mut s) = proc.serving.filter(|_| !clean) {
            if entry.block.is_some() {
                s.block = Some(k);
            }
            self.learn(w, p, s);
        } else {
            self.seen.mark(if clean { Event::ShutDown } else { Event::BareDead });
            (proc.serving, proc.task) = (None, Task::Stopped);
            w.procs[p as usize].writer = Writer::default();
        }
    }

    /// What a process that rotates keeps in memory: all that it had replayed, RELEASEd or not.
    fn carried<'a>(
        &'a self,
        before: &'a Serving,
        entry: &'a Entry,
        k: u8,
    ) -> impl Iterator<Item = (Shard, Holding)> + 'a {
        (0..).zip(entry.moves).filter_map(move |(shard, moves)| {
            let Move { from, leader, .. } = moves?;
            let held = before.holding(shard)?;
            if !held.is_replayed() {
                self.seen.mark(Event::RotatedWhileReplaying);
            }
            let kept = held.is_replayed() && from.is_some_and(|from| from.epoch == held.epoch);
            if kept && matches!(held.progress, Progress::Released(_)) {
                self.seen.mark(Event::ReleasedRotated);
            }
            let base = self.after(before, shard, before.next);
            kept.then_some((shard, Holding { epoch: k, leader, progress: Progress::Ready, base, since: 0 }))
        })
    }
}
