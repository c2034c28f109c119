//! The table of all group settings of Apache Kafka 4.3.1, by name.

use crate::config::Effect::{Enforced, Stored};
use crate::config::definition::{boolean, int, string};
use crate::config::{Definition, Rule};

/// Every setting, sorted by name.
pub fn definitions() -> &'static [Definition] {
    DEFINITIONS
}

/// The setting of this name.
pub fn definition(name: &str) -> Option<&'static Definition> {
    DEFINITIONS.binary_search_by(|d| d.name.cmp(name)).ok().map(|at| &DEFINITIONS[at])
}

const DEFINITIONS: &[Definition] = &[
    int("consumer.assignment.interval.ms", "1000", Enforced, "How long after one assignment of a consumer group the next may come, in ms.").least(0).synonym("group.consumer.assignment.interval.ms"),
    int("consumer.heartbeat.interval.ms", "5000", Enforced, "How often members of a consumer group of the new protocol report, in ms.").least(1).synonym("group.consumer.heartbeat.interval.ms"),
    int("consumer.session.timeout.ms", "45000", Enforced, "How long a member of a consumer group of the new protocol may be silent before it is taken for gone, in ms.").least(1).synonym("group.consumer.session.timeout.ms"),
    int("share.assignment.interval.ms", "1000", Stored, "How long after one assignment of a share group the next may come, in ms.").least(0).synonym("group.share.assignment.interval.ms"),
    string("share.auto.offset.reset", "latest", Stored, "Where a share group begins in a partition: `latest`, `earliest`, or `by_duration:` and an ISO 8601 duration, such as PT1H, back from now.").rule(Rule::ShareReset),
    int("share.delivery.count.limit", "5", Stored, "How often a record is given to a share group's members before it is given up.").least(2).synonym("group.share.delivery.count.limit"),
    int("share.heartbeat.interval.ms", "5000", Stored, "How often members of a share group report, in ms.").least(1).synonym("group.share.heartbeat.interval.ms"),
    string("share.isolation.level", "read_uncommitted", Stored, "Whether a share group gets records of transactions that are open or were aborted (`read_uncommitted`) or not (`read_committed`).").rule(Rule::OneOf(&["read_committed", "read_uncommitted"])),
    int("share.partition.max.record.locks", "2000", Stored, "How many records of a partition a share group may have in hand at once.").least(100).synonym("group.share.partition.max.record.locks"),
    int("share.record.lock.duration.ms", "30000", Stored, "How long a record is kept for the member that got it, in ms.").least(1000).synonym("group.share.record.lock.duration.ms"),
    boolean("share.renew.acknowledge.enable", Stored, "Whether a member of a share group may renew its hold on a record.").default("true"),
    int("share.session.timeout.ms", "45000", Stored, "How long a member of a share group may be silent before it is taken for gone, in ms.").least(1).synonym("group.share.session.timeout.ms"),
    int("streams.assignment.interval.ms", "1000", Stored, "How long after one assignment of a streams group the next may come, in ms.").least(0).synonym("group.streams.assignment.interval.ms"),
    int("streams.heartbeat.interval.ms", "5000", Stored, "How often members of a streams group report, in ms.").least(1).synonym("group.streams.heartbeat.interval.ms"),
    int("streams.initial.rebalance.delay.ms", "3000", Stored, "How long a new streams group waits for more members before its first assignment, in ms.").least(0).synonym("group.streams.initial.rebalance.delay.ms"),
    int("streams.num.standby.replicas", "0", Stored, "How many standby copies each task of a streams group has.").least(0).synonym("group.streams.num.standby.replicas"),
    int("streams.session.timeout.ms", "45000", Stored, "How long a member of a streams group may be silent before it is taken for gone, in ms.").least(1).synonym("group.streams.session.timeout.ms"),
];
