//! Log starts: where a log begins never goes back, neither for an observer to whom it is reported again and
//! again nor in the end, and never beyond what a client asked to delete.
//!
//! Kafka's log start offset only grows (KIP-107). One that goes back shows records again that an application takes
//! for deleted; one that goes too far is a lost write, which [`super::lost_write`] does not find: it asks for
//! records from the log start on.

use std::collections::BTreeMap;

use super::{Anomaly, Findings};
use crate::history::Partition;

pub(super) fn check(partition: &Partition, findings: &mut Findings) {
    let asked = partition.trims.iter().copied().max().unwrap_or(0);
    let mut last: BTreeMap<i64, i64> = BTreeMap::new();
    for start in &partition.starts {
        let (observer, offset) = (start.observer, start.offset);
        if let Some(before) = last.insert(observer, offset).filter(|before| *before > offset) {
            findings.add(
                Anomaly::LogStartWentBack,
                format_args!("observer {observer} got {before}, and then {offset}"),
            );
        }
    }
    let told = partition.starts.iter().map(|start| start.offset).max().unwrap_or(0);
    // Where records may be deleted at any time, they may have been since the end of the log was read.
    if !partition.gone && told > partition.log_start && asked != i64::MAX {
        let log_start = partition.log_start;
        findings.add(Anomaly::LogStartWentBack, format_args!("it was {told}, and is {log_start}"));
    }
    let most = told.max(partition.log_start);
    if most > asked {
        findings.add(
            Anomaly::LogStartTooFar,
            format_args!("it came to {most}, and {asked} was asked for at most"),
        );
    }
}
