//! Reading records back, behind the tail: whole slots and batch indexes, through a bounded cache in memory.
//!
//! Objects never change, so that nothing is ever invalidated. Several readers of one object fetch it once.

use std::sync::Arc;

use bytes::Bytes;
use coordinator::{PartitionId, SessionId};
use object_store::path::Path;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use thiserror::Error;

use crate::format::index::{self, Position, Positions};
use crate::format::{FormatError, keys, slot};
use crate::store::{ErrorKind, ReadError, Store};

/// Slots up to this size (bytes) are fetched and checked whole; of larger ones only the batches wanted.
const WHOLE_SLOT: u64 = 16 << 20;

/// Why records can't be read.
#[derive(Debug, Error)]
pub enum FetchError {
    /// The store does not answer.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// An object is damaged.
    #[error("{path}: {source}")]
    Format {
        /// The object.
        path: Path,
        /// What is wrong with it.
        source: FormatError,
    },
}

impl FetchError {
    /// What the caller may do.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Read(e) => e.kind(),
            Self::Format { .. } => ErrorKind::Corrupt,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Key {
    Slot(SessionId, u64),
    Index(SessionId, u64),
}

#[derive(Clone, Debug)]
enum Cached {
    Body(Bytes),
    Positions(Arc<Positions>),
}

#[derive(Clone, Debug)]
struct Size;

impl Weighter<Key, Cached> for Size {
    fn weight(&self, _: &Key, cached: &Cached) -> u64 {
        match cached {
            Cached::Body(body) => body.len() as u64 + 128,
            Cached::Positions(positions) => {
                let count: usize = positions.values().map(|p| p.len() + 2).sum();
                (count * size_of::<Position>()) as u64
            }
        }
    }
}

/// Reads slots and indexes of any session.
#[derive(Clone, Debug)]
pub struct Reader {
    store: Store,
    cache: Arc<Cache<Key, Cached, Size>>,
}

impl Reader {
    /// A reader that keeps up to `capacity` bytes.
    pub fn new(store: Store, capacity: u64) -> Self {
        // A cache of few large items needs few shards, or none fits into its shard.
        let options = quick_cache::OptionsBuilder::new()
            .weight_capacity(capacity)
            .estimated_items_capacity(((capacity >> 20) as usize).max(16))
            .shards(1)
            .build();
        let cache = match options {
            Ok(options) => Cache::with_options(options, Size, Default::default(), Default::default()),
            Err(_) => Cache::with_weighter(16, capacity, Size),
        };
        Self { store, cache: Arc::new(cache) }
    }

    /// One batch.
    pub async fn batch(&self, position: &Position) -> Result<Bytes, FetchError> {
        let (from, to) = (position.position as usize, position.position as usize + position.length as usize);
        let body = match self.slot(position.session, position.slot).await? {
            Some(body) => body,
            None => return self.range(position).await,
        };
        if to > body.len() {
            let path = keys::slot(position.session, position.slot);
            let source = FormatError::Truncated { what: "slot body", missing: to - body.len() };
            return Err(FetchError::Format { path, source });
        }
        Ok(body.slice(from..to))
    }

    /// Brings a slot into the cache.
    pub async fn prefetch(&self, session: SessionId, n: u64) {
        if let Err(error) = self.slot(session, n).await {
            tracing::debug!(%error, "a slot was not read ahead");
        }
    }

    /// A slot's body; `None` if the slot is too large to be kept.
    async fn slot(&self, session: SessionId, n: u64) -> Result<Option<Bytes>, FetchError> {
        let guard = match self.cache.get_value_or_guard_async(&Key::Slot(session, n)).await {
            Ok(Cached::Body(body)) => return Ok(Some(body)),
            Ok(Cached::Positions(_)) => return Ok(None),
            Err(guard) => guard,
        };
        let path = keys::slot(session, n);
        // One request for all but oversized slots, of which it brings a useful part of nothing.
        let object = self.store.get_range(&path, 0..WHOLE_SLOT).await?;
        if object.len() as u64 == WHOLE_SLOT {
            return Ok(None);
        }
        match slot::decode_body(session, n, &object) {
            Ok(body) => {
                let _ = guard.insert(Cached::Body(body.clone()));
                Ok(Some(body))
            }
            Err(source) => Err(FetchError::Format { path, source }),
        }
    }

    async fn range(&self, position: &Position) -> Result<Bytes, FetchError> {
        let from = slot::HEADER as u64 + u64::from(position.position);
        let range = from..from + u64::from(position.length);
        Ok(self.store.get_range(&keys::slot(position.session, position.slot), range).await?)
    }

    /// The positions of a partition's batches that an index object lists, by offset.
    pub async fn positions(&self, index: (SessionId, u64)) -> Result<Arc<Positions>, FetchError> {
        let (session, n) = index;
        let guard = match self.cache.get_value_or_guard_async(&Key::Index(session, n)).await {
            Ok(Cached::Positions(positions)) => return Ok(positions),
            Ok(Cached::Body(_)) => return Ok(Arc::default()),
            Err(guard) => guard,
        };
        let path = keys::index(session, n);
        let object = self.store.get(&path).await?;
        match index::decode(&object) {
            Ok(positions) => {
                let positions = Arc::new(positions);
                let _ = guard.insert(Cached::Positions(Arc::clone(&positions)));
                Ok(positions)
            }
            Err(source) => Err(FetchError::Format { path, source }),
        }
    }
}

/// The positions of one partition in an index.
pub fn of_partition(positions: &Positions, partition: PartitionId) -> &[Position] {
    positions.get(&partition).map_or(&[], Vec::as_slice)
}
