//! A group's settings, over the nodes' settings for groups, over the defaults.
//!
//! [`GroupSettings`] is what a node has for all groups: defaults, bounds, and what groups can't set themselves.
//! [`GroupConfig`] is what one group gets: its own values within those bounds, as Kafka's `GroupConfig.evaluate`
//! does it. Both are read anew whenever the metadata log has changed a setting.

mod definitions;
mod duration;
mod settings;

use std::collections::BTreeMap;

pub use definitions::{definition, definitions};
pub(super) use duration::back;
pub use settings::{
    Bounded, ClassicSettings, ConsumerSettings, GroupSettings, OffsetSettings, ShareSettings, StreamsSettings,
};

use super::{ConfigError, Definition, Value};

/// Where a share group that has no start offset begins (`share.auto.offset.reset`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShareReset {
    /// At the end.
    Latest,
    /// At the beginning.
    Earliest,
    /// At the first record that is at most this old, in ms.
    ByDuration(i64),
}

/// What consumers of the new protocol get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsumerGroupConfig {
    /// `consumer.session.timeout.ms`.
    pub session_timeout_ms: i32,
    /// `consumer.heartbeat.interval.ms`.
    pub heartbeat_interval_ms: i32,
    /// `consumer.assignment.interval.ms`: the least time between two assignments.
    pub assignment_interval_ms: i32,
}

/// What members of a share group get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShareGroupConfig {
    /// `share.session.timeout.ms`.
    pub session_timeout_ms: i32,
    /// `share.heartbeat.interval.ms`.
    pub heartbeat_interval_ms: i32,
    /// `share.assignment.interval.ms`: the least time between two assignments.
    pub assignment_interval_ms: i32,
    /// `share.record.lock.duration.ms`: how long a record that was fetched is its member's.
    pub record_lock_duration_ms: i32,
    /// `share.delivery.count.limit`: how often a record is given out at most.
    pub delivery_count_limit: i32,
    /// `share.partition.max.record.locks`: how many records of a partition may be out at once.
    pub partition_max_record_locks: i32,
    /// `share.auto.offset.reset`.
    pub auto_offset_reset: ShareReset,
    /// `share.isolation.level` is `read_committed`.
    pub read_committed: bool,
    /// `share.renew.acknowledge.enable`: whether a member may renew its hold on a record.
    pub renew_acknowledge: bool,
}

/// What members of a streams group get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamsGroupConfig {
    /// `streams.session.timeout.ms`.
    pub session_timeout_ms: i32,
    /// `streams.heartbeat.interval.ms`.
    pub heartbeat_interval_ms: i32,
    /// `streams.assignment.interval.ms`: the least time between two assignments.
    pub assignment_interval_ms: i32,
    /// `streams.num.standby.replicas`.
    pub num_standby_replicas: i32,
    /// `streams.initial.rebalance.delay.ms`.
    pub initial_rebalance_delay_ms: i32,
}

/// The settings of one group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupConfig {
    /// As a consumer group.
    pub consumer: ConsumerGroupConfig,
    /// As a share group.
    pub share: ShareGroupConfig,
    /// As a streams group.
    pub streams: StreamsGroupConfig,
}

impl GroupConfig {
    /// What a group without settings of its own gets.
    pub fn of(settings: &GroupSettings) -> Self {
        let GroupSettings { consumer, share, streams, .. } = settings;
        Self {
            consumer: ConsumerGroupConfig {
                session_timeout_ms: consumer.session_timeout_ms.value,
                heartbeat_interval_ms: consumer.heartbeat_interval_ms.value,
                assignment_interval_ms: consumer.assignment_interval_ms.value,
            },
            share: ShareGroupConfig {
                session_timeout_ms: share.session_timeout_ms.value,
                heartbeat_interval_ms: share.heartbeat_interval_ms.value,
                assignment_interval_ms: share.assignment_interval_ms.value,
                record_lock_duration_ms: share.record_lock_duration_ms.value,
                delivery_count_limit: share.delivery_count_limit.value,
                partition_max_record_locks: share.partition_max_record_locks.value,
                auto_offset_reset: ShareReset::Latest,
                read_committed: false,
                renew_acknowledge: true,
            },
            streams: StreamsGroupConfig {
                session_timeout_ms: streams.session_timeout_ms.value,
                heartbeat_interval_ms: streams.heartbeat_interval_ms.value,
                assignment_interval_ms: streams.assignment_interval_ms.value,
                num_standby_replicas: streams.num_standby_replicas.value,
                initial_rebalance_delay_ms: streams.initial_rebalance_delay_ms,
            },
        }
    }

    /// What a group with these settings of its own gets. A value outside the nodes' bounds, which were others
    /// when it was set, counts as the bound.
    pub fn read(settings: &GroupSettings, overrides: &BTreeMap<String, String>) -> Result<Self, ConfigError> {
        let mut config = Self::of(settings);
        for (name, text) in overrides {
            let definition = known(name)?;
            match definition.read(text)? {
                Value::Int(value) => config.set(name, settings.bounds(name).clamp(value)),
                Value::Boolean(value) => config.share.renew_acknowledge = value,
                Value::String(value) if name == "share.isolation.level" => {
                    config.share.read_committed = value == "read_committed";
                }
                Value::String(value) => {
                    config.share.auto_offset_reset = match value {
                        "earliest" => ShareReset::Earliest,
                        "latest" => ShareReset::Latest,
                        other => ShareReset::ByDuration(back(other).unwrap_or(0)),
                    };
                }
                _ => {}
            }
        }
        Ok(config)
    }

    fn set(&mut self, name: &str, value: i32) {
        let Self { consumer, share, streams } = self;
        let place = match name {
            "consumer.session.timeout.ms" => &mut consumer.session_timeout_ms,
            "consumer.heartbeat.interval.ms" => &mut consumer.heartbeat_interval_ms,
            "consumer.assignment.interval.ms" => &mut consumer.assignment_interval_ms,
            "share.session.timeout.ms" => &mut share.session_timeout_ms,
            "share.heartbeat.interval.ms" => &mut share.heartbeat_interval_ms,
            "share.assignment.interval.ms" => &mut share.assignment_interval_ms,
            "share.record.lock.duration.ms" => &mut share.record_lock_duration_ms,
            "share.delivery.count.limit" => &mut share.delivery_count_limit,
            "share.partition.max.record.locks" => &mut share.partition_max_record_locks,
            "streams.session.timeout.ms" => &mut streams.session_timeout_ms,
            "streams.heartbeat.interval.ms" => &mut streams.heartbeat_interval_ms,
            "streams.assignment.interval.ms" => &mut streams.assignment_interval_ms,
            "streams.num.standby.replicas" => &mut streams.num_standby_replicas,
            "streams.initial.rebalance.delay.ms" => &mut streams.initial_rebalance_delay_ms,
            _ => return,
        };
        *place = value;
    }
}

fn known(name: &str) -> Result<&'static Definition, ConfigError> {
    definition(name).ok_or_else(|| ConfigError::UnknownOfGroup(name.to_owned()))
}

/// Checks settings that a client gives a group, as Kafka's `GroupConfig.validate` does: each by itself, against
/// the nodes' bounds, and each session against its heartbeats.
pub fn validate(settings: &GroupSettings, overrides: &BTreeMap<String, String>) -> Result<(), ConfigError> {
    for (name, text) in overrides {
        let definition = known(name)?;
        let Value::Int(value) = definition.read(text)? else { continue };
        let bounds = settings.bounds(name);
        let Some(broker) = definition.synonym else { continue };
        // group.consumer.session.timeout.ms is bounded by group.consumer.min.session.timeout.ms.
        let (prefix, rest) = broker.split_at(broker.rfind(stem(name)).unwrap_or(0));
        let beyond = |relation: &str, bound: &str| {
            let rest = if rest == "num.standby.replicas" { "standby.replicas" } else { rest };
            let message = format!("{name} must be {relation} than or equal to {prefix}{bound}.{rest}");
            Err(ConfigError::Contradiction(message))
        };
        if value < bounds.least {
            return beyond("greater", "min");
        }
        if value > bounds.most {
            return beyond("less", "max");
        }
    }
    let config = GroupConfig::read(settings, overrides)?;
    let (consumer, share, streams) = (config.consumer, config.share, config.streams);
    for (kind, session, heartbeat) in [
        ("consumer", consumer.session_timeout_ms, consumer.heartbeat_interval_ms),
        ("share", share.session_timeout_ms, share.heartbeat_interval_ms),
        ("streams", streams.session_timeout_ms, streams.heartbeat_interval_ms),
    ] {
        if session <= heartbeat {
            let message =
                format!("{kind}.session.timeout.ms must be greater than {kind}.heartbeat.interval.ms");
            return Err(ConfigError::Contradiction(message));
        }
    }
    Ok(())
}

/// A group setting's name without the kind of group.
fn stem(name: &str) -> &str {
    name.split_once('.').map_or(name, |(_, stem)| stem)
}

#[cfg(test)]
#[path = "group_test.rs"]
mod tests;
