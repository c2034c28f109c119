//! The flusher: puts slots, several at a time, and commits them in order.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use coordinator::partition::Trimmed;
use futures::StreamExt;
use futures::stream::FuturesOrdered;
use thiserror::Error;
use tiering::format::slot::{Builder, Frozen, Record};
use tiering::metadata::{MetadataError, MetadataLog};
use tiering::mutant::{self, Mutant};
use tiering::session::SlotError;
use tiering::store::CreateError;
use tokio::time::{Instant, sleep_until};
use tokio_util::task::AbortOnDropHandle;

use super::budget::Budget;
use super::checkpoint::Capture;
use super::open::{Cut, Pending};
use super::rotate::{AGAIN, MOST_POSTPONED, Opening};
use super::ticket::Stub;
use super::{Log, Partition, Permit};
use crate::metrics::Cause;

/// How soon a rotation is tried again that had to wait.
const ROTATION_RETRY: Duration = Duration::from_millis(100);

/// Why the store is not known to take this node's slots.
#[derive(Debug, Error)]
pub enum Untaken {
    /// It refused one.
    #[error(transparent)]
    Refused(#[from] CreateError),
    /// Something else lies where nothing should.
    #[error("{0}")]
    Other(SlotError),
}

/// Why a session ended that did not close itself.
#[derive(Debug, Error)]
pub enum EndReason {
    /// It was sealed, or the store refuses its slots.
    #[error(transparent)]
    Slot(#[from] SlotError),
    /// The metadata log can't be read or written.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// Another process recorded its end in the metadata log.
    #[error("another process recorded the session's end")]
    Recorded,
}

/// How a session's log came to its end.
#[derive(Debug)]
pub enum Ended {
    /// Another process ended it: nothing pending was acknowledged.
    Fenced(EndReason),
    /// It was closed: this many slots precede its CLOSE.
    Closed {
        /// The number of its CLOSE slot: its cut.
        cut: u64,
    },
}

/// A slot whose bytes are fixed, and what its commit sets free.
struct InFlight {
    slot: Frozen,
    pending: Vec<Pending>,
    trims: Vec<(Arc<Partition>, Trimmed)>,
    stub: Stub,
    /// Held until the slot is committed or lost.
    _permits: Vec<Permit>,
    /// The state after it.
    capture: Option<Capture>,
    frozen_at: Instant,
}

impl Log {
    /// Puts slots until the session is sealed, or until `closing` is done and everything is committed; then
    /// closes it. Now and then the session is followed by another, which `opening` opens.
    pub async fn run(
        self: Arc<Self>,
        metadata: Arc<MetadataLog>,
        opening: Opening,
        closing: impl Future<Output = ()>,
    ) -> Ended {
        let mut in_flight = FuturesOrdered::new();
        let mut closing = pin!(closing);
        // A task of its own: slots must be put while a step of a large group takes long.
        let driving = Arc::clone(&self);
        let mut driving = AbortOnDropHandle::new(tokio::spawn(async move { driving.drive().await }));
        let mut is_closing = false;
        let (mut budget, mut session_began) = (Budget::new(self.parts.config.linger), Instant::now());
        let (mut not_before, mut postponed) = (Instant::now(), AGAIN);
        let inherited = self.open.lock().inherited.take();
        if let Some(inherited) = inherited.filter(|_| self.checkpointing.claim(0, 0)) {
            drop(tokio::spawn(self.checkpoint(inherited)));
        }
        loop {
            let rotation =
                self.rotation_due(session_began).filter(|_| !is_closing).map(|at| at.max(not_before));
            // While shards are being released, the session must last.
            let moving = match rotation {
                Some(at) if at <= Instant::now() => self.moving.try_lock().ok(),
                _ => None,
            };
            if moving.is_some() && (in_flight.is_empty() || mutant::is(Mutant::CloseInFlight)) {
                match self.rotate(&metadata, &opening).await {
                    Ok(true) => (session_began, postponed) = (Instant::now(), AGAIN),
                    Ok(false) => {
                        not_before = Instant::now() + postponed;
                        postponed = (postponed * 2).min(MOST_POSTPONED);
                    }
                    Err(reason) => {
                        self.fail();
                        return Ended::Fenced(reason);
                    }
                }
                continue;
            }
            let due = if moving.is_some() { None } else { self.flush_due(&mut budget, in_flight.len()) };
            if let Some((_, cause)) = due.filter(|(at, _)| *at <= Instant::now()) {
                let mut put = self.freeze();
                budget.pay(Instant::now(), put.slot.header.body_len as usize);
                self.parts.metrics.slot_flushed(cause);
                if mutant::is(Mutant::CheckpointUnconfirmed)
                    && let Some(capture) = put.capture.take()
                {
                    drop(tokio::spawn(self.checkpoint(capture)));
                }
                in_flight.push_back(self.put(put));
                continue;
            }
            if is_closing
                && in_flight.is_empty()
                && let Some(last) = self.end_if_idle()
            {
                return self.close(last).await;
            }
            self.parts.entropy.pause().await;
            tokio::select! {
                biased;
                Some((put, result)) = in_flight.next(), if !in_flight.is_empty() => {
                    if let Err(error) = result {
                        self.fail();
                        return Ended::Fenced(error.into());
                    }
                    if !self.commit(put) {
                        return Ended::Fenced(EndReason::Recorded);
                    }
                }
                () = self.changed.notified() => {
                    budget.note(Instant::now());
                    if self.open.lock().ended {
                        return Ended::Fenced(EndReason::Recorded);
                    }
                }
                () = at(due.map(|(at, _)| at)) => {}
                () = at(rotation.map(|at| at.max(Instant::now() + ROTATION_RETRY))) => {}
                () = &mut closing, if !is_closing => is_closing = true,
                Err(ended) = &mut driving => match ended.try_into_panic() {
                    Ok(panic) => std::panic::resume_unwind(panic),
                    // The runtime is about to end.
                    Err(_) => std::future::pending().await,
                },
            }
        }
    }

    /// When the next slot may be put, and why then; `None` if there is no reason to, or no room.
    fn flush_due(&self, budget: &mut Budget, in_flight: usize) -> Option<(Instant, Cause)> {
        let config = &self.parts.config;
        let open = self.open.lock();
        let now = Instant::now();
        if in_flight >= config.window {
            return None;
        }
        if !open.cut.is_empty() || (open.is_wanted() && open.builder.weight() >= config.slot_bytes) {
            return Some((now, Cause::Full));
        }
        if !open.is_wanted() {
            return None;
        }
        if open.urgent {
            return Some((now, Cause::Urgent));
        }
        if config.linger.is_zero() {
            return (in_flight == 0).then_some((now, Cause::Paid));
        }
        let due = budget.due(now, open.builder.body_len());
        Some((due, if budget.lingers() { Cause::Linger } else { Cause::Paid }))
    }

    /// Fixes the bytes of the oldest slot that waits: the open one if none was cut before.
    fn freeze(&self) -> InFlight {
        let n = self.open.lock().n;
        let claimed = self.checkpointing.claim(n + 1, self.parts.config.checkpoint_slots);
        let mut open = self.open.lock();
        if open.cut.is_empty() || (claimed && open.is_wanted()) {
            open.cut();
        }
        if claimed {
            // All that has a place in a slot is in those that have been cut: it is the state after the newest.
            let capture = Capture::take(&mut open);
            if let Some(newest) = open.cut.back_mut() {
                newest.capture = Some(capture);
            }
        }
        let (session, n, previous) = (open.session, open.next_put(), open.previous);
        let cut = open.cut.pop_front();
        drop(open);
        let Cut { builder, pending, trims, permits, stub, mut capture } = cut.unwrap_or_default();
        // Only the flusher fixes the bytes of slots, one after the other.
        let slot = builder.freeze(session, n, previous, self.parts.entropy.nonce());
        let hash = slot.header.hash();
        self.open.lock().previous = hash;
        capture.iter_mut().for_each(|capture| capture.previous = hash);
        InFlight { slot, pending, trims, stub, _permits: permits, capture, frozen_at: Instant::now() }
    }

    async fn put(&self, put: InFlight) -> (InFlight, Result<(), SlotError>) {
        let result = self.writer.put(&put.slot).await;
        if result.is_ok() && mutant::is(Mutant::AcknowledgeOutOfOrder) {
            put.stub.commit();
        }
        (put, result)
    }

    /// A slot, and every one before it, is confirmed. False, and nothing is acknowledged, if the session has
    /// ended meanwhile: the process that ended it has its slots.
    fn commit(self: &Arc<Self>, put: InFlight) -> bool {
        if self.open.lock().ended && !mutant::is(Mutant::CheckpointAfterEnd) {
            return false;
        }
        let InFlight { slot, pending, trims, stub, capture, frozen_at, .. } = put;
        let mut batches: Vec<(Arc<Partition>, usize)> = Vec::new();
        let count = pending.len();
        let (session, n) = (slot.header.session, slot.header.n);
        for Pending { partition, epoch, batch } in pending {
            match batches.last_mut() {
                Some((last, count)) if Arc::ptr_eq(last, &partition) => *count += 1,
                _ => batches.push((Arc::clone(&partition), 1)),
            }
            partition.commit((session, epoch), n, batch);
        }
        for (partition, trimmed) in trims {
            partition.trim(trimmed);
        }
        stub.commit();
        self.parts.metrics.slot_committed(slot.header.object_len(), count, frozen_at.elapsed());
        self.tail.lock().push(slot.header.body_len as usize, batches);
        if let Some(capture) = capture {
            drop(tokio::spawn(self.checkpoint(capture)));
        }
        true
    }

    /// Fails everything that is not committed. Nothing is appended any more.
    pub fn fail(&self) {
        let mut open = self.open.lock();
        open.end();
        let gone = self.let_go(&mut open, |_| true);
        drop(open);
        drop(gone);
        self.changed.notify_one();
    }

    /// Ends the log if the open slot has nothing to put, in one step: a batch that is decided and in no slot
    /// must never get into a checkpoint. Nor must one that was refused when the session was fenced.
    pub(super) fn end_if_idle(&self) -> Option<Capture> {
        let _gone;
        let mut open = self.open.lock();
        if open.ended || open.is_wanted() || !open.cut.is_empty() {
            return None;
        }
        let last = Capture::take(&mut open);
        open.end();
        _gone = (self.groups.drop_shards(|_| true), self.shares.drop_shards(|_| true));
        Some(last)
    }

    /// Puts another slot of a session that has ended, however long that takes: whether the store takes this node's slots.
    /// It is empty, and lies behind every slot and the seal. Each `attempt` has one of its own: what lies at a key
    /// already says nothing of now.
    pub async fn try_slot(&self, attempt: u64) -> Result<(), Untaken> {
        let (session, n, previous) = {
            let open = self.open.lock();
            (open.session, open.n + 1 + attempt, open.previous)
        };
        let slot = Builder::default().freeze(session, n, previous, self.parts.entropy.nonce());
        self.writer.put(&slot).await.map_err(|error| match error {
            SlotError::Create(error) => Untaken::Refused(error),
            error => Untaken::Other(error),
        })
    }

    /// Writes a last checkpoint and CLOSE. Everything is committed, nothing is in flight, and the log has ended.
    async fn close(self: &Arc<Self>, last: Capture) -> Ended {
        let (session, n, previous) = (last.session(), last.n, last.previous);
        if self.checkpointing.claim(n, 1) {
            self.checkpoint(last).await;
        }
        let mut builder = Builder::default();
        builder.push(Record::Close);
        let slot = builder.freeze(session, n, previous, self.parts.entropy.nonce());
        match self.writer.put(&slot).await {
            Ok(()) => Ended::Closed { cut: n },
            Err(error) => {
                self.fail();
                Ended::Fenced(error.into())
            }
        }
    }
}

/// Waits until then; for ever if there is no such time.
pub(super) async fn at(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
#[path = "flush_test.rs"]
mod tests;
