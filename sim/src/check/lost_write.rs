//! Lost write: a record that was acknowledged, or seen by a reader, is not in the final log at any offset.
//!
//! Jepsen's "lost-write": committed messages which, although later offsets were polled, nobody ever polls.
//! Readers see only what is durable, so that what one of them saw counts like an acknowledgement.

use std::collections::BTreeSet;

use super::{Anomaly, Findings};
use crate::history::{Partition, Record};

pub(super) fn check(partition: &Partition, findings: &mut Findings) {
    let stored: BTreeSet<Record> = partition.log.iter().map(|stored| stored.record).collect();
    for ack in partition.acks.iter().filter(|ack| !stored.contains(&ack.record)) {
        findings.add(Anomaly::LostWrite, format_args!("{:?} was acknowledged at {}", ack.record, ack.offset));
    }
    for seen in partition.seen().filter(|seen| !stored.contains(&seen.record)) {
        findings.add(Anomaly::LostWrite, format_args!("{:?} was read at {}", seen.record, seen.offset));
    }
}
