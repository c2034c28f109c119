//! Stores behind a thin link: whatever it carries, every body goes through, few of them are sent again, and a slow
//! store is distinguished from one that takes nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::join_all;
use object_store::path::Path;
use object_store::{Error, ObjectStore, PutOptions, PutPayload, PutResult, Result};
use parking_lot::Mutex;
use tokio::time::{Instant, sleep, sleep_until};

use super::{nonce_of, path, signed};
use crate::store::testing::{Way, by};
use crate::store::{CreateOutcome, CreatePolicy, Hedge, MemoryStore, Progress, Store, StoreKind};

const BODY: usize = 8 << 20;
const CHUNK: usize = 16 << 10;

/// Timers are no finer.
const TICK: Duration = Duration::from_millis(5);

/// All uploads share so many bytes a second, a chunk each in turn.
#[derive(Debug)]
struct Link {
    inner: MemoryStore,
    /// When it has carried what it was given.
    free: Mutex<Instant>,
    rate: u64,
    /// Whether uploads say how far they have come.
    tells: bool,
    /// Whether a body is refused once it has been sent.
    denies: AtomicBool,
    /// Bytes after which nothing is carried any more.
    stalls_after: AtomicU64,
    puts: AtomicUsize,
}

impl Link {
    fn new(rate: u64, tells: bool) -> Arc<Self> {
        Arc::new(Self {
            inner: MemoryStore::new(),
            free: Mutex::new(Instant::now()),
            rate,
            tells,
            denies: AtomicBool::new(false),
            stalls_after: AtomicU64::new(u64::MAX),
            puts: AtomicUsize::new(0),
        })
    }

    async fn carry(&self, bytes: u64) {
        let carried = {
            let mut free = self.free.lock();
            *free =
                (*free).max(Instant::now() - TICK) + Duration::from_nanos(bytes * 1_000_000_000 / self.rate);
            *free
        };
        sleep_until(carried).await;
    }

    fn store(self: &Arc<Self>) -> Store {
        by(self, StoreKind::S3)
    }
}

#[async_trait]
impl Way for Link {
    fn objects(&self) -> &MemoryStore {
        &self.inner
    }

    async fn put(&self, at: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        self.puts.fetch_add(1, Relaxed);
        let mut left = payload.content_length();
        while left > 0 {
            let chunk = left.min(CHUNK);
            if self
                .stalls_after
                .fetch_update(Relaxed, Relaxed, |bytes| bytes.checked_sub(chunk as u64))
                .is_err()
            {
                std::future::pending::<()>().await;
            }
            self.carry(chunk as u64).await;
            left -= chunk;
            if let Some(progress) = Progress::of(&opts).filter(|_| self.tells) {
                progress.advance(chunk as u64);
            }
        }
        if self.denies.load(Relaxed) {
            return Err(Error::PermissionDenied { path: at.to_string(), source: "403 AccessDenied".into() });
        }
        self.inner.put_opts(at, payload, opts).await
    }
}

/// A body with this nonce.
fn body(n: u8, bytes: usize) -> PutPayload {
    [Bytes::copy_from_slice(&[n; 16]), vec![n; bytes - 16].into()].into_iter().collect()
}

async fn create(store: &Store, n: u8, bytes: usize, policy: CreatePolicy) -> CreateOutcome {
    let path = path(&format!("wal/{n}"));
    store.create_nonce(&path, body(n, bytes), [n; 16], nonce_of, policy).await.expect("it goes through")
}

/// Puts sixteen bodies at once, and returns how long that took.
async fn burst(store: &Store) -> Duration {
    let began = Instant::now();
    let written = join_all((0..16).map(|n| create(store, n, BODY, store.policy()))).await;
    assert!(written.iter().all(|outcome| *outcome == CreateOutcome::Created));
    began.elapsed()
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_moves_is_sent_once_however_slow_the_link() {
    for rate in [100_000, 1_000_000, 10_000_000, 43_000_000] {
        let link = Link::new(rate, true);
        let store = link.store();
        let took = burst(&store).await;
        assert_eq!((link.puts.load(Relaxed), store.metrics().hedges()), (16, 0), "at {rate} B/s");
        let alone = Duration::from_secs(16 * BODY as u64 / rate);
        assert!(took < alone + Duration::from_secs(5), "{took:?} at {rate} B/s");
    }
}

/// Where the store does not tell how far an upload has come, a body that takes T alone is sent at most
/// 2 + log2(T / 18 s) times, and once more where it is hedged.
#[tokio::test(start_paused = true)]
async fn a_store_that_tells_nothing_gets_each_body_a_few_times() {
    for (rate, sent) in [(43_000_000, 1), (10_000_000, 2), (1_000_000, 3), (100_000, 5)] {
        let link = Link::new(rate, false);
        let store = link.store();
        burst(&store).await;
        let puts = link.puts.load(Relaxed);
        assert!(puts <= 16 * sent, "{puts} uploads at {rate} B/s");
    }
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_stalls_is_sent_again() {
    let link = Link::new(1_000_000, true);
    link.stalls_after.store(BODY as u64 / 2, Relaxed);
    let store = link.store();
    let policy = CreatePolicy { hedge: Hedge::Off, ..store.policy() };
    let writing = create(&store, 1, BODY, policy);
    let restored = async {
        // Half of it takes 4 s; then nothing happens for 10 s and as long as its bytes may take.
        sleep(Duration::from_secs(20)).await;
        assert_eq!(link.puts.load(Relaxed), 1);
        link.stalls_after.store(u64::MAX, Relaxed);
        sleep(Duration::from_secs(3)).await;
        assert_eq!(link.puts.load(Relaxed), 2);
    };
    let (written, ()) = tokio::join!(writing, restored);
    assert_eq!(written, CreateOutcome::Created);
}

#[tokio::test(start_paused = true)]
async fn only_what_does_not_move_is_hedged() {
    for (bytes, waits) in [(1 << 10, 2), (BODY, 10)] {
        let link = Link::new(1_000_000_000, true);
        link.stalls_after.store(bytes as u64 / 2, Relaxed);
        let store = link.store();
        let writing = create(&store, 1, bytes, store.policy());
        let watched = async {
            sleep(Duration::from_secs(waits) - Duration::from_millis(1)).await;
            link.stalls_after.store(u64::MAX, Relaxed);
            assert_eq!(store.metrics().hedges(), 0, "{bytes} bytes");
            sleep(Duration::from_millis(100)).await;
            assert_eq!(store.metrics().hedges(), 1, "{bytes} bytes");
        };
        let (written, ()) = tokio::join!(writing, watched);
        assert_eq!(written, CreateOutcome::Created);
    }
}

/// The age of the oldest write, each second until all are done.
async fn ages(store: &Store, writing: impl Future) -> Vec<Duration> {
    let (mut writing, mut ages) = (std::pin::pin!(writing), Vec::new());
    loop {
        tokio::select! {
            biased;
            _ = &mut writing => return ages,
            () = sleep(Duration::from_secs(1)) => ages.extend(store.write_age()),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_store_is_not_an_idle_one() {
    for tells in [true, false] {
        let store = Link::new(1_000_000, tells).store();
        assert_eq!(store.write_age(), None, "nothing is written");
        let ages = ages(&store, burst(&store)).await;
        assert!(ages.len() > 100, "{}", ages.len());
        let oldest = ages.iter().max().expect("some were under way");
        match tells {
            true => assert_eq!(*oldest, Duration::ZERO),
            // Those that wait in line do not grow older.
            false => assert!(*oldest < Duration::from_secs(60), "{oldest:?}"),
        }
        assert_eq!((store.write_age(), store.oldest_write()), (None, None));
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_sent_and_denied_again_and_again_grows_old() {
    let link = Link::new(10_000_000, true);
    link.denies.store(true, Relaxed);
    let store = link.store();
    let writing = create(&store, 1, BODY, store.policy());
    let watched = async {
        sleep(Duration::from_secs(60)).await;
        let oldest = store.oldest_write().expect("it is under way");
        // It got no further after its first second, and may take eight by itself.
        assert!((51..52).contains(&oldest.age.as_secs()), "{oldest:?}");
        let told = oldest.to_string();
        assert!(told.starts_with("writing wal/1 is denied: ") && told.contains("403 AccessDenied"), "{told}");
        assert!(link.puts.load(Relaxed) > 10);
        assert!(store.metrics().answer_age().is_some_and(|age| age < Duration::from_secs(5)));
        // One that the log does without does not count.
        writing_minor(&store).await;
        link.denies.store(false, Relaxed);
    };
    let (written, ()) = tokio::join!(writing, watched);
    assert_eq!((written, store.write_age()), (CreateOutcome::Created, None));
}

async fn writing_minor(store: &Store) {
    let (path, policy) = (path("minor"), store.policy().with_patience(Duration::from_secs(5)).minor());
    let before = store.oldest_write().expect("another is under way").path;
    let minor = store.create_nonce(&path, signed([9; 16]), [9; 16], nonce_of, policy);
    let ages = ages(store, minor).await;
    assert!(ages.len() >= 2, "{ages:?}");
    assert_eq!(store.oldest_write().expect("it still is").path, before);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_grows_old_though_its_writes_take_turns() {
    let link = Link::new(1_000_000_000, true);
    link.stalls_after.store(0, Relaxed);
    let store = link.store();
    let burst = burst(&store);
    let watched = async {
        for seconds in 1..600 {
            sleep(Duration::from_secs(1)).await;
            let age = store.write_age().expect("sixteen are under way");
            assert!(seconds < 20 || age > Duration::from_secs(9), "{age:?} after {seconds} s");
        }
        link.stalls_after.store(u64::MAX, Relaxed);
    };
    tokio::join!(burst, watched);
    assert_eq!(store.write_age(), None);
}

/// Who gives a write up and soon tries another one has got nothing in all the while.
#[tokio::test(start_paused = true)]
async fn writes_that_are_given_up_grow_old_together() {
    let link = Link::new(10_000_000, true);
    link.denies.store(true, Relaxed);
    let store = link.store();
    for n in 0..4 {
        let (path, policy) =
            (path(&format!("wal/{n}")), store.policy().with_patience(Duration::from_secs(3)));
        let written = store.create_nonce(&path, body(n, 100), [n; 16], nonce_of, policy).await;
        assert!(written.is_err());
    }
    let watched = async {
        sleep(Duration::from_secs(1)).await;
        let age = store.write_age().expect("it is under way");
        assert!((9..15).contains(&age.as_secs()), "{age:?}");
        link.denies.store(false, Relaxed);
    };
    let (written, ()) = tokio::join!(create(&store, 9, 100, store.policy()), watched);
    assert_eq!((written, store.write_age()), (CreateOutcome::Created, None));
    assert_eq!(ages(&store, create(&store, 10, 100, store.policy())).await.into_iter().max(), None);
}
