//! Every setting in one table: name, unit, default, meaning and cost. Flags, `--help`, the file, the
//! environment and `docs/configuration.md` follow from it.

use std::fmt::Display;
use std::str::FromStr;

use serde::de::{Deserializer, SeqAccess, Visitor};
use tiering::store::StoreUrl;

use super::kafka::KafkaSettings;
use super::listeners::{ListenerName, ListenerSpecs};
use super::units::{ByteSize, Span};
use super::validate::{HedgeSetting, HostNames, HttpSetting, LogFormat};

/// A setting, for people.
#[derive(Debug)]
pub(crate) struct Definition {
    /// What it belongs to.
    pub(crate) section: &'static str,
    /// Its name: `--key`, `key = …` in the file, `TIDELOG_KEY` in the environment.
    pub(crate) key: &'static str,
    /// What its value is.
    pub(crate) value: &'static str,
    /// Its default; a rule where it depends on something.
    pub(crate) default: &'static str,
    /// What it does, and what it costs.
    pub(crate) help: &'static str,
    /// Fails on what is no such value.
    pub(crate) check: fn(&str) -> Result<(), String>,
}

macro_rules! settings {
    ($($section:literal { $($name:ident $key:literal: $type:ty, $value:literal, $default:literal, $help:literal;)* })*) => {
        /// What was configured, each value if it was.
        #[derive(Debug, Default, serde::Deserialize)]
        #[serde(default)]
        pub(super) struct Settings {
            $($(
                #[serde(rename = $key, deserialize_with = "scalar")]
                pub(super) $name: Option<$type>,
            )*)*
        }

        /// The table.
        pub(super) const DEFINITIONS: &[Definition] = &[$($(
            Definition {
                section: $section,
                key: $key,
                value: $value,
                default: $default,
                help: $help,
                check: check::<$type>,
            },
        )*)*];
    };
}

settings! {
    "Store" {
        store "store": StoreUrl, "URL", "file://./tidelog-data",
            "Where everything is kept: file:///path, memory:// (gone with the process), s3://bucket/prefix, gs://bucket/prefix or az://container/prefix. A directory is created, a bucket is not";
        s3_endpoint "s3-endpoint": String, "URL", "AWS_ENDPOINT_URL_S3, then AWS_ENDPOINT_URL, then AWS",
            "The server, for a store that speaks S3's protocol, such as MinIO";
        s3_region "s3-region": String, "REGION", "AWS_REGION, then the profile, then the bucket's own",
            "The region of the bucket. Another region than the node's costs latency and traffic";
        s3_path_style "s3-path-style": bool, "BOOL", "true where an endpoint is set, otherwise false",
            "Whether the bucket is named in the path of a request instead of the host";
        store_attempt_timeout "store-attempt-timeout": Span, "DURATION", "10s",
            "How long one attempt to write an object may make no progress before the same bytes are sent again, besides 1 s for each MiB of them. After each time-out an object is given twice as long, up to 1 s for each 16 KiB. Longer spares slow links bytes that are sent twice; shorter notices a lost answer sooner";
        store_hedge "store-hedge": HedgeSetting, "auto|DURATION|off", "auto on networks, otherwise off",
            "When a write that makes no progress is sent a second time beside the first, which cuts the slowest acknowledgements and costs a PUT each time. auto is once it takes longer than 95 of 100 writes of its size did of late, for 5 % more PUTs at most, and at the latest after 2 s (or twice as long as those 95 took). Where the time is fixed, there is no bound to the PUTs. Above 1 MiB a fixed time, and the 2 s, are 1 s longer for each MiB, and one such write at a time is sent again";
    }
    "Network" {
        listen "listen": ListenerSpecs, "[NAME=]ADDR:PORT,...", "0.0.0.0:9092",
            "Where Kafka clients are accepted (Kafka's listeners; NAME://ADDR:PORT is understood, too, and a listener without a name is PLAINTEXT). Several have commas between them, or a flag each. Port 0 takes a free one, which is logged. There is no authentication: listen on 127.0.0.1 where others must not connect";
        advertise "advertise": ListenerSpecs, "[NAME=]HOST[:PORT],...", "the listening address; where that is all of them, this machine's own address",
            "The address that clients are given, for each listener (Kafka's advertised.listeners): those that use a listener get the addresses of that name, and none of nodes without one. It must lead to this node from wherever they are";
        inter_node_listener "inter-node-listener": ListenerName, "NAME", "the first of listen",
            "The listener by which other nodes reach this one (Kafka's inter.broker.listener.name). It alone serves what nodes ask of each other and what tidelog status and tidelog node ask; every client that reaches it can drain nodes. Give clients another listener where they are not to be trusted with that, and keep them from this one";
        http "http": HttpSetting, "ADDR:PORT|off", "127.0.0.1:8080",
            "Where /health and /metrics are served. Unless this is set, a free port is taken where 8080 is not, and logged";
        http_hosts "http-hosts": HostNames, "NAME,...", "none where http is a loopback address, otherwise any",
            "The host names by which /health and /metrics may be asked for, besides IP addresses and localhost. A name that is not among them is refused with 421, so that no web page can read them by a name of its own that leads here (DNS rebinding)";
        max_connections "max-connections": u64, "N", "20000",
            "Client connections over this are refused. It is lowered to what the process's limit of open files is enough for, which is raised as far as the system allows";
        idle_timeout "idle-timeout": Span, "DURATION", "10m",
            "A connection that sends nothing for this long is closed (Kafka's connections.max.idle.ms)";
        stall_timeout "stall-timeout": Span, "DURATION", "30s",
            "A connection is closed if a request that has begun does not go on for this long";
    }
    "Node" {
        node_id "node-id": i32, "N", "a number that no node of the cluster had before",
            "The id that clients see (Kafka's node.id). With a fixed one, a restarted node is the same to them";
        rack "rack": String, "NAME", "none",
            "The rack or availability zone that clients see (Kafka's broker.rack)";
        auto_create_topics "auto-create-topics": bool, "BOOL", "true",
            "Whether asking for an unknown topic creates it (Kafka's auto.create.topics.enable)";
        default_partitions "default-partitions": i32, "N", "1",
            "Partitions of a topic whose creation does not say how many (Kafka's num.partitions)";
        default_replication_factor "default-replication-factor": i16, "N", "1",
            "Replication factor of a topic whose creation does not say one. Only a number that clients see: the store replicates";
        max_topics "max-topics": u64, "N", "100000",
            "The most topics in the cluster: what would create another gets POLICY_VIOLATION. Each takes memory on every node, some 1 KiB. Give all nodes the same";
        max_partitions "max-partitions": u64, "N", "200000",
            "The most partitions of all topics together, in the same way. A client that asks for all of them gets them in one answer. Give all nodes the same";
        max_configured_groups "max-configured-groups": u64, "N", "10000",
            "The most groups with settings of their own (kafka-configs --entity-type groups), whether they are there or not, in the same way. Give all nodes the same";
        changes_per_second "changes-per-second": u32, "N", "50",
            "How many requests a second may change topics or settings through this node in the long run; what comes faster waits in its turn. A hundred seconds' worth may come at once, and each 64 KiB of changes counts as another one. Each change is an object that is kept for ever";
        kafka_settings "kafka-settings": KafkaSettings, "NAME=VALUE,...", "none",
            "Settings of Kafka's for groups, committed offsets and fetch sessions, under Kafka's names, such as group.initial.rebalance.delay.ms=0,offsets.retention.minutes=1440. Give all nodes the same";
        shutdown_grace "shutdown-grace": Span, "DURATION", "25s",
            "How long a stopping node may take to answer what it was asked and to close its session. Kubernetes kills after 30 s unless configured otherwise";
    }
    "Writing" {
        linger "linger": Span, "DURATION", "0 on memory://, 2ms on file://, 100ms on networks",
            "What a write to the store costs, in time: one may begin for each linger that has passed, two seconds' worth of which (20 at most) are saved up while nothing is written, and one for each MiB of records. Where neither is there, what comes waits and shares an object. Each write is a PUT: on S3 a node that always has something to write pays up to $52 a month for 250ms, $130 for 100ms, $259 for 50ms, and $5 for each TiB. 0: a write begins when none is under way";
        window "window": u64, "N", "4 on memory:// and file://, 16 on networks",
            "How many writes may be on their way at once, 1 to 64. More keep up with a slow store, and lengthen recovery";
        slot_size "slot-size": ByteSize, "SIZE", "8MiB",
            "An object is written when it has this many bytes, however short the linger, and takes no more but for a single larger batch. Larger costs fewer PUTs under load, and memory";
        max_request_size "max-request-size": ByteSize, "SIZE", "100MiB, or request-memory where that is less",
            "The largest request (Kafka's socket.request.max.bytes); 16 MiB for those without records";
        checkpoint_slots "checkpoint-slots": u64, "N", "2048 on memory:// and file://, 256 on networks",
            "A checkpoint is written after this many objects. More cost fewer PUTs, and a longer recovery";
        rotate_after "rotate-after": Span, "DURATION", "15m",
            "A node's session is followed by another after this long, if anything was written, so that what it wrote can be merged and deleted as a whole. Clients do not notice. At least 1s";
        producer_expiration "producer-expiration": Span, "DURATION", "1d",
            "How long an idle idempotent producer is remembered (Kafka's producer.id.expiration.ms). Longer costs memory";
    }
    "Retention" {
        retention_check_interval "retention-check-interval": Span, "DURATION", "5m",
            "How often records are looked for that their topics' retention.ms and retention.bytes do not want kept (Kafka's log.retention.check.interval.ms). Shorter follows them more closely; each time that a partition has something to drop, it takes part in a PUT";
    }
    "Memory" {
        memory "memory": ByteSize, "SIZE", "1GiB",
            "What the process takes at most. The parts below are shares of it unless they are set, and may be 7/8 of it together; the rest is for connections, for what partitions, producers and groups are, for slots on their way from the store, and for the allocator. What is over a part waits in its turn. At least 64MiB; a machine or container needs some more for the kernel's socket buffers";
        request_memory "request-memory": ByteSize, "SIZE", "1/4 of memory",
            "Memory for requests that are being read or not yet durable, and for what groups write. Producers over it wait. At least max-request-size";
        answer_memory "answer-memory": ByteSize, "SIZE", "1/4 of memory",
            "Memory for answers that are being read or sent. Where little is free, fetches get less, but a batch at least, and wait if nothing is; a client that does not take what it was answered while others wait is disconnected after 10s";
        unpack_memory "unpack-memory": ByteSize, "SIZE", "1/16 of memory",
            "Memory for looking into batches: offsets by time, and topics that are compacted, check timestamps or have a codec of their own. Less makes more of them wait";
        tail_memory "tail-memory": ByteSize, "SIZE", "1/8 of memory",
            "Memory for what was written last, which consumers at the end read without asking the store";
        read_cache "read-cache": ByteSize, "SIZE", "1/16 of memory",
            "Memory for what is read from the store; as much again, and 16MiB at least, is taken while it is fetched. Less costs more GETs when many consumers read the same old records";
    }
    "Logging" {
        log_format "log-format": LogFormat, "auto|text|json", "auto",
            "How the log on standard error is written; auto is text on a terminal, otherwise JSON";
        log_level "log-level": String, "FILTER", "RUST_LOG, then info",
            "What is logged: error, warn, info, debug, trace, or parts of the program apart, as in info,broker=debug";
    }
}

fn check<T: FromStr<Err: Display>>(text: &str) -> Result<(), String> {
    text.parse::<T>().map(drop).map_err(|error| error.to_string())
}

/// A definition by its key.
pub(super) fn definition(key: &str) -> Option<&'static Definition> {
    DEFINITIONS.iter().find(|definition| definition.key == key)
}

/// Reads a value from a string, a number, a boolean or a list alike.
fn scalar<'de, D: Deserializer<'de>, T: FromStr<Err: Display>>(from: D) -> Result<Option<T>, D::Error> {
    struct Scalar;

    impl<'de> Visitor<'de> for Scalar {
        type Value = String;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a string, a number, a boolean, or a list of strings")
        }

        fn visit_str<E>(self, value: &str) -> Result<String, E> {
            Ok(value.to_owned())
        }

        fn visit_bool<E>(self, value: bool) -> Result<String, E> {
            Ok(value.to_string())
        }

        fn visit_i64<E>(self, value: i64) -> Result<String, E> {
            Ok(value.to_string())
        }

        fn visit_u64<E>(self, value: u64) -> Result<String, E> {
            Ok(value.to_string())
        }

        fn visit_f64<E>(self, value: f64) -> Result<String, E> {
            Ok(value.to_string())
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<String, A::Error> {
            let mut all: Vec<String> = Vec::new();
            while let Some(value) = values.next_element()? {
                all.push(value);
            }
            Ok(all.join(","))
        }
    }

    let text = from.deserialize_any(Scalar)?;
    text.parse().map(Some).map_err(serde::de::Error::custom)
}
