//! Phantom record: a record was read or is in the final log where its producer never sent it.
//!
//! Of a topic that was deleted and created again, the records of the one before would be such (KIP-516 gives topics
//! ids for this reason), and so would be anything that was made up. Adya's "dirty read" comes closest (G1a).

use std::collections::{BTreeMap, BTreeSet};

use super::{Anomaly, Violation, shown};
use crate::history::{Event, Partition, Record, Sent, Topic};

pub(super) fn check(events: &[Event], partitions: &BTreeMap<(Topic, i32), Partition>) -> Vec<Violation> {
    let producers: BTreeSet<i64> = events
        .iter()
        .filter_map(|event| match event {
            Event::Sent(batch) => Some(batch.producer),
            _ => None,
        })
        .collect();
    let mut violations = Vec::new();
    for (name, partition) in partitions {
        let sent: BTreeSet<Record> = partition.sent.iter().flat_map(Sent::records).collect();
        let known = |record: &Record| sent.contains(record) || !producers.contains(&record.producer);
        let stored = partition.log.iter().map(|stored| (stored.record, stored.offset));
        let seen = partition.seen().map(|seen| (seen.record, seen.offset));
        let unknown: BTreeSet<_> = stored.chain(seen).filter(|(record, _)| !known(record)).collect();
        for (record, offset) in unknown.into_iter().take(super::REPORTED) {
            let detail = format!("{}: {record:?} is at {offset}, and was not sent there", shown(name));
            violations.push(Violation { anomaly: Anomaly::PhantomRecord, detail });
        }
    }
    violations
}
