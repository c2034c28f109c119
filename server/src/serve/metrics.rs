//! Metrics that no crate below keeps itself: what the store was asked and what that costs, and the process.

use std::fmt;
use std::sync::Arc;

use broker::node::Broker;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use tiering::store::{RequestCounts, Store};

/// The requests of a store.
#[derive(Debug)]
pub(super) struct StoreRequests(pub(super) Store);

/// A family of counters by kind of request: name, meaning, and which count it is.
type Family = (&'static str, &'static str, fn(&RequestCounts) -> u64);

const FAMILIES: [Family; 4] = [
    ("tidelog_store_requests", "Requests to the store, by kind", |counts| counts.requests),
    ("tidelog_store_errors", "Requests to the store that failed, by kind", |counts| counts.errors),
    ("tidelog_store_conflicts", "Conditional writes that found their key taken", |counts| counts.conflicts),
    ("tidelog_store_bytes", "Bytes sent to and received from the store, by kind of request", |counts| {
        counts.bytes
    }),
];

impl Collector for StoreRequests {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let metrics = self.0.metrics();
        let snapshot = metrics.snapshot();
        for (name, meaning, count) in FAMILIES {
            let mut family = encoder.encode_descriptor(name, meaning, None, MetricType::Counter)?;
            for (kind, counts) in &snapshot {
                let labels = [("kind", kind.label())];
                ConstCounter::new(count(counts)).encode(family.encode_family(&labels)?)?;
            }
        }
        let mut counter = |name, meaning, value: u64| {
            let metric = encoder.encode_descriptor(name, meaning, None, MetricType::Counter)?;
            ConstCounter::new(value).encode(metric)
        };
        let meaning = "Conditional writes whose outcome had to be read back";
        counter("tidelog_store_ambiguous_writes", meaning, metrics.ambiguous())?;
        let meaning = "Conditional writes that were sent a second time because the first had no answer yet";
        counter("tidelog_store_hedged_writes", meaning, metrics.hedges())?;
        let meaning = "Conditional writes whose second attempt was answered with success before the first";
        counter("tidelog_store_hedges_won", meaning, metrics.hedges_won())?;
        let meaning = "Reads that were asked again because there was no answer yet";
        counter("tidelog_store_hedged_reads", meaning, metrics.hedged_reads())?;
        let meaning = "What the requests so far would have cost on S3 Standard, in US dollars";
        let cost =
            encoder.encode_descriptor("tidelog_store_s3_cost_dollars", meaning, None, MetricType::Counter)?;
        ConstCounter::new(metrics.s3_cost()).encode(cost)
    }
}

/// The parts of a node's memory.
pub(super) struct MemoryParts(pub(super) Arc<Broker>);

impl fmt::Debug for MemoryParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryParts").finish_non_exhaustive()
    }
}

impl Collector for MemoryParts {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let broker = &self.0;
        let pools = [
            ("requests", broker.memory()),
            ("queries", broker.others()),
            ("answers", broker.answers()),
            ("unpacking", broker.unpacking()),
        ];
        let taken = pools.map(|(part, pool)| (part, pool.size() - pool.available(), pool.size()));
        let tail = broker.log().map_or(0, |log| log.tail_bytes());
        let cached = usize::try_from(broker.cached_bytes()).unwrap_or(usize::MAX);
        let cache = usize::try_from(broker.config().read_cache_bytes).unwrap_or(usize::MAX);
        let kept = [("tail", tail, broker.config().log.tail_bytes), ("cache", cached, cache)];
        let parts = || taken.iter().chain(&kept);
        let mut family = |name, meaning, values: &mut dyn Iterator<Item = (&'static str, usize)>| {
            let mut family = encoder.encode_descriptor(name, meaning, None, MetricType::Gauge)?;
            for (part, value) in values {
                let labels = [("part", part)];
                let value = i64::try_from(value).unwrap_or(i64::MAX);
                ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
            }
            Ok::<_, fmt::Error>(())
        };
        let mut each = parts().map(|(part, taken, _)| (*part, *taken));
        family("tidelog_memory_bytes", "Bytes of memory that are taken, by part", &mut each)?;
        let mut each = parts().map(|(part, _, size)| (*part, *size));
        family("tidelog_memory_limit_bytes", "Bytes of memory that may be taken, by part", &mut each)?;
        let mut each = pools.iter().map(|(part, pool)| (*part, pool.waiting()));
        family("tidelog_memory_waiting", "How many wait for memory, by part", &mut each)
    }
}

/// The process, as the kernel sees it.
#[derive(Debug)]
pub(super) struct Process {
    /// Seconds since 1970.
    pub(super) started: i64,
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let mut gauge = |name, meaning, value: i64| {
            let metric = encoder.encode_descriptor(name, meaning, None, MetricType::Gauge)?;
            ConstGauge::new(value).encode(metric)
        };
        gauge("process_start_time_seconds", "When the process began, in seconds since 1970", self.started)?;
        if let Some(bytes) = resident() {
            gauge("process_resident_memory_bytes", "Resident memory", bytes)?;
        }
        let labels = [("version", env!("CARGO_PKG_VERSION"))];
        let mut build = encoder.encode_descriptor("tidelog_build", "The build", None, MetricType::Gauge)?;
        ConstGauge::new(1i64).encode(build.encode_family(&labels)?)
    }
}

/// Resident memory in bytes, where the kernel reports it.
fn resident() -> Option<i64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: i64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;
    use prometheus_client::registry::Registry;

    use super::*;

    #[test]
    fn the_page_has_the_stores_requests_and_the_process() {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(StoreRequests(Store::memory())));
        registry.register_collector(Box::new(Process { started: 1_700_000_000 }));
        let mut page = String::new();
        encode(&mut page, &registry).expect("a string takes everything");
        for line in [
            "tidelog_store_requests_total{kind=\"put\"} 0",
            "tidelog_store_bytes_total{kind=\"get\"} 0",
            "tidelog_store_hedged_writes_total 0",
            "tidelog_store_hedges_won_total 0",
            "tidelog_store_hedged_reads_total 0",
            "tidelog_store_s3_cost_dollars_total 0.0",
            "process_start_time_seconds 1700000000",
            concat!("tidelog_build{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
        ] {
            assert!(page.lines().any(|l| l == line), "{line} in\n{page}");
        }
        assert!(page.contains("process_resident_memory_bytes "), "{page}");
    }
}
