//! Readers that read different topics.
//!
//! Partitions that no reader keeps go to the least loaded reader of their topic, those topics first whose readers
//! get most of it. Then topics are evened out one after the other, until none changes.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::{answer, kept};
use crate::group::assignor::{Readers, Topics};
use crate::group::state::{Assignment, MemberId};
use crate::{PartitionId, TopicId};

/// How often all topics are gone through at most. Two or three rounds are what it takes in practice.
const MOST_ROUNDS: usize = 16;

pub(super) fn assign(readers: &Readers<'_>, topics: &Topics) -> BTreeMap<MemberId, Assignment> {
    let mut tables = Tables::new(readers, topics);
    let order = tables.order(topics);
    for &(topic, count) in &order {
        tables.place_free(topic, count);
    }
    for _ in 0..MOST_ROUNDS {
        let moves: usize = order.iter().map(|&(topic, _)| tables.even_out(topic)).sum();
        if moves == 0 {
            break;
        }
    }
    let mut shares = vec![Vec::new(); tables.loads.len()];
    for (topic, holders) in tables.holders {
        for (reader, partitions) in holders {
            shares[reader].extend(partitions.into_iter().map(|index| PartitionId { topic, index }));
        }
    }
    answer(readers, shares)
}

/// Readers by their place in the order of ids.
struct Tables {
    /// How many partitions each reader has.
    loads: Vec<usize>,
    /// Who reads a topic.
    read_by: BTreeMap<TopicId, Vec<usize>>,
    /// Who has what of a topic.
    holders: BTreeMap<TopicId, BTreeMap<usize, BTreeSet<i32>>>,
}

impl Tables {
    fn new(readers: &Readers<'_>, topics: &Topics) -> Self {
        let mut tables = Self { loads: Vec::new(), read_by: BTreeMap::new(), holders: BTreeMap::new() };
        for (at, (reader, share)) in readers.values().zip(kept(readers, topics)).enumerate() {
            tables.loads.push(share.len());
            for topic in reader.topics.iter() {
                tables.read_by.entry(*topic).or_default().push(at);
            }
            for partition in share {
                tables.of(partition.topic, at).insert(partition.index);
            }
        }
        tables
    }

    fn of(&mut self, topic: TopicId, reader: usize) -> &mut BTreeSet<i32> {
        self.holders.entry(topic).or_default().entry(reader).or_default()
    }

    /// Topics of which a reader gets most come first; among those, topics that fewer read.
    fn order(&self, topics: &Topics) -> Vec<(TopicId, i32)> {
        let mut order: Vec<(TopicId, i32)> =
            topics.iter().map(|(&t, &n)| (t, n)).filter(|(t, _)| self.read_by.contains_key(t)).collect();
        let readers = |topic: &TopicId| self.read_by.get(topic).map_or(0, Vec::len) as u64;
        // partitions / readers, compared without rounding: a / b < c / d where a * d < c * b.
        order.sort_by(|(a, a_count), (b, b_count)| {
            let left = *a_count as u64 * readers(b);
            let right = *b_count as u64 * readers(a);
            Reverse(left).cmp(&Reverse(right)).then(readers(a).cmp(&readers(b))).then(a.cmp(b))
        });
        order
    }

    /// The readers of the topic, the least loaded first.
    fn by_load(&self, topic: TopicId) -> BTreeSet<(usize, usize)> {
        self.read_by.get(&topic).into_iter().flatten().map(|&reader| (self.loads[reader], reader)).collect()
    }

    fn place_free(&mut self, topic: TopicId, count: i32) {
        let held: BTreeSet<i32> =
            self.holders.get(&topic).into_iter().flat_map(BTreeMap::values).flatten().copied().collect();
        let free: Vec<i32> = (0..count).filter(|index| !held.contains(index)).collect();
        if free.is_empty() {
            return;
        }
        let mut by_load = self.by_load(topic);
        for index in free {
            let Some((load, reader)) = by_load.pop_first() else { return };
            self.of(topic, reader).insert(index);
            self.loads[reader] = load + 1;
            by_load.insert((load + 1, reader));
        }
    }

    /// Whether no partition of a topic could go to a reader with less, and make the two more even.
    fn is_even(&self, topic: TopicId) -> bool {
        let holders = self.holders.get(&topic).into_iter().flatten();
        let most = holders.filter(|(_, all)| !all.is_empty()).map(|(&reader, _)| self.loads[reader]).max();
        let least = self.read_by.get(&topic).into_iter().flatten().map(|&reader| self.loads[reader]).min();
        most.zip(least).is_none_or(|(most, least)| most <= least + 1)
    }

    /// Moves partitions of a topic from its most to its least loaded readers; answers how many.
    fn even_out(&mut self, topic: TopicId) -> usize {
        if self.is_even(topic) {
            return 0;
        }
        let mut takers = self.by_load(topic);
        let mut givers = takers.clone();
        let mut moves = 0;
        while let (Some(&most), Some(&least)) = (givers.last(), takers.first()) {
            if most.0 <= least.0 + 1 {
                break;
            }
            let Some(index) = self.of(topic, most.1).pop_last() else {
                givers.remove(&most);
                continue;
            };
            self.of(topic, least.1).insert(index);
            for (before, after) in [(most, most.0 - 1), (least, least.0 + 1)] {
                self.loads[before.1] = after;
                takers.remove(&before);
                takers.insert((after, before.1));
                givers.remove(&before);
                givers.insert((after, before.1));
            }
            moves += 1;
        }
        moves
    }
}
