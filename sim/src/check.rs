//! What must not be in a history. One anomaly per file, with its definition and where that comes from.
//!
//! The names are those of the Kafka workload of Jepsen (`jepsen.tests.kafka`, Elle), which found such things in
//! Redpanda 21.11 (<https://jepsen.io/analyses/redpanda-21.10.1>), Bufstream 0.1.0
//! (<https://jepsen.io/analyses/bufstream-0.1.0>) and in Kafka's own protocol.

pub mod duplicate;
pub mod epoch_end;
pub mod gap;
pub mod group_exclusive;
pub mod group_generation;
pub mod group_membership;
pub mod group_offset;
pub mod inconsistent_offset;
pub mod leader_epoch;
pub mod log_start;
pub mod lost_topic;
pub mod lost_write;
pub mod moved_offset;
pub mod phantom;
pub mod poll;
pub mod producer_id;
pub mod record_epoch;
pub mod reordered;
pub mod share_count;
pub mod share_deleted;
pub mod share_exclusive;
pub mod share_final;
pub mod share_lost;
pub mod share_start;
pub mod torn;
pub mod unseen;

use std::collections::BTreeMap;
use std::fmt;

use crate::history::{Event, Group, Partition, ShareGroup, ShareRecords, Topic, groups, partitions, shares};

/// How many violations of one kind are reported of each partition or group.
const REPORTED: usize = 5;

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Anomaly {
    /// See [`lost_write`].
    LostWrite,
    /// See [`duplicate`].
    Duplicate,
    /// See [`reordered`].
    Reordered,
    /// See [`inconsistent_offset`].
    InconsistentOffset,
    /// See [`moved_offset`].
    MovedOffset,
    /// See [`poll`].
    PollSkip,
    /// See [`poll`].
    InternalPollSkip,
    /// See [`poll`].
    NonmonotonicPoll,
    /// See [`poll`].
    InternalNonmonotonicPoll,
    /// See [`unseen`].
    Unseen,
    /// See [`leader_epoch`].
    TwoLeaders,
    /// See [`leader_epoch`].
    EpochWentBack,
    /// See [`record_epoch`].
    RecordEpoch,
    /// See [`epoch_end`].
    EpochEnd,
    /// See [`producer_id`].
    ProducerIdTwice,
    /// See [`log_start`].
    LogStartWentBack,
    /// See [`log_start`].
    LogStartTooFar,
    /// See [`group_offset`].
    LostOffset,
    /// See [`group_offset`].
    PhantomOffset,
    /// See [`group_generation`].
    TwoGroupLeaders,
    /// See [`group_generation`].
    GenerationWentBack,
    /// See [`group_exclusive`].
    PartitionOwnedTwice,
    /// See [`group_membership`].
    MemberForgotten,
    /// See [`group_membership`].
    NeedlessRebalance,
    /// See [`share_final`].
    DeliveredAfterSettled,
    /// See [`share_exclusive`].
    DeliveredTwice,
    /// See [`share_count`].
    DeliveryCount,
    /// See [`share_lost`].
    LostDelivery,
    /// See [`share_start`].
    ShareStartWentBack,
    /// See [`share_deleted`].
    DeletedGroupBack,
    /// See [`torn`].
    TornBatch,
    /// See [`gap`].
    Gap,
    /// See [`phantom`].
    PhantomRecord,
    /// See [`lost_topic`].
    LostTopic,
}

impl fmt::Display for Anomaly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LostWrite => "lost write",
            Self::Duplicate => "duplicate",
            Self::Reordered => "reordered",
            Self::InconsistentOffset => "inconsistent offset",
            Self::MovedOffset => "moved offset",
            Self::PollSkip => "poll skip",
            Self::InternalPollSkip => "internal poll skip",
            Self::NonmonotonicPoll => "nonmonotonic poll",
            Self::InternalNonmonotonicPoll => "internal nonmonotonic poll",
            Self::Unseen => "unseen",
            Self::TwoLeaders => "two leaders",
            Self::EpochWentBack => "leader epoch went back",
            Self::RecordEpoch => "record epoch",
            Self::EpochEnd => "epoch end",
            Self::ProducerIdTwice => "producer id twice",
            Self::LogStartWentBack => "log start went back",
            Self::LogStartTooFar => "log start too far",
            Self::LostOffset => "lost offset",
            Self::PhantomOffset => "phantom offset",
            Self::TwoGroupLeaders => "two group leaders",
            Self::GenerationWentBack => "generation went back",
            Self::PartitionOwnedTwice => "partition owned twice",
            Self::MemberForgotten => "member forgotten",
            Self::NeedlessRebalance => "needless rebalance",
            Self::DeliveredAfterSettled => "delivered after it was settled",
            Self::DeliveredTwice => "delivered twice at a time",
            Self::DeliveryCount => "delivery count",
            Self::LostDelivery => "lost from delivery",
            Self::ShareStartWentBack => "share start went back",
            Self::DeletedGroupBack => "back after its deletion",
            Self::TornBatch => "torn batch",
            Self::Gap => "gap",
            Self::PhantomRecord => "phantom record",
            Self::LostTopic => "lost topic",
        })
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// What.
    pub anomaly: Anomaly,
    /// Where, in words.
    pub detail: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.anomaly, self.detail)
    }
}

/// What a checker found in one partition or group.
#[derive(Default)]
struct Findings {
    place: String,
    reported: BTreeMap<Anomaly, usize>,
    violations: Vec<Violation>,
}

impl Findings {
    fn add(&mut self, anomaly: Anomaly, detail: fmt::Arguments<'_>) {
        let reported = self.reported.entry(anomaly).or_default();
        *reported += 1;
        if *reported <= REPORTED {
            self.violations.push(Violation { anomaly, detail: format!("{}: {detail}", self.place) });
        }
    }
}

/// Everything that is wrong with a history.
pub fn check(events: &[Event]) -> Vec<Violation> {
    type Checker = fn(&Partition, &mut Findings);
    const CHECKERS: [Checker; 13] = [
        lost_write::check,
        duplicate::check,
        reordered::check,
        inconsistent_offset::check,
        moved_offset::check,
        poll::check,
        unseen::check,
        leader_epoch::check,
        record_epoch::check,
        epoch_end::check,
        log_start::check,
        torn::check,
        gap::check,
    ];
    type GroupChecker = fn(&Group, &mut Findings);
    const GROUP_CHECKERS: [GroupChecker; 4] =
        [group_offset::check, group_generation::check, group_exclusive::check, group_membership::check];
    type ShareChecker = fn(&ShareGroup, &ShareRecords<'_>, &mut Findings);
    const SHARE_CHECKERS: [ShareChecker; 4] =
        [share_final::check, share_exclusive::check, share_count::check, share_lost::check];
    let mut violations = producer_id::check(events);
    violations.extend(lost_topic::check(events));
    let partitions = partitions(events);
    violations.extend(phantom::check(events, &partitions));
    for (name, partition) in partitions {
        let mut findings = Findings { place: shown(&name), ..Findings::default() };
        CHECKERS.iter().for_each(|checker| checker(&partition, &mut findings));
        violations.extend(findings.violations);
    }
    for (name, group) in groups(events) {
        let mut findings = Findings { place: name.to_string(), ..Findings::default() };
        GROUP_CHECKERS.iter().for_each(|checker| checker(&group, &mut findings));
        violations.extend(findings.violations);
    }
    for (name, group) in shares(events) {
        let mut findings = Findings { place: name.to_string(), ..Findings::default() };
        let records = group.records();
        SHARE_CHECKERS.iter().for_each(|checker| checker(&group, &records, &mut findings));
        share_start::check(&group, &mut findings);
        share_deleted::check(&group, &mut findings);
        violations.extend(findings.violations);
    }
    violations
}

fn shown((topic, partition): &(Topic, i32)) -> String {
    match topic {
        Some(topic) => format!("{topic}-{partition}"),
        None => partition.to_string(),
    }
}

#[cfg(test)]
mod tests;
