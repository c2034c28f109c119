//! The names of topics, and which of them collide.

use std::sync::Arc;

use crate::topic::unify_collision_chars;
use crate::{Map, TopicId};

/// Names of topics that exist, or are about to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Names {
    ids: Map<Arc<str>, TopicId>,
    /// By what metrics make of it, each name that another can collide with (Kafka's
    /// `ReplicationControlManager.topicsWithCollisionChars`). Some collide: older builds created such topics.
    unified: Map<(Arc<str>, Arc<str>), ()>,
}

impl Names {
    /// The topic of a name.
    pub(super) fn id(&self, name: &str) -> Option<TopicId> {
        self.ids.get(name).copied()
    }

    /// Every topic, in the order of the names.
    pub(super) fn ids(&self) -> impl Iterator<Item = TopicId> {
        self.ids.values().copied()
    }

    /// A topic's name that is the same as `name` in metrics, where '.' becomes '_'.
    pub(super) fn colliding(&self, name: &str) -> Option<&str> {
        let unified: Arc<str> = unify_collision_chars(name)?.into();
        let (found, other) = self.unified.from(&(Arc::clone(&unified), Arc::from(""))).next()?.0;
        (*found == unified).then_some(&**other)
    }

    /// Adds a name that is not there.
    pub(super) fn insert(&mut self, name: &str, id: TopicId) {
        let name: Arc<str> = name.into();
        if let Some(unified) = unify_collision_chars(&name) {
            self.unified.insert((unified.into(), Arc::clone(&name)), ());
        }
        self.ids.insert(name, id);
    }

    /// Removes a name.
    pub(super) fn remove(&mut self, name: &str) {
        if let Some(unified) = unify_collision_chars(name) {
            self.unified.remove(&(unified.into(), name.into()));
        }
        self.ids.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topic::unified_names;

    #[test]
    fn a_name_is_compared_with_those_that_it_collides_with_and_no_others() {
        for count in [10, 1_000] {
            let mut names = Names::default();
            for n in 0..count {
                names.insert(&format!("topic.{n}"), TopicId([1; 16]));
            }
            let before = unified_names();
            assert_eq!(names.colliding("topic_7"), Some("topic.7"));
            assert_eq!(names.colliding("topic_x"), None);
            assert_eq!(names.colliding("zzz_zzz"), None);
            assert_eq!(names.colliding("topic-7"), None);
            assert_eq!(unified_names() - before, 4, "among {count} names");
        }
    }

    #[test]
    fn names_of_older_builds_may_collide() {
        let mut names = Names::default();
        for (name, n) in [("a.b", 1), ("a_b", 2), ("a.b.c", 3)] {
            names.insert(name, TopicId([n; 16]));
        }
        assert_eq!(names.colliding("a.b"), Some("a.b"));
        names.remove("a.b");
        assert_eq!((names.colliding("a.b"), names.id("a_b")), (Some("a_b"), Some(TopicId([2; 16]))));
        names.remove("a_b");
        assert_eq!((names.colliding("a.b"), names.colliding("a_b_c")), (None, Some("a.b.c")));
    }
}
