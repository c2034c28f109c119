//! Reading records back, behind the tail: whole slots and batch indexes, through a bounded cache in memory.
//!
//! Objects never change, so that nothing is ever invalidated. Several readers of one object fetch it once.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use coordinator::partition::LeaderEpochs;
use coordinator::{PartitionId, SessionId};
use futures::StreamExt;
use futures::stream::FuturesOrdered;
use object_store::path::Path;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use thiserror::Error;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use crate::format::index::{self, Position, Positions};
use crate::format::{FormatError, keys, slot};
use crate::store::{ErrorKind, ReadError, Store};

/// Slots up to this size (bytes) are fetched and checked whole; of larger ones only the batches wanted.
const WHOLE_SLOT: u64 = 16 << 20;

/// How many batches are awaited at a time. Those of one slot share a request.
const CONCURRENT: usize = 8;

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
    /// The slot is too large to be kept whole.
    Oversized,
    Positions(Arc<Positions>),
}

#[derive(Clone, Debug)]
struct Size;

impl Weighter<Key, Cached> for Size {
    fn weight(&self, _: &Key, cached: &Cached) -> u64 {
        match cached {
            Cached::Body(body) => body.len() as u64 + 128,
            Cached::Oversized => 128,
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
    /// Bytes of slots that are being fetched whole: as many as are kept, but one slot at least.
    fetching: Arc<Semaphore>,
}

impl Reader {
    /// A reader that keeps up to `capacity` bytes, and fetches as many at a time.
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
        let fetching = capacity.max(WHOLE_SLOT).min(Semaphore::MAX_PERMITS as u64) as usize;
        Self { store, cache: Arc::new(cache), fetching: Arc::new(Semaphore::new(fetching)) }
    }

    /// The bytes in the cache.
    pub fn cached_bytes(&self) -> u64 {
        self.cache.weight()
    }

    /// Batches of one partition, in order and back to back, each of them compared with its position and with what
    /// the partition knows of its leader epochs: the first one, and those behind it up to one that can't be read or
    /// has not been read at `until`. Each may lie in a slot of its own, so that all may take very long.
    ///
    /// From a store on this machine exactly their bytes are read, those of one slot together; a request over a network
    /// costs so much more that whole slots are fetched and kept.
    pub async fn batches(
        &self,
        positions: &[Position],
        epochs: &LeaderEpochs,
        until: Instant,
    ) -> Result<Vec<Bytes>, FetchError> {
        let (mut left, mut reads, mut read) = (positions, FuturesOrdered::new(), Vec::new());
        let at_once = if self.store.kind().is_remote() { CONCURRENT } else { 1 };
        loop {
            // Made when there is room for them: there may be very many.
            while reads.len() < at_once
                && (read.is_empty() || Instant::now() < until)
                && let Some(part) = left.chunk_by(follows).next()
            {
                let part = if self.store.kind().is_remote() { &part[..1] } else { part };
                left = &left[part.len()..];
                reads.push_back(self.part(part, epochs));
            }
            let next = match read.is_empty() {
                true => reads.next().await,
                false => timeout_at(until, reads.next()).await.ok().flatten(),
            };
            let Some((bytes, error)) = next else { return Ok(read) };
            if !bytes.is_empty() {
                read.push(bytes);
            }
            match error {
                Some(error) if read.is_empty() => return Err(error),
                Some(_) => return Ok(read),
                None => {}
            }
        }
    }

    /// Batches that lie back to back in one slot, up to one that can't be read, and why that can't.
    async fn part(&self, positions: &[Position], epochs: &LeaderEpochs) -> (Bytes, Option<FetchError>) {
        if self.store.kind().is_remote()
            && let [position] = positions
        {
            return match self.batch(position, epochs).await {
                Ok(batch) => (batch, None),
                Err(error) => (Bytes::new(), Some(error)),
            };
        }
        let (bytes, error) = self.run(positions, epochs).await;
        if error.is_none() || !bytes.is_empty() || positions.len() == 1 {
            return (bytes, error);
        }
        // What can't be read may be in one of them.
        let mut read = BytesMut::new();
        for position in positions {
            let (batch, error) = self.run(std::slice::from_ref(position), epochs).await;
            if error.is_some() {
                return (read.freeze(), error);
            }
            read.extend_from_slice(&batch);
        }
        (read.freeze(), None)
    }

    /// What one request gets of batches that lie back to back in one slot: up to one that is damaged, and what is wrong
    /// with that.
    async fn run(&self, positions: &[Position], epochs: &LeaderEpochs) -> (Bytes, Option<FetchError>) {
        let (Some(first), Some(last)) = (positions.first(), positions.last()) else {
            return (Bytes::new(), None);
        };
        let path = keys::slot(first.session, first.slot);
        let body = slot::HEADER as u64;
        let range =
            body + u64::from(first.position)..body + u64::from(last.position) + u64::from(last.length);
        let bytes = match self.store.get_range(&path, range).await {
            Ok(bytes) => bytes,
            Err(error) => return (Bytes::new(), Some(error.into())),
        };
        let mut checked = 0;
        for position in positions {
            let end = bytes.len().min(checked + position.length as usize);
            if let Err(source) =
                slot::check_batch(&bytes[checked..end], position, epochs.at(position.last_offset()))
            {
                return (bytes.slice(..checked), Some(FetchError::Format { path, source }));
            }
            checked = end;
        }
        (bytes, None)
    }

    /// One batch of a partition that knows these leader epochs, compared with both.
    pub async fn batch(&self, position: &Position, epochs: &LeaderEpochs) -> Result<Bytes, FetchError> {
        let (from, to) = (position.position as usize, position.position as usize + position.length as usize);
        let body = match self.slot(position.session, position.slot).await? {
            Some(body) => body,
            None => {
                let (batch, error) = self.run(std::slice::from_ref(position), epochs).await;
                return error.map_or(Ok(batch), Err);
            }
        };
        let damaged = |source| {
            let path = keys::slot(position.session, position.slot);
            FetchError::Format { path, source }
        };
        if to > body.len() {
            return Err(damaged(FormatError::Truncated { what: "slot body", missing: to - body.len() }));
        }
        let batch = body.slice(from..to);
        slot::check_head(&batch, position, epochs.at(position.last_offset())).map_err(damaged)?;
        // A small part must not keep the whole, which the cache may have let go of.
        Ok(if batch.len() * 2 < body.len() { Bytes::copy_from_slice(&batch) } else { batch })
    }

    /// Brings a slot into the cache, if it is far away.
    pub async fn prefetch(&self, session: SessionId, n: u64) {
        if !self.store.kind().is_remote() {
            return;
        }
        if let Err(error) = self.slot(session, n).await {
            tracing::debug!(%error, "a slot was not read ahead");
        }
    }

    /// A slot's body; `None` if the slot is too large to be kept. What has been begun goes on when the caller does not
    /// wait any more: the next read finds it in the cache.
    async fn slot(&self, session: SessionId, n: u64) -> Result<Option<Bytes>, FetchError> {
        match self.cache.get(&Key::Slot(session, n)) {
            Some(Cached::Body(body)) => return Ok(Some(body)),
            Some(_) => return Ok(None),
            None => {}
        }
        let reader = self.clone();
        match tokio::spawn(async move { reader.fetch_slot(session, n).await }).await {
            Ok(fetched) => fetched,
            Err(ended) => match ended.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The process is about to end.
                Err(_) => std::future::pending().await,
            },
        }
    }

    /// Brings a slot into the cache. Several who do so at a time make one request.
    async fn fetch_slot(&self, session: SessionId, n: u64) -> Result<Option<Bytes>, FetchError> {
        let guard = match self.cache.get_value_or_guard_async(&Key::Slot(session, n)).await {
            Ok(Cached::Body(body)) => return Ok(Some(body)),
            Ok(Cached::Oversized | Cached::Positions(_)) => return Ok(None),
            Err(guard) => guard,
        };
        let path = keys::slot(session, n);
        // The semaphore is never closed.
        let _fetching = self.fetching.acquire_many(WHOLE_SLOT as u32).await.ok();
        // One request for all but oversized slots, for which it is made once.
        let object = self.store.get_range(&path, 0..WHOLE_SLOT).await?;
        if object.len() as u64 == WHOLE_SLOT {
            let _ = guard.insert(Cached::Oversized);
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

    /// The positions of a partition's batches that an index object lists, by offset.
    pub async fn positions(&self, index: (SessionId, u64)) -> Result<Arc<Positions>, FetchError> {
        let (session, n) = index;
        let guard = match self.cache.get_value_or_guard_async(&Key::Index(session, n)).await {
            Ok(Cached::Positions(positions)) => return Ok(positions),
            Ok(Cached::Body(_) | Cached::Oversized) => return Ok(Arc::default()),
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

/// Whether one batch lies right behind another.
fn follows(one: &Position, other: &Position) -> bool {
    let adjacent = one.position.checked_add(one.length) == Some(other.position);
    adjacent && (one.session, one.slot) == (other.session, other.slot)
}

/// The positions of one partition in an index.
pub fn of_partition(positions: &Positions, partition: PartitionId) -> &[Position] {
    positions.get(&partition).map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use async_trait::async_trait;
    use coordinator::Epoch;
    use object_store::{GetOptions, GetResult, ObjectStore};
    use parking_lot::Mutex;
    use tokio::time::sleep;

    use super::*;
    use crate::format::slot::Builder;
    use crate::store::testing::{Way, by};
    use crate::store::{MemoryStore, StoreKind};

    /// A batch of `len` bytes at offset 0 with a right length and checksum, written in leader epoch 3.
    fn batch(len: usize) -> Bytes {
        let mut batch = BytesMut::zeroed(len);
        batch[8..12].copy_from_slice(&(len as i32 - 12).to_be_bytes());
        batch[12..16].copy_from_slice(&3i32.to_be_bytes());
        batch[16] = 2;
        let crc = crc32c::crc32c(&batch[21..]);
        batch[17..21].copy_from_slice(&crc.to_be_bytes());
        batch.freeze()
    }

    fn in_time() -> Instant {
        Instant::now() + Duration::from_secs(1)
    }

    fn epochs(leader_epoch: i32) -> LeaderEpochs {
        let mut epochs = LeaderEpochs::default();
        epochs.note(leader_epoch, 0);
        epochs
    }

    /// A slot with these batches, and where they lie.
    fn slot_of(session: SessionId, batches: &[Bytes]) -> (Bytes, Vec<Position>) {
        let mut builder = Builder::default();
        let positions = batches.iter().map(|batch| {
            let position = builder.push_batch(batch.slice(..16), batch.slice(16..)).expect("room");
            let (slot, length, epoch) = (0, batch.len() as u32, Epoch(1));
            let (base_offset, last_offset_delta, max_timestamp) = (0, 0, 0);
            Position { session, epoch, slot, position, length, base_offset, last_offset_delta, max_timestamp }
        });
        let positions = positions.collect();
        (builder.freeze(session, 0, 0, [2; 16]).object.concat().into(), positions)
    }

    #[tokio::test]
    async fn batches_of_an_oversized_slot_are_read_alone_and_checked() {
        let (store, session) = (Store::memory(), SessionId([1; 16]));
        let (small, large) = (batch(100), batch(17 << 20));
        let (object, positions) = slot_of(session, &[small.clone(), large.clone()]);
        store.put(&keys::slot(session, 0), object.into()).await.expect("it is stored");
        let (reader, epochs) = (Reader::new(store, 1 << 20), epochs(3));
        assert_eq!(reader.batch(&positions[0], &epochs).await.expect("a batch"), small);
        assert_eq!(reader.batch(&positions[1], &epochs).await.expect("a batch"), large);
        let together = reader.batches(&positions, &epochs, in_time()).await.expect("both batches");
        assert_eq!(together.concat(), [small, large].concat());
        let wrong = Position { position: positions[0].position + 1, ..positions[0] };
        assert!(reader.batches(&[wrong], &epochs, in_time()).await.is_err());
        assert!(matches!(reader.batch(&wrong, &epochs).await, Err(FetchError::Format { .. })));
    }

    /// Whether exactly the batch's bytes are read or the whole slot, and whichever bit of it is damaged: it is an
    /// error that names the slot.
    #[tokio::test]
    async fn each_flipped_bit_of_a_batch_is_noticed() {
        let (session, batch, epochs) = (SessionId([1; 16]), batch(80), epochs(3));
        let (object, positions) = slot_of(session, std::slice::from_ref(&batch));
        for bit in 0..batch.len() * 8 {
            let mut object = object.to_vec();
            object[slot::HEADER + bit / 8] ^= 1 << (bit % 8);
            let store = Store::memory();
            store.put(&keys::slot(session, 0), object.into()).await.expect("it is stored");
            let reader = Reader::new(store, 1 << 20);
            let results = [
                reader.batch(&positions[0], &epochs).await.map(|_| ()),
                reader.batches(&positions, &epochs, in_time()).await.map(|_| ()),
            ];
            for result in results {
                let error = result.expect_err("the bit matters").to_string();
                assert!(error.contains(keys::slot(session, 0).as_ref()), "bit {bit}: {error}");
            }
        }
    }

    /// The positions that lead to a batch say what it must be, whatever checksums say.
    #[tokio::test]
    async fn a_batch_is_compared_with_what_led_to_it() {
        let (store, session, batch) = (Store::memory(), SessionId([1; 16]), batch(80));
        let (object, positions) = slot_of(session, &[batch]);
        store.put(&keys::slot(session, 0), object.into()).await.expect("it is stored");
        let (reader, right) = (Reader::new(store, 1 << 20), positions[0]);
        let refuses = async |position: Position, epochs: &LeaderEpochs| {
            reader.batch(&position, epochs).await.is_err()
                && reader.batches(&[position], epochs, in_time()).await.is_err()
        };
        assert!(!refuses(right, &epochs(3)).await);
        assert!(!refuses(right, &LeaderEpochs::default()).await, "nothing is known of the epoch");
        assert!(refuses(right, &epochs(4)).await);
        assert!(refuses(Position { base_offset: 1, ..right }, &epochs(3)).await);
        assert!(refuses(Position { last_offset_delta: 1, ..right }, &epochs(3)).await);
        assert!(refuses(Position { length: right.length - 1, ..right }, &epochs(3)).await);
    }

    /// Objects that take their time.
    #[derive(Debug, Default)]
    struct Slow(MemoryStore);

    #[async_trait]
    impl Way for Slow {
        fn objects(&self) -> &MemoryStore {
            &self.0
        }

        async fn get(&self, at: &Path, options: GetOptions) -> object_store::Result<GetResult> {
            sleep(Duration::from_millis(300)).await;
            self.0.get_opts(at, options).await
        }
    }

    /// Many small batches, each in a slot of its own, may take longer than any client waits.
    #[tokio::test(start_paused = true)]
    async fn what_was_read_in_time_comes() {
        for kind in [StoreKind::Memory, StoreKind::S3] {
            let slow: Arc<Slow> = Arc::default();
            let store = by(&slow, kind);
            let mut positions = Vec::new();
            for n in 0..100 {
                let session = SessionId([n; 16]);
                let (object, found) = slot_of(session, &[batch(100 + usize::from(n))]);
                store.put(&keys::slot(session, 0), object.into()).await.expect("it is stored");
                positions.extend(found);
            }
            let at_once = if kind.is_remote() { CONCURRENT } else { 1 };
            let (reader, epochs) = (Reader::new(store.clone(), WHOLE_SLOT * at_once as u64), epochs(3));
            let lengths = |batches: Vec<Bytes>| batches.iter().map(Bytes::len).collect::<Vec<_>>();
            let began = Instant::now();
            let read = reader.batches(&positions, &epochs, in_time()).await.expect("those in time");
            assert_eq!(lengths(read), (100..100 + 3 * at_once).collect::<Vec<_>>(), "{kind:?}");
            assert_eq!(began.elapsed(), Duration::from_secs(1));
            let late = reader
                .batches(&positions[50..], &epochs, Instant::now())
                .await
                .expect("those read with the first");
            assert_eq!(lengths(late), (150..150 + at_once).collect::<Vec<_>>(), "{kind:?}");
            // What lies before one that can't be read comes; where that is the first, it is the error that comes.
            store.delete(&keys::slot(SessionId([72; 16]), 0)).await.expect("it is deleted");
            let read = reader.batches(&positions[71..], &epochs, in_time()).await.expect("the first one");
            assert_eq!(lengths(read), [171], "{kind:?}");
            assert!(reader.batches(&positions[72..], &epochs, in_time()).await.is_err());
        }
    }

    /// Of what is asked for together, one comes after the other.
    #[derive(Debug, Default)]
    struct Uneven(MemoryStore, Mutex<Vec<Path>>);

    #[async_trait]
    impl Way for Uneven {
        fn objects(&self) -> &MemoryStore {
            &self.0
        }

        async fn get(&self, at: &Path, options: GetOptions) -> object_store::Result<GetResult> {
            let before = {
                let mut requests = self.1.lock();
                requests.push(at.clone());
                requests.len() as u64 % CONCURRENT as u64
            };
            sleep(Duration::from_millis(300 + 50 * before)).await;
            self.0.get_opts(at, options).await
        }
    }

    /// What is on its way from far when the time is over is not fetched again.
    #[tokio::test(start_paused = true)]
    async fn a_slot_that_comes_too_late_is_kept() {
        let uneven: Arc<Uneven> = Arc::default();
        let store = by(&uneven, StoreKind::S3);
        let mut positions = Vec::new();
        for n in 0..100 {
            let session = SessionId([n; 16]);
            let (object, found) = slot_of(session, &[batch(100)]);
            store.put(&keys::slot(session, 0), object.into()).await.expect("it is stored");
            positions.extend(found);
        }
        let (reader, epochs) = (Reader::new(store, WHOLE_SLOT * CONCURRENT as u64), epochs(3));
        let mut read = 0;
        while read < positions.len() {
            let batches = reader.batches(&positions[read..], &epochs, Instant::now()).await;
            read += batches.expect("one at least").len();
        }
        let requests = uneven.1.lock().clone();
        let distinct: BTreeSet<_> = requests.iter().collect();
        assert_eq!((requests.len(), distinct.len()), (100, 100));
    }
}
