//! Torn batch: some of a batch's records are in the final log and others are not, or not one after the other,
//! though the log begins before it.
//!
//! A batch is Kafka's unit of appending: it is taken or refused as a whole, acknowledged or not.

use std::collections::BTreeMap;

use super::{Anomaly, Findings};
use crate::history::{Partition, Record};

pub(super) fn check(partition: &Partition, findings: &mut Findings) {
    let mut batches: BTreeMap<Record, i64> = BTreeMap::new();
    for sent in &partition.sent {
        batches.extend((0..sent.count).rev().zip(sent.records()).map(|(left, record)| (record, left)));
    }
    // The record that must come next.
    let mut due: Option<Record> = None;
    for stored in &partition.log {
        let record = stored.record;
        let Some(left) = batches.get(&record).copied() else {
            report(&mut due, findings);
            continue;
        };
        let first = due.is_none() && stored.offset == partition.log_start;
        let begins = batches.get(&Record { sequence: record.sequence - 1, ..record }).is_none_or(|l| *l == 0);
        match due {
            Some(wanted) if wanted == record => {}
            Some(_) => report(&mut due, findings),
            None if begins || first => {}
            None => findings.add(
                Anomaly::TornBatch,
                format_args!("{record:?} at {} lacks the one before it", stored.offset),
            ),
        }
        due = (left > 0).then_some(Record { sequence: record.sequence + 1, ..record });
    }
    report(&mut due, findings);
}

fn report(due: &mut Option<Record>, findings: &mut Findings) {
    if let Some(record) = due.take() {
        findings.add(Anomaly::TornBatch, format_args!("{record:?} is missing behind the one before it"));
    }
}
