//! Moved offset: a record was acknowledged or seen at one offset and is at another one, be it in another
//! acknowledgement, to another reader or in the final log. One that may be there several times must be at that one,
//! too.
//!
//! What a replicated log does when a new leader's log is shorter; a consumer's committed offset then means
//! another record. Jepsen counts it among "inconsistent-offsets" and "duplicate".

use std::collections::{BTreeMap, BTreeSet};

use super::{Anomaly, Findings};
use crate::history::{Partition, Record};

pub(super) fn check(partition: &Partition, findings: &mut Findings) {
    let mut at: BTreeMap<Record, i64> = BTreeMap::new();
    let mut all: BTreeMap<Record, BTreeSet<i64>> = BTreeMap::new();
    for stored in &partition.log {
        at.entry(stored.record).or_insert(stored.offset);
        if partition.is_plain(stored.record) {
            all.entry(stored.record).or_default().insert(stored.offset);
        }
    }
    let seen = partition.seen().map(|seen| (seen.record, seen.offset));
    let acknowledged = partition.acks.iter().map(|ack| (ack.record, ack.offset));
    for (record, offset) in acknowledged.chain(seen) {
        if partition.is_plain(record) {
            // Below the log's beginning it may have been, too.
            let known = all.get(&record).filter(|_| offset >= partition.log_start);
            if let Some(offsets) = known.filter(|offsets| !offsets.contains(&offset)) {
                findings.add(
                    Anomaly::MovedOffset,
                    format_args!("{record:?} is at {offsets:?}, and was at {offset}"),
                );
            }
            continue;
        }
        let first = *at.entry(record).or_insert(offset);
        if first != offset {
            findings.add(Anomaly::MovedOffset, format_args!("{record:?} is at {first}, and was at {offset}"));
        }
    }
}
