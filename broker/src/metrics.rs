//! Every metric of the log and of the node, in one table.
//!
//! Names get the prefix `tidelog_`, and counters the suffix `_total`. Nothing is counted per record: records
//! are counted by batch headers.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use crate::rates::Rates;

/// Why a slot was put when it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// It was full.
    Full,
    /// Shards were about to move.
    Urgent,
    /// It was paid for by what had been saved, or by its bytes.
    Paid,
    /// The linger had passed.
    Linger,
}

impl EncodeLabelValue for Cause {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        std::fmt::Write::write_str(
            encoder,
            match self {
                Self::Full => "full",
                Self::Urgent => "urgent",
                Self::Paid => "paid",
                Self::Linger => "linger",
            },
        )
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByCause {
    cause: Cause,
}

/// Declares a struct of metrics that registers itself: one line for each, with its type, how it begins and what it
/// means. Clones of the values share their counts. What is named after `and` is made by `Default`.
#[macro_export]
macro_rules! metrics {
    (
        $(#[$attribute:meta])* $struct:ident { $($name:ident: $type:ty = $new:expr, $meaning:literal;)* }
        $(and { $($more:ident: $more_type:ty,)* })?
    ) => {
        $(#[$attribute])*
        #[derive(Debug)]
        pub struct $struct {
            $(#[doc = $meaning] $name: $type,)*
            $($($more: $more_type,)*)?
        }

        impl $struct {
            fn registered(registry: &mut ::prometheus_client::registry::Registry) -> Self {
                let registry = registry.sub_registry_with_prefix("tidelog");
                $(
                    let $name: $type = $new;
                    registry.register(stringify!($name), $meaning, $name.clone());
                )*
                Self { $($name,)* $($($more: ::std::default::Default::default(),)*)? }
            }
        }
    };
}

metrics! {
    /// What the log and the node count.
    Metrics {
        appended_batches: Counter = Counter::default(), "Record batches appended, committed or not";
        appended_records: Counter = Counter::default(), "Records appended, committed or not";
        appended_bytes: Counter = Counter::default(), "Bytes of record batches appended, committed or not";
        committed_batches: Counter = Counter::default(), "Record batches committed";
        slots: Counter = Counter::default(), "Slots of the write-ahead log committed";
        slot_flushes: Family<ByCause, Counter> = Family::default(), "Slots that were put, by cause: full, because shards were about to move (urgent), at once because it was paid for by what had been saved or by bytes (paid), or after a wait for the linger (linger)";
        slot_bytes: Counter = Counter::default(), "Bytes of committed slots, as stored";
        slot_seconds: Histogram = seconds(), "From fixing a slot's bytes to its commit, which every acknowledgement in it waits for (seconds)";
        shards_unserved: Gauge = Gauge::default(), "Shards that are assigned to this node and not served, because their state can't be rebuilt";
        fetched_tail_bytes: Counter = Counter::default(), "Bytes of records fetched from memory";
        fetched_cold_bytes: Counter = Counter::default(), "Bytes of records fetched from behind the tail: from the read cache or the store";
    }
    and { rates: Rates, }
}

/// From 100 µs to 26 s.
pub fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.0001, 2.0, 19))
}

impl Metrics {
    /// Makes the metrics and adds them to `registry`.
    pub fn register(registry: &mut Registry) -> Arc<Self> {
        Arc::new(Self::registered(registry))
    }

    /// A slot with `batches` batches was committed `elapsed` after its bytes were fixed.
    pub fn slot_committed(&self, object_len: u64, batches: usize, elapsed: Duration) {
        self.slots.inc();
        self.slot_bytes.inc_by(object_len);
        self.committed_batches.inc_by(batches as u64);
        self.slot_seconds.observe(elapsed.as_secs_f64());
    }

    /// A slot's bytes were fixed, and its PUT begins.
    pub fn slot_flushed(&self, cause: Cause) {
        self.slot_flushes.get_or_create(&ByCause { cause }).inc();
    }

    /// A batch of so many records and bytes was appended.
    pub fn batch_appended(&self, records: i64, bytes: usize) {
        self.appended_batches.inc();
        self.appended_records.inc_by(u64::try_from(records).unwrap_or(0));
        self.appended_bytes.inc_by(bytes as u64);
    }

    /// So many shards are assigned to this node and not served.
    pub fn shards_unserved(&self, shards: usize) {
        self.shards_unserved.set(i64::try_from(shards).unwrap_or(i64::MAX));
    }

    /// Bytes of records were fetched from memory.
    pub fn fetched_tail(&self, bytes: usize) {
        self.fetched_tail_bytes.inc_by(bytes as u64);
    }

    /// Bytes of records were fetched from behind the tail.
    pub fn fetched_cold(&self, bytes: usize) {
        self.fetched_cold_bytes.inc_by(bytes as u64);
    }

    /// What was done of late.
    pub fn rates(&self) -> &Rates {
        &self.rates
    }

    /// Bytes of records taken, and given.
    pub fn record_bytes(&self) -> (u64, u64) {
        (self.appended_bytes.get(), self.fetched_tail_bytes.get() + self.fetched_cold_bytes.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_exported_under_their_names() {
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry);
        metrics.slot_committed(100, 3, Duration::from_millis(2));
        let mut text = String::new();
        assert!(prometheus_client::encoding::text::encode(&mut text, &registry).is_ok());
        for line in
            ["tidelog_slots_total 1", "tidelog_slot_bytes_total 100", "tidelog_committed_batches_total 3"]
        {
            assert!(text.lines().any(|l| l == line), "{line} in\n{text}");
        }
    }
}
