//! Duplicate: one record stands at two offsets of the final log. Producers are idempotent and number their
//! records, so that none may be there twice however often it was sent.
//!
//! Jepsen's "duplicate".

use std::collections::BTreeMap;

use super::{Anomaly, Findings};
use crate::history::{Partition, Record};

pub(super) fn check(partition: &Partition, findings: &mut Findings) {
    let mut at: BTreeMap<Record, i64> = BTreeMap::new();
    for stored in &partition.log {
        if let Some(before) = at.insert(stored.record, stored.offset) {
            let (record, offset) = (stored.record, stored.offset);
            findings.add(Anomaly::Duplicate, format_args!("{record:?} is at {before} and at {offset}"));
        }
    }
}
