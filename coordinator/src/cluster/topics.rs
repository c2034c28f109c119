//! The topics of a cluster.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::names::Names;
use crate::TopicId;
use crate::topic::Topic;

/// Topics by id and by name. A copy shares them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Topics {
    by_id: BTreeMap<TopicId, Arc<Topic>>,
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
        self.by_id.values().map(Arc::as_ref)
    }

    /// Every topic, by name.
    pub(super) fn by_name(&self) -> impl Iterator<Item = &Topic> {
        self.names.ids().filter_map(|id| self.get(id))
    }

    pub(super) fn get(&self, id: TopicId) -> Option<&Topic> {
        self.by_id.get(&id).map(Arc::as_ref)
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
        self.by_id.insert(topic.id, Arc::new(topic));
        true
    }

    /// False if there is no such topic.
    pub(super) fn remove(&mut self, id: TopicId) -> bool {
        let Some(topic) = self.by_id.remove(&id) else { return false };
        self.partitions -= i64::from(topic.partitions);
        self.names.remove(&topic.name);
        true
    }

    /// False unless the topic is there and has fewer partitions.
    pub(super) fn grow(&mut self, id: TopicId, partitions: i32) -> bool {
        match self.by_id.get_mut(&id) {
            Some(topic) if topic.partitions < partitions => {
                self.partitions += i64::from(partitions) - i64::from(topic.partitions);
                Arc::make_mut(topic).partitions = partitions;
                true
            }
            _ => false,
        }
    }

    /// Changes a topic's settings. False if there is no such topic.
    pub(super) fn configure(&mut self, id: TopicId, change: impl FnOnce(&mut Topic)) -> bool {
        self.by_id.get_mut(&id).map(|topic| change(Arc::make_mut(topic))).is_some()
    }

    /// Changes the settings of every topic.
    pub(super) fn configure_all(&mut self, mut change: impl FnMut(&mut Topic)) {
        self.by_id.values_mut().for_each(|topic| change(Arc::make_mut(topic)));
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
