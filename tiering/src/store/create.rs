//! Writing an object that no process may have written before.
//!
//! A store's answer to a conditional write can be lost, late or wrong: a time-out may land after all, a 5xx may
//! have landed, and "already exists" may mean the caller's own earlier attempt or nothing at all. So every such
//! object carries a nonce in its first bytes, an attempt is repeated with the same bytes, and whatever is not
//! a clean win is settled by reading the object back.

use std::time::Duration;

use bytes::Bytes;
use object_store::path::Path;
use object_store::{Error, GetOptions, PutPayload};
use tokio::sync::SemaphorePermit;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::attempt::{Attempt, LARGE, Unsettled, allowance};
use super::error::{Class, Connection, CreateError, is_no_answer, no_answer};
use super::kind::StoreKind;
use super::liveness::Write;
use super::{Hedge, Store, file};
use crate::mutant::{self, Mutant};

/// Length of the nonce that identifies the writer of an object.
pub const NONCE_BYTES: usize = 16;

/// How much of an object is read back to learn who wrote it.
pub const HEAD_BYTES: u64 = 4096;

const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// The longest pause while nothing listens at the store's address, which costs neither side anything to find
/// out.
const LONGEST_REFUSED: Duration = Duration::from_millis(250);

/// How many attempts in a row may follow each other at once because a connection broke. A store that was restarted
/// has left a pool of broken ones behind, and each is found out by a request.
const BROKEN: u32 = 16;

const REPORT_EVERY: Duration = Duration::from_secs(10);

/// How a conditional write is attempted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CreatePolicy {
    /// How long one attempt may make no progress (default 10 s), besides a second for each MiB of its body, and
    /// twice as long after each time-out, up to a second for each 16 KiB. Too short, and a slow store sees every
    /// body twice.
    pub attempt_timeout: Duration,
    /// When the same bytes are sent a second time while the first attempt is still out and makes no progress
    /// (default [`Hedge::Auto`] on a network, never otherwise). Cuts the tail for the price of one more PUT. Where
    /// the time is fixed, bodies above 1 MiB have a second more for each MiB; one of them at a time is sent again.
    pub hedge: Hedge,
    /// How long to go on before giving up with [`CreateError::Unknown`] (default: for ever).
    pub patience: Option<Duration>,
    /// Whether the store counts as out of order while this write does not get through (default true); see
    /// [`Store::oldest_write`].
    pub vital: bool,
}

impl CreatePolicy {
    /// The defaults for a kind of store.
    pub fn of(kind: StoreKind) -> Self {
        Self {
            attempt_timeout: Duration::from_secs(10),
            hedge: kind.default_hedge(),
            patience: None,
            vital: true,
        }
    }

    /// The same, with another patience.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience: Some(patience), ..self }
    }

    /// The same, for a write that the log goes on without.
    #[must_use]
    pub fn minor(self) -> Self {
        Self { vital: false, ..self }
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
    /// Another writer's are: the first [`HEAD_BYTES`] of them.
    Lost(Bytes),
}

/// What reading an object back says.
pub(super) enum Found {
    Head(Bytes),
    Nothing,
    Failed(Error),
}

impl Store {
    /// Writes an object if its key is free: one attempt, no retry, no reading back. It is given up when it makes no
    /// progress for `attempt_timeout` and a second for each MiB.
    ///
    /// `AlreadyExists` does not say who wrote the object, or that there is one; see
    /// [`Store::create_nonce`].
    pub async fn create(
        &self,
        path: &Path,
        payload: PutPayload,
        attempt_timeout: Duration,
    ) -> Result<(), CreateError> {
        let allowance = allowance(attempt_timeout, payload.content_length() as u64, 0);
        let attempt =
            Attempt { path, payload: &payload, allowance, deadline: None, has_turn: false, write: None };
        self.put_once(&attempt).await.map_err(|error| CreateError::of(path, error))
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
        let bytes = payload.content_length() as u64;
        let under_way = policy.vital.then(|| self.shared.writes.begin(path, bytes));
        let write = under_way.as_ref().map(|under_way| &under_way.0);
        let created = || {
            if let Some(under_way) = &under_way {
                under_way.confirmed();
            }
            Ok(CreateOutcome::Created)
        };
        let mut may_land = false;
        let mut occupied = false;
        let mut pointless = false;
        let mut timeouts = 0;
        let (mut pauses, mut broken) = (0, 0);
        let mut taken = false;
        loop {
            let (mut failure, mut found) = (None, None);
            if !occupied {
                let turn = match timeouts > 0 && bytes > LARGE && !mutant::is(Mutant::OneSlot) {
                    true => self.turn(write, deadline).await,
                    false => None,
                };
                let allowance = allowance(policy.attempt_timeout, bytes, timeouts);
                let has_turn = turn.is_some();
                let attempt = Attempt { path, payload: &payload, allowance, deadline, has_turn, write };
                let put = self.put_hedged(&attempt, policy.hedge, within).await;
                drop(turn);
                match put {
                    Ok(()) => return created(),
                    Err(Unsettled { error, found: head }) => {
                        found = head;
                        timeouts = if is_no_answer(&error) { timeouts + 1 } else { 0 };
                        let class = Class::of(&error);
                        if class == Class::Unsynced {
                            return Err(CreateError::of(path, error));
                        }
                        may_land |= matches!(class, Class::Exists | Class::Transient);
                        occupied = class == Class::Exists;
                        taken = occupied;
                        pointless = class == Class::Invalid;
                        failure = Some(error);
                    }
                }
            }
            let found = match found {
                Some(found) => found,
                None => self.head_bytes(path, within()).await,
            };
            match found {
                Found::Head(head) if nonce_of(&head) == Some(nonce) && !mutant::is(Mutant::ChangeNonce) => {
                    return created();
                }
                Found::Head(_) if mutant::is(Mutant::ConflictAsSuccess) => return Ok(CreateOutcome::Created),
                Found::Head(head) => {
                    if let Some(under_way) = under_way.as_ref().filter(|_| taken) {
                        under_way.answered();
                    }
                    return Ok(CreateOutcome::Lost(head));
                }
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
            if let Some(write) = write {
                write.failed(&source);
            }
            if pause.is_zero() {
                broken += 1;
            } else {
                sleep(pause).await;
                (pauses, broken) = (pauses + 1, 0);
            }
        }
    }

    /// Waits until no other large body is sent again, or patience runs out.
    async fn turn(&self, write: Option<&Write>, deadline: Option<Instant>) -> Option<SemaphorePermit<'_>> {
        let turn = async {
            let turn = self.shared.again.acquire();
            match deadline {
                Some(end) => timeout_at(end, turn).await.ok()?.ok(),
                None => turn.await.ok(),
            }
        };
        match write {
            Some(write) => write.in_line(turn).await,
            None => turn.await,
        }
    }

    /// What is there counts, whichever process put it: it is durable by the time that it is answered.
    pub(super) async fn head_bytes(&self, path: &Path, within: Duration) -> Found {
        self.shared.metrics.count_ambiguous();
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

/// Doubling pauses of which a half is jitter, drawn from the nonce so that a run can be repeated.
fn pause(nonce: &[u8; NONCE_BYTES], pauses: u32) -> Duration {
    let full = FIRST_PAUSE.saturating_mul(1 << pauses.min(16)).min(LONGEST_PAUSE);
    let draw = xxhash_rust::xxh3::xxh3_64_with_seed(nonce, pauses.into());
    full.mul_f64(0.5 + (draw >> 11) as f64 / (1u64 << 54) as f64)
}
