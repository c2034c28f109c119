//! Gap: the final log of a topic that was created in the run lacks an offset, or does not begin where it is said to.
//!
//! Offsets begin at 0 and rise by one for each record (KIP-101 calls a log's divergence by its offsets); nothing in
//! these topics is compacted. A log that was forgotten and begun again would begin twice.

use super::{Anomaly, Findings};
use crate::history::Partition;

pub(super) fn check(partition: &Partition, findings: &mut Findings) {
    if !partition.made || partition.gone {
        return;
    }
    let mut next = partition.log_start;
    for stored in &partition.log {
        if stored.offset != next {
            let offset = stored.offset;
            findings.add(Anomaly::Gap, format_args!("{offset} is where {next} should be"));
        }
        next = stored.offset + 1;
    }
}
