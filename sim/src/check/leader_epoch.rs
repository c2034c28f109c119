//! Leader epochs: one epoch names one leader, and no process reports to an observer an older epoch than before.
//!
//! Raft's "election safety" (at most one leader per term, <https://raft.github.io/raft.pdf>, figure 3), which
//! Kafka's controller guarantees for leader epochs (KIP-101, KIP-320): a consumer that trusts them detects
//! truncation. Two processes may know different entries of the metadata log, so that only answers of the same
//! process are compared in time.

use std::collections::BTreeMap;

use super::{Anomaly, Findings};
use crate::history::Partition;

pub(super) fn check(partition: &Partition, findings: &mut Findings) {
    let (mut leaders, mut told) = (BTreeMap::new(), BTreeMap::new());
    for told_of in &partition.leaders {
        let (epoch, leader) = (told_of.epoch, told_of.leader);
        let first = *leaders.entry(epoch).or_insert(leader);
        if first != leader {
            findings.add(Anomaly::TwoLeaders, format_args!("epoch {epoch} is {first}'s and {leader}'s"));
        }
        let key = (told_of.observer, told_of.process);
        if let Some(before) = told.insert(key, epoch).filter(|before| *before > epoch) {
            let (observer, process) = key;
            findings.add(
                Anomaly::EpochWentBack,
                format_args!("process {process} reported epoch {epoch} to {observer} after {before}"),
            );
        }
    }
}
