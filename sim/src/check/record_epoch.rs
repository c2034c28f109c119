//! Record epochs: the leader epochs of batches never go down along the final log, and a record keeps the one
//! that it was seen with.
//!
//! The invariant of Kafka's leader epoch cache (KIP-101): epochs and their first offsets rise together. A
//! consumer that saw another epoch at an offset would look for a truncation there (KIP-320).

use super::{Anomaly, Findings};
use crate::history::Partition;

pub(super) fn check(partition: &Partition, findings: &mut Findings) {
    for pair in partition.log.windows(2) {
        if let (Some(one), Some(other)) = (pair[0].epoch, pair[1].epoch)
            && other < one
        {
            let offset = pair[1].offset;
            findings.add(
                Anomaly::RecordEpoch,
                format_args!("{offset} has epoch {other}, the one before it {one}"),
            );
        }
    }
    for seen in partition.seen() {
        let stored = partition.at(seen.offset).and_then(|stored| stored.epoch);
        if let (Some(seen_with), Some(stored)) = (seen.epoch, stored)
            && seen_with != stored
        {
            let offset = seen.offset;
            findings.add(
                Anomaly::RecordEpoch,
                format_args!("{offset} has epoch {stored}, and was seen with {seen_with}"),
            );
        }
    }
}
