//! What a new owner reads before it serves: a checkpoint, and the slots after it up to the recorded cut.

use crate::events::Event;
use crate::meta::Ledger;
use crate::model::Protocol;
use crate::mutants::Mutant;
use crate::node::{Phase, Serving};
use crate::world::{Entry, Log, Move, Put, Sid, Slot, World};

impl Protocol {
    /// The entry stands: replay, write checkpoint 0, serve.
    pub(crate) fn granted(&self, w: &mut World, p: u8, entry: Entry) {
        let Some(Move { from, to }) = entry.moves else {
            self.seen.mark(if entry.end.is_some_and(|end| end.clean) {
                Event::ShutDown
            } else {
                Event::BareDead
            });
            w.procs[p as usize].phase = Phase::Stopped;
            return;
        };
        if w.procs[p as usize].opened > 0 {
            let clean = entry.end.is_some_and(|end| end.clean);
            self.seen.mark(if clean { Event::Rotated } else { Event::FencedReopened });
        }
        let ledger = self.ledger(w, w.meta.len());
        let base = self.recover(w, &ledger, from.map(|(sid, _, cut)| (sid, cut)), 0);
        w.procs[p as usize].opened += 1;
        w.procs[p as usize].phase = Phase::Serving(Serving::new(to, base));
        if self.cfg.inherited {
            w.issue(Put::Ckpt { sid: to, n: 0, log: base });
        }
    }

    /// The state at `cut` of a session: its last checkpoint, else its own predecessor's state, then its slots.
    fn recover(&self, w: &World, ledger: &Ledger, from: Option<(Sid, u8)>, depth: usize) -> Log {
        let Some((sid, cut)) = from.filter(|_| depth < w.sessions.len()) else { return Log::default() };
        let session = &w.sessions[sid as usize];
        let (start, mut log) = match session.last_checkpoint() {
            Some((_, log)) if self.is(Mutant::InheritsWithoutReplay) => return log,
            Some((n, log)) => {
                if n < cut {
                    self.seen.mark(Event::ReplayedFromCheckpoint);
                }
                (n + u8::from(self.is(Mutant::ReplaysPastCheckpoint)), log)
            }
            None if self.is(Mutant::ForgetsPredecessors) => (0, Log::default()),
            None => {
                let before = ledger.grants[sid as usize].and_then(|grant| grant.from);
                if before.is_some() {
                    self.seen.mark(Event::ReplayedThroughChain);
                }
                (0, self.recover(w, ledger, before, depth + 1))
            }
        };
        let end = if self.is(Mutant::ObjectsOverCut) { session.slots.len() } else { cut as usize };
        for slot in session.slots.iter().take(end).skip(start as usize).flatten() {
            if let Slot::Data { recs, .. } = slot {
                log.extend(*recs);
            }
        }
        log
    }
}
