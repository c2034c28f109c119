//! The topics of a cluster.

use super::names::Names;
use crate::topic::Topic;
use crate::{Map, TopicId};

/// Topics by id and by name. What a change costs hardly grows with their number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Topics {
    by_id: Map<TopicId, Topic>,
    names: Names,
    /// How many partitions they have together.
    partitions: i64,
}

impl Topics {
    pub(super) fn count(&self) -> usize {
        self.by_id.len()
    }

    /// How many partitions all have together.
    pub(super) fn partitions(&self) -> i64 {
        self.partitions
    }

    /// Every topic, by id.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Topic> {
        self.by_id.values()
    }

    /// Every topic, by name.
    pub(super) fn by_name(&self) -> impl Iterator<Item = &Topic> {
        self.names.ids().filter_map(|id| self.get(id))
    }

    pub(super) fn get(&self, id: TopicId) -> Option<&Topic> {
        self.by_id.get(&id)
    }

    pub(super) fn names(&self) -> &Names {
        &self.names
    }

    /// False if the id or the name is taken.
    pub(super) fn insert(&mut self, topic: Topic) -> bool {
        if self.by_id.contains_key(&topic.id) || self.names.id(&topic.name).is_some() {
            return false;
        }
        self.partitions += i64::from(topic.partitions);
        self.names.insert(&topic.name, topic.id);
        self.by_id.insert(topic.id, topic);
        true
    }

    /// False if there is no such topic.
    pub(super) fn remove(&mut self, id: TopicId) -> bool {
        let Some(topic) = self.by_id.get(&id) else { return false };
        self.partitions -= i64::from(topic.partitions);
        self.names.remove(&topic.name);
        self.by_id.remove(&id);
        true
    }

    /// False unless the topic is there and has fewer partitions.
    pub(super) fn grow(&mut self, id: TopicId, partitions: i32) -> bool {
        match self.by_id.get(&id) {
            Some(topic) if topic.partitions < partitions => {
                self.partitions += i64::from(partitions) - i64::from(topic.partitions);
                self.configure(id, |topic| topic.partitions = partitions)
            }
            _ => false,
        }
    }

    /// Changes a topic. False if there is no such topic.
    pub(super) fn configure(&mut self, id: TopicId, change: impl FnOnce(&mut Topic)) -> bool {
        let Some(mut topic) = self.by_id.get(&id).cloned() else { return false };
        change(&mut topic);
        self.by_id.insert(id, topic);
        true
    }

    /// Changes every topic.
    pub(super) fn configure_all(&mut self, mut change: impl FnMut(&mut Topic)) {
        let changed = self.by_id.iter().map(|(id, topic)| {
            let mut topic = topic.clone();
            change(&mut topic);
            (*id, topic)
        });
        self.by_id = changed.collect();
    }

    /// The topics of which there are none any more in a later state.
    pub(super) fn missing_in<'a>(&'a self, later: &'a Self) -> impl Iterator<Item = TopicId> {
        self.by_id.missing_in(&later.by_id).copied()
    }
}

impl FromIterator<Topic> for Topics {
    fn from_iter<I: IntoIterator<Item = Topic>>(topics: I) -> Self {
        let mut all = Self::default();
        for topic in topics {
            all.insert(topic);
        }
        all
    }
}
