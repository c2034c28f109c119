//! Reading on while an entry does not get through, and what a read may be trusted with.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use async_trait::async_trait;
use coordinator::{NodeId, ProcessId, SessionId, TopicId};
use object_store::{Error, GetOptions, GetResult, ObjectStore, PutOptions, PutPayload, PutResult, Result};
use tokio::time::{sleep, timeout};

use super::*;
use crate::store::testing::{Way, by};
use crate::store::{MemoryStore, StoreKind};

/// What happens to requests for metadata entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gate {
    Open,
    /// Writes are refused.
    Denies,
    /// Writes land, and no answer says so.
    LandsSilently,
    /// Reads are carried out, and answered when the gate changes.
    AnswersLate,
}

/// One process's way to the objects.
#[derive(Debug)]
struct Gated {
    inner: MemoryStore,
    gate: tokio::sync::watch::Sender<Gate>,
    /// How many reads fail from now on.
    failures: AtomicUsize,
}

impl Gated {
    fn new(inner: &MemoryStore) -> Arc<Self> {
        let (gate, _) = tokio::sync::watch::channel(Gate::Open);
        Arc::new(Self { inner: inner.clone(), gate, failures: AtomicUsize::new(0) })
    }

    async fn log(self: &Arc<Self>, seed: u64) -> Arc<MetadataLog> {
        let store = by(self, StoreKind::Memory);
        Arc::new(MetadataLog::open(store, Entropy::from_seed(seed)).await.expect("a log"))
    }
}

#[async_trait]
impl Way for Gated {
    fn objects(&self) -> &MemoryStore {
        &self.inner
    }

    async fn put(&self, at: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        let gate = *self.gate.borrow();
        match gate {
            Gate::Denies => Err(Error::PermissionDenied { path: at.to_string(), source: "403".into() }),
            Gate::LandsSilently => {
                self.inner.put_opts(at, payload, opts).await?;
                std::future::pending().await
            }
            Gate::Open | Gate::AnswersLate => self.inner.put_opts(at, payload, opts).await,
        }
    }

    async fn get(&self, at: &Path, options: GetOptions) -> Result<GetResult> {
        if self.failures.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok() {
            return Err(Error::Generic { store: "test", source: "made up".into() });
        }
        let answer = self.inner.get_opts(at, options).await;
        let mut gate = self.gate.subscribe();
        drop(gate.wait_for(|gate| *gate != Gate::AnswersLate).await);
        answer
    }
}

fn open(n: u8) -> Op {
    Op::Open {
        session: SessionId([n; 16]),
        process: ProcessId([n; 16]),
        node: Some(NodeId(i32::from(n))),
        rack: None,
        addresses: Vec::new(),
    }
}

async fn propose(log: &MetadataLog, n: u8) -> Committed {
    let proposed = log.propose(|_| Ok::<_, ()>(vec![open(n)])).await;
    proposed.expect("the store takes it").expect("it is proposed")
}

/// Two processes, of which the first comes through a gate.
async fn world() -> (Arc<Gated>, Arc<MetadataLog>, Arc<MetadataLog>) {
    let objects = MemoryStore::new();
    let gated = Gated::new(&objects);
    let (first, second) = (gated.log(1).await, Gated::new(&objects).log(2).await);
    (gated, first, second)
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_is_denied_keeps_nobody_from_reading() {
    let (gated, first, second) = world().await;
    gated.gate.send_replace(Gate::Denies);
    let (writer, asked) = (Arc::clone(&first), Arc::new(AtomicUsize::new(0)));
    let decided = Arc::clone(&asked);
    let proposed = tokio::spawn(async move {
        let decide = |_: &Cluster| {
            decided.fetch_add(1, Relaxed);
            Ok::<_, ()>(vec![open(1)])
        };
        writer.propose(decide).await
    });
    sleep(Duration::from_secs(1)).await;
    for n in 2..5 {
        let theirs = propose(&second, n).await;
        let read = timeout(Duration::from_secs(1), first.refresh()).await.expect("reading goes on");
        assert_eq!(read.expect("the store answers").next(), Epoch(theirs.k.0 + 1));
        assert!(first.current().session(SessionId([n; 16])).is_some());
        sleep(Duration::from_secs(5)).await;
    }
    assert!(!proposed.is_finished());
    gated.gate.send_replace(Gate::Open);
    let committed = proposed.await.expect("it ends").expect("the store takes it").expect("it is proposed");
    assert_eq!((committed.k, committed.outcomes), (Epoch(4), vec![Outcome::Applied]));
    // Each entry of another process had it decided anew.
    assert_eq!(asked.load(Relaxed), 4);
    assert_eq!(second.refresh().await.expect("the store answers").next(), Epoch(5));
}

#[tokio::test(start_paused = true)]
async fn an_own_entry_that_is_read_before_its_answer_is_committed_once() {
    let (gated, first, second) = world().await;
    gated.gate.send_replace(Gate::LandsSilently);
    let writer = Arc::clone(&first);
    let proposed = tokio::spawn(async move { propose(&writer, 1).await });
    sleep(Duration::from_secs(1)).await;
    assert_eq!(first.refresh().await.expect("the store answers").next(), Epoch(2));
    assert!(!proposed.is_finished());
    let theirs = propose(&second, 2).await;
    assert_eq!(theirs.k, Epoch(2));
    first.refresh().await.expect("the store answers");
    gated.gate.send_replace(Gate::Open);
    let committed = proposed.await.expect("it ends");
    assert_eq!((committed.k, committed.outcomes), (Epoch(1), vec![Outcome::Applied]));
    // The state right after it, not that which has been read since.
    assert_eq!(committed.cluster.next(), Epoch(2));
    assert_eq!(first.current().next(), Epoch(3));
    assert_eq!(propose(&first, 3).await.k, Epoch(3));
}

#[tokio::test(start_paused = true)]
async fn a_refresh_tells_all_that_was_there_when_it_was_called() {
    let (gated, first, second) = world().await;
    let refresh = |log: &Arc<MetadataLog>| {
        let log = Arc::clone(log);
        tokio::spawn(async move { log.refresh().await.map(|cluster| cluster.next()) })
    };
    gated.gate.send_replace(Gate::AnswersLate);
    let old = refresh(&first);
    sleep(Duration::from_secs(1)).await;
    propose(&second, 2).await;
    // Both want what the read that is under way has not seen; the first of them fails.
    let (failing, waiting) = (refresh(&first), refresh(&first));
    sleep(Duration::from_secs(1)).await;
    gated.failures.store(1, Relaxed);
    gated.gate.send_replace(Gate::Open);
    assert_eq!(old.await.expect("it ends").expect("it was answered"), Epoch(1));
    assert!(failing.await.expect("it ends").is_err());
    assert_eq!(waiting.await.expect("it ends").expect("the store answers"), Epoch(2));
    // A caller that asked before a read began is served by it.
    let before = first.store.metrics().get(crate::store::RequestKind::Get).requests;
    gated.gate.send_replace(Gate::AnswersLate);
    let asked: Vec<_> = (0..10).map(|_| refresh(&first)).collect();
    sleep(Duration::from_secs(1)).await;
    gated.gate.send_replace(Gate::Open);
    for asked in asked {
        assert_eq!(asked.await.expect("it ends").expect("the store answers"), Epoch(2));
    }
    assert_eq!(first.store.metrics().get(crate::store::RequestKind::Get).requests, before + 2);
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_is_too_large_is_not_put() {
    let (_, log, other) = world().await;
    let large = |count: usize| {
        let topic = Op::CreateTopic {
            topic: TopicId([1; 16]),
            name: "t".to_owned(),
            partitions: 1,
            replication_factor: 1,
            overrides: [("retention.ms".to_owned(), format!("{:0>32000}", 1))].into(),
        };
        vec![topic; count]
    };
    let refused = log.propose(|_| Ok::<_, ()>(large(262))).await.expect_err("8.4 MB");
    assert!(matches!(refused, MetadataError::TooLarge(bytes) if bytes > MAX_ENTRY), "{refused}");
    assert_eq!(refused.kind(), ErrorKind::Invalid);
    let k = propose(&log, 1).await.k;
    assert_eq!(k, Epoch(1), "no entry was put");
    let put = log.propose(|_| Ok::<_, ()>(large(261))).await.expect("it is put").expect("it is proposed");
    assert_eq!(put.outcomes[0], Outcome::Applied);
    assert_eq!(*other.refresh().await.expect("it is read"), *put.cluster);
}
