//! How share partitions behave: Kafka's broker settings `group.share.*` and a share group's own `share.*`.

use std::time::Duration;

use crate::config::group::{ShareGroupConfig, ShareReset};

/// Settings that hold for a group: those of the cluster, and what was set for the group itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `group.share.record.lock.duration.ms`, or the group's `share.record.lock.duration.ms`: how long a member may
    /// hold a record before it is taken from it.
    pub record_lock_duration: Duration,
    /// `group.share.delivery.count.limit`, or the group's `share.delivery.count.limit`: after how many deliveries a
    /// record that comes back is given up.
    pub delivery_count_limit: u16,
    /// `group.share.partition.max.record.locks`, or the group's `share.partition.max.record.locks`: how far the
    /// records that are handed out may reach past the first unsettled one.
    pub max_record_locks: u32,
    /// The group's `share.renew.acknowledge.enable`: whether a member may extend its locks (KIP-1222).
    pub renew_enabled: bool,
    /// The group's `share.auto.offset.reset`: where a partition begins that the group never read.
    pub auto_offset_reset: ShareReset,
}

impl Default for Settings {
    /// Kafka's defaults.
    fn default() -> Self {
        Self {
            record_lock_duration: Duration::from_secs(30),
            delivery_count_limit: 5,
            max_record_locks: 2000,
            renew_enabled: true,
            auto_offset_reset: ShareReset::Latest,
        }
    }
}

impl Settings {
    /// What a group gets whose configuration this is.
    pub fn of(group: &ShareGroupConfig) -> Self {
        let lock = u64::try_from(group.record_lock_duration_ms).unwrap_or(0);
        Self {
            record_lock_duration: Duration::from_millis(lock),
            delivery_count_limit: u16::try_from(group.delivery_count_limit).unwrap_or(u16::MAX),
            max_record_locks: u32::try_from(group.partition_max_record_locks).unwrap_or(0),
            renew_enabled: group.renew_acknowledge,
            auto_offset_reset: group.auto_offset_reset,
        }
    }

    /// From so many deliveries on records are handed out few at a time, so that a bad one is found and takes no
    /// good ones with it.
    pub(super) fn suspicious_deliveries(&self) -> u16 {
        self.delivery_count_limit.div_ceil(2).max(2)
    }
}
