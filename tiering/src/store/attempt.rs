//! One attempt to put an object: how long it may take, and when the same bytes are sent twice.
//!
//! No fixed time suits every body and every link. So the time without progress that an attempt is given grows with
//! its bytes, and doubles after each time-out, and a body that still moves is neither given up nor sent twice.
//! Of all large bodies one at a time is sent again: a link that could carry one of them would otherwise carry a
//! part of each, over and over. How long a write takes that is not slow is for [`super::hedge`] to know.

use std::pin::{Pin, pin};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use futures::future::{Either, select};
use object_store::path::Path;
use object_store::{Error, PutMode, PutOptions, PutPayload};
use tokio::sync::SemaphorePermit;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::Store;
use super::create::Found;
use super::error::{Class, no_answer};
use super::hedge::{Hedge, Triggers};
use super::liveness::Write;
use super::progress::Progress;
use crate::mutant::{self, Mutant};

/// Bytes a second that every link is taken to carry.
const ASSUMED: u64 = 1 << 20;

/// Bytes a second below which a body gets no more time: a store that does not tell progress and is slower yet
/// gets nothing in.
const SLOWEST: u64 = 16 << 10;

/// A body of more bytes waits for its turn before it is sent again.
pub(super) const LARGE: u64 = 1 << 20;

/// What bytes may take by themselves.
pub(super) fn grace(bytes: u64) -> Duration {
    at(bytes, ASSUMED)
}

fn at(bytes: u64, rate: u64) -> Duration {
    Duration::from_millis(bytes.saturating_mul(1000) / rate)
}

/// How long a body may make no progress in an attempt, after so many that timed out.
pub(super) fn allowance(attempt_timeout: Duration, bytes: u64, timeouts: u32) -> Duration {
    if mutant::is(Mutant::OneSlot) {
        return attempt_timeout;
    }
    let first = attempt_timeout.saturating_add(grace(bytes));
    let longest = attempt_timeout.saturating_add(at(bytes, SLOWEST));
    first.saturating_mul(1 << timeouts.min(16)).min(longest)
}

/// An object that is being put.
pub(super) struct Attempt<'a> {
    pub(super) path: &'a Path,
    pub(super) payload: &'a PutPayload,
    /// How long it may make no progress.
    pub(super) allowance: Duration,
    /// When it is given up whatever it does.
    pub(super) deadline: Option<Instant>,
    /// Whether it is its turn among the large bodies that are sent again.
    pub(super) has_turn: bool,
    /// The write that it is an attempt of, if that counts.
    pub(super) write: Option<&'a Write>,
}

/// An attempt that is not certain to have put the object.
pub(super) struct Unsettled {
    /// What the store answered.
    pub(super) error: Error,
    /// What is there, if that was read meanwhile.
    pub(super) found: Option<Found>,
}

impl Store {
    /// Sends the body once.
    pub(super) async fn put_once(&self, attempt: &Attempt<'_>) -> Result<(), Error> {
        self.send(attempt, &Progress::new(attempt.write.cloned())).await
    }

    /// One attempt, or two at once. Both carry the same bytes, so a win of either is a win. `within` is how long
    /// reading the object back may take.
    pub(super) async fn put_hedged(
        &self,
        attempt: &Attempt<'_>,
        hedge: Hedge,
        within: impl Fn() -> Duration,
    ) -> Result<(), Unsettled> {
        let bytes = attempt.payload.content_length() as u64;
        let large = bytes > LARGE && !mutant::is(Mutant::OneSlot);
        let grace = if large { grace(bytes) } else { Duration::ZERO };
        let triggers = match hedge {
            Hedge::Off => None,
            Hedge::After(delay) => Some(Triggers { early: None, late: delay.saturating_add(grace) }),
            Hedge::Auto => Some(self.shared.hedging.begin(bytes, grace)),
        };
        let progress = Progress::new(attempt.write.cloned());
        let mut first = pin!(self.send(attempt, &progress));
        let slow = match triggers {
            Some(triggers) => self.until_slow(first.as_mut(), attempt, &progress, triggers, hedge).await,
            None => Err(first.as_mut().await),
        };
        let is_hedged = slow.is_ok();
        let put = match slow {
            Err(answer) => answer.map_err(|error| Unsettled { error, found: None }),
            Ok(_turn) => {
                self.shared.metrics.count_hedge();
                self.race(first, attempt, within).await
            }
        };
        if hedge == Hedge::Auto && (put.is_ok() || is_hedged) {
            self.shared.hedging.took(bytes, progress.moved().elapsed());
        }
        put
    }

    /// Waits until an attempt is to be made a second time, and for a large body's turn to be. Fails with the answer
    /// if there is one before.
    async fn until_slow(
        &self,
        mut first: Pin<&mut impl Future<Output = Result<(), Error>>>,
        attempt: &Attempt<'_>,
        progress: &Progress,
        triggers: Triggers,
        hedge: Hedge,
    ) -> Result<Option<SemaphorePermit<'_>>, Result<(), Error>> {
        let bytes = attempt.payload.content_length() as u64;
        let large = bytes > LARGE && !mutant::is(Mutant::OneSlot);
        let Triggers { mut early, late } = triggers;
        if early.unwrap_or(late) >= attempt.allowance {
            return Err(first.await);
        }
        loop {
            let (still_since, sent) = (progress.moved(), progress.sent());
            // Once all of a body has been handed on, its answer is due sooner.
            let is_partial = sent > 0 && sent < bytes;
            let due = still_since + early.filter(|_| !is_partial).unwrap_or(late);
            let look = early.filter(|_| is_partial).map_or(due, |early| due.min(Instant::now() + early));
            if let Either::Left((answer, _)) = select(first.as_mut(), pin!(sleep_until(look))).await {
                return Err(answer);
            }
            if look < due {
                continue;
            }
            let mut turn = None;
            if large && attempt.has_turn && !self.shared.tells.load(Relaxed) {
                // For all that is known it moves, and would only be slowed down.
                return Err(first.await);
            }
            if large && !attempt.has_turn {
                match select(first.as_mut(), pin!(self.shared.again.acquire())).await {
                    Either::Left((answer, _)) => return Err(answer),
                    Either::Right((got, _)) => turn = got.ok(),
                }
            }
            if progress.moved() != still_since && !mutant::is(Mutant::OneSlot) {
                continue;
            }
            if hedge != Hedge::Auto {
                return Ok(turn);
            }
            if early.is_none() || is_partial {
                self.shared.hedging.owe();
                return Ok(turn);
            }
            if self.shared.hedging.spend() {
                return Ok(turn);
            }
            early = None;
        }
    }

    /// Makes a second attempt beside the first.
    async fn race(
        &self,
        first: Pin<&mut impl Future<Output = Result<(), Error>>>,
        attempt: &Attempt<'_>,
        within: impl Fn() -> Duration,
    ) -> Result<(), Unsettled> {
        let second = pin!(async {
            let put = self.put_once(attempt).await;
            if put.is_ok() {
                self.shared.metrics.count_hedge_won();
            }
            put
        });
        let (answer, other) = match select(first, second).await {
            Either::Left((answer, other)) => (answer, Either::Right(other)),
            Either::Right((answer, other)) => (answer, Either::Left(other)),
        };
        let error = match answer {
            Ok(()) => return Ok(()),
            Err(error) if Class::of(&error) == Class::Exists => {
                // If it is the other that landed, its answer may come sooner than the object can be read back.
                let found = pin!(self.head_bytes(attempt.path, within()));
                return match select(other, found).await {
                    Either::Left((Ok(()), _)) => Ok(()),
                    Either::Left((Err(_), found)) => Err(Unsettled { error, found: Some(found.await) }),
                    Either::Right((found, _)) => Err(Unsettled { error, found: Some(found) }),
                };
            }
            Err(error) => error,
        };
        match other.await {
            Ok(()) => Ok(()),
            Err(other) if rank(&other) < rank(&error) => Err(Unsettled { error, found: None }),
            Err(other) => Err(Unsettled { error: other, found: None }),
        }
    }

    async fn send(&self, attempt: &Attempt<'_>, progress: &Progress) -> Result<(), Error> {
        let mut options = PutOptions::from(PutMode::Create);
        options.extensions.insert(progress.clone());
        let put = self.shared.conditional.put_opts(attempt.path, attempt.payload.clone(), options);
        let mut put = pin!(put);
        loop {
            let moved = progress.moved();
            let end = moved + attempt.allowance;
            let end = attempt.deadline.map_or(end, |deadline| deadline.min(end));
            let answer = timeout_at(end, &mut put).await;
            if progress.sent() > 0 {
                self.shared.tells.store(true, Relaxed);
            }
            if let Ok(answer) = answer {
                return answer.map(drop);
            }
            let past = attempt.deadline.is_some_and(|deadline| Instant::now() >= deadline);
            if past || progress.moved() == moved || mutant::is(Mutant::OneSlot) {
                return Err(no_answer(attempt.allowance));
            }
        }
    }
}

/// How much an error leaves open.
fn rank(error: &Error) -> u8 {
    match Class::of(error) {
        Class::Unsynced => 3,
        Class::Exists => 2,
        Class::Transient => 1,
        Class::Absent | Class::Denied | Class::Invalid => 0,
    }
}
