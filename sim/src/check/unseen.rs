//! Unseen: a record was acknowledged and is in the final log, but a reader that went from before it to behind
//! it, without a seek, never saw it.
//!
//! Jepsen's "unseen" asks for acknowledged messages that no consumer ever polls; here each reader is held to what
//! it passed. To that reader, the record is lost.

use std::collections::BTreeSet;

use super::{Anomaly, Findings};
use crate::history::Partition;

pub(super) fn check(partition: &Partition, findings: &mut Findings) {
    let acknowledged: BTreeSet<i64> =
        partition.acks.iter().filter(|ack| is_stored(partition, ack)).map(|ack| ack.offset).collect();
    for (number, reader) in &partition.readers {
        for run in &reader.runs {
            let seen: BTreeSet<i64> = run.iter().map(|seen| seen.offset).collect();
            let (Some(first), Some(last)) = (seen.first(), seen.last()) else { continue };
            for missed in acknowledged.range(first..last).filter(|offset| !seen.contains(offset)) {
                findings.add(
                    Anomaly::Unseen,
                    format_args!("reader {number} went past {missed} without seeing it"),
                );
            }
        }
    }
}

fn is_stored(partition: &Partition, ack: &crate::history::Ack) -> bool {
    partition.at(ack.offset).is_some_and(|stored| stored.record == ack.record)
}
