//! Writing an object that nobody may have written before.
//!
//! A store's answer to a conditional write can be lost, late or wrong: a time-out may land after all, a 5xx may
//! have landed, and "already exists" may mean the caller's own earlier attempt or nothing at all. So every such
//! object carries a nonce in its first bytes, an attempt is repeated with the same bytes, and whatever is not
//! a clean win is settled by reading the object back.

use std::time::Duration;

use bytes::Bytes;
use futures::future::{Either, select};
use object_store::path::Path;
use object_store::{Error, GetOptions, PutMode, PutPayload};
use tokio::time::{Instant, sleep, timeout};

use super::error::{Class, Connection, CreateError, no_answer};
use super::kind::StoreKind;
use super::{Store, file};
use crate::mutant::{self, Mutant};

/// Length of the nonce that identifies the writer of an object.
pub const NONCE_BYTES: usize = 16;

/// How much of an object is read back to learn who wrote it.
pub const HEAD_BYTES: u64 = 4096;

const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// The longest pause while nobody listens at the store's address, which costs neither side anything to find out.
const LONGEST_REFUSED: Duration = Duration::from_millis(250);

/// How many attempts in a row may follow each other at once because a connection broke. A store that was restarted
/// has left a pool of broken ones behind, and each is found out by a request.
const BROKEN: u32 = 16;

const REPORT_EVERY: Duration = Duration::from_secs(10);

/// How a conditional write is attempted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CreatePolicy {
    /// How long one attempt may take (default 10 s). Too short, and a slow store sees every body twice.
    pub attempt_timeout: Duration,
    /// When the same bytes are sent a second time while the first attempt is still out (default 2 s on a
    /// network, never otherwise). Cuts the tail for the price of one more PUT.
    pub hedge_after: Option<Duration>,
    /// How long to go on before giving up with [`CreateError::Unknown`] (default: for ever).
    pub patience: Option<Duration>,
}

impl CreatePolicy {
    /// The defaults for a kind of store.
    pub fn of(kind: StoreKind) -> Self {
        Self { attempt_timeout: Duration::from_secs(10), hedge_after: kind.default_hedge(), patience: None }
    }

    /// The same, with another patience.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience: Some(patience), ..self }
    }

    /// The same, with another time for one attempt.
    #[must_use]
    pub fn with_attempt_timeout(self, attempt_timeout: Duration) -> Self {
        Self { attempt_timeout, ..self }
    }
}

/// Whose object it is in the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CreateOutcome {
    /// The caller's bytes are in the store.
    Created,
    /// Somebody else's are: the first [`HEAD_BYTES`] of them.
    Lost(Bytes),
}

/// What reading an object back says.
enum Found {
    Head(Bytes),
    Nothing,
    Failed(Error),
}

impl Store {
    /// Writes an object if its key is free: one attempt, no retry, no reading back.
    ///
    /// `AlreadyExists` does not say who wrote the object, or that there is one; see
    /// [`Store::create_nonce`].
    pub async fn create(
        &self,
        path: &Path,
        payload: PutPayload,
        attempt_timeout: Duration,
    ) -> Result<(), CreateError> {
        self.put_once(path, payload, attempt_timeout).await.map_err(|error| CreateError::of(path, error))
    }

    /// Writes an object if its key is free, and finds out whose it is, whatever the store answers.
    ///
    /// `payload` must begin with a header in which `nonce_of` finds `nonce`; its bytes are the same in every
    /// attempt. Errors: `Unknown` when patience ran out and the object may still appear, `NotApplied` when
    /// certainly none of the attempts wrote anything and further ones are pointless or patience ran out, `Unsynced`
    /// at once when a sync failed.
    pub async fn create_nonce(
        &self,
        path: &Path,
        payload: PutPayload,
        nonce: [u8; NONCE_BYTES],
        nonce_of: impl Fn(&[u8]) -> Option<[u8; NONCE_BYTES]>,
        policy: CreatePolicy,
    ) -> Result<CreateOutcome, CreateError> {
        let deadline = policy.patience.and_then(|patience| Instant::now().checked_add(patience));
        let within = || {
            deadline.map_or(policy.attempt_timeout, |end| {
                policy.attempt_timeout.min(end.saturating_duration_since(Instant::now()))
            })
        };
        let mut may_land = false;
        let mut occupied = false;
        let mut pointless = false;
        let (mut pauses, mut broken) = (0, 0);
        loop {
            let mut failure = None;
            if !occupied {
                match self
                    .put_hedged(path, &payload, CreatePolicy { attempt_timeout: within(), ..policy })
                    .await
                {
                    Ok(()) => return Ok(CreateOutcome::Created),
                    Err(error) => {
                        let class = Class::of(&error);
                        if class == Class::Unsynced {
                            return Err(CreateError::of(path, error));
                        }
                        may_land |= matches!(class, Class::Exists | Class::Transient);
                        occupied = class == Class::Exists;
                        pointless = class == Class::Invalid;
                        failure = Some(error);
                    }
                }
            }
            self.shared.metrics.count_ambiguous();
            match self.head_bytes(path, within()).await {
                Found::Head(head) if nonce_of(&head) == Some(nonce) && !mutant::is(Mutant::ChangeNonce) => {
                    return Ok(CreateOutcome::Created);
                }
                Found::Head(_) if mutant::is(Mutant::ConflictAsSuccess) => return Ok(CreateOutcome::Created),
                Found::Head(head) => return Ok(CreateOutcome::Lost(head)),
                Found::Nothing => occupied = false,
                Found::Failed(error) if Class::of(&error) == Class::Unsynced => {
                    return Err(CreateError::of(path, error));
                }
                Found::Failed(error) => failure = failure.or(Some(error)),
            }
            let source = failure.unwrap_or_else(|| no_answer(policy.attempt_timeout));
            let pause = match Connection::of(&source) {
                Connection::Broken if broken < BROKEN => Duration::ZERO,
                Connection::Refused => pause(&nonce, pauses).min(LONGEST_REFUSED),
                _ => pause(&nonce, pauses),
            };
            if pointless || deadline.is_some_and(|end| Instant::now() + pause >= end) {
                let path = path.clone();
                return Err(match may_land {
                    true => CreateError::Unknown { path, source },
                    false => CreateError::NotApplied { path, source },
                });
            }
            self.report(path, &source);
            if pause.is_zero() {
                broken += 1;
            } else {
                sleep(pause).await;
                (pauses, broken) = (pauses + 1, 0);
            }
        }
    }

    async fn put_once(&self, path: &Path, payload: PutPayload, within: Duration) -> Result<(), Error> {
        let put = self.shared.conditional.put_opts(path, payload, PutMode::Create.into());
        match timeout(within, put).await {
            Ok(answer) => answer.map(drop),
            Err(_) => Err(no_answer(within)),
        }
    }

    /// One attempt, or two at once. Both carry the same bytes, so a win of either is a win.
    async fn put_hedged(&self, path: &Path, payload: &PutPayload, policy: CreatePolicy) -> Result<(), Error> {
        let first = Box::pin(self.put_once(path, payload.clone(), policy.attempt_timeout));
        let Some(delay) = policy.hedge_after.filter(|delay| *delay < policy.attempt_timeout) else {
            return first.await;
        };
        let first = match select(first, Box::pin(sleep(delay))).await {
            Either::Left((answer, _)) => return answer,
            Either::Right(((), first)) => first,
        };
        self.shared.metrics.count_hedge();
        let second = Box::pin(self.put_once(path, payload.clone(), policy.attempt_timeout));
        let (answer, other) = match select(first, second).await {
            Either::Left((answer, other)) | Either::Right((answer, other)) => (answer, other),
        };
        match answer {
            Err(error) if Class::of(&error) != Class::Exists => match other.await {
                Err(other) if rank(&other) < rank(&error) => Err(error),
                other => other,
            },
            decided => decided,
        }
    }

    /// What is there counts, whoever put it: it is durable by the time that it is answered.
    async fn head_bytes(&self, path: &Path, within: Duration) -> Found {
        let options = file::settled(GetOptions::new().with_range(Some(0..HEAD_BYTES)));
        let read =
            async { super::read::body(path, self.shared.conditional.get_opts(path, options).await).await };
        match timeout(within, read).await {
            Ok(Ok(head)) => Found::Head(head),
            Ok(Err(error)) => self.without_bytes(path, error, within).await,
            Err(_) => Found::Failed(no_answer(within)),
        }
    }

    /// Stores refuse a range of an empty object, so a failed read is settled by asking for its size.
    async fn without_bytes(&self, path: &Path, error: Error, within: Duration) -> Found {
        match Class::of(&error) {
            Class::Absent => return Found::Nothing,
            Class::Unsynced => return Found::Failed(error),
            _ => {}
        }
        let options = file::settled(GetOptions::new().with_head(true));
        let head = self.shared.conditional.get_opts(path, options);
        match timeout(within, head).await {
            Ok(Ok(found)) if found.meta.size == 0 => Found::Head(Bytes::new()),
            Ok(Err(missing)) if Class::of(&missing) == Class::Absent => Found::Nothing,
            _ => Found::Failed(error),
        }
    }

    /// Says that writes do not get through, at most every ten seconds.
    fn report(&self, path: &Path, error: &Error) {
        let now = Instant::now();
        let mut reported = self.shared.reported.lock();
        if reported.is_none_or(|last| now - last >= REPORT_EVERY) {
            *reported = Some(now);
            tracing::warn!(%path, %error, "a write did not get through; trying again");
        } else {
            tracing::debug!(%path, %error, "a write did not get through; trying again");
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

/// Doubling pauses of which a half is jitter, drawn from the nonce so that a run can be repeated.
fn pause(nonce: &[u8; NONCE_BYTES], pauses: u32) -> Duration {
    let full = FIRST_PAUSE.saturating_mul(1 << pauses.min(16)).min(LONGEST_PAUSE);
    let draw = xxhash_rust::xxh3::xxh3_64_with_seed(nonce, pauses.into());
    full.mul_f64(0.5 + (draw >> 11) as f64 / (1u64 << 54) as f64)
}
