//! How fast clients may have this node write metadata entries. Entries are never deleted, every node reads each, and
//! any client can cause some: what is too fast waits in its turn. A connection has one request at a time here, so
//! one that asks without end keeps others waiting for a turn or two. One entry of clients is under way at a time: what
//! the node itself has to write waits for one of them at most.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until};

use crate::quiet::Quiet;

/// What was not used within this time may be used at once.
const SAVED: Duration = Duration::from_secs(100);

/// An entry takes one turn, and one more for so many bytes.
const BYTES: usize = 64 << 10;

/// Complaints about what waits.
static COMPLAINTS: Quiet = Quiet::new(Duration::from_secs(10));

/// Gives out turns: a token bucket.
#[derive(Debug)]
pub(super) struct Pace {
    /// The time that a turn is worth.
    interval: Duration,
    /// When all turns that were taken are worked off. While it lies further than [`SAVED`] ahead, there is none.
    busy_until: Mutex<Instant>,
    /// Held by the request that waits or writes, so that turns come in order.
    turns: tokio::sync::Mutex<()>,
}

/// A turn that was taken. The next one comes when this one is over. One in which nothing was written is given back,
/// however it ends.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    pace: &'a Pace,
    /// The bytes of the entry that may have been written.
    written: Option<usize>,
    _first: tokio::sync::MutexGuard<'a, ()>,
}

impl Pace {
    /// So many turns a second.
    pub(super) fn new(per_second: u32) -> Self {
        Self {
            interval: Duration::from_secs(1) / per_second.max(1),
            busy_until: Mutex::new(Instant::now()),
            turns: tokio::sync::Mutex::default(),
        }
    }

    /// Waits for a turn. A caller that gives up has taken none.
    pub(super) async fn turn(&self) -> Turn<'_> {
        let _first = self.turns.lock().await;
        while let Err(free) = self.try_take() {
            if let Some(silent) = COMPLAINTS.may_speak() {
                tracing::warn!(silent, "changes of topics and settings wait: they are asked for too fast");
            }
            sleep_until(free).await;
        }
        Turn { pace: self, written: None, _first }
    }

    /// Takes a turn; fails with the time at which there is one.
    fn try_take(&self) -> Result<(), Instant> {
        let mut busy_until = self.busy_until.lock();
        let now = Instant::now();
        let after = (*busy_until).max(now) + self.interval;
        if after > now + SAVED {
            return Err(after - SAVED);
        }
        *busy_until = after;
        Ok(())
    }
}

impl Turn<'_> {
    /// From now on, an entry of so many bytes may be written; or nothing is.
    pub(super) fn writes(&mut self, bytes: Option<usize>) {
        self.written = bytes;
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let (interval, mut busy_until) = (self.pace.interval, self.pace.busy_until.lock());
        match self.written {
            Some(bytes) => {
                *busy_until += interval.saturating_mul(u32::try_from(bytes / BYTES).unwrap_or(u32::MAX))
            }
            None => *busy_until = busy_until.checked_sub(interval).unwrap_or(*busy_until),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Turn<'_> {
        /// An entry of so many bytes is written.
        fn took(mut self, bytes: usize) {
            self.writes(Some(bytes));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn turns_are_saved_up_and_then_come_one_by_one() {
        let (pace, start) = (Pace::new(10), Instant::now());
        for _ in 0..1_000 {
            pace.turn().await.took(100);
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
        for n in 1..=5 {
            pace.turn().await.took(100);
            assert_eq!(start.elapsed().as_millis(), n * 100);
        }
        tokio::time::advance(Duration::from_secs(1_000)).await;
        let later = Instant::now();
        for _ in 0..1_001 {
            pace.turn().await.took(100);
        }
        assert_eq!(later.elapsed().as_millis(), 100, "no more is saved");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_given_up_or_not_waited_for_costs_nothing() {
        let (pace, start) = (Pace::new(10), Instant::now());
        for _ in 0..5_000 {
            drop(pace.turn().await);
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
        for _ in 0..1_000 {
            pace.turn().await.took(0);
        }
        for _ in 0..3 {
            assert!(tokio::time::timeout(Duration::from_millis(10), pace.turn()).await.is_err());
        }
        pace.turn().await.took(0);
        assert_eq!(start.elapsed().as_millis(), 100);
    }

    /// What lost a race, and is refused when it is decided again.
    #[tokio::test(start_paused = true)]
    async fn what_is_not_written_after_all_costs_nothing() {
        let (pace, start) = (Pace::new(10), Instant::now());
        for _ in 0..5_000 {
            let mut turn = pace.turn().await;
            turn.writes(Some(4 << 20));
            turn.writes(None);
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
    }

    /// What the node itself writes would wait for all of them otherwise.
    #[tokio::test(start_paused = true)]
    async fn one_change_is_under_way_at_a_time() {
        let pace = Pace::new(10);
        let first = pace.turn().await;
        assert!(tokio::time::timeout(Duration::from_secs(60), pace.turn()).await.is_err());
        first.took(0);
        pace.turn().await.took(0);
    }

    #[tokio::test(start_paused = true)]
    async fn large_entries_take_more() {
        let (pace, start) = (Pace::new(10), Instant::now());
        pace.turn().await.took(4 << 20);
        for _ in 0..1_000 - 65 {
            pace.turn().await.took(0);
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
        pace.turn().await.took(0);
        assert_eq!(start.elapsed().as_millis(), 100);
    }
}
