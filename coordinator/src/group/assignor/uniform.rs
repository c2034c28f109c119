//! `uniform`: evenly over all topics together, and with as few moves as that takes.
//!
//! Where everyone reads the same topics, everyone gets as many partitions as anyone else, or one less. Where
//! not, no partition could go to a less loaded reader of its topic and make the two more even.

mod different;
mod same;

use std::collections::{BTreeMap, BTreeSet};

use super::{Reader, Readers, Topics};
use crate::PartitionId;
use crate::group::state::{Assignment, MemberId};

pub(super) fn assign(readers: &Readers<'_>, topics: &Topics) -> BTreeMap<MemberId, Assignment> {
    let mut read = readers.values().map(|reader| &reader.topics);
    let alike = read.next().is_none_or(|first| read.all(|other| other == first));
    if alike { same::assign(readers, topics) } else { different::assign(readers, topics) }
}

/// What each reader keeps of what it had: partitions that exist, of topics that it still reads, each for one.
fn kept<'a>(readers: &'a Readers<'_>, topics: &'a Topics) -> Vec<Vec<PartitionId>> {
    let mut taken = BTreeSet::new();
    let mut kept_by = |reader: &'a Reader<'_>| -> Vec<PartitionId> {
        let read = reader.had.iter().filter(|(topic, _)| reader.topics.contains(topic));
        let all = read.flat_map(|(&topic, all)| all.iter().map(move |&index| PartitionId { topic, index }));
        let exists =
            |p: &PartitionId| topics.get(&p.topic).is_some_and(|count| (0..*count).contains(&p.index));
        all.filter(exists).filter(|p| taken.insert(*p)).collect()
    };
    readers.values().map(&mut kept_by).collect()
}

/// The answer, from what each reader gets.
fn answer(readers: &Readers<'_>, shares: Vec<Vec<PartitionId>>) -> BTreeMap<MemberId, Assignment> {
    let by_topic = |share: Vec<PartitionId>| {
        let mut assignment = Assignment::new();
        for p in share {
            assignment.entry(p.topic).or_default().insert(p.index);
        }
        assignment
    };
    readers.keys().map(|id| MemberId::clone(id)).zip(shares.into_iter().map(by_topic)).collect()
}
