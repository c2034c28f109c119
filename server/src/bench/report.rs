//! What was measured, for people and for programs.

use std::fmt::Write;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::{Map, Value, json};

use super::length::Run;

const MIB: f64 = 1024.0 * 1024.0;

/// The longest latency that is recorded as it is, in microseconds: longer ones count as this one.
const LONGEST: u64 = 600_000_000;

/// Latencies, to three digits.
#[derive(Debug, Clone)]
pub(super) struct Latencies(Option<Histogram<u64>>);

impl Latencies {
    /// None yet.
    pub(super) fn new() -> Self {
        Self(Histogram::new_with_bounds(1, LONGEST, 3).ok())
    }

    /// As many of one length.
    pub(super) fn record(&mut self, latency: Duration, count: u64) {
        if let Some(histogram) = &mut self.0 {
            let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
            histogram.saturating_record_n(micros.clamp(1, LONGEST), count);
        }
    }

    /// Adds those of another.
    pub(super) fn add(&mut self, other: &Self) {
        if let (Some(histogram), Some(other)) = (&mut self.0, &other.0) {
            // Both have the same bounds.
            let _ = histogram.add(other);
        }
    }

    /// Names and milliseconds; nothing if there are none.
    fn quantiles(&self) -> Vec<(&'static str, f64)> {
        let Some(histogram) = self.0.as_ref().filter(|histogram| !histogram.is_empty()) else {
            return Vec::new();
        };
        let at = |quantile| histogram.value_at_quantile(quantile) as f64 / 1000.0;
        vec![
            ("p50", at(0.5)),
            ("p90", at(0.9)),
            ("p99", at(0.99)),
            ("p99.9", at(0.999)),
            ("max", histogram.max() as f64 / 1000.0),
        ]
    }
}

/// The result of a measurement.
#[derive(Debug)]
pub(super) struct Report {
    bench: &'static str,
    topic: String,
    partitions: usize,
    seconds: f64,
    records: u64,
    bytes: u64,
    failed: u64,
    latencies: Vec<(&'static str, Latencies)>,
}

impl Report {
    /// The result of a run that is over after `seconds`.
    pub(super) fn new(bench: &'static str, topic: &crate::client::Topic, run: &Run, seconds: f64) -> Self {
        Self {
            bench,
            topic: topic.name.clone(),
            partitions: topic.partitions.len(),
            seconds,
            records: run.records.load(Relaxed),
            bytes: run.bytes.load(Relaxed),
            failed: run.failed.load(Relaxed),
            latencies: Vec::new(),
        }
    }

    /// With latencies of one kind.
    pub(super) fn with(mut self, name: &'static str, latencies: Latencies) -> Self {
        self.latencies.push((name, latencies));
        self
    }

    fn per_second(&self, amount: f64) -> f64 {
        if self.seconds > 0.0 { amount / self.seconds } else { 0.0 }
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        let mib = self.per_second(self.bytes as f64 / MIB);
        let records = self.per_second(self.records as f64);
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "{}: {} records, {:.1} MiB in {:.2} s; topic {}, {} partitions",
            self.bench,
            self.records,
            self.bytes as f64 / MIB,
            self.seconds,
            self.topic,
            self.partitions
        );
        let _ = writeln!(text, "  {:<12} {mib:.1} MiB/s, {records:.0} records/s", "throughput");
        for (name, latencies) in &self.latencies {
            let quantiles = latencies.quantiles();
            if quantiles.is_empty() {
                continue;
            }
            let quantiles = quantiles.iter().map(|(name, ms)| format!("{name} {ms:.2} ms"));
            let _ = writeln!(text, "  {name:<12} {}", quantiles.collect::<Vec<_>>().join(", "));
        }
        if self.failed > 0 {
            let _ = writeln!(text, "  {:<12} {} records", "failed", self.failed);
        }
        text
    }

    /// For programs.
    pub(super) fn json(&self) -> Value {
        let mut value = json!({
            "bench": self.bench,
            "topic": self.topic,
            "partitions": self.partitions,
            "seconds": self.seconds,
            "records": self.records,
            "bytes": self.bytes,
            "failed": self.failed,
            "mib_per_second": self.per_second(self.bytes as f64 / MIB),
            "records_per_second": self.per_second(self.records as f64),
        });
        for (name, latencies) in &self.latencies {
            let quantiles = latencies.quantiles().into_iter();
            let quantiles: Map<String, Value> =
                quantiles.map(|(name, ms)| (name.to_owned(), ms.into())).collect();
            value[format!("{}_ms", name.replace([' ', '-'], "_"))] = Value::Object(quantiles);
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_are_told_in_milliseconds() {
        let mut latencies = Latencies::new();
        let mut others = Latencies::new();
        latencies.record(Duration::from_millis(2), 98);
        others.record(Duration::from_millis(9), 2);
        latencies.add(&others);
        let quantiles = latencies.quantiles();
        assert_eq!(quantiles.len(), 5);
        assert!((quantiles[0].1 - 2.0).abs() < 0.01 && (quantiles[2].1 - 9.0).abs() < 0.01, "{quantiles:?}");
        assert!(Latencies::new().quantiles().is_empty());
    }
}
