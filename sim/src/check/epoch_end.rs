//! Epoch ends: what the final leader says of where each leader epoch ends agrees with the epochs of the
//! records in the log.
//!
//! OffsetForLeaderEpoch answers with the highest epoch that is not above the one asked for, and the first
//! offset of the next (KIP-101). A list of epochs that is lost or shortened shows consumers a truncation that
//! never was, or hides one.

use super::{Anomaly, Findings};
use crate::history::Partition;

pub(super) fn check(partition: &Partition, findings: &mut Findings) {
    if partition.log.is_empty() {
        // No epoch is known to have begun.
        return;
    }
    let mut firsts: Vec<(i32, i64)> = Vec::new();
    for stored in &partition.log {
        let Some(epoch) = stored.epoch else { return };
        if firsts.last().is_none_or(|(last, _)| *last != epoch) {
            firsts.push((epoch, stored.offset));
        }
    }
    let end = partition.log.last().map_or(0, |last| last.offset + 1);
    for told in &partition.epoch_ends {
        // An epoch without records may be known or not; where it would begin is the same.
        let next = firsts.iter().find(|(epoch, _)| *epoch > told.asked);
        let expected = next.map_or(end, |(_, offset)| *offset);
        let holds_records = firsts.iter().any(|(epoch, _)| *epoch == told.asked);
        let wrong_epoch = told.epoch > told.asked || holds_records && told.epoch != told.asked;
        if told.offset != expected || wrong_epoch {
            let (asked, epoch, offset) = (told.asked, told.epoch, told.offset);
            findings.add(
                Anomaly::EpochEnd,
                format_args!(
                    "epoch {asked} ends at {expected}, and was said to be {epoch} and end at {offset}"
                ),
            );
        }
    }
}
