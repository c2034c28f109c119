//! One partition's log as its owner decides on it: offsets, leader epochs and producers.
//!
//! The state runs ahead of what is durable: it includes the slots in flight. What may be reported to a client
//! (the high watermark) is the caller's to know, since only the caller sees the store confirm.

mod append;
mod leader_epoch;
mod producer;
mod retention;
mod trim;

use std::collections::BTreeMap;

pub use append::{AppendReject, Appended, BatchSummary, Decision, ProducerBatch};
pub use leader_epoch::{EpochStart, LeaderEpochs};
pub use producer::{Producer, ProducerEntry};
pub use retention::{Piece, Retention, breached};
pub use trim::{TrimReject, Trimmed};

/// The state of one partition after some slot. Everything in it is durable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Partition {
    /// The first offset that may be read.
    pub log_start: i64,
    /// The offset that the next record gets.
    pub log_end: i64,
    /// Which leader epoch wrote from which offset on.
    pub leader_epochs: LeaderEpochs,
    /// Idempotent producers by their id.
    pub producers: BTreeMap<i64, Producer>,
}

impl Partition {
    /// What appending `batch` would do. Nothing is changed.
    pub fn decide(&self, batch: &BatchSummary) -> Result<Decision, AppendReject> {
        append::decide(self, batch)
    }

    /// Takes `event` into the state, whether just decided or replayed.
    pub fn apply(&mut self, event: &Appended) {
        append::apply(self, event);
    }

    /// What it would do to have the log begin at `wanted`: nothing where it begins there or later. `end` is the
    /// high watermark, beyond which nothing may be trimmed.
    pub fn decide_trim(&self, wanted: i64, end: i64) -> Result<Option<Trimmed>, TrimReject> {
        trim::decide(self, wanted, end)
    }

    /// Takes a trim into the state, whether just decided or replayed.
    pub fn apply_trim(&mut self, event: &Trimmed) {
        trim::apply(self, event);
    }

    /// The producers that wrote nothing since `before` (ms since 1970). They are dropped by a durable
    /// record ([`Partition::expire`]), never by replay's own clock.
    pub fn idle_producers(&self, before: i64) -> Vec<i64> {
        self.producers.iter().filter(|(_, p)| p.last_append < before).map(|(&id, _)| id).collect()
    }

    /// Drops producers by a durable record.
    pub fn expire(&mut self, producers: &[i64]) {
        for id in producers {
            self.producers.remove(id);
        }
    }
}
