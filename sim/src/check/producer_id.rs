//! Producer ids: no two producers are given the same one.
//!
//! Idempotence rests on it: to the log, two producers of one id are one that repeats itself. Kafka's
//! controller hands ids out in blocks (KIP-730).

use std::collections::BTreeMap;

use super::{Anomaly, Violation};
use crate::history::Event;

pub(super) fn check(events: &[Event]) -> Vec<Violation> {
    let (mut owners, mut violations) = (BTreeMap::new(), Vec::new());
    for event in events {
        if let Event::ProducerId { producer, id } = event {
            let first = *owners.entry(id).or_insert(producer);
            if first != producer {
                let detail = format!("producers {first} and {producer} were both given {id}");
                violations.push(Violation { anomaly: Anomaly::ProducerIdTwice, detail });
            }
        }
    }
    violations
}
