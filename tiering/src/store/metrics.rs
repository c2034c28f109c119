//! Requests by kind, counted where they leave for the store, and what they cost on S3.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// The kinds of request that stores meter and bill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RequestKind {
    /// Write one object, or one part of one.
    Put,
    /// Read an object or a range of one.
    Get,
    /// One page of up to 1,000 keys.
    List,
    /// Ask for an object's size.
    Head,
    /// Remove one object.
    Delete,
    /// Copy one object within the store.
    Copy,
}

impl RequestKind {
    /// Every kind, in the order of [`StoreMetrics::snapshot`].
    pub const ALL: [Self; 6] = [Self::Put, Self::Get, Self::List, Self::Head, Self::Delete, Self::Copy];

    /// The label used in metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Put => "put",
            Self::Get => "get",
            Self::List => "list",
            Self::Head => "head",
            Self::Delete => "delete",
            Self::Copy => "copy",
        }
    }

    /// The price of one request on S3 Standard (us-east-1), in US dollars.
    pub fn s3_price(self) -> f64 {
        match self {
            Self::Put | Self::List | Self::Copy => 0.005 / 1000.0,
            Self::Get | Self::Head => 0.0004 / 1000.0,
            Self::Delete => 0.0,
        }
    }
}

#[derive(Debug, Default)]
struct Cell {
    requests: AtomicU64,
    errors: AtomicU64,
    conflicts: AtomicU64,
    bytes: AtomicU64,
}

/// Counters of one store. A retry inside the store's client is not seen: one operation counts once.
#[derive(Debug, Default)]
pub struct StoreMetrics {
    cells: [Cell; 6],
    ambiguous: AtomicU64,
    hedges: AtomicU64,
    hedges_won: AtomicU64,
    hedged_reads: AtomicU64,
    answered: Mutex<Option<Instant>>,
}

/// One kind of request at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RequestCounts {
    /// Requests begun.
    pub requests: u64,
    /// Requests that failed for another reason than a conflict or an absent object.
    pub errors: u64,
    /// Conditional writes that found the key taken.
    pub conflicts: u64,
    /// Bytes of bodies, as sent (PUT) or promised (GET).
    pub bytes: u64,
}

impl StoreMetrics {
    /// The counters of one kind of request.
    pub fn get(&self, kind: RequestKind) -> RequestCounts {
        let cell = &self.cells[kind as usize];
        RequestCounts {
            requests: cell.requests.load(Relaxed),
            errors: cell.errors.load(Relaxed),
            conflicts: cell.conflicts.load(Relaxed),
            bytes: cell.bytes.load(Relaxed),
        }
    }

    /// The counters of every kind of request.
    pub fn snapshot(&self) -> [(RequestKind, RequestCounts); 6] {
        RequestKind::ALL.map(|kind| (kind, self.get(kind)))
    }

    /// How often the outcome of a conditional write had to be read back.
    pub fn ambiguous(&self) -> u64 {
        self.ambiguous.load(Relaxed)
    }

    /// Conditional writes that were sent a second time because the first had no answer yet.
    pub fn hedges(&self) -> u64 {
        self.hedges.load(Relaxed)
    }

    /// Conditional writes whose second attempt was answered with success before the first.
    pub fn hedges_won(&self) -> u64 {
        self.hedges_won.load(Relaxed)
    }

    /// Reads that were asked again because there was no answer yet.
    pub fn hedged_reads(&self) -> u64 {
        self.hedged_reads.load(Relaxed)
    }

    /// What the requests so far would have cost on S3, in US dollars.
    pub fn s3_cost(&self) -> f64 {
        self.snapshot().iter().map(|(kind, counts)| counts.requests as f64 * kind.s3_price()).sum()
    }

    /// How long ago the store last answered, be it with "absent" or "exists"; `None` if it never did.
    pub fn answer_age(&self) -> Option<Duration> {
        self.answered.lock().map(|at| at.elapsed())
    }

    pub(super) fn answered(&self) {
        *self.answered.lock() = Some(Instant::now());
    }

    pub(super) fn began(&self, kind: RequestKind, bytes: u64) {
        let cell = &self.cells[kind as usize];
        cell.requests.fetch_add(1, Relaxed);
        cell.bytes.fetch_add(bytes, Relaxed);
    }

    pub(super) fn received(&self, kind: RequestKind, bytes: u64) {
        self.cells[kind as usize].bytes.fetch_add(bytes, Relaxed);
    }

    pub(super) fn failed(&self, kind: RequestKind, error: &object_store::Error) {
        let cell = &self.cells[kind as usize];
        match super::error::Class::of(error) {
            super::error::Class::Exists => {
                self.answered();
                cell.conflicts.fetch_add(1, Relaxed)
            }
            super::error::Class::Absent => {
                self.answered();
                0
            }
            _ => cell.errors.fetch_add(1, Relaxed),
        };
    }

    pub(super) fn count_ambiguous(&self) {
        self.ambiguous.fetch_add(1, Relaxed);
    }

    pub(super) fn count_hedge(&self) {
        self.hedges.fetch_add(1, Relaxed);
    }

    pub(super) fn count_hedge_won(&self) {
        self.hedges_won.fetch_add(1, Relaxed);
    }

    pub(super) fn count_hedged_read(&self) {
        self.hedged_reads.fetch_add(1, Relaxed);
    }
}
