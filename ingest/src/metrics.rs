//! Every metric of requests and connections, in one table.
//!
//! Names get the prefix `tidelog_`, and counters the suffix `_total`. Nothing is counted per record: records
//! are counted by batch headers.

use std::sync::Arc;
use std::time::Duration;

use broker::metrics::seconds;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use protocol::{ApiKey, ErrorCode};

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

broker::metrics! {
    /// What the wire counts.
    Metrics {
        requests: Family<ByApi, Counter> = Family::default(), "Requests received, by API";
        request_errors: Family<ByError, Counter> = Family::default(), "Errors in responses, one for each topic, partition or resource that has one, by API and error";
        request_seconds: Family<ByApi, Histogram> = Family::new_with_constructor(seconds), "From a request's last byte to its response, by API (seconds); a fetch's own wait is part of it";
        request_bytes: Counter = Counter::default(), "Bytes of requests";
        response_bytes: Counter = Counter::default(), "Bytes of responses";
        connections_open: Gauge = Gauge::default(), "Client connections that are open";
        connections: Counter = Counter::default(), "Client connections accepted";
        connections_refused: Counter = Counter::default(), "Client connections closed at once, because as many as allowed are open";
        fetch_sessions: Gauge = Gauge::default(), "Fetch sessions that are kept";
        fetch_session_partitions: Gauge = Gauge::default(), "Partitions of the fetch sessions that are kept";
        fetch_session_evictions: Counter = Counter::default(), "Fetch sessions whose place a new one took";
        connections_failed: Counter = Counter::default(), "Client connections closed by this node because of what the client sent or did not send in time";
    }
    and { by_api: Vec<PerApi>, }
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

impl Metrics {
    /// Makes the metrics and adds them to `registry`. Those of `apis` have a value from the start.
    pub(crate) fn register(registry: &mut Registry, apis: impl IntoIterator<Item = ApiKey>) -> Arc<Self> {
        let mut metrics = Self::registered(registry);
        metrics.by_api = apis.into_iter().map(|key| metrics.per_api(key)).collect();
        Arc::new(metrics)
    }

    fn per_api(&self, key: ApiKey) -> PerApi {
        let label = ByApi { api: ApiName(key) };
        PerApi {
            key,
            requests: self.requests.get_or_create_owned(&label),
            seconds: self.request_seconds.get_or_create_owned(&label),
        }
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

    /// There are so many fetch sessions, with so many partitions.
    pub(crate) fn fetch_sessions_open(&self, sessions: usize, partitions: usize) {
        self.fetch_sessions.set(i64::try_from(sessions).unwrap_or(i64::MAX));
        self.fetch_session_partitions.set(i64::try_from(partitions).unwrap_or(i64::MAX));
    }

    /// A fetch session's place was taken.
    pub(crate) fn fetch_session_evicted(&self) {
        self.fetch_session_evictions.inc();
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
        let metrics = Metrics::register(&mut registry, [ApiKey::Produce]);
        metrics.request_received(ApiKey::Produce, 10);
        metrics.response_error(ApiKey::Fetch, ErrorCode::OffsetOutOfRange.code());
        let mut text = String::new();
        assert!(prometheus_client::encoding::text::encode(&mut text, &registry).is_ok());
        for line in [
            "tidelog_requests_total{api=\"Produce\"} 1",
            "tidelog_request_errors_total{api=\"Fetch\",error=\"OffsetOutOfRange\"} 1",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} in\n{text}");
        }
    }
}
