//! Checkpoints: captured when a slot is cut, handed to the checkpoint writer when it and all before it are
//! confirmed, and only while the session lasts.

use crate::events::Event;
use crate::log::State;
use crate::model::Protocol;
use crate::mutants::Mutant;
use crate::node::{Capture, Holding, Progress, Serving};
use crate::world::{Checkpoint, Put, Shard, Slot, World};

impl Protocol {
    /// Slot `next - 1` is cut: captures the state after it, as far as that differs from the capture before.
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
        let touched = match s.next.checked_sub(1).and_then(|n| s.slots[n as usize]) {
            Some(Slot::Data { shard, .. } | Slot::Compact { shard, .. }) => Some(shard as usize),
            _ => None,
        };
        let installed = |shard: usize| match s.captured[shard] {
            Some(_) if self.is(Mutant::KeepsImageOfMoved) => false,
            before => before != epochs[shard],
        };
        let changed = [0, 1].map(|shard| touched == Some(shard) || installed(shard));
        s.captured = epochs;
        s.captures[s.next as usize] = Capture { as_of, epochs, changed };
    }

    /// The first `n` slots are confirmed: the writer gets what was captured, unless the session has ended.
    pub(crate) fn hand_capture(&self, w: &mut World, s: &mut Serving, n: u8) {
        let capture = std::mem::take(&mut s.captures[n as usize]);
        let writer = &mut w.procs[self.cfg.process(s.sid) as usize].writer;
        if capture.as_of == 0 || writer.n > n {
            return;
        }
        if s.ended && !self.is(Mutant::ChecksNoEnd) && !self.is(Mutant::LeavesOutAfterEnd) {
            return self.seen.mark(Event::CaptureDropped);
        }
        let image = writer.image.shards;
        let state = |shard: Shard| {
            let epoch = capture.epochs[shard as usize]?;
            if s.ended {
                // The partitions went with the session.
                return self.is(Mutant::ChecksNoEnd).then_some((epoch, State::default()));
            }
            if s.holding(shard).is_some_and(|held| matches!(held.progress, Progress::Released(r) if r < n)) {
                self.seen.mark(Event::ReleasedInCheckpoint);
            }
            let before = image[shard as usize]
                .filter(|(held, _)| *held == epoch || self.is(Mutant::KeepsImageOfMoved))
                .map(|(_, state)| state);
            let now = capture.changed[shard as usize].then(|| self.after(s, shard, n));
            Some((epoch, now.or(before).unwrap_or_default()))
        };
        writer.image = Checkpoint { as_of: capture.as_of, shards: [state(0), state(1)] };
        (writer.n, writer.due) = (n, true);
        if let Some((sid, n, _)) = writer.writing.filter(|(sid, ..)| *sid == s.sid)
            && self.is(Mutant::RetryGrowsCheckpoint)
        {
            let checkpoint = writer.image;
            w.issue(Put::Checkpoint { sid, n, checkpoint });
        }
    }

    /// An owner writes what it inherited, when it has all of it and no slot.
    pub(crate) fn inherited(&self, w: &mut World, s: &mut Serving) {
        let ready = s.holdings.iter().flatten().all(Holding::is_replayed);
        if self.cfg.inherited && s.next == 0 && ready && !s.inherited {
            s.inherited = true;
            self.capture(s);
            self.hand_capture(w, s, 0);
        }
    }
}
