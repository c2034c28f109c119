//! Trust no store: the checks that a node makes before it serves.
//!
//! The log is only as good as a few promises of its store: of writers that race for a free key exactly one
//! wins, a taken key stays taken, and what was written is read and listed at once. Stores that break them lose
//! data silently, so each promise is tried out, below `probe/<id>/`, on every start. One that does not answer, or
//! that is full, has broken none: [`admit`] waits for it.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt;
use futures::future::{join_all, try_join_all};
use object_store::path::Path;
use tokio::time::{Instant, sleep};
use ulid::Ulid;

use super::{CreateError, ReadError, Store};

const KEYS: u8 = 4;
const RACERS: u8 = 8;
const BODY: u64 = 1024;

/// Characters of what a store answers that are repeated while it is waited for; some answer with pages of XML.
const LONGEST_REASON: usize = 300;

/// How often a request that got no clear answer is repeated.
const ATTEMPTS: usize = 3;

/// The pauses between two probes of a store that does not answer: each is twice the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(4);

/// One property of the store.
#[derive(Debug, Clone)]
pub struct Check {
    /// What was checked.
    pub name: &'static str,
    /// How it went.
    pub outcome: Outcome,
    /// How long it took.
    pub elapsed: Duration,
    /// What was done, in words.
    pub detail: String,
}

/// How a check went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The store keeps the promise.
    Pass,
    /// It does not, or it refuses to be asked.
    Fail(String),
    /// The store did not answer, or failed for reasons that pass: nothing is known.
    Unclear(String),
}

impl From<Result<(), Finding>> for Outcome {
    fn from(result: Result<(), Finding>) -> Self {
        match result {
            Ok(()) => Self::Pass,
            Err(Finding::Fault(reason)) => Self::Fail(reason),
            Err(Finding::Silence(reason)) => Self::Unclear(reason),
        }
    }
}

/// Why a check did not pass.
#[derive(Debug)]
enum Finding {
    Fault(String),
    Silence(String),
}

impl Finding {
    fn fault(reason: impl fmt::Display) -> Self {
        Self::Fault(reason.to_string())
    }

    fn read(error: &ReadError, prefix: &str) -> Self {
        match error {
            ReadError::Failed { .. } | ReadError::Truncated { .. } => Self::Silence(error.to_string()),
            _ => Self::Fault(format!("{prefix}{error}")),
        }
    }

    fn create(error: &CreateError, prefix: &str) -> Self {
        match may_land(error) {
            true => Self::Silence(error.to_string()),
            false => Self::Fault(format!("{prefix}{error}")),
        }
    }
}

/// Whether the store did not say what became of a write.
fn may_land(error: &CreateError) -> bool {
    matches!(error, CreateError::Unknown { .. } | CreateError::Unsynced { .. })
}

impl From<ReadError> for Finding {
    fn from(error: ReadError) -> Self {
        Self::read(&error, "")
    }
}

/// Everything that was checked.
#[derive(Debug, Clone)]
pub struct ProbeReport {
    /// One entry for each property, in the order in which they were checked.
    pub checks: Vec<Check>,
}

/// The store must not be used.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// It refuses the credentials, or there is no such bucket.
    #[error("the store can't be used: {0}")]
    Unusable(String),
    /// It can't be reached, it fails, or it is full. That passes, or an operator has to see to it; nothing is
    /// known of its promises.
    #[error("the store does not answer, or takes nothing: {0}")]
    Unavailable(String),
    /// It answers, and breaks a promise.
    #[error("the store does not keep what the log relies on: {0}")]
    Broken(String),
}

impl ProbeReport {
    /// An error that names every failed check; what was left unclear counts if none failed.
    pub fn verdict(&self) -> Result<(), ProbeError> {
        let reasons = |is: fn(&Outcome) -> bool| {
            let found: Vec<_> = self.checks.iter().filter(|check| is(&check.outcome)).collect();
            let reasons = found.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
            (!found.is_empty()).then_some(reasons)
        };
        if let Some(reasons) = reasons(|outcome| matches!(outcome, Outcome::Fail(_))) {
            // A store that can't even be asked for an absent object is asked nothing else.
            let alone = self.checks.len() == 1;
            return Err(if alone { ProbeError::Unusable(reasons) } else { ProbeError::Broken(reasons) });
        }
        match reasons(|outcome| matches!(outcome, Outcome::Unclear(_))) {
            Some(reasons) => Err(ProbeError::Unavailable(reasons)),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.outcome {
            Outcome::Pass => write!(f, "{}: ok ({}, {:?})", self.name, self.detail, self.elapsed),
            Outcome::Fail(reason) | Outcome::Unclear(reason) => write!(f, "{}: {reason}", self.name),
        }
    }
}

/// Checks the store below `probe/<id>/`, and removes what it wrote. `id` must be new.
pub async fn probe(store: &Store, id: Ulid) -> ProbeReport {
    let probe = Probe { store, id };
    let mut checks = Vec::new();
    timed(&mut checks, "absent objects", "a read of nothing says so", probe.absent()).await;
    if checks.iter().any(|check| check.outcome != Outcome::Pass) {
        return ProbeReport { checks };
    }
    probe.with_objects(&mut checks).await;
    if checks.iter().any(Check::is_unclear) {
        // What may be there is removed all the same, as far as that is possible.
        let _ = probe.delete().await;
    } else {
        timed(&mut checks, "delete", "every key, and none is listed", probe.delete()).await;
    }
    ProbeReport { checks }
}

/// Probes the store, under another of `ids` each time, until it is known what it is worth or `patience` has passed.
/// A store that breaks a promise is refused at once.
pub async fn admit(
    store: &Store,
    mut ids: impl FnMut() -> Ulid,
    patience: Duration,
) -> Result<(), ProbeError> {
    let deadline = Instant::now() + patience;
    let mut pause = FIRST_PAUSE;
    loop {
        match probe(store, ids()).await.verdict() {
            Err(ProbeError::Unavailable(reason)) if Instant::now() + pause < deadline => {
                let reason: String = reason.chars().take(LONGEST_REASON).collect();
                tracing::warn!(%store, %reason, "waiting for the store, which does not answer or takes nothing");
            }
            verdict => return verdict,
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

async fn timed(
    checks: &mut Vec<Check>,
    name: &'static str,
    detail: &str,
    check: impl Future<Output = Result<(), Finding>>,
) {
    let begun = Instant::now();
    let outcome = check.await.into();
    checks.push(Check { name, outcome, elapsed: begun.elapsed(), detail: detail.into() });
}

impl Check {
    fn is_unclear(&self) -> bool {
        matches!(self.outcome, Outcome::Unclear(_))
    }
}

struct Probe<'a> {
    store: &'a Store,
    id: Ulid,
}

impl Probe<'_> {
    /// Every check for which something is written, up to one that the store leaves open: those after it would find
    /// fault with what was never written.
    async fn with_objects(&self, checks: &mut Vec<Check>) {
        let raced = format!("{RACERS} writers raced for each of {KEYS} keys");
        timed(checks, "racing creates", &raced, self.race()).await;
        if !checks.iter().any(Check::is_unclear) {
            timed(checks, "taken keys", "each key was created again", self.create_again()).await;
        }
        if !checks.iter().any(Check::is_unclear) {
            timed(checks, "list after write", "all keys, and those after the second", self.list()).await;
        }
        if !checks.iter().any(Check::is_unclear) {
            timed(checks, "range reads", "a range, a suffix, a size", self.ranges()).await;
        }
    }

    fn folder(&self) -> Path {
        Path::from_iter(["probe".to_string(), self.id.to_string()])
    }

    fn key(&self, key: u8) -> Path {
        self.folder().join(format!("{key}"))
    }

    /// What a racer writes: who it is, then a pattern.
    fn body(&self, key: u8, racer: u8) -> Bytes {
        let head = [key, racer].into_iter().chain(self.id.to_bytes());
        head.chain((0u8..=255).cycle()).take(BODY as usize).collect()
    }

    async fn create(&self, key: u8, racer: u8) -> Result<(), CreateError> {
        let payload = self.body(key, racer).into();
        self.store.create(&self.key(key), payload, self.store.policy().attempt_timeout).await
    }

    async fn absent(&self) -> Result<(), Finding> {
        match self.store.get_range(&self.key(0), 0..1).await {
            Err(ReadError::NotFound { .. }) => Ok(()),
            Err(error) => {
                Err(Finding::read(&error, "reading an absent object must say that it is absent, not: "))
            }
            Ok(_) => Err(Finding::fault("an object was read that nobody wrote")),
        }
    }

    async fn race(&self) -> Result<(), Finding> {
        let all = (0..KEYS).flat_map(|key| (0..RACERS).map(move |racer| (key, racer)));
        let answers = join_all(all.map(|(key, racer)| self.create(key, racer))).await;
        let races = (0..KEYS).zip(answers.chunks(RACERS.into()));
        let judged = join_all(races.map(|(key, answers)| self.judge(key, answers))).await;
        // A fault weighs more than silence.
        let silence = |result: &Result<(), Finding>| !matches!(result, Err(Finding::Fault(_)));
        let (silent, faulty): (Vec<_>, Vec<_>) = judged.into_iter().partition(silence);
        faulty.into_iter().chain(silent).collect()
    }

    /// One winner, whose bytes are there. Without a clear winner it may be one whose answer was lost.
    async fn judge(&self, key: u8, answers: &[Result<(), CreateError>]) -> Result<(), Finding> {
        let won: Vec<u8> =
            (0..).zip(answers).filter(|(_, answer)| answer.is_ok()).map(|(racer, _)| racer).collect();
        if won.len() > 1 {
            return Err(Finding::fault(format_args!(
                "{} of {RACERS} writers were told that they created the same key",
                won.len()
            )));
        }
        for answer in answers {
            if let Err(error @ CreateError::NotApplied { .. }) = answer {
                return Err(Finding::create(error, ""));
            }
        }
        let unclear =
            (0..).zip(answers).filter(|(_, answer)| matches!(answer, Err(CreateError::Unknown { .. })));
        let may_have_won: Vec<u8> = match won.is_empty() {
            true => unclear.map(|(racer, _)| racer).collect(),
            false => won,
        };
        match self.store.get(&self.key(key)).await {
            Ok(found) if may_have_won.iter().any(|racer| found == self.body(key, *racer)) => Ok(()),
            Ok(_) => Err(Finding::fault("what is read is not what the winner wrote")),
            Err(error) => Err(match answers.iter().find_map(|answer| answer.as_ref().err()) {
                Some(unclear) if may_land(unclear) => Finding::create(unclear, ""),
                _ => Finding::read(&error, "what was written cannot be read: "),
            }),
        }
    }

    async fn create_again(&self) -> Result<(), Finding> {
        try_join_all((0..KEYS).map(|key| self.create_taken(key))).await.map(drop)
    }

    async fn create_taken(&self, key: u8) -> Result<(), Finding> {
        let before = self.store.get(&self.key(key)).await?;
        let mut attempts = 0;
        loop {
            attempts += 1;
            match self.create(key, RACERS).await {
                Err(CreateError::AlreadyExists { .. }) => break,
                Err(CreateError::Unknown { .. }) if attempts < ATTEMPTS => {}
                Err(error) => return Err(Finding::create(&error, "a taken key must be refused, not: ")),
                Ok(()) => return Err(Finding::fault("a taken key was created again")),
            }
        }
        match self.store.get(&self.key(key)).await? == before {
            true => Ok(()),
            false => Err(Finding::fault("a refused write changed the object")),
        }
    }

    async fn list(&self) -> Result<(), Finding> {
        let folder = self.folder();
        let all: Vec<_> = (0..KEYS).map(|key| (self.key(key), BODY)).collect();
        let whole = self.store.list(&folder).map_ok(|meta| (meta.location, meta.size)).try_collect();
        let after = self
            .store
            .list_after(&folder, &self.key(1))
            .map_ok(|meta| (meta.location, meta.size))
            .try_collect();
        let (mut whole, mut after): (Vec<_>, Vec<_>) = futures::try_join!(whole, after)?;
        whole.sort_unstable();
        after.sort_unstable();
        if whole != all {
            return Err(Finding::fault(format_args!(
                "{} of {KEYS} objects were listed right after they were written",
                whole.len()
            )));
        }
        match after == all[2..] {
            true => Ok(()),
            false => Err(Finding::fault("listing from a key on lists the wrong objects")),
        }
    }

    async fn ranges(&self) -> Result<(), Finding> {
        let key = self.key(0);
        let read = async {
            let whole = self.store.get(&key).await?;
            let range = self.store.get_range(&key, 100..300).await?;
            let end = self.store.get_range(&key, 1000..5000).await?;
            let suffix = self.store.get_suffix(&key, 24).await?;
            let size = self.store.head(&key).await?.size;
            let sizes = size == BODY && suffix.size == BODY;
            let same = whole.get(100..300) == Some(&range[..]) && whole.get(1000..) == Some(&end[..]);
            Ok::<_, ReadError>(sizes && same && suffix.bytes == end)
        };
        match read.await? {
            true => Ok(()),
            false => Err(Finding::fault("a range is not the bytes that stand there")),
        }
    }

    /// Removes whatever was written, also after a check that failed.
    async fn delete(&self) -> Result<(), Finding> {
        try_join_all((0..KEYS).map(|key| async move { self.store.delete(&self.key(key)).await })).await?;
        let left: Vec<_> = self.store.list(&self.folder()).try_collect().await?;
        match left.len() {
            0 => Ok(()),
            left => {
                Err(Finding::fault(format_args!("{left} objects are listed right after they were deleted")))
            }
        }
    }
}
