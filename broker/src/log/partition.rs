//! What readers see of a partition: committed records only.

mod contents;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use coordinator::partition::Trimmed;
use coordinator::{Epoch, PartitionId, SessionId};
use parking_lot::Mutex;
use tiering::format::checkpoint::{OwnedPartition, Tenure, trim_tenures};
use tiering::format::index::Position;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::append::SETTLING;

pub use contents::Contents;

/// A committed batch in memory, in two slices: what the broker wrote, and what the producer sent.
#[derive(Clone, Debug)]
pub(super) struct TailBatch {
    pub(super) prefix: Bytes,
    pub(super) rest: Bytes,
    pub(super) position: u32,
    pub(super) base_offset: i64,
    pub(super) last_offset_delta: i32,
    pub(super) max_timestamp: i64,
}

impl TailBatch {
    fn len(&self) -> usize {
        self.prefix.len() + self.rest.len()
    }

    fn last_offset(&self) -> i64 {
        self.base_offset + i64::from(self.last_offset_delta)
    }
}

/// Whole batches, as slices of memory.
#[derive(Clone, Debug, Default)]
pub struct Batches {
    /// The slices, in order.
    pub slices: Vec<Bytes>,
    /// Their length together, in bytes.
    pub len: usize,
}

/// Where the records at an offset are.
#[derive(Clone, Debug)]
pub enum Found {
    /// The offset is below the log start or above the high watermark.
    OutOfRange,
    /// The offset is the high watermark: nothing to read yet.
    AtEnd,
    /// In memory.
    Tail(Batches),
    /// In slots, at these positions.
    Slots(Vec<Position>),
    /// In slots whose positions this index object lists.
    Index((SessionId, u64)),
}

/// A request that waits until enough bytes have been committed.
#[derive(Debug)]
pub struct Waiter {
    missing: AtomicI64,
    notify: Notify,
}

impl Waiter {
    /// Wakes after `bytes` more.
    pub fn new(bytes: i64) -> Arc<Self> {
        Arc::new(Self { missing: AtomicI64::new(bytes), notify: Notify::new() })
    }

    /// Returns once they have been committed, or once there is something else to look at.
    pub async fn woken(&self) {
        self.notify.notified().await;
    }

    fn add(&self, bytes: usize) {
        if self.missing.fetch_sub(bytes as i64, Ordering::AcqRel) <= bytes as i64 {
            self.notify.notify_one();
        }
    }

    /// Wakes at once.
    pub(super) fn wake(&self) {
        self.notify.notify_one();
    }
}

#[derive(Debug, Default)]
struct Readable {
    log_start: i64,
    high_watermark: i64,
    /// Ends at the high watermark.
    tail: VecDeque<TailBatch>,
    /// Where the batches since the last checkpoint are, whether in the tail or not; none below the log start.
    recent: VecDeque<Position>,
    /// Where the batches before those are; none below the log start as a whole.
    tenures: Vec<Tenure>,
    waiters: Vec<Arc<Waiter>>,
    retired: bool,
}

/// Since when the partition has been held here with no batch refused.
#[derive(Clone, Copy, Debug)]
struct Since {
    at: Instant,
    /// It came here without producers, and no batch has been refused: neither since, nor by the node shortly before.
    new: bool,
}

/// When a node last refused a batch that may be sent again, of any partition: those that it does not have yet have no
/// other place to note it.
#[derive(Debug, Default)]
pub struct Refusals(Mutex<Option<Instant>>);

impl Refusals {
    /// Notes that one was refused.
    pub fn note(&self) {
        *self.0.lock() = Some(Instant::now());
    }

    /// Whether none is on its way that was sent behind a refused one.
    fn is_quiet(&self) -> bool {
        self.0.lock().is_none_or(|at| at.elapsed() >= SETTLING)
    }
}

/// A partition that this session holds.
#[derive(Debug)]
pub struct Partition {
    id: PartitionId,
    leader_epoch: i32,
    index: usize,
    leading: AtomicBool,
    since: Mutex<Since>,
    /// Bytes taken and given.
    bytes_moved: AtomicU64,
    readable: Mutex<Readable>,
}

impl Partition {
    /// One that comes here now, of which a batch may be among what the node refused before.
    pub(super) fn new(
        id: PartitionId,
        leader_epoch: i32,
        index: usize,
        recovered: OwnedPartition,
        refusals: &Refusals,
    ) -> Self {
        let state = recovered.state.partition;
        let since = Since { at: Instant::now(), new: state.producers.is_empty() && refusals.is_quiet() };
        let readable = Readable {
            log_start: state.log_start,
            high_watermark: state.log_end,
            recent: recovered.positions.into(),
            tenures: recovered.state.tenures,
            ..Readable::default()
        };
        let (leading, bytes_moved) = (AtomicBool::new(true), AtomicU64::new(0));
        Self {
            id,
            leader_epoch,
            index,
            leading,
            since: Mutex::new(since),
            bytes_moved,
            readable: Mutex::new(readable),
        }
    }

    /// Its identity.
    pub fn id(&self) -> PartitionId {
        self.id
    }

    /// The epoch in which it is led, as clients see it.
    pub fn leader_epoch(&self) -> i32 {
        self.leader_epoch
    }

    /// Whether it is led here and not about to be led elsewhere.
    pub fn is_leading(&self) -> bool {
        self.leading.load(Ordering::Acquire)
    }

    /// Bytes of records that it has taken and given.
    pub fn bytes_moved(&self) -> u64 {
        self.bytes_moved.load(Ordering::Relaxed)
    }

    /// Notes that so many bytes were read from it.
    pub fn was_read(&self, bytes: usize) {
        self.bytes_moved.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// For how long, at `at`, it had been here with no batch refused; zero if that began later.
    pub(super) fn age_at(&self, at: Instant) -> Duration {
        at.saturating_duration_since(self.since.lock().at)
    }

    /// The same, if a batch may have been refused, here or where it was before; else `None`.
    pub(super) fn calm_at(&self, at: Instant) -> Option<Duration> {
        let since = *self.since.lock();
        (!since.new).then(|| at.saturating_duration_since(since.at))
    }

    /// Notes that a batch was refused for what it follows on, which is no reason to refuse others for longer.
    pub(super) fn kept_waiting(&self) {
        self.since.lock().new = false;
    }

    /// Notes that a batch was refused that may be sent again: others may be on their way behind it.
    pub fn turned_away(&self) {
        *self.since.lock() = Since { at: Instant::now(), new: false };
    }

    pub(super) fn lead(&self) {
        if !self.leading.swap(true, Ordering::AcqRel) {
            self.turned_away();
        }
    }

    pub(super) fn stop_leading(&self) {
        self.leading.store(false, Ordering::Release);
    }

    /// Its place among the log's decided states.
    pub(super) fn index(&self) -> usize {
        self.index
    }

    /// The offset after the last committed record.
    pub fn high_watermark(&self) -> i64 {
        self.readable.lock().high_watermark
    }

    /// The first offset that may be read.
    pub fn log_start(&self) -> i64 {
        self.readable.lock().log_start
    }

    /// Whether it was removed: its topic was deleted, its shard moved, or the session has ended.
    pub fn is_retired(&self) -> bool {
        self.readable.lock().retired
    }

    /// Whether it is led here and its [`Partition::range`] is still what was `seen`.
    pub fn is_unchanged(&self, seen: (i64, i64)) -> bool {
        let readable = self.readable.lock();
        self.is_leading() && !readable.retired && (readable.log_start, readable.high_watermark) == seen
    }

    /// Finds the whole batches from the one that holds `offset` on, up to `max_bytes` in all but at least
    /// one if `at_least_one`.
    pub fn find(&self, offset: i64, max_bytes: usize, at_least_one: bool) -> Found {
        let readable = self.readable.lock();
        if offset < readable.log_start || offset > readable.high_watermark {
            return Found::OutOfRange;
        }
        if offset == readable.high_watermark {
            return Found::AtEnd;
        }
        let fits = |len: usize, taken: usize| len + taken <= max_bytes || (taken == 0 && at_least_one);
        if readable.tail.front().is_some_and(|first| first.base_offset <= offset) {
            let at = readable.tail.partition_point(|batch| batch.last_offset() < offset);
            let mut found = Batches::default();
            for batch in readable.tail.range(at..) {
                if !fits(batch.len(), found.len) {
                    break;
                }
                found.len += batch.len();
                found.slices.extend([batch.prefix.clone(), batch.rest.clone()]);
            }
            return Found::Tail(found);
        }
        let at = readable.recent.partition_point(|position| position.last_offset() < offset);
        if readable.recent.get(at).is_some_and(|first| at > 0 || first.base_offset <= offset) {
            return Found::Slots(take(readable.recent.range(at..), max_bytes, at_least_one));
        }
        match readable.tenures.partition_point(|t| t.first_offset <= offset).checked_sub(1) {
            Some(at) => Found::Index(readable.tenures[at].index),
            None => Found::OutOfRange,
        }
    }

    /// Where the first batch with a timestamp of at least `timestamp` may be: in one of these index objects,
    /// or at one of these positions, in this order. Of the first one found, the records in question may lie below
    /// the log start.
    pub fn at_timestamp(&self, timestamp: i64) -> (Vec<(SessionId, u64)>, Vec<Position>) {
        let readable = self.readable.lock();
        let reaches = |t: &&Tenure| t.max_timestamp >= timestamp;
        let mut indexes: Vec<_> = readable.tenures.iter().filter(reaches).map(|t| t.index).collect();
        indexes.dedup();
        let positions = readable.recent.iter().filter(|p| p.max_timestamp >= timestamp).take(2).copied();
        (indexes, positions.collect())
    }

    /// A batch that is in the tail.
    pub fn tail_batch(&self, offset: i64) -> Option<Bytes> {
        match self.find(offset, 0, true) {
            Found::Tail(batches) => Some(batches.slices.concat().into()),
            _ => None,
        }
    }

    /// The log start and the high watermark.
    pub fn range(&self) -> (i64, i64) {
        let readable = self.readable.lock();
        (readable.log_start, readable.high_watermark)
    }

    /// Registers a waiter, unless its wait is already over: the [`Partition::range`] is not `seen` any more.
    pub fn watch(&self, waiter: &Arc<Waiter>, seen: (i64, i64)) -> bool {
        let mut readable = self.readable.lock();
        let waits = (readable.log_start, readable.high_watermark) == seen && !readable.retired;
        if waits {
            readable.waiters.push(Arc::clone(waiter));
        }
        waits
    }

    /// Removes a waiter.
    pub fn unwatch(&self, waiter: &Arc<Waiter>) {
        self.readable.lock().waiters.retain(|w| !Arc::ptr_eq(w, waiter));
    }

    pub(super) fn retire(&self) {
        self.stop_leading();
        let mut readable = self.readable.lock();
        readable.retired = true;
        readable.waiters.drain(..).for_each(|w| w.wake());
    }

    /// A batch is committed, in this slot and under this holding.
    pub(super) fn commit(&self, (session, epoch): (SessionId, Epoch), slot: u64, batch: TailBatch) {
        let mut readable = self.readable.lock();
        let (len, last_offset) = (batch.len(), batch.last_offset());
        self.bytes_moved.fetch_add(len as u64, Ordering::Relaxed);
        readable.recent.push_back(Position {
            session,
            epoch,
            slot,
            position: batch.position,
            length: len as u32,
            base_offset: batch.base_offset,
            last_offset_delta: batch.last_offset_delta,
            max_timestamp: batch.max_timestamp,
        });
        readable.tail.push_back(batch);
        readable.high_watermark = last_offset + 1;
        readable.waiters.iter().for_each(|w| w.add(len));
    }

    /// The log begins elsewhere, which is committed. The tail is left to the bound on its memory.
    pub(super) fn trim(&self, event: Trimmed) {
        let mut readable = self.readable.lock();
        let Readable { log_start, high_watermark, recent, tenures, waiters, .. } = &mut *readable;
        *log_start = event.log_start.max(*log_start);
        let end = recent.front().map_or(*high_watermark, |first| first.base_offset);
        trim_tenures(tenures, end, *log_start);
        let gone = recent.partition_point(|position| position.last_offset() < *log_start);
        recent.drain(..gone);
        waiters.iter().for_each(|w| w.wake());
    }

    /// Drops the tail's first batches.
    pub(super) fn evict(&self, batches: usize) {
        let mut readable = self.readable.lock();
        let batches = batches.min(readable.tail.len());
        readable.tail.drain(..batches);
    }

    /// Where the batches since the last checkpoint are, and the tenures before them.
    pub(super) fn since_checkpoint(&self) -> (Vec<Position>, Vec<Tenure>) {
        let readable = self.readable.lock();
        (readable.recent.iter().copied().collect(), readable.tenures.clone())
    }

    /// An index object now lists the batches below offset `end`, in these tenures. Some may have been trimmed
    /// meanwhile.
    pub(super) fn indexed(&self, end: i64, added: Vec<Tenure>) {
        let mut readable = self.readable.lock();
        let Readable { log_start, recent, tenures, .. } = &mut *readable;
        let listed = recent.partition_point(|position| position.base_offset < end);
        recent.drain(..listed);
        tenures.extend(added);
        trim_tenures(tenures, end, *log_start);
    }
}

/// The positions that fit into `max_bytes`, at least one if `at_least_one`.
pub fn take<'a>(
    positions: impl Iterator<Item = &'a Position>,
    max_bytes: usize,
    at_least_one: bool,
) -> Vec<Position> {
    let mut taken = 0;
    let mut found = Vec::new();
    for position in positions {
        let len = position.length as usize;
        if taken + len > max_bytes && !(taken == 0 && at_least_one) {
            break;
        }
        taken += len;
        found.push(*position);
    }
    found
}
