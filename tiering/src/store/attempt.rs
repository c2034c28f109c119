//! One attempt to put an object: how long it may take, and when the same bytes are sent twice.
//!
//! No fixed time suits every body and every link. So the time without progress that an attempt is given grows with
//! its bytes, and doubles after each time-out, and a body that still moves is neither given up nor sent twice.
//! Of all large bodies one at a time is sent again: a link that could carry one of them would otherwise carry a
//! part of each, over and over.

use std::pin::pin;
use std::time::Duration;

use futures::future::{Either, select};
use object_store::path::Path;
use object_store::{Error, PutMode, PutOptions, PutPayload};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::error::{Class, no_answer};
use super::liveness::Write;
use super::progress::Progress;
use super::{CreatePolicy, Store};
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
    /// The write that it is an attempt of, if that counts.
    pub(super) write: Option<&'a Write>,
}

impl Store {
    /// Sends the body once.
    pub(super) async fn put_once(&self, attempt: &Attempt<'_>) -> Result<(), Error> {
        self.send(attempt, &Progress::new(attempt.write.cloned())).await
    }

    /// One attempt, or two at once. Both carry the same bytes, so a win of either is a win.
    pub(super) async fn put_hedged(&self, attempt: &Attempt<'_>, policy: CreatePolicy) -> Result<(), Error> {
        let progress = Progress::new(attempt.write.cloned());
        let mut first = Box::pin(self.send(attempt, &progress));
        let bytes = attempt.payload.content_length() as u64;
        let large = bytes > LARGE && !mutant::is(Mutant::OneSlot);
        let delay = policy.hedge_after.map(|delay| if large { delay + grace(bytes) } else { delay });
        let Some(delay) = delay.filter(|delay| *delay < attempt.allowance) else { return first.await };
        let _turn = loop {
            let still_since = progress.moved();
            first = match select(first, Box::pin(sleep_until(still_since + delay))).await {
                Either::Left((answer, _)) => return answer,
                Either::Right(((), first)) => first,
            };
            let mut turn = None;
            if large {
                // An attempt that has the turn itself waits here for its own end.
                first = match select(first, Box::pin(self.shared.again.acquire())).await {
                    Either::Left((answer, _)) => return answer,
                    Either::Right((got, first)) => {
                        turn = got.ok();
                        first
                    }
                };
            }
            if progress.moved() == still_since || mutant::is(Mutant::OneSlot) {
                break turn;
            }
        };
        self.shared.metrics.count_hedge();
        let second = Box::pin(self.put_once(attempt));
        let (answer, other) = match select(first, second).await {
            Either::Left((answer, other)) => (answer, Either::Right(other)),
            Either::Right((answer, other)) => (answer, Either::Left(other)),
        };
        match answer {
            Err(error) if Class::of(&error) != Class::Exists => match other.await {
                Err(other) if rank(&other) < rank(&error) => Err(error),
                other => other,
            },
            decided => decided,
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
            if let Ok(answer) = timeout_at(end, &mut put).await {
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
