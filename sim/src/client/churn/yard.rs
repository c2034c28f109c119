//! What the clients that create and delete topics know together.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use protocol::Uuid;
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IteratorRandom;

use super::super::Client;
use super::super::parcel::Target;
use crate::history::{Event, named};

/// A topic that was reported to a client.
#[derive(Debug, Clone)]
pub(super) struct Lot {
    pub(super) name: Arc<str>,
    pub(super) id: Uuid,
    /// How many partitions it was said to have at most.
    pub(super) partitions: i32,
    /// Whether its deletion was asked for.
    pub(super) going: bool,
    /// Whether none of its name was known before it.
    pub(super) first: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Yard {
    /// The number of the next name that no client has used.
    next: u32,
    /// Topics, as events name them.
    pub(super) lots: BTreeMap<Arc<str>, Lot>,
    /// Names, and whether a deletion by name was asked for.
    names: BTreeMap<Arc<str>, bool>,
    /// Names of topics that a client set, or tried to set, to keep only so many bytes.
    trimmed: BTreeSet<Arc<str>>,
    /// Names of topics that a client set, or tried to set, to take small batches only.
    narrow: BTreeSet<Arc<str>>,
}

impl Yard {
    /// Every name that any client used.
    pub(super) fn names(&self) -> Vec<Arc<str>> {
        self.names.keys().cloned().collect()
    }

    /// How many topics there are, by the answers that came.
    pub(super) fn alive(&self) -> usize {
        self.lots.values().filter(|lot| !lot.going).count()
    }

    /// A name to create a topic under: a new one, or one whose topics were deleted, or one that is taken.
    pub(super) fn name(&mut self, rng: &mut StdRng) -> (Arc<str>, bool) {
        let free = |name: &&Arc<str>| self.lots.values().all(|lot| lot.name != **name || lot.going);
        let again = match rng.random_range(0..10) {
            0..=5 => None,
            6 => self.names.keys().choose(rng),
            _ => self.names.keys().filter(free).choose(rng),
        };
        if let Some(again) = again {
            return (Arc::clone(again), true);
        }
        let name: Arc<str> = Arc::from(format!("c{}", self.next));
        self.next += 1;
        self.names.insert(Arc::clone(&name), false);
        (name, false)
    }

    /// A topic that is there, by the answers that came.
    pub(super) fn some(&self, rng: &mut StdRng) -> Option<(Arc<str>, Lot)> {
        let alive = self.lots.iter().filter(|(_, lot)| !lot.going).choose(rng);
        alive.map(|(topic, lot)| (Arc::clone(topic), lot.clone()))
    }

    /// A topic was reported to a client; how events name it.
    pub(super) fn learn(&mut self, client: &Client, told: (&str, Uuid, i32), created: bool) -> Arc<str> {
        let (name, id, partitions) = told;
        let topic = named(name, &id.to_string());
        let known = self.lots.contains_key(&topic);
        let first = self.lots.values().all(|lot| *lot.name != *name);
        let name: Arc<str> = Arc::from(name);
        let going = self.names.get(&name).copied().unwrap_or(false);
        if !known && self.trimmed.contains(&name) {
            anything_may_go(client, &topic);
        }
        let new = || Lot { name: Arc::clone(&name), id, partitions, going, first };
        let lot = self.lots.entry(Arc::clone(&topic)).or_insert_with(new);
        lot.partitions = lot.partitions.max(partitions);
        if !known || created {
            client.trace.line(format_args!("topic {topic} {partitions} {created}"));
            client.note(Event::TopicMade { name: Arc::clone(&lot.name), topic: Arc::clone(&topic), created });
        }
        topic
    }

    /// A client is about to set a topic, or whichever has its name, to keep only so many bytes.
    pub(super) fn trim(&mut self, client: &Client, lot: &Lot) {
        self.lots
            .iter()
            .filter(|(_, l)| l.name == lot.name)
            .for_each(|(topic, _)| anything_may_go(client, topic));
        self.trimmed.insert(Arc::clone(&lot.name));
    }

    /// Whether anything may go from topics of a name.
    pub(super) fn is_trimmed(&self, name: &Arc<str>) -> bool {
        self.trimmed.contains(name)
    }

    /// A client is about to set a topic, or whichever has its name, to take small batches only.
    pub(super) fn narrow(&mut self, lot: &Lot) {
        self.narrow.insert(Arc::clone(&lot.name));
    }

    /// Whether topics of a name may refuse a batch for its size.
    pub(super) fn is_narrow(&self, name: &Arc<str>) -> bool {
        self.narrow.contains(name)
    }

    /// A client is about to ask for a deletion, by the topic's id or by its name.
    pub(super) fn delete(&mut self, client: &Client, topic: &Arc<str>, by_name: bool) {
        let Some(name) = self.lots.get(topic).map(|lot| Arc::clone(&lot.name)) else { return };
        client.trace.line(format_args!("delete topic {topic} {by_name}"));
        let deleted = (!by_name).then(|| Arc::clone(topic));
        client.note(Event::TopicDeletion { name: Arc::clone(&name), topic: deleted });
        for (other, lot) in &mut self.lots {
            lot.going |= other == topic || by_name && lot.name == name;
        }
        if by_name {
            // It may be carried out at any time from now on.
            self.names.insert(name, true);
        }
    }

    /// Where to send what goes to a topic. By name, and acknowledged, it is there for certain only if no other
    /// topic ever had the name.
    pub(super) fn target(&self, topic: &Arc<str>, by_name: bool) -> Option<Target> {
        let lot = self.lots.get(topic)?;
        let (name, id) = (Arc::clone(&lot.name), Some(lot.id));
        Some(Target { topic: Arc::clone(topic), name, id, by_name: by_name && lot.first })
    }

    /// Whether an acknowledgement of what was sent by name is one of this topic.
    pub(super) fn is_certain(&self, target: &Target) -> bool {
        !target.by_name || self.lots.get(&target.topic).is_some_and(|lot| !lot.going)
    }
}

/// The most partitions that a topic comes to.
pub(super) const PARTITIONS: i32 = 8;

fn anything_may_go(client: &Client, topic: &Arc<str>) {
    for partition in 0..PARTITIONS {
        client.note(Event::Trim { topic: Some(Arc::clone(topic)), partition, offset: i64::MAX });
    }
}
