//! Duplicate: a record stands in the final log more often than it can. Idempotent producers number their records,
//! so that none may be there twice however often it was sent; those of others may be there as often as they were
//! sent.
//!
//! Jepsen's "duplicate".

use std::collections::BTreeMap;

use super::{Anomaly, Findings};
use crate::history::{Partition, Record};

pub(super) fn check(partition: &Partition, findings: &mut Findings) {
    let mut at: BTreeMap<Record, Vec<i64>> = BTreeMap::new();
    for stored in &partition.log {
        at.entry(stored.record).or_default().push(stored.offset);
    }
    for (record, offsets) in at.into_iter().filter(|(_, offsets)| offsets.len() > 1) {
        let times = match partition.is_plain(record) {
            true => partition.sent.iter().filter(|sent| sent.holds(record)).count(),
            false => 1,
        };
        if offsets.len() > times {
            findings.add(
                Anomaly::Duplicate,
                format_args!("{record:?} is at {offsets:?}, and {times} is as often as it may be there"),
            );
        }
    }
}
