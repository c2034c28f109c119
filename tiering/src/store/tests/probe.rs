//! The probe passes honest stores quickly, and finds out the others.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    Error, GetOptions, GetResult, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload,
    PutResult, Result,
};
use tokio::time::Instant;
use ulid::Ulid;

use crate::store::testing::{Way, by};
use crate::store::{MemoryStore, Outcome, ProbeError, Store, StoreKind, StoreOptions, admit, probe};

/// What a bad store gets wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lie {
    None,
    /// Writes whatever the condition says.
    IgnoresConditions,
    /// Looks first and writes then.
    Races,
    /// Says no to every create, but writes all the same.
    OverwritesAndRefuses,
    /// Does not find an object at the first read.
    StaleReads,
    /// Does not list the newest object.
    StaleLists,
    /// Serves the whole object for every range.
    IgnoresRanges,
    /// Says "denied" where there is nothing.
    HidesAbsence,
    /// Keeps what is deleted.
    Keeps,
    /// No lie: it is full, at least for the first writes.
    Full(usize),
    /// No lie: it does not answer the first requests.
    Away(usize),
}

#[derive(Debug)]
struct Liar {
    inner: MemoryStore,
    lie: Lie,
    reads: AtomicUsize,
    requests: AtomicUsize,
}

impl Liar {
    /// Fails the first so many requests, as a store does that has no room or no network.
    fn fail(&self, first: usize) -> Result<()> {
        match self.requests.fetch_add(1, Relaxed) < first {
            true => Err(Error::Generic { store: "test", source: "507 Insufficient Storage".into() }),
            false => Ok(()),
        }
    }
}

#[async_trait]
impl Way for Liar {
    fn objects(&self) -> &MemoryStore {
        &self.inner
    }

    async fn put(&self, at: &Path, payload: PutPayload, mut opts: PutOptions) -> Result<PutResult> {
        match self.lie {
            Lie::Full(first) | Lie::Away(first) => self.fail(first)?,
            Lie::IgnoresConditions => opts.mode = PutMode::Overwrite,
            Lie::Races if opts.mode == PutMode::Create => {
                let taken = self.inner.head(at).await.is_ok();
                tokio::task::yield_now().await;
                if !taken {
                    opts.mode = PutMode::Overwrite;
                }
            }
            Lie::OverwritesAndRefuses if self.inner.head(at).await.is_ok() => {
                self.inner.put(at, payload.clone()).await?;
            }
            _ => {}
        }
        self.inner.put_opts(at, payload, opts).await
    }

    async fn get(&self, at: &Path, mut options: GetOptions) -> Result<GetResult> {
        match self.lie {
            Lie::Away(first) => self.fail(first)?,
            Lie::StaleReads if self.reads.fetch_add(1, Relaxed) < 5 => {
                return Err(Error::NotFound { path: at.to_string(), source: "not yet".into() });
            }
            Lie::IgnoresRanges => options.range = None,
            Lie::HidesAbsence if self.inner.head(at).await.is_err() => {
                return Err(Error::PermissionDenied { path: at.to_string(), source: "no".into() });
            }
            _ => {}
        }
        self.inner.get_opts(at, options).await
    }

    fn delete(&self, at: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        if self.lie == Lie::Keeps { at } else { self.inner.delete_stream(at) }
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let skip = usize::from(self.lie == Lie::StaleLists);
        self.inner.list(prefix).skip(skip).boxed()
    }
}

fn liar(lie: Lie) -> Store {
    let liar = Arc::new(Liar {
        inner: MemoryStore::new(),
        lie,
        reads: Default::default(),
        requests: Default::default(),
    });
    by(&liar, StoreKind::Memory)
}

#[tokio::test]
async fn finds_out_liars() {
    for (lie, name, reason) in [
        (Lie::IgnoresConditions, "racing creates", "8 of 8 writers"),
        (Lie::IgnoresConditions, "taken keys", "created again"),
        (Lie::Races, "racing creates", "writers were told"),
        (Lie::OverwritesAndRefuses, "racing creates", "not what the winner wrote"),
        (Lie::OverwritesAndRefuses, "taken keys", "changed the object"),
        (Lie::StaleReads, "racing creates", "cannot be read"),
        (Lie::StaleLists, "list after write", "3 of 4 objects"),
        (Lie::IgnoresRanges, "range reads", "not the bytes"),
        (Lie::HidesAbsence, "absent objects", "must say that it is absent"),
        (Lie::Keeps, "delete", "4 objects"),
    ] {
        let report = probe(&liar(lie), Ulid::new()).await;
        let error = report.verdict().expect_err("a lie").to_string();
        assert!(error.contains(name) && error.contains(reason), "{lie:?}: {error}");
    }
    probe(&liar(Lie::None), Ulid::new()).await.verdict().expect("an honest store");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_or_full_is_no_liar_and_is_waited_for() {
    for (lie, waits) in [(Lie::Full(100), 4), (Lie::Away(5), 5)] {
        let store = liar(lie);
        let verdict = probe(&store, Ulid::new()).await.verdict();
        let Err(ProbeError::Unavailable(reason)) = verdict else { panic!("{lie:?}: {verdict:?}") };
        assert!(reason.contains("507"), "{reason}");
        let began = Instant::now();
        admit(&store, Ulid::new, Duration::from_secs(60)).await.expect("it passes");
        assert!(began.elapsed() < Duration::from_secs(1 << waits), "{lie:?}: {:?}", began.elapsed());
        let objects = store.list(&Path::default()).collect::<Vec<_>>().await;
        assert!(objects.is_empty(), "{objects:?}");
    }
    let began = Instant::now();
    let given_up = admit(&liar(Lie::Full(usize::MAX)), Ulid::new, Duration::from_secs(60)).await;
    assert!(matches!(given_up, Err(ProbeError::Unavailable(_))), "{given_up:?}");
    assert!((50..=60).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    let began = Instant::now();
    let refused = admit(&liar(Lie::Races), Ulid::new, Duration::from_secs(60)).await;
    assert!(matches!(refused, Err(ProbeError::Broken(_))), "{refused:?}");
    assert_eq!(began.elapsed(), Duration::ZERO, "a liar is refused at once");
}

async fn passes(store: &Store) {
    let report = probe(store, Ulid::new()).await;
    report.verdict().expect("an honest store");
    assert!(report.checks.iter().all(|check| check.outcome == Outcome::Pass));
    for check in &report.checks {
        eprintln!("{}: {check}", store.kind());
    }
}

#[tokio::test]
async fn passes_memory_and_file() {
    passes(&Store::memory()).await;
    let root = tempfile::tempdir().expect("a directory");
    let url = format!("file://{}", root.path().display());
    let store = Store::open_url(&url, &StoreOptions::default()).await.expect("a store");
    passes(&store).await;
    assert!(!root.path().join("probe").exists(), "nothing is left");
}

#[tokio::test]
async fn passes_s3() {
    let (Ok(endpoint), Ok(bucket)) =
        (std::env::var("TIDELOG_TEST_S3_ENDPOINT"), std::env::var("TIDELOG_TEST_S3_BUCKET"))
    else {
        eprintln!("skipped: TIDELOG_TEST_S3_ENDPOINT and TIDELOG_TEST_S3_BUCKET are not set");
        return;
    };
    let options = StoreOptions { endpoint: Some(endpoint), ..StoreOptions::default() };
    let store = Store::open_url(&format!("s3://{bucket}/test"), &options).await.expect("a store");
    passes(&store).await;
}
