//! From settings to what the rest of the program takes, once.

use std::str::FromStr;
use std::time::Duration;

use broker::log::LogConfig;
use broker::node::BrokerConfig;
use coordinator::NodeId;
use coordinator::cluster::Limits;
use tiering::store::{Hedge, StoreKind, StoreOptions, StoreUrl};

use super::layers::Usage;
use super::listeners::{Listener, listeners};
use super::memory::Memory;
use super::settings::{Settings, definition};
use super::units::{AddressSpec, ByteSize, Span};

/// A node's configuration, checked.
#[derive(Debug)]
pub(crate) struct Serve {
    /// Where everything is kept.
    pub(crate) store: StoreUrl,
    /// What the URL does not say.
    pub(crate) store_options: StoreOptions,
    /// Where Kafka clients are accepted; first the listener by which nodes reach each other.
    pub(crate) listeners: Vec<Listener>,
    /// Where health and metrics are served, if they are.
    pub(crate) http: Option<Http>,
    /// The host names by which they may be asked for, if that was said.
    pub(crate) http_hosts: Option<Vec<String>>,
    /// How long stopping may take.
    pub(crate) shutdown_grace: Duration,
    /// How the log is written.
    pub(crate) log_format: LogFormat,
    /// What is logged, if it was said.
    pub(crate) log_level: Option<String>,
    /// What the broker does; its addresses are not known before the listeners are bound.
    pub(crate) broker: BrokerConfig,
}

/// Where health and metrics are served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Http {
    /// The host.
    pub(crate) host: String,
    /// The port.
    pub(crate) port: u16,
    /// Whether that was asked for, so that no other port will do.
    pub(crate) is_asked_for: bool,
}

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// Text on a terminal, otherwise JSON.
    Auto,
    /// For people.
    Text,
    /// One object a line.
    Json,
}

impl FromStr for LogFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(format!("{text:?} is no format: write auto, text or json")),
        }
    }
}

/// Where HTTP is served, or `off`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HttpSetting(Option<AddressSpec>);

impl FromStr for HttpSetting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "off" { Ok(Self(None)) } else { text.parse().map(Some).map(Self) }
    }
}

/// Names of hosts, in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HostNames(Vec<String>);

impl FromStr for HostNames {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_name = |name: &str| {
            !name.is_empty()
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
        };
        let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
        let checked = names.map(|name| match is_name(name) {
            true => Ok(name.to_ascii_lowercase()),
            false => {
                Err(format!("{name:?} is no host name: write names without ports, with commas between them"))
            }
        });
        checked.collect::<Result<_, _>>().map(Self)
    }
}

/// When a write is sent a second time: `auto`, after a fixed time, or `off`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct HedgeSetting(Hedge);

impl FromStr for HedgeSetting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let after = || text.parse().map(|Span(after)| Self(Hedge::After(after)));
        match text {
            "auto" => Ok(Self(Hedge::Auto)),
            "off" => Ok(Self(Hedge::Off)),
            _ => after(),
        }
    }
}

/// Checkpoints are rarer where a slot costs little to read.
fn checkpoint_slots(kind: StoreKind) -> u64 {
    if kind.is_remote() { 256 } else { 2048 }
}

/// What a session holds at most, give or take a minute.
const ROTATE_SLOTS: u64 = 100_000;
const ROTATE_BYTES: u64 = 64 << 30;

/// How often idle producers are looked for.
const PRODUCER_CHECK_INTERVAL: Duration = Duration::from_secs(600);

/// The value that was configured, or the default from the table.
pub(super) fn given<T: FromStr>(key: &str, value: Option<T>) -> Result<T, Usage> {
    let default = || definition(key).and_then(|definition| definition.default.parse().ok());
    value.or_else(default).ok_or_else(|| Usage(format!("{key} has no default: set it")))
}

fn within<T: PartialOrd + std::fmt::Display>(key: &str, value: T, least: T, most: T) -> Result<T, Usage> {
    if value < least || value > most {
        return Err(Usage(format!("{key} is {value}: it must be from {least} to {most}")));
    }
    Ok(value)
}

pub(super) fn bytes(key: &str, value: Option<ByteSize>, least: u64, most: u64) -> Result<usize, Usage> {
    let size = within(key, given(key, value)?, ByteSize(least), ByteSize(most))?;
    usize::try_from(size.0).map_err(|_| Usage(format!("{key} is more than this machine can address")))
}

/// How much of something there may be: 10 million at most.
fn count<T: TryFrom<u64>>(key: &str, value: Option<u64>) -> Result<T, Usage> {
    let count = within(key, given(key, value)?, 1, 10_000_000)?;
    T::try_from(count).map_err(|_| Usage(format!("{key} is more than this machine can address")))
}

fn span(key: &str, value: Option<Span>, least: Duration, most: Duration) -> Result<Duration, Usage> {
    let Span(span) = given(key, value)?;
    if span < least || span > most {
        let shown = humantime::format_duration;
        let (span, least, most) = (shown(span), shown(least), shown(most));
        return Err(Usage(format!("{key} is {span}: it must be from {least} to {most}")));
    }
    Ok(span)
}

const MILLISECOND: Duration = Duration::from_millis(1);
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

impl Settings {
    /// Fails on values that make no sense, alone or together.
    pub(super) fn validate(self) -> Result<Serve, Usage> {
        let memory = Memory::of(&self)?;
        let store = given("store", self.store)?;
        let kind = store.kind();
        let store_options = StoreOptions {
            endpoint: self.s3_endpoint,
            region: self.s3_region,
            path_style: self.s3_path_style,
            attempt_timeout: span(
                "store-attempt-timeout",
                self.store_attempt_timeout,
                100 * MILLISECOND,
                10 * MINUTE,
            )?,
            hedge: self.store_hedge.map(|HedgeSetting(hedge)| hedge),
            ..StoreOptions::default()
        };
        if !matches!(kind, StoreKind::S3)
            && (store_options.endpoint.is_some() || store_options.region.is_some())
        {
            return Err(Usage(format!("s3-endpoint and s3-region mean nothing for a {kind}:// store")));
        }
        if let Some(filter) = &self.log_level {
            tracing_subscriber::EnvFilter::try_new(filter)
                .map_err(|error| Usage(format!("log-level {filter:?}: {error}")))?;
        }
        let largest = self.max_request_size.unwrap_or(ByteSize((memory.requests as u64).min(100 << 20)));
        let max_request_bytes = bytes("max-request-size", Some(largest), 1 << 10, 1 << 31)?;
        if memory.requests < max_request_bytes {
            return Err(Usage(
                "request-memory is less than max-request-size: the largest request takes more than there is"
                    .to_owned(),
            ));
        }
        let log = LogConfig {
            slot_bytes: bytes("slot-size", self.slot_size, 64 << 10, 1 << 30)?,
            linger: self.linger.map_or(kind.default_linger(), |Span(linger)| linger),
            window: self
                .window
                .map_or(kind.default_window(), |window| usize::try_from(window).unwrap_or(usize::MAX)),
            tail_bytes: memory.tail,
            checkpoint_slots: self.checkpoint_slots.unwrap_or(checkpoint_slots(kind)),
            rotate_after: span("rotate-after", self.rotate_after, 1000 * MILLISECOND, 365 * DAY)?,
            rotate_slots: ROTATE_SLOTS,
            rotate_bytes: ROTATE_BYTES,
            producer_expiration: span("producer-expiration", self.producer_expiration, MINUTE, 365 * DAY)?,
        };
        within("window", log.window, 1, 64)?;
        within("checkpoint-slots", log.checkpoint_slots, 1, 1 << 20)?;
        span("linger", Some(Span(log.linger)), Duration::ZERO, MINUTE)?;
        let broker = BrokerConfig {
            auto_create_topics: given("auto-create-topics", self.auto_create_topics)?,
            default_partitions: within(
                "default-partitions",
                given("default-partitions", self.default_partitions)?,
                1,
                10_000,
            )?,
            default_replication_factor: within(
                "default-replication-factor",
                given("default-replication-factor", self.default_replication_factor)?,
                1,
                i16::MAX,
            )?,
            limits: Limits {
                topics: count("max-topics", self.max_topics)?,
                partitions: count("max-partitions", self.max_partitions)?,
                groups: count("max-configured-groups", self.max_configured_groups)?,
            },
            changes_per_second: within(
                "changes-per-second",
                given("changes-per-second", self.changes_per_second)?,
                1,
                1_000_000,
            )?,
            max_request_bytes,
            request_memory: memory.requests,
            answer_memory: memory.answers,
            unpack_memory: memory.unpacking,
            idle_timeout: span("idle-timeout", self.idle_timeout, 1000 * MILLISECOND, 365 * DAY)?,
            stall_timeout: span("stall-timeout", self.stall_timeout, 100 * MILLISECOND, DAY)?,
            max_connections: usize::try_from(within(
                "max-connections",
                given("max-connections", self.max_connections)?,
                1,
                10_000_000,
            )?)
            .unwrap_or(usize::MAX),
            node_id: self.node_id.map(|id| within("node-id", id, 0, i32::MAX)).transpose()?.map(NodeId),
            rack: self.rack,
            addresses: Vec::new(),
            settings: self.kafka_settings.unwrap_or_default().0,
            log,
            retention_check_interval: span(
                "retention-check-interval",
                self.retention_check_interval,
                MILLISECOND,
                DAY,
            )?,
            producer_check_interval: PRODUCER_CHECK_INTERVAL,
            read_cache_bytes: memory.cache as u64,
        };
        let listeners = listeners(given("listen", self.listen)?, self.advertise, self.inter_node_listener)?;
        let is_asked_for = self.http.is_some();
        let HttpSetting(http) = given("http", self.http)?;
        let http =
            http.map(|AddressSpec { host, port }| Http { host, port: port.unwrap_or(8080), is_asked_for });
        Ok(Serve {
            store,
            store_options,
            listeners,
            http,
            http_hosts: self.http_hosts.map(|HostNames(names)| names),
            shutdown_grace: span("shutdown-grace", self.shutdown_grace, Duration::ZERO, DAY)?,
            log_format: given("log-format", self.log_format)?,
            log_level: self.log_level,
            broker,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::layers::merge;
    use super::*;

    fn validated(flags: &[(&str, &str)]) -> Result<Serve, String> {
        let flags = flags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let settings = merge(None, std::iter::empty(), &flags).map_err(|error| error.to_string())?;
        settings.validate().map_err(|error| error.to_string())
    }

    #[test]
    fn defaults_suit_the_store() {
        let serve = validated(&[]).expect("the defaults");
        let [listener] = &serve.listeners[..] else { panic!("{:?}", serve.listeners) };
        assert_eq!(
            (listener.name.as_str(), listener.host.as_str(), listener.port),
            ("PLAINTEXT", "0.0.0.0", 9092)
        );
        assert_eq!((serve.store.kind(), &listener.advertise), (StoreKind::File, &None));
        let http = |is_asked_for| Some(Http { host: "127.0.0.1".to_owned(), port: 8080, is_asked_for });
        assert_eq!(serve.http, http(false));
        assert_eq!(validated(&[("http", "127.0.0.1:8080")]).map(|serve| serve.http), Ok(http(true)));
        assert_eq!(serve.broker.max_request_bytes, 100 << 20);
        for (url, linger, window, checkpoint) in [
            ("memory://", 0, 4, 2048),
            ("file:///x", 2, 4, 2048),
            ("s3://b", 100, 16, 256),
            ("gs://b", 100, 16, 256),
        ] {
            let log = validated(&[("store", url)]).expect(url).broker.log;
            assert_eq!((log.linger, log.window), (Duration::from_millis(linger), window), "{url}");
            assert_eq!(log.checkpoint_slots, checkpoint, "{url}");
        }
        for (key, text) in [
            ("linger", "0 on memory://, 2ms on file://, 100ms on networks"),
            ("window", "4 on memory:// and file://, 16 on networks"),
            ("checkpoint-slots", "2048 on memory:// and file://, 256 on networks"),
            ("store-hedge", "auto on networks, otherwise off"),
        ] {
            assert_eq!(definition(key).map(|definition| definition.default), Some(text));
        }
        for kind in StoreKind::ALL {
            let hedge = if kind.is_remote() { Hedge::Auto } else { Hedge::Off };
            assert_eq!(kind.default_hedge(), hedge, "{kind}");
        }
    }

    #[test]
    fn hedges_are_automatic_after_a_fixed_time_or_off() {
        let hedge = |text| validated(&[("store-hedge", text)]).map(|serve| serve.store_options.hedge);
        assert_eq!(validated(&[]).map(|serve| serve.store_options.hedge), Ok(None));
        assert_eq!(hedge("auto"), Ok(Some(Hedge::Auto)));
        assert_eq!(hedge("off"), Ok(Some(Hedge::Off)));
        assert_eq!(hedge("250ms"), Ok(Some(Hedge::After(Duration::from_millis(250)))));
        assert!(hedge("often").is_err());
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (flags, answer) in [
            (&[("window", "0")][..], "window is 0: it must be from 1 to 64"),
            (&[("linger", "5m")], "linger is 5m: it must be from 0s to 1m"),
            (&[("slot-size", "1KiB")], "slot-size is 1KiB: it must be from 64KiB to 1GiB"),
            (
                &[("request-memory", "50MiB"), ("max-request-size", "60MiB")],
                "request-memory is less than max-request-size: the largest request takes more than there is",
            ),
            (
                &[("advertise", "0.0.0.0:9092")],
                "advertise must name one host: no client can connect to all addresses",
            ),
            (&[("node-id", "-1")], "node-id is -1: it must be from 0 to 2147483647"),
            (&[("s3-region", "x")], "s3-endpoint and s3-region mean nothing for a file:// store"),
            (&[("default-partitions", "0")], "default-partitions is 0: it must be from 1 to 10000"),
        ] {
            assert_eq!(validated(flags).map(drop), Err(answer.to_owned()));
        }
        assert!(validated(&[("log-level", "info,=x=y")]).is_err());
        assert_eq!(validated(&[("http", "off")]).map(|serve| serve.http), Ok(None));
        let hosts = |text| validated(&[("http-hosts", text)]).map(|serve| serve.http_hosts);
        assert_eq!(hosts("a.example, B"), Ok(Some(vec!["a.example".to_owned(), "b".to_owned()])));
        assert!(hosts("a.example:80").is_err() && hosts("*").is_err());
        assert_eq!(validated(&[]).map(|serve| serve.http_hosts), Ok(None));
    }
}
