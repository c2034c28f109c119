//! Lost topic: a topic is not there in the end, though no client asked for its deletion; or another was
//! created under its name before any client did.
//!
//! CreateTopics succeeds for one of several that ask at once, and the name is taken until the topic is deleted
//! (TOPIC_ALREADY_EXISTS): linearizability of a set of names.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Anomaly, Violation};
use crate::history::{Event, topics};

pub(super) fn check(events: &[Event]) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut add = |detail| violations.push(Violation { anomaly: Anomaly::LostTopic, detail });
    let topics = topics(events);
    for (topic, of) in &topics {
        if of.gone && of.deletion.is_none() {
            add(format!("{topic} is gone, and no client deleted it"));
        }
    }
    let mut created: BTreeMap<&Arc<str>, Vec<_>> = BTreeMap::new();
    for (topic, of) in &topics {
        if let Some(at) = of.created {
            created.entry(&of.name).or_default().push((at, topic, of.deletion));
        }
    }
    for made in created.values_mut() {
        made.sort();
        for pair in made.windows(2) {
            let ((_, one, deletion), (at, other, _)) = (pair[0], pair[1]);
            // Who was answered first need not have been first.
            let other_may_go = pair[1].2.is_some_and(|deletion| deletion < at);
            if deletion.is_none_or(|deletion| deletion > at) && !other_may_go {
                add(format!("{other} was created while there was {one}"));
            }
        }
    }
    violations
}
