//! Every metric of this crate, in one table.
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
use protocol::{ApiKey, ErrorCode};

use crate::rates::Rates;

/// The API of a request, by its Kafka name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ApiName(pub(crate) ApiKey);

impl EncodeLabelValue for ApiName {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        std::fmt::Write::write_fmt(encoder, format_args!("{:?}", self.0))
    }
}

/// Label `api`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct ByApi {
    api: ApiName,
}

/// An error by its Kafka name, such as `NotLeaderOrFollower`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct ErrorName(i16);

impl EncodeLabelValue for ErrorName {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        match ErrorCode::from_code(self.0) {
            Some(code) => std::fmt::Write::write_fmt(encoder, format_args!("{code:?}")),
            None => std::fmt::Write::write_fmt(encoder, format_args!("{}", self.0)),
        }
    }
}

/// Labels `api` and `error`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByError {
    api: ApiName,
    error: ErrorName,
}

macro_rules! metrics {
    ($($name:ident: $type:ty = $new:expr, $meaning:literal;)*) => {
        /// What this crate counts. Clones of the values inside share their counts.
        #[derive(Debug)]
        pub struct Metrics {
            $(#[doc = $meaning] $name: $type,)*
            by_api: Vec<PerApi>,
            rates: Rates,
        }

        impl Metrics {
            /// Makes the metrics and adds them to `registry`.
            pub fn register(registry: &mut Registry) -> Arc<Self> {
                let registry = registry.sub_registry_with_prefix("tidelog");
                $(
                    let $name: $type = $new;
                    registry.register(stringify!($name), $meaning, $name.clone());
                )*
                let mut metrics = Self { $($name,)* by_api: Vec::new(), rates: Rates::new() };
                metrics.by_api = crate::api::SERVED.iter().map(|s| metrics.per_api(s.key)).collect();
                Arc::new(metrics)
            }
        }
    };
}

metrics! {
    requests: Family<ByApi, Counter> = Family::default(), "Requests received, by API";
    request_errors: Family<ByError, Counter> = Family::default(), "Errors in responses, one for each topic, partition or resource that has one, by API and error";
    request_seconds: Family<ByApi, Histogram> = Family::new_with_constructor(seconds), "From a request's last byte to its response, by API (seconds); a fetch's own wait is part of it";
    request_bytes: Counter = Counter::default(), "Bytes of requests";
    response_bytes: Counter = Counter::default(), "Bytes of responses";
    connections_open: Gauge = Gauge::default(), "Client connections that are open";
    connections: Counter = Counter::default(), "Client connections accepted";
    connections_refused: Counter = Counter::default(), "Client connections closed at once, because as many as allowed are open";
    connections_failed: Counter = Counter::default(), "Client connections closed by this node because of what the client sent or did not send in time";
    appended_batches: Counter = Counter::default(), "Record batches appended, committed or not";
    appended_records: Counter = Counter::default(), "Records appended, committed or not";
    appended_bytes: Counter = Counter::default(), "Bytes of record batches appended, committed or not";
    committed_batches: Counter = Counter::default(), "Record batches committed";
    slots: Counter = Counter::default(), "Slots of the write-ahead log committed";
    slot_bytes: Counter = Counter::default(), "Bytes of committed slots, as stored";
    slot_seconds: Histogram = seconds(), "From fixing a slot's bytes to its commit, which every acknowledgement in it waits for (seconds)";
    shards_unserved: Gauge = Gauge::default(), "Shards that are assigned to this node and not served, because their state can't be rebuilt";
    fetched_tail_bytes: Counter = Counter::default(), "Bytes of records fetched from memory";
    fetched_cold_bytes: Counter = Counter::default(), "Bytes of records fetched from behind the tail: from the read cache or the store";
}

/// The values of one API, so that a request looks nothing up.
#[derive(Debug)]
struct PerApi {
    key: ApiKey,
    requests: Counter,
    seconds: Histogram,
}

/// A connection that counts as open.
#[derive(Debug)]
pub(crate) struct OpenConnection(Gauge);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// From 100 µs to 26 s.
fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.0001, 2.0, 19))
}

impl Metrics {
    fn per_api(&self, key: ApiKey) -> PerApi {
        let label = ByApi { api: ApiName(key) };
        PerApi {
            key,
            requests: self.requests.get_or_create_owned(&label),
            seconds: self.request_seconds.get_or_create_owned(&label),
        }
    }

    /// A slot with `batches` batches was committed `elapsed` after its bytes were fixed.
    pub fn slot_committed(&self, object_len: u64, batches: usize, elapsed: Duration) {
        self.slots.inc();
        self.slot_bytes.inc_by(object_len);
        self.committed_batches.inc_by(batches as u64);
        self.slot_seconds.observe(elapsed.as_secs_f64());
    }

    pub(crate) fn request_received(&self, key: ApiKey, bytes: usize) {
        self.request_bytes.inc_by(bytes as u64);
        if let Some(api) = self.by_api.iter().find(|api| api.key == key) {
            api.requests.inc();
        }
    }

    pub(crate) fn request_answered(&self, key: ApiKey, elapsed: Duration) {
        if let Some(api) = self.by_api.iter().find(|api| api.key == key) {
            api.seconds.observe(elapsed.as_secs_f64());
        }
    }

    pub(crate) fn response_error(&self, key: ApiKey, error: i16) {
        if error != 0 {
            let label = ByError { api: ApiName(key), error: ErrorName(error) };
            self.request_errors.get_or_create(&label).inc();
        }
    }

    pub(crate) fn response_sent(&self, bytes: usize) {
        self.response_bytes.inc_by(bytes as u64);
    }

    /// Counts a connection; it is open until what this returns is dropped.
    pub(crate) fn connection_opened(&self) -> OpenConnection {
        self.connections.inc();
        self.connections_open.inc();
        OpenConnection(self.connections_open.clone())
    }

    pub(crate) fn connection_refused(&self) {
        self.connections_refused.inc();
    }

    pub(crate) fn connection_failed(&self) {
        self.connections_failed.inc();
    }

    pub(crate) fn batch_appended(&self, records: i64, bytes: usize) {
        self.appended_batches.inc();
        self.appended_records.inc_by(u64::try_from(records).unwrap_or(0));
        self.appended_bytes.inc_by(bytes as u64);
    }

    pub(crate) fn shards_unserved(&self, shards: usize) {
        self.shards_unserved.set(i64::try_from(shards).unwrap_or(i64::MAX));
    }

    pub(crate) fn fetched_tail(&self, bytes: usize) {
        self.fetched_tail_bytes.inc_by(bytes as u64);
    }

    pub(crate) fn fetched_cold(&self, bytes: usize) {
        self.fetched_cold_bytes.inc_by(bytes as u64);
    }

    /// What was done of late.
    pub fn rates(&self) -> &Rates {
        &self.rates
    }

    /// Bytes of records taken, and given.
    pub(crate) fn record_bytes(&self) -> (u64, u64) {
        (self.appended_bytes.get(), self.fetched_tail_bytes.get() + self.fetched_cold_bytes.get())
    }

    /// Client connections that are open.
    pub(crate) fn connections(&self) -> i64 {
        self.connections_open.get()
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
        metrics.request_received(ApiKey::Produce, 10);
        metrics.response_error(ApiKey::Fetch, ErrorCode::OffsetOutOfRange.code());
        let mut text = String::new();
        assert!(prometheus_client::encoding::text::encode(&mut text, &registry).is_ok());
        for line in [
            "tidelog_slots_total 1",
            "tidelog_slot_bytes_total 100",
            "tidelog_committed_batches_total 3",
            "tidelog_requests_total{api=\"Produce\"} 1",
            "tidelog_request_errors_total{api=\"Fetch\",error=\"OffsetOutOfRange\"} 1",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} in\n{text}");
        }
    }
}
