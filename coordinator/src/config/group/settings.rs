//! What a node has for all groups: `group.*`, `offset.metadata.max.bytes` and `offsets.retention.minutes`.

use crate::config::{ConfigError, Value, broker};
use crate::group::Migration;

/// A setting that groups may change, within bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounded {
    /// What a group gets that does not set it.
    pub value: i32,
    /// The least that a group may set.
    pub least: i32,
    /// The most that a group may set.
    pub most: i32,
}

impl Bounded {
    /// What a group gets that set `value`.
    pub fn clamp(self, value: i32) -> i32 {
        value.min(self.most).max(self.least)
    }
}

/// Classic groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClassicSettings {
    /// `group.min.session.timeout.ms`.
    pub min_session_timeout_ms: i32,
    /// `group.max.session.timeout.ms`.
    pub max_session_timeout_ms: i32,
    /// `group.initial.rebalance.delay.ms`: how long an empty group waits for more members.
    pub initial_rebalance_delay_ms: i32,
    /// `group.max.size`: members.
    pub max_size: i32,
}

/// Consumer groups of the new protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerSettings {
    /// `group.consumer.session.timeout.ms` and its bounds.
    pub session_timeout_ms: Bounded,
    /// `group.consumer.heartbeat.interval.ms` and its bounds.
    pub heartbeat_interval_ms: Bounded,
    /// `group.consumer.assignment.interval.ms` and its bounds.
    pub assignment_interval_ms: Bounded,
    /// `group.consumer.max.size`: members.
    pub max_size: i32,
    /// `group.consumer.assignors`, the default first.
    pub assignors: Vec<String>,
    /// `group.consumer.migration.policy`.
    pub migration_policy: Migration,
    /// `group.consumer.regex.refresh.interval.ms`.
    pub regex_refresh_interval_ms: i32,
}

/// Share groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareSettings {
    /// `group.share.session.timeout.ms` and its bounds.
    pub session_timeout_ms: Bounded,
    /// `group.share.heartbeat.interval.ms` and its bounds.
    pub heartbeat_interval_ms: Bounded,
    /// `group.share.assignment.interval.ms` and its bounds.
    pub assignment_interval_ms: Bounded,
    /// `group.share.record.lock.duration.ms` and its bounds.
    pub record_lock_duration_ms: Bounded,
    /// `group.share.delivery.count.limit` and its bounds.
    pub delivery_count_limit: Bounded,
    /// `group.share.partition.max.record.locks` and its bounds.
    pub partition_max_record_locks: Bounded,
    /// `group.share.max.size`: members.
    pub max_size: i32,
    /// `group.share.max.share.sessions` of a node.
    pub max_share_sessions: i32,
    /// `group.share.assignors`.
    pub assignors: Vec<String>,
}

/// Streams groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamsSettings {
    /// `group.streams.session.timeout.ms` and its bounds.
    pub session_timeout_ms: Bounded,
    /// `group.streams.heartbeat.interval.ms` and its bounds.
    pub heartbeat_interval_ms: Bounded,
    /// `group.streams.assignment.interval.ms` and its bounds.
    pub assignment_interval_ms: Bounded,
    /// `group.streams.num.standby.replicas`, and at most `group.streams.max.standby.replicas`.
    pub num_standby_replicas: Bounded,
    /// `group.streams.initial.rebalance.delay.ms`.
    pub initial_rebalance_delay_ms: i32,
    /// `group.streams.max.size`: members.
    pub max_size: i32,
}

/// Committed offsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OffsetSettings {
    /// `offset.metadata.max.bytes`: the longest text that goes with an offset.
    pub metadata_max_bytes: i32,
    /// `offsets.retention.minutes`, in ms: how long offsets outlive the group's last member.
    pub retention_ms: i64,
    /// `offsets.retention.check.interval.ms`.
    pub retention_check_interval_ms: i64,
}

/// A node's settings for groups. [`Default`] has Kafka's defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupSettings {
    /// Classic groups.
    pub classic: ClassicSettings,
    /// Consumer groups.
    pub consumer: ConsumerSettings,
    /// Share groups.
    pub share: ShareSettings,
    /// Streams groups.
    pub streams: StreamsSettings,
    /// Committed offsets.
    pub offsets: OffsetSettings,
}

impl GroupSettings {
    /// Reads a node's settings; `set` gives the text of one that is not at its default. Fails on what Kafka
    /// would not start with.
    pub fn read<'a>(set: impl Fn(&str) -> Option<&'a str>) -> Result<Self, ConfigError> {
        let texts = Texts { set };
        let (bounded, int) = (|kind, stem| texts.bounded(kind, stem), |name: &str| texts.int(name));
        let settings = Self {
            classic: ClassicSettings {
                min_session_timeout_ms: int("group.min.session.timeout.ms")?,
                max_session_timeout_ms: int("group.max.session.timeout.ms")?,
                initial_rebalance_delay_ms: int("group.initial.rebalance.delay.ms")?,
                max_size: int("group.max.size")?,
            },
            consumer: ConsumerSettings {
                session_timeout_ms: bounded("consumer", "session.timeout.ms")?,
                heartbeat_interval_ms: bounded("consumer", "heartbeat.interval.ms")?,
                assignment_interval_ms: bounded("consumer", "assignment.interval.ms")?,
                max_size: int("group.consumer.max.size")?,
                assignors: texts.list("group.consumer.assignors")?,
                migration_policy: texts.migration_policy()?,
                regex_refresh_interval_ms: int("group.consumer.regex.refresh.interval.ms")?,
            },
            share: ShareSettings {
                session_timeout_ms: bounded("share", "session.timeout.ms")?,
                heartbeat_interval_ms: bounded("share", "heartbeat.interval.ms")?,
                assignment_interval_ms: bounded("share", "assignment.interval.ms")?,
                record_lock_duration_ms: bounded("share", "record.lock.duration.ms")?,
                delivery_count_limit: bounded("share", "delivery.count.limit")?,
                partition_max_record_locks: bounded("share", "partition.max.record.locks")?,
                max_size: int("group.share.max.size")?,
                max_share_sessions: int("group.share.max.share.sessions")?,
                assignors: texts.list("group.share.assignors")?,
            },
            streams: StreamsSettings {
                session_timeout_ms: bounded("streams", "session.timeout.ms")?,
                heartbeat_interval_ms: bounded("streams", "heartbeat.interval.ms")?,
                assignment_interval_ms: bounded("streams", "assignment.interval.ms")?,
                num_standby_replicas: Bounded {
                    value: int("group.streams.num.standby.replicas")?,
                    least: 0,
                    most: int("group.streams.max.standby.replicas")?,
                },
                initial_rebalance_delay_ms: int("group.streams.initial.rebalance.delay.ms")?,
                max_size: int("group.streams.max.size")?,
            },
            offsets: OffsetSettings {
                metadata_max_bytes: int("offset.metadata.max.bytes")?,
                retention_ms: i64::from(int("offsets.retention.minutes")?) * 60_000,
                retention_check_interval_ms: texts.long("offsets.retention.check.interval.ms")?,
            },
        };
        settings.check()?;
        Ok(settings)
    }

    /// The same, with what was changed while nodes run: the intervals between assignments. Kafka takes any value
    /// for all nodes, and cuts it down to what its bounds allow.
    pub fn updated<'a>(mut self, changed: impl Fn(&str) -> Option<&'a str>) -> Self {
        let Self { consumer, share, streams, .. } = &mut self;
        for (name, interval) in [
            ("group.consumer.assignment.interval.ms", &mut consumer.assignment_interval_ms),
            ("group.share.assignment.interval.ms", &mut share.assignment_interval_ms),
            ("group.streams.assignment.interval.ms", &mut streams.assignment_interval_ms),
        ] {
            if let Some(Ok(Value::Int(value))) =
                changed(name).and_then(|text| broker::definition(name).map(|d| d.setting.read(text)))
            {
                interval.value = interval.clamp(value);
            }
        }
        self
    }

    /// The bounds of a group's setting, and what groups get that do not set it.
    pub fn bounds(&self, name: &str) -> Bounded {
        let Self { consumer, share, streams, .. } = self;
        match name {
            "consumer.session.timeout.ms" => consumer.session_timeout_ms,
            "consumer.heartbeat.interval.ms" => consumer.heartbeat_interval_ms,
            "consumer.assignment.interval.ms" => consumer.assignment_interval_ms,
            "share.session.timeout.ms" => share.session_timeout_ms,
            "share.heartbeat.interval.ms" => share.heartbeat_interval_ms,
            "share.assignment.interval.ms" => share.assignment_interval_ms,
            "share.record.lock.duration.ms" => share.record_lock_duration_ms,
            "share.delivery.count.limit" => share.delivery_count_limit,
            "share.partition.max.record.locks" => share.partition_max_record_locks,
            "streams.session.timeout.ms" => streams.session_timeout_ms,
            "streams.heartbeat.interval.ms" => streams.heartbeat_interval_ms,
            "streams.assignment.interval.ms" => streams.assignment_interval_ms,
            "streams.num.standby.replicas" => streams.num_standby_replicas,
            "streams.initial.rebalance.delay.ms" => {
                Bounded { value: streams.initial_rebalance_delay_ms, least: 0, most: i32::MAX }
            }
            _ => Bounded { value: 0, least: i32::MIN, most: i32::MAX },
        }
    }

    /// What Kafka's `GroupCoordinatorConfig` and `ShareGroupConfig` demand of settings that belong together.
    fn check(&self) -> Result<(), ConfigError> {
        let Self { classic, consumer, share, streams, .. } = self;
        let wrong = |message: String| Err(ConfigError::Contradiction(message));
        if classic.min_session_timeout_ms > classic.max_session_timeout_ms {
            let (least, most) = ("group.min.session.timeout.ms", "group.max.session.timeout.ms");
            return wrong(format!("{most} must be greater than or equal to {least}"));
        }
        if streams.num_standby_replicas.value > streams.num_standby_replicas.most {
            let most = "group.streams.max.standby.replicas";
            return wrong(format!(
                "{most} must be greater than or equal to group.streams.num.standby.replicas"
            ));
        }
        for (kind, session, heartbeat, assignment) in [
            (
                "consumer",
                consumer.session_timeout_ms,
                consumer.heartbeat_interval_ms,
                consumer.assignment_interval_ms,
            ),
            ("share", share.session_timeout_ms, share.heartbeat_interval_ms, share.assignment_interval_ms),
            (
                "streams",
                streams.session_timeout_ms,
                streams.heartbeat_interval_ms,
                streams.assignment_interval_ms,
            ),
        ] {
            in_bounds(kind, "heartbeat.interval.ms", heartbeat)?;
            in_bounds(kind, "session.timeout.ms", session)?;
            in_bounds(kind, "assignment.interval.ms", assignment)?;
            if heartbeat.value >= session.value {
                let (heartbeat, session) = ("heartbeat.interval.ms", "session.timeout.ms");
                return wrong(format!("group.{kind}.{heartbeat} must be less than group.{kind}.{session}"));
            }
        }
        in_bounds("share", "record.lock.duration.ms", share.record_lock_duration_ms)?;
        in_bounds("share", "delivery.count.limit", share.delivery_count_limit)?;
        in_bounds("share", "partition.max.record.locks", share.partition_max_record_locks)
    }
}

impl Default for GroupSettings {
    fn default() -> Self {
        let defaults = Self::read(|_| None);
        // A test reads them.
        defaults.unwrap_or_else(|error| unreachable!("Kafka's own defaults: {error}"))
    }
}

fn in_bounds(kind: &str, stem: &str, bounded: Bounded) -> Result<(), ConfigError> {
    let name = |bound: &str| format!("group.{kind}.{bound}{stem}");
    let Bounded { value, least, most } = bounded;
    let wrong = |message: String| Err(ConfigError::Contradiction(message));
    if most < least {
        return wrong(format!("{} must be greater than or equal to {}", name("max."), name("min.")));
    }
    if value < least {
        return wrong(format!("{} must be greater than or equal to {}", name(""), name("min.")));
    }
    if value > most {
        return wrong(format!("{} must be less than or equal to {}", name(""), name("max.")));
    }
    Ok(())
}

/// The texts of settings, and the defaults of the others.
struct Texts<F> {
    set: F,
}

impl<'a, F: Fn(&str) -> Option<&'a str>> Texts<F> {
    fn value(&self, name: &str) -> Result<Value<'a>, ConfigError> {
        match broker::definition(name) {
            Some(definition) => {
                definition.setting.read((self.set)(name).unwrap_or(definition.setting.default))
            }
            None => Err(ConfigError::Contradiction(format!("{name} is no setting"))),
        }
    }

    fn int(&self, name: &str) -> Result<i32, ConfigError> {
        match self.value(name)? {
            Value::Int(value) => Ok(value),
            other => Err(ConfigError::Contradiction(format!("{name} is {other}"))),
        }
    }

    fn long(&self, name: &str) -> Result<i64, ConfigError> {
        match self.value(name)? {
            Value::Long(value) => Ok(value),
            other => Err(ConfigError::Contradiction(format!("{name} is {other}"))),
        }
    }

    fn list(&self, name: &str) -> Result<Vec<String>, ConfigError> {
        match self.value(name)? {
            Value::List(values) => Ok(values.into_iter().map(str::to_owned).collect()),
            other => Err(ConfigError::Contradiction(format!("{name} is {other}"))),
        }
    }

    fn bounded(&self, kind: &str, stem: &str) -> Result<Bounded, ConfigError> {
        let int = |bound: &str| self.int(&format!("group.{kind}.{bound}{stem}"));
        Ok(Bounded { value: int("")?, least: int("min.")?, most: int("max.")? })
    }

    fn migration_policy(&self) -> Result<Migration, ConfigError> {
        let text = match self.value("group.consumer.migration.policy")? {
            Value::String(text) => text.to_ascii_lowercase(),
            _ => String::new(),
        };
        Ok(match text.as_str() {
            "disabled" => Migration::Disabled,
            "upgrade" => Migration::Upgrade,
            "downgrade" => Migration::Downgrade,
            _ => Migration::Bidirectional,
        })
    }
}
