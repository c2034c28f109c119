//! Checkpoints: captured when a slot is fixed, written when it and all before it are confirmed.

use crate::events::Event;
use crate::model::Protocol;
use crate::mutants::Mutant;
use crate::node::{Capture, Holding, Progress, Serving};
use crate::world::{Checkpoint, Put, Shard, World};

impl Protocol {
    /// What checkpoint `next` would say, now that slot `next - 1` is fixed.
    pub(crate) fn capture(&self, s: &mut Serving) {
        let held = s.holdings.iter().flatten();
        let replaying = held.filter(|holding| !holding.is_replayed()).map(|holding| holding.epoch).min();
        let as_of = match replaying {
            Some(epoch) if !self.is(Mutant::AsOfPastReplay) => epoch.min(s.known),
            _ => s.known,
        };
        if replaying.is_some() && s.next > 0 {
            self.seen.mark(Event::CapturedWhileReplaying);
        }
        let kept = |holding: &Holding| match holding.progress {
            Progress::Released(_) => !self.is(Mutant::CheckpointDropsReleased),
            _ => holding.is_replayed(),
        };
        let epochs = s.holdings.map(|holding| holding.filter(kept).map(|holding| holding.epoch));
        s.captures[s.next as usize] = Capture { as_of, epochs, sent: false };
    }

    /// Checkpoint `n`, the state after `n` slots, once all of them are confirmed.
    pub(crate) fn may_checkpoint(&self, s: &Serving, n: u8) -> bool {
        let confirmed = match self.mutant {
            Some(Mutant::CheckpointsUnconfirmed) => n <= s.next,
            Some(Mutant::CheckpointsOverGap) => n > 0 && s.confirmed(n - 1),
            _ => n <= s.acknowledged(),
        };
        let Capture { as_of, sent, .. } = s.captures[n as usize];
        confirmed && as_of > 0 && !sent && n > 0 && s.slots[n as usize - 1].is_some_and(|slot| !slot.ends())
    }

    /// A shard that went away since is left out: nobody looks for it here.
    pub(crate) fn checkpoint(&self, w: &mut World, s: &mut Serving, n: u8) {
        let Capture { as_of, epochs, .. } = s.captures[n as usize];
        s.captures[n as usize].sent = true;
        let state = |shard: Shard| {
            let holding = s.holding(shard).filter(|holding| epochs[shard as usize] == Some(holding.epoch))?;
            if matches!(holding.progress, Progress::Released(r) if r < n) {
                self.seen.mark(Event::ReleasedInCheckpoint);
            }
            Some((holding.epoch, self.after(s, shard, n)))
        };
        let checkpoint = Checkpoint { as_of, shards: [state(0), state(1)] };
        w.issue(Put::Checkpoint { sid: s.sid, n, checkpoint });
    }

    /// An owner writes what it inherited, when it has all of it and no slot.
    pub(crate) fn inherited(&self, w: &mut World, s: &mut Serving) {
        let ready = s.holdings.iter().flatten().all(Holding::is_replayed);
        if self.cfg.inherited && s.next == 0 && ready && !s.captures[0].sent {
            self.capture(s);
            self.checkpoint(w, s, 0);
        }
    }
}
