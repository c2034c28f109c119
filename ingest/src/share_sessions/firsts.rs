//! Where share partitions were when members first asked for them, for as long as the group's coordinator can't be asked
//! whether they may begin: what comes after that is for the group.

use std::collections::BTreeMap;

use coordinator::PartitionId;
use coordinator::group::GroupId;

/// How many share partitions are remembered, of all groups together. Others begin where they are when they may.
const MOST: usize = 200_000;

/// Where a partition was, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct First {
    /// The end of its log.
    pub(crate) end: i64,
    /// Milliseconds since 1970.
    pub(crate) at_ms: i64,
}

/// The first of each share partition that has not begun.
#[derive(Default)]
pub(super) struct Firsts {
    groups: BTreeMap<GroupId, BTreeMap<PartitionId, First>>,
    count: usize,
}

impl Firsts {
    /// Remembers what is new of these, and answers for each what is remembered.
    pub(super) fn asked(&mut self, group: &GroupId, now: &[(PartitionId, First)]) -> Vec<First> {
        let known = self.groups.entry(GroupId::clone(group)).or_default();
        let firsts = now.iter().map(|(partition, now)| match known.get(partition) {
            Some(first) => *first,
            None if self.count >= MOST => *now,
            None => {
                self.count += 1;
                known.insert(*partition, *now);
                *now
            }
        });
        firsts.collect()
    }

    /// Forgets share partitions: they have begun, or may not.
    pub(super) fn forget(&mut self, group: &GroupId, partitions: impl IntoIterator<Item = PartitionId>) {
        let Some(known) = self.groups.get_mut(group) else { return };
        for partition in partitions {
            self.count -= usize::from(known.remove(&partition).is_some());
        }
        if known.is_empty() {
            self.groups.remove(group);
        }
    }

    /// Forgets a group's share partitions: no member reads any by this node.
    pub(super) fn forget_group(&mut self, group: &GroupId) {
        self.count -= self.groups.remove(group).map_or(0, |known| known.len());
    }
}

#[cfg(test)]
mod tests {
    use coordinator::TopicId;

    use super::*;

    fn at(range: std::ops::Range<i32>, end: i64) -> Vec<(PartitionId, First)> {
        let partition = |index| PartitionId { topic: TopicId([1; 16]), index };
        range.map(|index| (partition(index), First { end, at_ms: 0 })).collect()
    }

    fn ends(firsts: Vec<First>) -> Vec<i64> {
        firsts.into_iter().map(|first| first.end).collect()
    }

    #[test]
    fn the_first_is_remembered_until_it_is_forgotten() {
        let (mut firsts, g, h) = (Firsts::default(), GroupId::from("g"), GroupId::from("h"));
        assert_eq!(ends(firsts.asked(&g, &at(0..2, 1))), [1, 1]);
        assert_eq!(ends(firsts.asked(&g, &at(1..3, 2))), [1, 2]);
        assert_eq!(ends(firsts.asked(&h, &at(0..1, 3))), [3], "another group's is its own");
        firsts.forget(&g, at(0..2, 0).into_iter().map(|(partition, _)| partition));
        assert_eq!(ends(firsts.asked(&g, &at(0..3, 4))), [4, 4, 2]);
        firsts.forget_group(&g);
        assert_eq!(ends(firsts.asked(&g, &at(2..3, 5))), [5]);
        assert_eq!(firsts.count, 2);
    }

    #[test]
    fn only_so_many_are_remembered() {
        let (mut firsts, g, h) = (Firsts::default(), GroupId::from("g"), GroupId::from("h"));
        let all = i32::try_from(MOST).expect("it fits");
        assert_eq!(ends(firsts.asked(&g, &at(0..all + 1, 1))), vec![1; MOST + 1]);
        assert_eq!(firsts.count, MOST);
        assert_eq!(ends(firsts.asked(&g, &at(all - 1..all + 1, 2))), [1, 2]);
        firsts.forget_group(&g);
        assert_eq!(ends(firsts.asked(&h, &at(0..1, 3))), [3]);
        assert_eq!(ends(firsts.asked(&h, &at(0..1, 4))), [3]);
    }
}
