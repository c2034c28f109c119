//! Planned moves, and shards that a session gets while it runs.

use crate::events::Event;
use crate::meta::Ledger;
use crate::model::Protocol;
use crate::mutants::Mutant;
use crate::node::{Holding, Progress, Serving};
use crate::recovery::Gone;
use crate::world::{Entry, From, Move, SHARDS, Shard, Sid, Slot, World};

impl Protocol {
    /// RELEASE: from here on the shard is frozen, whatever becomes of the MOVE.
    pub(crate) fn release(&self, w: &mut World, p: u8, mut s: Serving, shard: Shard) {
        let Some(holding) = s.owned(shard) else { return };
        let n = s.next;
        let mut state = self.after(&s, shard, n);
        if self.is(Mutant::MoveLosesLeaders) {
            state.forget_leaders(state.log.len());
        }
        w.left.releases -= 1;
        if s.acknowledged() < n {
            self.seen.mark(Event::ReleasedWithSlotInFlight);
        }
        self.put(w, &mut s, Slot::Release { shard, epoch: holding.epoch, state });
        if let Some(holding) = &mut s.holdings[shard as usize] {
            holding.progress = Progress::Released(n);
        }
        w.procs[p as usize].serving = Some(s);
    }

    /// The RELEASE and all slots before it are confirmed (I5).
    pub(crate) fn may_hand_over(&self, s: &Serving, shard: Shard) -> bool {
        let released = s.holding(shard).and_then(|holding| match holding.progress {
            Progress::Released(n) => Some(n),
            _ => None,
        });
        released.is_some_and(|n| {
            !s.closing
                && match self.mutant {
                    Some(Mutant::MovesBeforeReleaseIsAcknowledged) => true,
                    Some(Mutant::MovesOverGap) => s.confirmed(n),
                    _ => n < s.acknowledged(),
                }
        })
    }

    /// The releasing session reads metadata to its end, and appends the MOVE if all it presumes holds.
    pub(crate) fn hand_over(&self, w: &mut World, p: u8, s: &Serving, shard: Shard, to: Sid) {
        let ledger = self.ledger(w, w.meta.len());
        let Some(Holding { epoch, progress: Progress::Released(n), .. }) = s.holding(shard) else { return };
        let last = ledger.grants[shard as usize].last();
        let Some(last) = last.filter(|last| (last.sid, last.epoch) == (s.sid, epoch)) else { return };
        if !ledger.is_open(s.sid) || !ledger.is_open(to) {
            return;
        }
        let from = From { sid: s.sid, epoch, end: n + 1, released: true };
        let moves = Move { from: Some(from), to, leader: self.leader(Some((s.sid, last.leader)), to) };
        let mut entry = Entry { by: p, ..Entry::default() };
        entry.moves[shard as usize] = Some(moves);
        self.send_entry(w, p, w.meta.len() as u8, entry);
    }

    /// The leader epoch of a new holding: one more, unless both sessions are of one process.
    pub(crate) fn leader(&self, before: Option<(Sid, u8)>, to: Sid) -> u8 {
        before.map_or(0, |(sid, leader)| leader + u8::from(self.cfg.process(sid) != self.cfg.process(to)))
    }

    /// A session reads metadata to its end: shards come and go.
    pub(crate) fn learn(&self, w: &mut World, p: u8, mut s: Serving) {
        let ledger = self.ledger(w, w.meta.len());
        if ledger.cut(s.sid).is_some() && !s.closing {
            return self.end_is_read(w, p, s);
        }
        s.known = w.meta.len() as u8;
        self.update(w, &mut s, &ledger);
        w.procs[p as usize].serving = Some(s);
    }

    /// Brings the holdings in line with metadata, and replays at once what is new unless that takes time.
    pub(crate) fn update(&self, w: &mut World, s: &mut Serving, ledger: &Ledger) {
        for shard in 0..SHARDS {
            let assigned = ledger.grants[shard].last().filter(|last| last.sid == s.sid);
            let held = s.holdings[shard].map(|holding| holding.epoch);
            let Some(last) = assigned else {
                s.holdings[shard] = None;
                continue;
            };
            if held == Some(last.epoch) {
                continue;
            }
            if s.next > 0 {
                self.seen.mark(Event::GrantedWhileRunning);
            }
            if ledger.grants[shard].all().iter().any(|grant| grant.sid == s.sid && grant.epoch < last.epoch) {
                self.seen.mark(Event::MovedBack);
            }
            s.holdings[shard] = Some(Holding {
                epoch: last.epoch,
                leader: last.leader,
                progress: Progress::Granted,
                base: Default::default(),
                since: s.next,
            });
            if !self.cfg.slow {
                self.replay_holding(w, s, shard as u8, ledger, false);
                self.replay_holding(w, s, shard as u8, ledger, false);
            }
        }
        self.inherited(w, s);
    }

    /// One of the two steps by which a session replays a shard. The newest checkpoint may be `damaged`.
    pub(crate) fn replay_holding(
        &self,
        w: &World,
        s: &mut Serving,
        shard: Shard,
        ledger: &Ledger,
        damaged: bool,
    ) {
        let Some(holding) = &mut s.holdings[shard as usize] else { return };
        let list = &ledger.grants[shard as usize];
        let Some(grants) = list.position(s.sid, holding.epoch) else { return };
        if list.all()[grants].release.is_some() {
            self.seen.mark(Event::StartedFromRelease);
        }
        match holding.progress {
            Progress::Granted => {
                // The new holding itself names a RELEASE, if it began with one.
                if let Ok(base) = self.start(w, ledger, shard, grants, damaged) {
                    holding.progress = Progress::Started(base);
                }
            }
            Progress::Started(base) => match self.replay(w, list, shard, grants, &base) {
                Ok(state) => {
                    holding.progress = Progress::Ready;
                    (holding.base, holding.since) = (state, s.next);
                }
                Err(Gone) => {
                    self.seen.mark(Event::ReplayMissedObject);
                    holding.progress = Progress::Granted;
                }
            },
            _ => {}
        }
    }
}
