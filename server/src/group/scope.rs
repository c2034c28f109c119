//! Which partitions of which topics are meant.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use crate::client::{Client, TopicPartition};

/// A topic, or some of its partitions: `orders`, `orders:0,3`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scope {
    /// The topic's name.
    pub(super) topic: String,
    /// The partitions; empty for all.
    pub(super) partitions: BTreeSet<i32>,
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (topic, partitions) = match text.split_once(':') {
            None => (text, BTreeSet::new()),
            Some((topic, list)) => {
                let number = |text: &str| text.parse::<i32>().ok().filter(|number| *number >= 0);
                let partitions = list.split(',').map(number).collect::<Option<BTreeSet<_>>>();
                (topic, partitions.ok_or_else(|| format!("{list:?} are no partitions: write 0,3"))?)
            }
        };
        if topic.is_empty() {
            return Err("write TOPIC or TOPIC:PARTITION,PARTITION".to_owned());
        }
        Ok(Self { topic: topic.to_owned(), partitions })
    }
}

/// The partitions that are meant. Fails on topics and partitions that do not exist.
pub(super) async fn existing(client: &Client, scopes: &[Scope]) -> anyhow::Result<BTreeSet<TopicPartition>> {
    let mut meant = BTreeSet::new();
    for scope in scopes {
        let topic = client.ready_topic(&scope.topic, false).await?;
        if let Some(partition) = scope.partitions.iter().find(|p| !topic.partitions.contains_key(p)) {
            anyhow::bail!("topic {} has no partition {partition}", topic.name);
        }
        let wanted = |partition: &&i32| scope.partitions.is_empty() || scope.partitions.contains(partition);
        meant.extend(topic.partitions.keys().filter(wanted).map(|p| (topic.name.clone(), *p)));
    }
    Ok(meant)
}

/// The partitions that are meant, among those that a group has read. Topics and partitions that it has not are an
/// error, which names the first.
pub(super) fn committed(
    group: &str,
    scopes: &[Scope],
    offsets: &BTreeMap<TopicPartition, i64>,
) -> Result<BTreeSet<TopicPartition>, String> {
    let mut meant = BTreeSet::new();
    for Scope { topic, partitions } in scopes {
        let of_topic = offsets.keys().filter(|(name, _)| name == topic).map(|(_, partition)| *partition);
        let of_topic: BTreeSet<i32> = of_topic.collect();
        if of_topic.is_empty() {
            return Err(format!("group {group} has no offsets of topic {topic}"));
        }
        if let Some(partition) = partitions.difference(&of_topic).next() {
            return Err(format!("group {group} has no offset of partition {partition} of topic {topic}"));
        }
        let partitions = if partitions.is_empty() { &of_topic } else { partitions };
        meant.extend(partitions.iter().map(|partition| (topic.clone(), *partition)));
    }
    Ok(meant)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(text: &str) -> Scope {
        text.parse().expect("it is one")
    }

    #[test]
    fn what_people_write() {
        assert_eq!(scope("t"), Scope { topic: "t".to_owned(), partitions: BTreeSet::new() });
        assert_eq!(scope("t:3,0").partitions, BTreeSet::from([0, 3]));
        for text in ["", ":", ":1", "t:", "t:x", "t:-1", "t:1,", "t:1:2"] {
            assert!(text.parse::<Scope>().is_err(), "{text}");
        }
    }

    #[test]
    fn only_what_was_read() {
        let at = |topic: &str, partition| (topic.to_owned(), partition);
        let offsets = BTreeMap::from([(at("a", 0), 1), (at("a", 2), 1), (at("b", 0), 1)]);
        let meant = |scopes: &[Scope]| committed("g", scopes, &offsets);
        assert_eq!(meant(&[scope("a")]), Ok(BTreeSet::from([at("a", 0), at("a", 2)])));
        assert_eq!(meant(&[scope("a:2"), scope("b")]), Ok(BTreeSet::from([at("a", 2), at("b", 0)])));
        assert_eq!(meant(&[scope("c")]), Err("group g has no offsets of topic c".to_owned()));
        let error = "group g has no offset of partition 1 of topic a";
        assert_eq!(meant(&[scope("a:1")]), Err(error.to_owned()));
    }
}
