//! What groups may do and how long they wait: Kafka's broker settings `group.*` and `offsets.*`.

use std::time::Duration;

/// Settings that hold for a group: those of the cluster, and what was set for the group itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `group.min.session.timeout.ms`: the least that a classic member may ask for.
    pub min_session_timeout: Duration,
    /// `group.max.session.timeout.ms`: the most.
    pub max_session_timeout: Duration,
    /// `group.initial.rebalance.delay.ms`: how long an empty classic group waits for more members.
    pub initial_rebalance_delay: Duration,
    /// `group.max.size`: the most members of a classic group.
    pub max_size: usize,
    /// `group.consumer.max.size`: the most members of a consumer group.
    pub consumer_max_size: usize,
    /// `group.consumer.session.timeout.ms`, or the group's `consumer.session.timeout.ms`.
    pub consumer_session_timeout: Duration,
    /// `group.consumer.heartbeat.interval.ms`, or the group's `consumer.heartbeat.interval.ms`.
    pub consumer_heartbeat_interval: Duration,
    /// `group.consumer.assignment.interval.ms`, or the group's `consumer.assignment.interval.ms`: at least this long
    /// lies between two computations of targets.
    pub consumer_assignment_interval: Duration,
    /// `group.consumer.migration.policy`.
    pub consumer_migration: Migration,
    /// `group.share.max.size`: the most members of a share group.
    pub share_max_size: usize,
    /// `group.share.session.timeout.ms`, or the group's `share.session.timeout.ms`.
    pub share_session_timeout: Duration,
    /// `group.share.heartbeat.interval.ms`, or the group's `share.heartbeat.interval.ms`.
    pub share_heartbeat_interval: Duration,
    /// `offset.metadata.max.bytes`: the longest metadata of a committed offset, in UTF-16 units: what Kafka
    /// counts in spite of the name.
    pub offset_metadata_max: usize,
    /// `offsets.retention.minutes`: how long a group without members keeps its offsets.
    pub offsets_retention: Duration,
    /// `offsets.retention.check.interval.ms`: how often that is looked at.
    pub offsets_retention_check: Duration,
}

/// Which groups may turn into others while they have members (`group.consumer.migration.policy`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Migration {
    /// None.
    Disabled,
    /// Classic groups into consumer groups.
    Upgrade,
    /// Consumer groups into classic groups.
    Downgrade,
    /// Both.
    #[default]
    Bidirectional,
}

impl Migration {
    /// Whether a classic group may become a consumer group.
    pub fn upgrades(self) -> bool {
        matches!(self, Self::Upgrade | Self::Bidirectional)
    }

    /// Whether a consumer group may become a classic group.
    pub fn downgrades(self) -> bool {
        matches!(self, Self::Downgrade | Self::Bidirectional)
    }
}

impl Default for Settings {
    /// Kafka's defaults.
    fn default() -> Self {
        Self {
            min_session_timeout: Duration::from_secs(6),
            max_session_timeout: Duration::from_secs(30 * 60),
            initial_rebalance_delay: Duration::from_secs(3),
            max_size: i32::MAX as usize,
            consumer_max_size: i32::MAX as usize,
            consumer_session_timeout: Duration::from_secs(45),
            consumer_heartbeat_interval: Duration::from_secs(5),
            consumer_assignment_interval: Duration::from_secs(1),
            consumer_migration: Migration::Bidirectional,
            share_max_size: 200,
            share_session_timeout: Duration::from_secs(45),
            share_heartbeat_interval: Duration::from_secs(5),
            offset_metadata_max: 4096,
            offsets_retention: Duration::from_secs(7 * 24 * 60 * 60),
            offsets_retention_check: Duration::from_secs(600),
        }
    }
}
