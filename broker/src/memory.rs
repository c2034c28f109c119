//! The memory of a node: one budget, in parts that do not borrow from each other.
//!
//! What is over a part waits, and is served in the order in which it came. That nothing waits for ever follows from
//! the order of the parts: requests, then unpacking, then answers. A holder of memory of one part waits at most for
//! a later one; a holder of memory for an answer waits for no more of it, but for a client that takes bytes, and
//! only so long. A part is never too small for one request, batch or answer: what is
//! larger than the part takes all of it. Tail and read cache never make others wait: they let go of what is
//! oldest.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Memory that something takes, in bytes, given back when it is dropped.
pub type Permit = OwnedSemaphorePermit;

/// A part of the memory, of which pieces are taken and given back.
#[derive(Clone, Debug)]
pub struct Pool {
    free: Arc<Semaphore>,
    size: usize,
    waiting: Arc<AtomicUsize>,
}

impl Pool {
    /// A pool of so many bytes.
    pub fn new(size: usize) -> Self {
        let size = size.min(Semaphore::MAX_PERMITS);
        Self { free: Arc::new(Semaphore::new(size)), size, waiting: Arc::default() }
    }

    /// How many bytes there are.
    pub fn size(&self) -> usize {
        self.size
    }

    /// How many of them are free.
    pub fn available(&self) -> usize {
        self.free.available_permits()
    }

    /// How many wait for bytes.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    fn permits(&self, bytes: usize) -> u32 {
        u32::try_from(bytes.min(self.size)).unwrap_or(u32::MAX)
    }

    /// Takes so many bytes, or all there are if that is less, if they are free and nothing waits for them.
    pub fn try_take(&self, bytes: usize) -> Option<Permit> {
        Arc::clone(&self.free).try_acquire_many_owned(self.permits(bytes)).ok()
    }

    /// Waits for so many bytes, or for all there are if that is less, behind those that wait already. `None` is
    /// never answered: a pool is never closed.
    pub async fn take(&self, bytes: usize) -> Option<Permit> {
        if let Some(permit) = self.try_take(bytes) {
            return Some(permit);
        }
        let _waiting = Waiting::new(&self.waiting);
        Arc::clone(&self.free).acquire_many_owned(self.permits(bytes)).await.ok()
    }
}

/// Counts one task that waits.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Gives back what `permit` has over `bytes`.
pub fn shrink(permit: &mut Permit, bytes: usize) {
    drop(permit.split(permit.num_permits().saturating_sub(bytes)));
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    const SHORT: Duration = Duration::from_millis(1);

    #[tokio::test(start_paused = true)]
    async fn what_is_over_waits_in_its_order() {
        let pool = Pool::new(100);
        let first = pool.take(80).await;
        let large = tokio::spawn({
            let pool = pool.clone();
            async move { pool.take(90).await }
        });
        tokio::time::sleep(SHORT).await;
        // A small one does not pass the large one by.
        assert!(pool.try_take(10).is_none());
        assert!(timeout(SHORT, pool.take(10)).await.is_err());
        assert_eq!(pool.waiting(), 1, "who gave up does not count");
        drop(first);
        let large = large.await.expect("it is there");
        assert_eq!((large.as_ref().map(Permit::num_permits), pool.available()), (Some(90), 10));
        drop(large);
        assert_eq!((pool.waiting(), pool.available()), (0, 100));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_larger_than_all_takes_all() {
        let pool = Pool::new(100);
        let mut all = pool.take(1 << 40).await.expect("there is room");
        assert_eq!((all.num_permits(), pool.available(), pool.size()), (100, 0, 100));
        shrink(&mut all, 30);
        assert_eq!(pool.available(), 70);
        shrink(&mut all, 50);
        assert_eq!(pool.available(), 70);
    }
}
