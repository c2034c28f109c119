//! The metadata log: numbered entries, created with put-if-absent, never deleted (I9).
//!
//! Whoever wants a change decides on the state before entry k and puts entry k. If somebody else's entry is
//! there, it is applied and the change is decided again; the same entry is never sent at k+1 (I11).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use coordinator::cluster::{ApplyError, Cluster, FORMAT_LEVEL, Format, Op, Outcome};
use coordinator::{ClusterId, Epoch, Shards};
use futures::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use thiserror::Error;
use tokio::sync::Mutex;

use crate::format::entry::{self, Entry};
use crate::format::envelope::nonce_of;
use crate::format::{FormatError, keys, snapshot};
use crate::mutant::{self, Mutant};
use crate::seams::Entropy;
use crate::store::{CreateError, CreateOutcome, ErrorKind, ReadError, Store};
use crate::watch;

/// A snapshot is written at each multiple of this many entries.
const SNAPSHOT_EVERY: u64 = 128;

/// How many entries are fetched at a time while catching up; fewer at first, since mostly there is one.
const READ_AHEAD: u64 = 32;

/// Why the metadata log can't be read or written.
#[derive(Debug, Error)]
pub enum MetadataError {
    /// The store does not answer a read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The store does not take an entry. It may still appear.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// An object is damaged, or a newer build wrote it.
    #[error("{path}: {source}")]
    Format {
        /// The object.
        path: Path,
        /// What is wrong with it.
        source: FormatError,
    },
    /// An entry can't be applied.
    #[error(transparent)]
    Apply(#[from] ApplyError),
}

impl MetadataError {
    /// What the caller may do.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Read(e) => e.kind(),
            Self::Create(e) => e.kind(),
            Self::Format { .. } => ErrorKind::Corrupt,
            Self::Apply(_) => ErrorKind::Invalid,
        }
    }
}

/// An entry that this process put.
#[derive(Clone, Debug)]
pub struct Committed {
    /// Its index.
    pub k: Epoch,
    /// What became of its ops.
    pub outcomes: Vec<Outcome>,
    /// The state after it.
    pub cluster: Arc<Cluster>,
}

/// The log, and the state as far as this process has read it.
#[derive(Debug)]
pub struct MetadataLog {
    store: Store,
    entropy: Entropy,
    state: watch::Sender<Arc<Cluster>>,
    /// Held while reading on or proposing: entries are applied in order.
    turn: Mutex<()>,
    /// How many times reading on began, so that one read serves all who asked before it.
    refreshes: AtomicU64,
}

impl MetadataLog {
    /// Reads the log of a store to its end, and begins one where there is none.
    pub async fn open(store: Store, entropy: Entropy) -> Result<Self, MetadataError> {
        let cluster = match latest_snapshot(&store).await? {
            Some(cluster) => cluster,
            None => Cluster::new(first_entry(&store, &entropy).await?),
        };
        let (state, _) = watch::channel(Arc::new(cluster));
        let log = Self { store, entropy, state, turn: Mutex::new(()), refreshes: AtomicU64::new(0) };
        log.refresh().await?;
        Ok(log)
    }

    /// The state as far as it has been read.
    pub fn current(&self) -> Arc<Cluster> {
        Arc::clone(&self.state.borrow())
    }

    /// Tells of every newer state.
    pub fn subscribe(&self) -> watch::Receiver<Arc<Cluster>> {
        self.state.subscribe()
    }

    /// Reads to the log's end: the state returned includes all that was there when this was called.
    pub async fn refresh(&self) -> Result<Arc<Cluster>, MetadataError> {
        let before = self.refreshes.load(Ordering::SeqCst);
        let _turn = self.turn.lock().await;
        if self.refreshes.load(Ordering::SeqCst) == before {
            self.refreshes.fetch_add(1, Ordering::SeqCst);
            self.catch_up().await?;
        }
        Ok(self.current())
    }

    async fn catch_up(&self) -> Result<(), MetadataError> {
        let mut width = 1;
        loop {
            let next = self.current().next().0;
            let entries: Vec<_> = stream::iter((next..next + width).map(Epoch))
                .map(|k| async move { self.read(k).await.map(|entry| (k, entry)) })
                .buffered(READ_AHEAD as usize)
                .try_collect()
                .await?;
            let mut cluster = Cluster::clone(&self.current());
            let mut end = false;
            for (k, entry) in entries {
                let Some(ops) = entry else {
                    end = true;
                    break;
                };
                cluster.apply(k, &ops)?;
            }
            if cluster.next().0 > next {
                self.state.send_replace(Arc::new(cluster));
            }
            if end {
                return Ok(());
            }
            width = (width * 2).min(READ_AHEAD);
        }
    }

    async fn read(&self, k: Epoch) -> Result<Option<Vec<Op>>, MetadataError> {
        let path = keys::entry(k);
        let object = match self.store.get(&path).await {
            Ok(object) => object,
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        match entry::decode(k, &object) {
            Ok(Entry::Ops(ops)) => Ok(Some(ops)),
            Ok(Entry::Format(_)) => {
                Err(MetadataError::Format { path, source: FormatError::Invalid("a second FORMAT entry") })
            }
            Err(source) => Err(MetadataError::Format { path, source }),
        }
    }

    /// Puts an entry that `decide` makes of the newest state. `decide` is asked again after each race that
    /// is lost; what it refuses is returned as it is.
    pub async fn propose<R>(
        &self,
        mut decide: impl FnMut(&Cluster) -> Result<Vec<Op>, R>,
    ) -> Result<Result<Committed, R>, MetadataError> {
        let _turn = self.turn.lock().await;
        let mut lost = None;
        loop {
            self.refreshes.fetch_add(1, Ordering::SeqCst);
            self.catch_up().await?;
            let mut cluster = Cluster::clone(&self.current());
            let ops = match lost.take() {
                Some(ops) => ops,
                None => match decide(&cluster) {
                    Ok(ops) => ops,
                    Err(reject) => return Ok(Err(reject)),
                },
            };
            if mutant::is(Mutant::ResendLostEntry) {
                lost = Some(ops.clone());
            }
            let (k, nonce) = (cluster.next(), self.entropy.nonce());
            let entry = Entry::Ops(ops);
            let object = entry::encode(k, &entry, nonce);
            let policy = self.store.policy();
            let put =
                self.store.create_nonce(&keys::entry(k), object.into(), nonce, nonce_of, policy).await?;
            let (CreateOutcome::Created, Entry::Ops(ops)) = (put, entry) else { continue };
            let outcomes = cluster.apply(k, &ops)?;
            let cluster = Arc::new(cluster);
            self.state.send_replace(Arc::clone(&cluster));
            if cluster.next().0.is_multiple_of(SNAPSHOT_EVERY) {
                self.write_snapshot(&cluster).await;
            }
            return Ok(Ok(Committed { k, outcomes, cluster }));
        }
    }

    /// A snapshot only saves reading, so that one which fails is no error.
    async fn write_snapshot(&self, cluster: &Cluster) {
        let (path, nonce) = (keys::snapshot(cluster.next()), self.entropy.nonce());
        let object = snapshot::encode(cluster, nonce);
        let policy = self.store.policy();
        let policy = policy.with_patience(policy.attempt_timeout);
        if let Err(error) = self.store.create_nonce(&path, object.into(), nonce, nonce_of, policy).await {
            tracing::warn!(%error, "a metadata snapshot was not written");
        }
    }
}

/// The newest snapshot that can be read. A snapshot only saves reading: in place of a damaged one the one before it
/// serves, or entry 0, and the entries after that.
async fn latest_snapshot(store: &Store) -> Result<Option<Cluster>, MetadataError> {
    let listed = store.list_all(&Path::from(keys::SNAPSHOTS)).await?;
    let mut numbers: Vec<_> = listed.iter().filter_map(|object| keys::number(&object.location)).collect();
    numbers.sort_unstable();
    for next in numbers.into_iter().rev().map(Epoch) {
        let path = keys::snapshot(next);
        let object = match store.get(&path).await {
            Ok(object) => object,
            Err(error) if error.is_not_found() => continue,
            Err(error) => return Err(error.into()),
        };
        match snapshot::decode(next, &object) {
            Ok(cluster) => return Ok(Some(cluster)),
            Err(error) => tracing::warn!(%path, %error, "a damaged metadata snapshot is passed over"),
        }
    }
    Ok(None)
}

/// Entry 0. Of two nodes that begin a cluster at once, the loser adopts the winner's.
async fn first_entry(store: &Store, entropy: &Entropy) -> Result<Format, MetadataError> {
    let (k, path) = (Epoch(0), keys::entry(Epoch(0)));
    let object = match store.get(&path).await {
        Ok(object) => object,
        Err(error) if error.is_not_found() => {
            let cluster = ClusterId(entropy.nonce());
            let format = Format { cluster, shards: Shards::DEFAULT, level: FORMAT_LEVEL };
            let nonce = entropy.nonce();
            let object = entry::encode(k, &Entry::Format(format), nonce);
            let policy = store.policy();
            match store.create_nonce(&path, object.clone().into(), nonce, nonce_of, policy).await? {
                CreateOutcome::Created => object,
                CreateOutcome::Lost(_) => store.get(&path).await?,
            }
        }
        Err(error) => return Err(error.into()),
    };
    match entry::decode(k, &object) {
        Ok(Entry::Format(format)) => Ok(format),
        Ok(Entry::Ops(_)) => {
            Err(MetadataError::Format { path, source: FormatError::Invalid("entry 0 is not FORMAT") })
        }
        Err(source) => Err(MetadataError::Format { path, source }),
    }
}
