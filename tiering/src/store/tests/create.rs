//! How soon a write is tried again, and how a store's silence is told from its refusal.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use async_trait::async_trait;
use object_store::client::{HttpError, HttpErrorKind};
use object_store::path::Path;
use object_store::{Error, GetOptions, GetResult, ObjectStore, PutOptions, PutPayload, PutResult, Result};
use tokio::time::Instant;

use crate::store::testing::{Way, by};
use crate::store::{CreateOutcome, MemoryStore, NONCE_BYTES, StoreKind};

/// A store whose first requests, writes and reads alike, fail in this way.
#[derive(Debug)]
struct Failing {
    inner: MemoryStore,
    kind: HttpErrorKind,
    left: AtomicUsize,
}

impl Failing {
    fn check(&self) -> Result<()> {
        match self.left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)) {
            Ok(_) => {
                let source = HttpError::new(self.kind, std::io::Error::other("made up"));
                Err(Error::Generic { store: "test", source: Box::new(source) })
            }
            Err(_) => Ok(()),
        }
    }
}

#[async_trait]
impl Way for Failing {
    fn objects(&self) -> &MemoryStore {
        &self.inner
    }

    async fn put(&self, at: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        self.check()?;
        self.inner.put_opts(at, payload, opts).await
    }

    async fn get(&self, at: &Path, options: GetOptions) -> Result<GetResult> {
        self.check()?;
        self.inner.get_opts(at, options).await
    }
}

/// How long a write takes if so many requests fail.
async fn taken(kind: HttpErrorKind, failures: usize) -> Duration {
    let failing = Arc::new(Failing { inner: MemoryStore::new(), kind, left: AtomicUsize::new(failures) });
    let store = by(&failing, StoreKind::Memory);
    let nonce = [7; NONCE_BYTES];
    let began = Instant::now();
    let path = Path::from("wal/0");
    let written = store.create_nonce(
        &path,
        PutPayload::from_static(&[7; NONCE_BYTES]),
        nonce,
        |head| head.first_chunk().copied(),
        store.policy(),
    );
    assert_eq!(written.await.expect("the store takes it in the end"), CreateOutcome::Created);
    began.elapsed()
}

#[tokio::test(start_paused = true)]
async fn broken_connections_of_a_pool_cost_no_pauses() {
    for kind in [HttpErrorKind::Request, HttpErrorKind::Interrupted] {
        assert_eq!(taken(kind, 20).await, Duration::ZERO);
        // A store that breaks every connection is not flooded.
        assert!(taken(kind, 200).await > Duration::from_millis(30));
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_back_is_noticed_soon() {
    // Two requests an attempt, 2 s in all between the first few of them.
    let (refused, timed_out) =
        (taken(HttpErrorKind::Connect, 40).await, taken(HttpErrorKind::Timeout, 40).await);
    assert!(refused < Duration::from_secs(5), "{refused:?}");
    assert!(timed_out > Duration::from_secs(12), "{timed_out:?}");
}
