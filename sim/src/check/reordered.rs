//! Reordered: in the final log, a producer's record stands behind one that the producer sent later.
//!
//! Jepsen's "nonmonotonic-send". Kafka promises an idempotent producer that the log has its order. A record may be missing: a producer
//! may have given it up.

use std::collections::BTreeMap;

use super::{Anomaly, Findings};
use crate::history::{Partition, Record};

pub(super) fn check(partition: &Partition, findings: &mut Findings) {
    let mut last: BTreeMap<i64, i64> = BTreeMap::new();
    for stored in &partition.log {
        let Record { producer, sequence } = stored.record;
        if let Some(before) = last.insert(producer, sequence).filter(|before| *before > sequence) {
            let offset = stored.offset;
            findings.add(
                Anomaly::Reordered,
                format_args!("producer {producer}: {sequence} at {offset} is behind {before}"),
            );
        }
    }
}
