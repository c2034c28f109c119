//! Random members, topics and histories. The goals are those of KIP-848, "Assignor".

use proptest::prelude::*;

use super::tests::{Table, Who, assign, sizes, topic};
use super::*;

/// Members by number, each with a static id or not and with the topics that it reads.
#[derive(Clone, Debug)]
struct Group {
    members: BTreeMap<u8, (bool, Vec<u8>)>,
    topics: Vec<(u8, i32)>,
}

fn groups(alike: bool) -> impl Strategy<Value = Group> {
    let topics = proptest::collection::btree_map(0..5u8, 1..9i32, 1..5);
    let members = proptest::collection::btree_map(0..12u8, (any::<bool>(), 0..32u8), 1..10);
    (topics, members, 0..32u8).prop_map(move |(topics, members, all)| {
        let reads = |mask: u8| topics.keys().copied().filter(|n| mask & (1 << n) != 0).collect();
        let member = |(id, (fixed, mask))| (id, (fixed, reads(if alike { all } else { mask })));
        Group {
            members: members.into_iter().map(member).collect(),
            topics: topics.clone().into_iter().collect(),
        }
    })
}

impl Group {
    fn assign(&self, assignor: Assignor, before: &Table) -> Table {
        let who = |(n, (fixed, reads)): (&u8, &(bool, Vec<u8>))| {
            let id = MemberId::from(format!("m{n:02}"));
            let had = before.get(&id).cloned().unwrap_or_default();
            Who { id, instance: fixed.then(|| format!("i{n:02}")), reads: reads.clone(), had }
        };
        let members: Vec<Who> = self.members.iter().map(who).collect();
        assign(assignor, &members, &sizes(&self.topics))
    }

    fn reads(&self, id: &str, of: TopicId) -> bool {
        self.members
            .iter()
            .any(|(n, (_, reads))| format!("m{n:02}") == id && reads.iter().any(|&n| topic(n) == of))
    }
}

fn load(assignment: &Assignment) -> usize {
    assignment.values().map(BTreeSet::len).sum()
}

fn pairs(table: &Table) -> Vec<(TopicId, i32, MemberId)> {
    let of = |(id, assignment): (&MemberId, &Assignment)| {
        let id = MemberId::clone(id);
        let pair = move |(topic, index)| (topic, index, MemberId::clone(&id));
        let all: Vec<_> = assignment.iter().flat_map(|(t, all)| all.iter().map(|&i| (*t, i))).collect();
        all.into_iter().map(pair).collect::<Vec<_>>()
    };
    table.iter().flat_map(of).collect()
}

/// Every partition that is read has one owner, who reads it; nobody has anything else.
fn every_partition_once(group: &Group, table: &Table) -> Result<(), TestCaseError> {
    let mut owned = pairs(table);
    owned.sort();
    for window in owned.windows(2) {
        prop_assert!((window[0].0, window[0].1) != (window[1].0, window[1].1), "two owners: {window:?}");
    }
    for (topic, _, id) in &owned {
        prop_assert!(group.reads(id, *topic), "{id} does not read {topic}");
    }
    let read = |n: &u8| group.members.values().any(|(_, reads)| reads.contains(n));
    let expected: i32 = group.topics.iter().filter(|(n, _)| read(n)).map(|(_, count)| count).sum();
    prop_assert_eq!(owned.len(), expected as usize);
    prop_assert_eq!(table.len(), group.members.len(), "every member is in the answer");
    prop_assert!(table.values().flat_map(BTreeMap::values).all(|all| !all.is_empty()), "no empty topics");
    Ok(())
}

/// No reader of a topic has two partitions less than somebody who has one of it.
fn balanced(group: &Group, table: &Table) -> Result<(), TestCaseError> {
    for (topic, _, owner) in pairs(table) {
        for (other, assignment) in table.iter().filter(|(id, _)| group.reads(id, topic)) {
            let (more, less) = (load(&table[&owner]), load(assignment));
            prop_assert!(more <= less + 1, "{owner} has {more} with {topic}, its reader {other} has {less}");
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn uniform_over_the_same_topics(first in groups(true), then in groups(true)) {
        let before = first.assign(Assignor::Uniform, &Table::new());
        let after = then.assign(Assignor::Uniform, &before);
        for (group, table) in [(&first, &before), (&then, &after)] {
            every_partition_once(group, table)?;
            balanced(group, table)?;
        }
        prop_assert_eq!(&then.assign(Assignor::Uniform, &before), &after, "the same question, the same answer");
        prop_assert_eq!(then.assign(Assignor::Uniform, &after), after, "nothing changes where nothing changed");
    }

    #[test]
    fn uniform_over_different_topics(first in groups(false), then in groups(false)) {
        let before = first.assign(Assignor::Uniform, &Table::new());
        let after = then.assign(Assignor::Uniform, &before);
        for (group, table) in [(&first, &before), (&then, &after)] {
            every_partition_once(group, table)?;
            balanced(group, table)?;
        }
        prop_assert_eq!(&then.assign(Assignor::Uniform, &before), &after, "the same question, the same answer");
        prop_assert_eq!(then.assign(Assignor::Uniform, &after), after, "nothing changes where nothing changed");
    }

    /// Where everyone reads the same, a member keeps all that its share leaves room for: no partition moves
    /// from a member that ends up with less than it had and less than its due.
    #[test]
    fn uniform_moves_no_more_than_it_must(first in groups(true), leaves in any::<prop::sample::Index>()) {
        let before = first.assign(Assignor::Uniform, &Table::new());
        let mut then = first.clone();
        let gone = *leaves.get(&first.members.keys().copied().collect::<Vec<_>>());
        if then.members.len() > 1 {
            then.members.remove(&gone);
        }
        let after = then.assign(Assignor::Uniform, &before);
        for (id, assignment) in &after {
            let kept = pairs(&before).into_iter().filter(|(_, _, owner)| owner == id);
            for (topic, index, _) in kept {
                prop_assert!(assignment.get(&topic).is_some_and(|all| all.contains(&index)), "{id} lost {topic}-{index}");
            }
        }
    }

    #[test]
    fn range_is_whole_and_cuts_alike(group in groups(false)) {
        let table = group.assign(Assignor::Range, &Table::new());
        every_partition_once(&group, &table)?;
        for (topic, count) in sizes(&group.topics) {
            let readers = table.keys().filter(|id| group.reads(id, topic)).count();
            for (id, assignment) in table.iter().filter(|(id, _)| group.reads(id, topic)) {
                let all: Vec<i32> = assignment.get(&topic).into_iter().flatten().copied().collect();
                let successive = all.windows(2).all(|pair| pair[0] + 1 == pair[1]);
                prop_assert!(successive, "{id} has {all:?} of {topic}");
                prop_assert!((all.len() as i32 - count / readers as i32) <= 1);
                for (other, other_count) in sizes(&group.topics) {
                    let alike = count == other_count
                        && group.members.values().all(|(_, r)| {
                            r.iter().any(|&n| super::tests::topic(n) == topic)
                                == r.iter().any(|&n| super::tests::topic(n) == other)
                        });
                    prop_assert!(!alike || assignment.get(&topic) == assignment.get(&other), "co-partitioned");
                }
            }
        }
    }
}
