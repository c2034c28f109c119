//! The metadata log: numbered entries, created with put-if-absent, never deleted (I9).
//!
//! A process that wants a change decides on the state before entry k and puts entry k. If another entry is
//! there, it is applied and the change is decided again; the same entry is never sent at k+1 (I11).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use coordinator::cluster::{ApplyError, Cluster, FORMAT_LEVEL, Format, Op, Outcome};
use coordinator::{ClusterId, Epoch, Shards};
use futures::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use parking_lot::Mutex as Lock;
use thiserror::Error;
use tokio::sync::Mutex;

use crate::format::entry::{self, Entry};
use crate::format::envelope::{Nonce, nonce_of};
use crate::format::{FormatError, keys, snapshot};
use crate::mutant::{self, Mutant};
use crate::seams::Entropy;
use crate::store::{CreateError, CreateOutcome, ErrorKind, ReadError, Store};
use crate::watch;

/// A snapshot is written at each multiple of this many entries.
const SNAPSHOT_EVERY: u64 = 128;

/// The most bytes of an entry: it is kept for ever, and every node reads it. Who proposes one has bounds of its own,
/// which are tighter ([`coordinator::cluster::Planner::MAX_BYTES`]); older entries may be larger, and are read.
const MAX_ENTRY: usize = 8 << 20;

/// How long a snapshot is tried to be put. The next one has a key of its own.
const SNAPSHOT_PATIENCE: Duration = Duration::from_secs(120);

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
    /// An entry was not put: it is larger than it may be.
    #[error("a metadata entry of {0} bytes is not written: it has at most {MAX_ENTRY}")]
    TooLarge(usize),
}

impl MetadataError {
    /// What the caller may do.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Read(e) => e.kind(),
            Self::Create(e) => e.kind(),
            Self::Format { .. } => ErrorKind::Corrupt,
            Self::Apply(_) | Self::TooLarge(_) => ErrorKind::Invalid,
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

/// An entry as it was read, and who put it.
struct Read {
    ops: Vec<Op>,
    nonce: Nonce,
}

/// The log, and the state as far as this process has read it.
///
/// Reading on and proposing take turns of their own: a store that takes no entry does not keep a process from
/// reading those that others put. Either applies an entry that it has, if it is the next one.
#[derive(Debug)]
pub struct MetadataLog {
    store: Store,
    entropy: Entropy,
    state: watch::Sender<Arc<Cluster>>,
    /// Held while an entry is decided and put.
    proposing: Mutex<()>,
    /// Held while reading on.
    reading: Mutex<()>,
    /// How often reading on began.
    begun: AtomicU64,
    /// The last one of these that reached the end: it serves all who asked before it began.
    reached: AtomicU64,
    /// The first one of these that shows whether there are the entries that others have read.
    due: AtomicU64,
    /// Held while entries are applied: the entry that is being put, until it is known whose its place is.
    own: Lock<Option<Own>>,
}

/// An entry of this process's that is being put.
#[derive(Debug)]
struct Own {
    nonce: Nonce,
    /// What it led to, if it was read before the store said that it was put.
    committed: Option<Committed>,
}

impl MetadataLog {
    /// Reads the log of a store to its end, and begins one where there is none.
    pub async fn open(store: Store, entropy: Entropy) -> Result<Self, MetadataError> {
        let cluster = match latest_snapshot(&store).await? {
            Some(cluster) => cluster,
            None => Cluster::new(first_entry(&store, &entropy).await?),
        };
        store.settle(&keys::entry(Epoch(0))).await?;
        let (state, _) = watch::channel(Arc::new(cluster));
        let log = Self {
            store,
            entropy,
            state,
            proposing: Mutex::new(()),
            reading: Mutex::new(()),
            begun: AtomicU64::new(0),
            reached: AtomicU64::new(0),
            due: AtomicU64::new(0),
            own: Lock::new(None),
        };
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
        let before = self.begun.load(SeqCst);
        let _reading = self.reading.lock().await;
        if self.reached.load(SeqCst) <= before {
            let this = self.begun.fetch_add(1, SeqCst) + 1;
            self.catch_up().await?;
            self.reached.store(this, SeqCst);
        }
        Ok(self.current())
    }

    /// Notes that another process says that it has read all entries before `next`.
    pub fn hear(&self, next: Epoch) {
        if self.current().next() < next {
            self.due.fetch_max(self.begun.load(SeqCst) + 1, SeqCst);
        }
    }

    /// Whether there may be entries that another process has read and this one has not.
    pub fn is_behind(&self) -> bool {
        self.reached.load(SeqCst) < self.due.load(SeqCst)
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
            let end = entries.iter().any(|(_, entry)| entry.is_none());
            let entries = entries.into_iter().map_while(|(k, entry)| entry.map(|entry| (k, entry)));
            let entries: Vec<_> = entries.collect();
            if !entries.is_empty() {
                // The process that put them may not have come to sync them.
                self.store.settle(&keys::entry(Epoch(next))).await?;
            }
            self.apply(entries.into_iter())?;
            if end {
                return Ok(());
            }
            width = (width * 2).min(READ_AHEAD);
        }
    }

    /// Applies those entries that come next; they are in order.
    fn apply(&self, entries: impl Iterator<Item = (Epoch, Read)>) -> Result<(), MetadataError> {
        let mut own = self.own.lock();
        let before = self.current();
        let mut cluster = Cluster::clone(&before);
        let mut applied = Ok(());
        for (k, Read { ops, nonce }) in entries.filter(|(k, _)| *k >= before.next()) {
            let outcomes = match cluster.apply(k, &ops) {
                Ok(outcomes) => outcomes,
                Err(error) => {
                    applied = Err(error);
                    break;
                }
            };
            if let Some(own) = own.as_mut().filter(|own| own.nonce == nonce) {
                own.committed = Some(Committed { k, outcomes, cluster: Arc::new(cluster.clone()) });
            }
        }
        if cluster.next() > before.next() {
            self.state.send_replace(Arc::new(cluster));
        }
        Ok(applied?)
    }

    /// An entry. One that was damaged on its way, and not in the store, is read again.
    async fn read(&self, k: Epoch) -> Result<Option<Read>, MetadataError> {
        match self.read_once(k).await {
            Err(MetadataError::Format { .. }) => self.read_once(k).await,
            read => read,
        }
    }

    async fn read_once(&self, k: Epoch) -> Result<Option<Read>, MetadataError> {
        let path = keys::entry(k);
        let object = match self.store.get(&path).await {
            Ok(object) => object,
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        match entry::decode(k, &object) {
            Ok(Entry::Ops(ops)) => {
                let nonce = nonce_of(&object).unwrap_or_default();
                Ok(Some(Read { ops, nonce }))
            }
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
        let _proposing = self.proposing.lock().await;
        let mut lost = None;
        loop {
            let cluster = self.refresh().await?;
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
            let Some(committed) = self.put(cluster.next(), ops).await? else { continue };
            if committed.cluster.next().0.is_multiple_of(SNAPSHOT_EVERY) {
                self.write_snapshot(&committed.cluster);
            }
            return Ok(Ok(committed));
        }
    }

    /// Puts an entry at `k`; `None` if another entry is there.
    async fn put(&self, k: Epoch, ops: Vec<Op>) -> Result<Option<Committed>, MetadataError> {
        let nonce = self.entropy.nonce();
        let entry = Entry::Ops(ops);
        let object = entry::encode(k, &entry, nonce);
        if object.len() > MAX_ENTRY {
            return Err(MetadataError::TooLarge(object.len()));
        }
        *self.own.lock() = Some(Own { nonce, committed: None });
        let policy = self.store.policy();
        let put = self.store.create_nonce(&keys::entry(k), object.into(), nonce, nonce_of, policy).await?;
        let (CreateOutcome::Created, Entry::Ops(ops)) = (put, entry) else { return Ok(None) };
        self.apply(std::iter::once((k, Read { ops, nonce })))?;
        Ok(self.own.lock().take().and_then(|own| own.committed))
    }

    /// Begins to write a snapshot. It only saves reading, so that one which fails is no error, and nothing waits for it.
    fn write_snapshot(&self, cluster: &Cluster) {
        let (store, nonce) = (self.store.clone(), self.entropy.nonce());
        let (path, object) = (keys::snapshot(cluster.next()), snapshot::encode(cluster, nonce));
        let policy = store.policy().with_patience(SNAPSHOT_PATIENCE).minor();
        drop(tokio::spawn(async move {
            if let Err(error) = store.create_nonce(&path, object.into(), nonce, nonce_of, policy).await {
                tracing::warn!(%error, "a metadata snapshot was not written");
            }
        }));
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
            Err(error) if store.head(&path).await.is_ok() => {
                tracing::warn!(%error, "a metadata snapshot that can't be read is passed over");
                continue;
            }
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

#[cfg(test)]
mod tests;
