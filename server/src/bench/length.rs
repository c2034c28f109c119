//! How long a measurement goes on, and from when on it counts.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use clap::Args;
use tokio::time::Instant;

#[derive(Debug, Clone, Args)]
pub(super) struct Length {
    /// How long to measure
    #[arg(short, long, default_value = "10s", value_parser = crate::cli::duration)]
    pub(super) duration: Duration,
    /// Measure this many records instead
    #[arg(short, long, value_name = "N", conflicts_with = "duration")]
    pub(super) count: Option<u64>,
    /// How long to work before measuring begins; none with --count
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = crate::cli::duration)]
    pub(super) warmup: Duration,
}

/// A measurement that is going on.
#[derive(Debug)]
pub(super) struct Run {
    /// When work began.
    pub(super) begun: Instant,
    /// From when on it counts.
    pub(super) counts_from: Instant,
    end: Option<Instant>,
    /// Records done, whether or not they count.
    pub(super) all: AtomicU64,
    /// Records that may still begin.
    left: AtomicU64,
    /// Records done that count.
    pub(super) records: AtomicU64,
    /// Their bytes.
    pub(super) bytes: AtomicU64,
    /// Records that count and failed.
    pub(super) failed: AtomicU64,
}

impl Length {
    /// Begins now.
    pub(super) fn begin(&self) -> Run {
        let begun = Instant::now();
        let counts_from = if self.count.is_some() { begun } else { begun + self.warmup };
        Run {
            begun,
            counts_from,
            end: self.count.is_none().then(|| counts_from + self.duration),
            all: AtomicU64::new(0),
            left: AtomicU64::new(self.count.unwrap_or(u64::MAX)),
            records: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        }
    }
}

impl Run {
    /// Takes up to `wanted` records that are to be done; none once it is over.
    pub(super) fn take(&self, wanted: u64) -> u64 {
        if self.end.is_some_and(|end| Instant::now() >= end) {
            return 0;
        }
        let left = self.left.try_update(Relaxed, Relaxed, |left| Some(left.saturating_sub(wanted)));
        left.unwrap_or_else(|left| left).min(wanted)
    }

    /// When it is over, unless that depends on a count.
    pub(super) fn end(&self) -> Option<Instant> {
        self.end
    }

    /// Records are done. Returns whether they count.
    pub(super) fn done(&self, at: Instant, records: u64, bytes: u64) -> bool {
        self.all.fetch_add(records, Relaxed);
        let counts = at >= self.counts_from && self.end.is_none_or(|end| at <= end);
        if counts {
            self.records.fetch_add(records, Relaxed);
            self.bytes.fetch_add(bytes, Relaxed);
        }
        counts
    }

    /// Records failed.
    pub(super) fn failed(&self, records: u64) {
        self.failed.fetch_add(records, Relaxed);
    }

    /// Seconds that count, up to now.
    pub(super) fn seconds(&self) -> f64 {
        let now = Instant::now();
        let until = self.end.map_or(now, |end| end.min(now));
        until.saturating_duration_since(self.counts_from).as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_counts() {
        let second = Duration::from_secs(1);
        let run = Length { duration: 10 * second, count: None, warmup: second }.begin();
        assert_eq!(run.take(5), 5);
        assert!(!run.done(Instant::now(), 5, 50));
        tokio::time::advance(2 * second).await;
        assert!(run.done(Instant::now(), 5, 50));
        assert_eq!((run.records.load(Relaxed), run.bytes.load(Relaxed), run.seconds()), (5, 50, 1.0));
        tokio::time::advance(20 * second).await;
        assert_eq!((run.take(5), run.seconds()), (0, 10.0));
        let run = Length { duration: second, count: Some(8), warmup: second }.begin();
        assert_eq!([run.take(5), run.take(5), run.take(5)], [5, 3, 0]);
        assert!(run.done(Instant::now(), 5, 50));
    }
}
