//! A topic's settings: Kafka's names, types, defaults and bounds.
//!
//! Entries of the metadata log hold settings as text, and every node reads them again. So what one build
//! accepts all later ones must: a rule here may be loosened, never tightened.

mod compression;
mod definitions;

pub use definitions::{definition, definitions};

pub use compression::StoredCompression;

pub use crate::config::{ConfigError, ConfigType, Definition, Effect, Rule};
use crate::config::{Overrides, Value};
use crate::partition::Retention;

/// Who sets a record's timestamp (`message.timestamp.type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampType {
    /// The producer.
    CreateTime,
    /// The broker, when it appends.
    LogAppendTime,
}

/// The settings that decide something, read once when a topic is created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicConfig {
    /// `max.message.bytes`: the largest batch, in bytes as sent.
    pub max_message_bytes: i32,
    /// `segment.bytes`: a batch larger than this is refused too (RECORD_LIST_TOO_LARGE).
    pub segment_bytes: i32,
    /// `cleanup.policy` contains `compact`: every record needs a key.
    pub compact: bool,
    /// `cleanup.policy` contains `delete`: records may be deleted, and are by age and size.
    pub delete: bool,
    /// `retention.ms` and `retention.bytes`, which count where `delete` is set.
    pub retention: Retention,
    /// `compression.type`, with the level that goes with it.
    pub compression: StoredCompression,
    /// `message.timestamp.type`.
    pub timestamp_type: TimestampType,
    /// `message.timestamp.before.max.ms`: how far a timestamp may lie in the past.
    pub timestamp_before_max_ms: i64,
    /// `message.timestamp.after.max.ms`: how far a timestamp may lie in the future.
    pub timestamp_after_max_ms: i64,
}

impl Default for TopicConfig {
    /// What a topic without overrides has.
    fn default() -> Self {
        Self {
            max_message_bytes: 1_048_588,
            segment_bytes: 1 << 30,
            compact: false,
            delete: true,
            retention: Retention { ms: 604_800_000, bytes: -1 },
            compression: StoredCompression::Producer,
            timestamp_type: TimestampType::CreateTime,
            timestamp_before_max_ms: i64::MAX,
            timestamp_after_max_ms: 3_600_000,
        }
    }
}

impl TopicConfig {
    /// Reads the settings that differ from the defaults, and checks every one of them, whether anything
    /// acts on it yet or not.
    pub fn read(overrides: &Overrides) -> Result<Self, ConfigError> {
        let (config, least_lag, most_lag) = Self::read_each(&Overrides::new(), overrides)?;
        if least_lag > most_lag {
            return Err(ConfigError::Contradiction(format!(
                "conflict topic config setting min.compaction.lag.ms ({least_lag}) > max.compaction.lag.ms \
                 ({most_lag})"
            )));
        }
        Ok(config)
    }

    /// Reads the settings of a topic whose defaults are not Kafka's but `defaults`: settings of all nodes, under
    /// their own names. Whether settings go together was checked when they were made.
    pub fn over(defaults: &Overrides, overrides: &Overrides) -> Result<Self, ConfigError> {
        Self::read_each(defaults, overrides).map(|(config, ..)| config)
    }

    fn read_each(defaults: &Overrides, overrides: &Overrides) -> Result<(Self, i64, i64), ConfigError> {
        let mut config = Self::default();
        let (mut least_lag, mut most_lag) = (0, i64::MAX);
        let mut compression = compression::Settings::default();
        let inherited = definitions().iter().filter_map(|d| Some((d.name, defaults.get(d.inherited()?)?)));
        let inherited = inherited.filter(|(name, _)| !defaults.is_empty() && !overrides.contains_key(*name));
        let own = overrides.iter().map(|(name, text)| (name.as_str(), text));
        for (name, text) in inherited.chain(own) {
            let definition = definition(name).ok_or_else(|| ConfigError::Unknown(name.to_owned()))?;
            let value = definition.read(text)?;
            match (definition.name, value) {
                ("max.message.bytes", Value::Int(bytes)) => config.max_message_bytes = bytes,
                ("segment.bytes", Value::Int(bytes)) => config.segment_bytes = bytes,
                ("cleanup.policy", Value::List(policies)) => {
                    config.compact = policies.contains(&"compact");
                    config.delete = policies.contains(&"delete");
                }
                ("message.timestamp.type", Value::String("LogAppendTime")) => {
                    config.timestamp_type = TimestampType::LogAppendTime;
                }
                ("message.timestamp.before.max.ms", Value::Long(ms)) => config.timestamp_before_max_ms = ms,
                ("message.timestamp.after.max.ms", Value::Long(ms)) => config.timestamp_after_max_ms = ms,
                ("retention.ms", Value::Long(ms)) => config.retention.ms = ms,
                ("retention.bytes", Value::Long(bytes)) => config.retention.bytes = bytes,
                ("compression.type", Value::String(name)) => compression.name = name,
                ("compression.gzip.level", Value::Int(level)) => compression.gzip = level,
                ("compression.zstd.level", Value::Int(level)) => compression.zstd = level,
                ("min.compaction.lag.ms", Value::Long(ms)) => least_lag = ms,
                ("max.compaction.lag.ms", Value::Long(ms)) => most_lag = ms,
                _ => {}
            }
        }
        config.compression = compression.read();
        Ok((config, least_lag, most_lag))
    }
}

#[cfg(test)]
#[path = "config_test.rs"]
mod tests;
