//! What became of topics that were created and deleted.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Event;

/// One topic, of perhaps several that had its name one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Incarnation {
    /// Its name.
    pub name: Arc<str>,
    /// Where CreateTopics said so in the history, to who asked for it.
    pub created: Option<usize>,
    /// Where a client asked for its deletion first, in the history. A deletion by name may strike any topic
    /// that has it.
    pub deletion: Option<usize>,
    /// Whether it was not there in the end.
    pub gone: bool,
}

/// The topics of a history.
pub fn topics(events: &[Event]) -> BTreeMap<Arc<str>, Incarnation> {
    let mut topics: BTreeMap<Arc<str>, Incarnation> = BTreeMap::new();
    for (order, event) in events.iter().enumerate() {
        if let Event::TopicMade { name, topic, created } = event {
            let of = topics.entry(Arc::clone(topic)).or_default();
            of.name = Arc::clone(name);
            of.created = of.created.or(created.then_some(order));
        }
    }
    for (order, event) in events.iter().enumerate() {
        match event {
            Event::TopicDeletion { topic: Some(topic), .. } => {
                if let Some(of) = topics.get_mut(topic) {
                    of.deletion.get_or_insert(order);
                }
            }
            Event::TopicDeletion { name, topic: None } => {
                for of in topics.values_mut().filter(|of| of.name == *name) {
                    of.deletion.get_or_insert(order);
                }
            }
            Event::TopicGone { topic } => topics.entry(Arc::clone(topic)).or_default().gone = true,
            _ => {}
        }
    }
    topics
}

/// How events name a topic that has a name and an id.
pub fn named(name: &str, id: &str) -> Arc<str> {
    Arc::from(format!("{name}/{id}"))
}
