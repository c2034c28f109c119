//! Lost write: a record that was acknowledged, or seen by a reader, is not in the final log at any offset, though
//! it was not deleted: neither with its topic, nor was it behind where the log begins.
//!
//! Jepsen's "lost-write": committed messages which, although later offsets were polled, no consumer ever
//! polls. Readers see only what is durable, so that what one of them saw counts like an acknowledgement.

use std::collections::BTreeSet;

use super::{Anomaly, Findings};
use crate::history::{Partition, Record};

pub(super) fn check(partition: &Partition, findings: &mut Findings) {
    if partition.gone {
        return;
    }
    let stored: BTreeSet<Record> = partition.log.iter().map(|stored| stored.record).collect();
    let lost = |record: &Record, offset: i64| offset >= partition.log_start && !stored.contains(record);
    for ack in partition.acks.iter().filter(|ack| lost(&ack.record, ack.offset)) {
        findings.add(Anomaly::LostWrite, format_args!("{:?} was acknowledged at {}", ack.record, ack.offset));
    }
    for seen in partition.seen().filter(|seen| lost(&seen.record, seen.offset)) {
        findings.add(Anomaly::LostWrite, format_args!("{:?} was read at {}", seen.record, seen.offset));
    }
}
