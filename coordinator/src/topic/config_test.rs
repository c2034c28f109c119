use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn overrides(settings: &[(&str, &str)]) -> BTreeMap<String, String> {
    settings.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn read(name: &str, value: &str) -> Result<TopicConfig, ConfigError> {
    TopicConfig::read(&overrides(&[(name, value)]))
}

/// Why `value` is refused.
fn refusal(name: &str, value: &str) -> String {
    match read(name, value) {
        Err(ConfigError::Invalid { name: of, value: what, reason }) => {
            assert_eq!((of.as_str(), what.as_str()), (name, value));
            reason
        }
        other => panic!("{name}={value:?}: {other:?}"),
    }
}

#[test]
fn the_table_is_sorted_and_holds_kafkas_33_settings() {
    assert_eq!(definitions().len(), 33);
    assert!(definitions().windows(2).all(|w| w[0].name < w[1].name));
    assert_eq!(definition("retention.ms").map(|d| d.default), Some("604800000"));
    assert_eq!(definition("retention.mss"), None);
}

#[test]
fn each_default_is_a_legal_value_written_as_kafka_writes_it() {
    for definition in definitions() {
        let value = definition.read(definition.default).expect(definition.name);
        assert_eq!(value.to_string(), definition.default, "{}", definition.name);
        assert!(definition.documentation.ends_with('.'), "{}", definition.name);
    }
}

#[test]
fn defaults_written_out_change_nothing() {
    let all: Vec<_> = definitions().iter().map(|d| (d.name, d.default)).collect();
    assert_eq!(TopicConfig::read(&overrides(&all)), Ok(TopicConfig::default()));
    assert_eq!(TopicConfig::read(&BTreeMap::new()), Ok(TopicConfig::default()));
}

#[test]
fn what_decides_something_is_read() {
    let settings = overrides(&[
        ("max.message.bytes", " +10 "),
        ("segment.bytes", "2097152"),
        ("cleanup.policy", "delete , compact"),
        ("retention.ms", "60000"),
        ("retention.bytes", "1048576"),
        ("compression.type", "gzip"),
        ("compression.gzip.level", "7"),
        ("compression.zstd.level", "9"),
        ("message.timestamp.type", "LogAppendTime"),
        ("message.timestamp.before.max.ms", "7"),
        ("message.timestamp.after.max.ms", "8"),
    ]);
    let expected = TopicConfig {
        max_message_bytes: 10,
        segment_bytes: 2 << 20,
        compact: true,
        delete: true,
        retention: Retention { ms: 60_000, bytes: 1 << 20 },
        compression: StoredCompression::Gzip(7),
        timestamp_type: TimestampType::LogAppendTime,
        timestamp_before_max_ms: 7,
        timestamp_after_max_ms: 8,
    };
    assert_eq!(TopicConfig::read(&settings), Ok(expected));
}

#[test]
fn an_unknown_name_is_refused() {
    for name in ["", "no.such", "Retention.ms", " retention.ms", "message.format.version"] {
        assert_eq!(read(name, "1"), Err(ConfigError::Unknown(name.to_owned())));
    }
}

/// The reasons are those of `LogConfig.validate` in Apache Kafka 4.3.1.
#[test]
fn kafkas_reasons() {
    for (name, value, reason) in [
        ("max.message.bytes", "abc", "Not a number of type INT"),
        ("max.message.bytes", "", "Not a number of type INT"),
        ("max.message.bytes", "2147483648", "Not a number of type INT"),
        ("max.message.bytes", "1_0", "Not a number of type INT"),
        ("max.message.bytes", "-1", "Value must be at least 0"),
        ("retention.ms", "1.5", "Not a number of type LONG"),
        ("retention.ms", "-2", "Value must be at least -1"),
        ("segment.bytes", "1048575", "Value must be at least 1048576"),
        ("compression.lz4.level", "18", "Value must be no more than 17"),
        ("compression.zstd.level", "-131073", "Value must be at least -131072"),
        ("compression.gzip.level", "0", "Value must be between 1 and 9 or equal to -1"),
        ("compression.gzip.level", "-2", "Value must be between 1 and 9 or equal to -1"),
        ("min.cleanable.dirty.ratio", "1.5", "Value must be no more than 1"),
        ("min.cleanable.dirty.ratio", "-0.1", "Value must be at least 0"),
        ("min.cleanable.dirty.ratio", "x", "Not a number of type DOUBLE"),
        ("preallocate", "yes", "Expected value to be either true or false"),
        ("cleanup.policy", "Compact", "String must be one of: compact, delete"),
        ("message.timestamp.type", "logappendtime", "String must be one of: CreateTime, LogAppendTime"),
        (
            "compression.type",
            "Gzip",
            "String must be one of: uncompressed, zstd, lz4, snappy, gzip, producer",
        ),
    ] {
        assert_eq!(refusal(name, value), reason, "{name}={value:?}");
    }
    for value in ["x", "1:", ":1", "*,0:1", "-1:1", "none", "1:2:3"] {
        let name = "leader.replication.throttled.replicas";
        let Err(ConfigError::Invalid { value: what, reason, .. }) = read(name, value) else {
            panic!("{value:?} is taken");
        };
        assert_eq!(what, format!("[{}]", value.replace(',', ", ")));
        let expected =
            format!("{name} must be the literal '*' or a list of replicas in the following format: ");
        assert!(reason.starts_with(&expected), "{reason}");
    }
    for (value, message) in [
        ("compact,", "Configuration 'cleanup.policy' values must not be empty."),
        (
            "compact,shred",
            "Invalid value shred for configuration cleanup.policy: String must be one of: compact, delete",
        ),
    ] {
        assert_eq!(read("cleanup.policy", value).expect_err("refused").to_string(), message);
    }
}

#[test]
fn what_kafka_takes_is_taken() {
    for (name, value) in [
        ("cleanup.policy", ""),
        ("cleanup.policy", "compact,compact"),
        ("compression.gzip.level", "-1"),
        ("follower.replication.throttled.replicas", " 0:1 , 1:2 "),
        ("follower.replication.throttled.replicas", "*"),
        ("local.retention.ms", "0"),
        ("min.cleanable.dirty.ratio", "1e-3"),
        ("min.insync.replicas", "3"),
        ("preallocate", " TRUE "),
        ("remote.log.copy.disable", "true"),
        ("remote.storage.enable", "false"),
        ("retention.bytes", "-5"),
        ("retention.ms", "-1"),
    ] {
        assert!(read(name, value).is_ok(), "{name}={value:?}");
    }
}

#[test]
fn policies_say_what_becomes_of_old_records() {
    for (policy, compact, delete) in [
        ("", false, false),
        ("compact", true, false),
        ("delete", false, true),
        ("compact,delete", true, true),
    ] {
        let config = read("cleanup.policy", policy).expect("a policy");
        assert_eq!((config.compact, config.delete), (compact, delete), "{policy:?}");
    }
}

#[test]
fn a_codec_has_its_own_level_and_its_default_one() {
    use StoredCompression::{Gzip, Lz4, Producer, Snappy, Uncompressed, Zstd};
    for (name, expected) in [
        ("producer", Producer),
        ("uncompressed", Uncompressed),
        ("gzip", Gzip(-1)),
        ("snappy", Snappy),
        ("lz4", Lz4),
        (" zstd ", Zstd(3)),
    ] {
        assert_eq!(read("compression.type", name).map(|config| config.compression), Ok(expected));
    }
    let zstd = overrides(&[("compression.type", "zstd"), ("compression.zstd.level", "-7")]);
    assert_eq!(TopicConfig::read(&zstd).map(|config| config.compression), Ok(Zstd(-7)));
}

#[test]
fn what_is_not_served_is_refused_and_says_so() {
    assert!(refusal("remote.storage.enable", "true").starts_with("only false is served"));
}

#[test]
fn the_least_compaction_lag_is_not_above_the_most() {
    let lags = |least, most| {
        TopicConfig::read(&overrides(&[("min.compaction.lag.ms", least), ("max.compaction.lag.ms", most)]))
    };
    assert!(lags("5", "5").is_ok());
    let message = "conflict topic config setting min.compaction.lag.ms (10) > max.compaction.lag.ms (5)";
    assert_eq!(lags("10", "5"), Err(ConfigError::Contradiction(message.to_owned())));
}

#[test]
fn a_value_longer_than_a_kafka_string_is_refused() {
    let long = vec!["0:1"; 10_000].join(",");
    let Err(ConfigError::Invalid { value, reason, .. }) =
        read("leader.replication.throttled.replicas", &long)
    else {
        panic!("taken");
    };
    assert_eq!(reason, "Value must have at most 32767 bytes");
    assert_eq!(value.len(), 200);
}

#[test]
fn what_is_set_is_written_as_kafka_writes_it() {
    for (name, text, shown) in [
        ("cleanup.policy", " delete , compact,delete", "delete,compact"),
        ("max.message.bytes", "+12", "12"),
        ("min.cleanable.dirty.ratio", ".5", "0.5"),
        ("preallocate", "TRUE", "true"),
        ("retention.ms", "604800000", "604800000"),
    ] {
        assert_eq!(definition(name).expect("defined").shown(text), shown);
    }
}

#[test]
fn settings_of_all_nodes_are_a_topics_defaults() {
    let defaults = overrides(&[
        ("message.max.bytes", "77"),
        ("log.cleanup.policy", "compact"),
        ("log.retention.ms", "5"),
        ("num.io.threads", "9"),
        ("max.message.bytes", "1"),
    ]);
    let config = TopicConfig::over(&defaults, &overrides(&[("cleanup.policy", "delete")])).expect("legal");
    assert_eq!((config.max_message_bytes, config.compact), (77, false));
    assert_eq!(TopicConfig::over(&defaults, &Overrides::new()).map(|c| c.compact), Ok(true));
    // What goes together is checked when it is set, not where it is inherited.
    let lag = overrides(&[("log.cleaner.min.compaction.lag.ms", "9")]);
    assert!(TopicConfig::over(&lag, &overrides(&[("max.compaction.lag.ms", "8")])).is_ok());
}

proptest! {
    /// What is shown of a setting is a legal value that means the same.
    #[test]
    fn what_is_shown_can_be_set(at in 0..33usize, text in "[ ,0-9a-zA-Z:.*+-]{0,12}|compact|delete|true") {
        let definition = &definitions()[at];
        let given = overrides(&[(definition.name, &text)]);
        if let Ok(config) = TopicConfig::read(&given) {
            let shown = definition.shown(&text);
            prop_assert_eq!(read(definition.name, &shown), Ok(config));
            prop_assert_eq!(definition.shown(&shown), shown.as_ref());
        }
    }

    /// No text makes reading panic.
    #[test]
    fn any_text_is_read_or_refused(at in 0..33usize, text in "\\PC*") {
        let _ = read(definitions()[at].name, &text);
    }
}
