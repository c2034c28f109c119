//! The checkpoint writer: a task of its own in each process, with one write under way at a time.
//!
//! An attempt that is repeated sends the same bytes. A write whose outcome is not known is given up in the
//! end, so that the next one is not kept waiting; it may still land then, whatever has become of its session.
//! As that may happen at any time, to begin a second write beside the first one adds nothing that could land.

use crate::events::Event;
use crate::model::Protocol;
use crate::mutants::Mutant;
use crate::node::{Proc, Writer};
use crate::world::{Put, World};

/// A step of a checkpoint writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The image is sent.
    Send,
    /// It is learned that it has landed.
    Written,
    /// The outcome is not waited for any more.
    GiveUp,
}

impl Protocol {
    pub(crate) fn writes(&self, w: &World, proc: &Proc) -> impl Iterator<Item = Step> {
        let Writer { due, writing, .. } = proc.writer;
        let send = writing.is_none() && due && proc.serving.is_some();
        let landed = |(sid, n, _)| w.sessions[sid as usize].checkpoints[n as usize].is_some();
        // Only who names it in CLOSED cares.
        let written = self.cfg.close && writing.is_some_and(landed);
        let steps = [(send, Step::Send), (written, Step::Written), (writing.is_some(), Step::GiveUp)];
        steps.into_iter().filter_map(|(may, step)| may.then_some(step))
    }

    pub(crate) fn write(&self, w: &mut World, p: u8, step: Step) {
        let proc = &mut w.procs[p as usize];
        let Some(sid) = proc.serving.map(|s| s.sid) else {
            proc.writer.writing = None;
            return;
        };
        let writer = &mut proc.writer;
        match step {
            Step::Send => {
                let Writer { n, image: checkpoint, .. } = *writer;
                writer.due = false;
                writer.writing = self.cfg.waits.then_some((sid, n, checkpoint.as_of));
                w.issue(Put::Checkpoint { sid, n, checkpoint });
            }
            Step::Written => {
                if let Some((of, n, as_of)) = writer.writing.take()
                    && (of == sid || self.is(Mutant::CreditsNextSession))
                {
                    writer.last = Some((n, as_of));
                }
            }
            Step::GiveUp => {
                writer.writing = None;
                if self.is(Mutant::LosesGivenUp) {
                    writer.image.shards = Default::default();
                }
            }
        }
    }

    /// The session has ended, and with it all that was captured. What was sent may land.
    pub(crate) fn forget_image(&self, w: &mut World, p: u8) {
        let goes_on = self.next_own(w, p).is_some();
        let writer = &mut w.procs[p as usize].writer;
        let writing = writer.writing.filter(|_| goes_on);
        *writer = Writer { writing, ..Writer::default() };
    }

    /// Another session of the process begins, while a checkpoint of the former may be under way.
    pub(crate) fn next_image(&self, w: &mut World, p: u8) {
        let writer = &mut w.procs[p as usize].writer;
        if writer.writing.is_some() {
            self.seen.mark(Event::RotatedWhileWriting);
        }
        let (image, n, due) = match self.is(Mutant::WritesUnderNextSession) {
            true => (writer.image, writer.n, writer.n > 0),
            false => Default::default(),
        };
        *writer = Writer { image, n, due, writing: writer.writing, last: None };
    }

    /// A checkpoint lands: is it true, and does its writer still wait for it?
    pub(crate) fn notice_checkpoint(&self, w: &mut World, put: &Put) {
        let Put::Checkpoint { sid, n, checkpoint } = put else { return };
        let writer = w.procs[self.cfg.process(*sid) as usize].writer;
        if writer.writing.is_none_or(|(of, at, _)| (of, at) != (*sid, *n)) {
            self.seen.mark(Event::GivenUpLanded);
        }
        if self.ledger(w, w.meta.len()).cut(*sid).is_some() {
            self.seen.mark(Event::LandedPastEnd);
        }
        w.check(*sid, *n, checkpoint);
        if self.is(Mutant::OverwritesCheckpoint) {
            w.sessions[*sid as usize].checkpoints = Default::default();
        }
    }
}
