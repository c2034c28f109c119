//! Trust no store: the checks that a node makes before it serves.
//!
//! The log is only as good as a few promises of its store: of writers that race for a free key exactly one
//! wins, a taken key stays taken, and what was written is read and listed at once. Stores that break them lose
//! data silently, so each promise is tried out, below `probe/<id>/`, on every start.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt;
use futures::future::{join_all, try_join_all};
use object_store::path::Path;
use tokio::time::Instant;
use ulid::Ulid;

use super::{CreateError, ReadError, Store};

const KEYS: u8 = 4;
const RACERS: u8 = 8;
const BODY: u64 = 1024;

/// How often a request that got no clear answer is repeated.
const ATTEMPTS: usize = 3;

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
    /// It does not, or it could not be asked.
    Fail(String),
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
    /// It can't be reached, it refuses the credentials, or there is no such bucket.
    #[error("the store can't be used: {0}")]
    Unusable(String),
    /// It answers, and breaks a promise.
    #[error("the store does not keep what the log relies on: {0}")]
    Broken(String),
}

impl ProbeReport {
    /// An error that names every failed check.
    pub fn verdict(&self) -> Result<(), ProbeError> {
        let failed: Vec<_> = self.checks.iter().filter(|check| check.outcome != Outcome::Pass).collect();
        if failed.is_empty() {
            return Ok(());
        }
        let reasons = failed.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        // A store that can't even be asked for an absent object is asked nothing else.
        Err(if self.checks.len() == 1 { ProbeError::Unusable(reasons) } else { ProbeError::Broken(reasons) })
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.outcome {
            Outcome::Pass => write!(f, "{}: ok ({}, {:?})", self.name, self.detail, self.elapsed),
            Outcome::Fail(reason) => write!(f, "{}: {reason}", self.name),
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
    let raced = format!("{RACERS} writers raced for each of {KEYS} keys");
    timed(&mut checks, "racing creates", &raced, probe.race()).await;
    timed(&mut checks, "taken keys", "each key was created again", probe.create_again()).await;
    timed(&mut checks, "list after write", "all keys, and those after the second", probe.list()).await;
    timed(&mut checks, "range reads", "a range, a suffix, a size", probe.ranges()).await;
    timed(&mut checks, "delete", "every key, and none is listed", probe.delete()).await;
    ProbeReport { checks }
}

async fn timed(
    checks: &mut Vec<Check>,
    name: &'static str,
    detail: &str,
    check: impl Future<Output = Result<(), String>>,
) {
    let begun = Instant::now();
    let outcome = match check.await {
        Ok(()) => Outcome::Pass,
        Err(reason) => Outcome::Fail(reason),
    };
    checks.push(Check { name, outcome, elapsed: begun.elapsed(), detail: detail.into() });
}

struct Probe<'a> {
    store: &'a Store,
    id: Ulid,
}

impl Probe<'_> {
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

    async fn absent(&self) -> Result<(), String> {
        match self.store.get_range(&self.key(0), 0..1).await {
            Err(ReadError::NotFound { .. }) => Ok(()),
            Err(error) => Err(format!("reading an absent object must say that it is absent, not: {error}")),
            Ok(_) => Err("an object was read that nobody wrote".into()),
        }
    }

    async fn race(&self) -> Result<(), String> {
        let all = (0..KEYS).flat_map(|key| (0..RACERS).map(move |racer| (key, racer)));
        let answers = join_all(all.map(|(key, racer)| self.create(key, racer))).await;
        let races = (0..KEYS).zip(answers.chunks(RACERS.into()));
        try_join_all(races.map(|(key, answers)| self.judge(key, answers))).await.map(drop)
    }

    /// One winner, whose bytes are there. Without a clear winner it may be one whose answer was lost.
    async fn judge(&self, key: u8, answers: &[Result<(), CreateError>]) -> Result<(), String> {
        let won: Vec<u8> =
            (0..).zip(answers).filter(|(_, answer)| answer.is_ok()).map(|(racer, _)| racer).collect();
        if won.len() > 1 {
            return Err(format!(
                "{} of {RACERS} writers were told that they created the same key",
                won.len()
            ));
        }
        for answer in answers {
            if let Err(error @ CreateError::NotApplied { .. }) = answer {
                return Err(error.to_string());
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
            Ok(_) => Err("what is read is not what the winner wrote".into()),
            Err(error) => Err(match answers.iter().find_map(|answer| answer.as_ref().err()) {
                Some(unclear @ CreateError::Unknown { .. }) => unclear.to_string(),
                _ => format!("what was written cannot be read: {error}"),
            }),
        }
    }

    async fn create_again(&self) -> Result<(), String> {
        try_join_all((0..KEYS).map(|key| self.create_taken(key))).await.map(drop)
    }

    async fn create_taken(&self, key: u8) -> Result<(), String> {
        let before = self.store.get(&self.key(key)).await.map_err(|error| error.to_string())?;
        let mut attempts = 0;
        loop {
            attempts += 1;
            match self.create(key, RACERS).await {
                Err(CreateError::AlreadyExists { .. }) => break,
                Err(CreateError::Unknown { .. }) if attempts < ATTEMPTS => {}
                Err(error) => return Err(format!("a taken key must be refused, not: {error}")),
                Ok(()) => return Err("a taken key was created again".into()),
            }
        }
        match self.store.get(&self.key(key)).await.map_err(|error| error.to_string())? == before {
            true => Ok(()),
            false => Err("a refused write changed the object".into()),
        }
    }

    async fn list(&self) -> Result<(), String> {
        let folder = self.folder();
        let all: Vec<_> = (0..KEYS).map(|key| (self.key(key), BODY)).collect();
        let whole = self.store.list(&folder).map_ok(|meta| (meta.location, meta.size)).try_collect();
        let after = self
            .store
            .list_after(&folder, &self.key(1))
            .map_ok(|meta| (meta.location, meta.size))
            .try_collect();
        let (mut whole, mut after): (Vec<_>, Vec<_>) =
            futures::try_join!(whole, after).map_err(|error: ReadError| error.to_string())?;
        whole.sort_unstable();
        after.sort_unstable();
        if whole != all {
            return Err(format!(
                "{} of {KEYS} objects were listed right after they were written",
                whole.len()
            ));
        }
        match after == all[2..] {
            true => Ok(()),
            false => Err("listing from a key on lists the wrong objects".into()),
        }
    }

    async fn ranges(&self) -> Result<(), String> {
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
        match read.await {
            Ok(true) => Ok(()),
            Ok(false) => Err("a range is not the bytes that stand there".into()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Removes whatever was written, also after a check that failed.
    async fn delete(&self) -> Result<(), String> {
        let text = |error: ReadError| error.to_string();
        try_join_all((0..KEYS).map(|key| async move { self.store.delete(&self.key(key)).await }))
            .await
            .map_err(text)?;
        let left: Vec<_> = self.store.list(&self.folder()).try_collect().await.map_err(text)?;
        match left.is_empty() {
            true => Ok(()),
            false => Err(format!("{} objects are listed right after they were deleted", left.len())),
        }
    }
}
