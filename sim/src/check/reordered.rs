//! Reordered: in the final log, a producer's record stands behind one that the producer sent later.
//!
//! Jepsen's "nonmonotonic-send". Kafka promises an idempotent producer that the log has its order. A record may be
//! missing: a producer may have given it up. Other producers keep the order of what they sent once, by the same
//! connection: a broker takes a connection's requests one after the other.

use std::collections::BTreeMap;

use super::{Anomaly, Findings};
use crate::history::{Partition, Record};

pub(super) fn check(partition: &Partition, findings: &mut Findings) {
    let mut last: BTreeMap<i64, i64> = BTreeMap::new();
    for stored in partition.log.iter().filter(|stored| !partition.is_plain(stored.record)) {
        let Record { producer, sequence } = stored.record;
        if let Some(before) = last.insert(producer, sequence).filter(|before| *before > sequence) {
            let offset = stored.offset;
            findings.add(
                Anomaly::Reordered,
                format_args!("producer {producer}: {sequence} at {offset} is behind {before}"),
            );
        }
    }
    connections(partition, findings);
}

/// What was sent once: the place among everything that was sent, and the connection.
type Once = (usize, u64);

fn connections(partition: &Partition, findings: &mut Findings) {
    if partition.plain.is_empty() {
        return;
    }
    let mut sent: BTreeMap<Record, Option<Once>> = BTreeMap::new();
    for (place, batch) in partition.sent.iter().enumerate().filter(|(_, batch)| batch.plain) {
        for record in batch.records() {
            let of = sent.entry(record);
            of.and_modify(|once| *once = None).or_insert(Some((place, batch.link)));
        }
    }
    let mut last: BTreeMap<(i64, u64), (usize, Record)> = BTreeMap::new();
    for stored in &partition.log {
        let Some(Some((place, link))) = sent.get(&stored.record).copied() else { continue };
        let key = (stored.record.producer, link);
        if let Some((before, record)) = last.insert(key, (place, stored.record))
            && before > place
        {
            let (other, offset) = (stored.record, stored.offset);
            findings.add(
                Anomaly::Reordered,
                format_args!("{other:?} at {offset} is behind {record:?}, sent later on connection {link}"),
            );
        }
    }
}
