//! Inconsistent offset: two different records were acknowledged, seen or stored at one offset.
//!
//! Jepsen's "inconsistent-offsets": the mark of a log that was cut and written again.

use std::collections::BTreeMap;

use super::{Anomaly, Findings};
use crate::history::{Partition, Record};

pub(super) fn check(partition: &Partition, findings: &mut Findings) {
    let mut at: BTreeMap<i64, Record> = BTreeMap::new();
    let stored = partition.log.iter().map(|stored| (stored.offset, stored.record));
    let seen = partition.seen().map(|seen| (seen.offset, seen.record));
    let acknowledged = partition.acks.iter().map(|ack| (ack.offset, ack.record));
    for (offset, record) in stored.chain(seen).chain(acknowledged) {
        let first = *at.entry(offset).or_insert(record);
        if first != record {
            findings.add(
                Anomaly::InconsistentOffset,
                format_args!("{first:?} and {record:?} are both at {offset}"),
            );
        }
    }
}
