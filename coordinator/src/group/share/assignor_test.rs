//! What the assignor promises: evenly, to as few as it takes, and with few moves. Sources: KIP-932, "Share group
//! assignor", and Kafka's `SimpleAssignorTest`.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::TopicId;

type Given = BTreeMap<MemberId, Assignment>;

fn topic(number: u8) -> TopicId {
    TopicId([number; 16])
}

/// Members by number, with the topics that they read.
fn assigned(members: &BTreeMap<u8, BTreeSet<u8>>, topics: &BTreeMap<u8, i32>, had: &Given) -> Given {
    let ids: BTreeMap<u8, MemberId> = members.keys().map(|n| (*n, format!("m{n:03}").into())).collect();
    let nothing = Assignment::new();
    let mut readers = Readers::new();
    for (number, read) in members {
        let id = &ids[number];
        let read = read.iter().filter(|n| topics.contains_key(n)).map(|n| topic(*n)).collect();
        readers.insert(
            id,
            Reader { instance: None, topics: Arc::new(read), had: had.get(id).unwrap_or(&nothing) },
        );
    }
    let read: BTreeSet<TopicId> = readers.values().flat_map(|reader| reader.topics.iter().copied()).collect();
    let sizes =
        topics.iter().map(|(n, size)| (topic(*n), *size)).filter(|(id, _)| read.contains(id)).collect();
    assign(&readers, &sizes)
}

fn count(assignment: &Assignment) -> usize {
    assignment.values().map(BTreeSet::len).sum()
}

fn holders(given: &Given, topic: TopicId, index: i32) -> usize {
    given.values().filter(|a| a.get(&topic).is_some_and(|all| all.contains(&index))).count()
}

fn moved(before: &Given, after: &Given) -> usize {
    let nothing = Assignment::new();
    let gained = |(id, now): (&MemberId, &Assignment)| {
        let before = before.get(id).unwrap_or(&nothing);
        let is_new = |topic: &TopicId, index: &i32| !before.get(topic).is_some_and(|all| all.contains(index));
        now.iter().map(|(topic, all)| all.iter().filter(|index| is_new(topic, index)).count()).sum::<usize>()
    };
    after.iter().map(gained).sum()
}

proptest! {
    #[test]
    fn members_that_read_the_same_share_evenly(
        sizes in proptest::collection::btree_map(0..4u8, 1..5i32, 1..4),
        first in 1..12u8,
        second in 1..12u8,
    ) {
        let read: BTreeSet<u8> = sizes.keys().copied().collect();
        let members = |n: u8| (0..n).map(|m| (m, read.clone())).collect::<BTreeMap<_, _>>();
        let partitions = sizes.values().sum::<i32>() as usize;
        let mut had = Given::new();
        for n in [first, second] {
            let given = assigned(&members(n), &sizes, &had);
            let sharing = usize::from(n).div_ceil(partitions);
            for (number, size) in &sizes {
                for index in 0..*size {
                    let holders = holders(&given, topic(*number), index);
                    prop_assert!((1..=sharing).contains(&holders), "{holders} of {sharing}");
                }
            }
            let counts: Vec<usize> = given.values().map(count).collect();
            let most = (sharing * partitions).div_ceil(usize::from(n));
            prop_assert!(counts.iter().all(|count| (1..=most).contains(count)), "{counts:?}");
            prop_assert_eq!(assigned(&members(n), &sizes, &given), given.clone(), "nothing moves without a reason");
            had = given;
        }
    }

    #[test]
    fn every_topic_is_shared_among_its_readers(
        sizes in proptest::collection::btree_map(0..4u8, 1..5i32, 1..4),
        first in proptest::collection::btree_map(0..9u8, proptest::collection::btree_set(0..5u8, 0..4), 1..9),
        second in proptest::collection::btree_map(0..9u8, proptest::collection::btree_set(0..5u8, 0..4), 1..9),
    ) {
        let mut had = Given::new();
        for members in [first, second] {
            let given = assigned(&members, &sizes, &had);
            prop_assert_eq!(given.len(), members.len());
            for (number, size) in &sizes {
                let readers = members.values().filter(|read| read.contains(number)).count();
                for index in 0..*size {
                    prop_assert_eq!(holders(&given, topic(*number), index) > 0, readers > 0);
                }
            }
            for ((_, read), assignment) in members.iter().zip(given.values()) {
                let only_read = assignment.keys().all(|id| read.iter().any(|n| topic(*n) == *id));
                prop_assert!(only_read, "{read:?} {assignment:?}");
            }
            let again = assigned(&members, &sizes, &given);
            prop_assert_eq!(moved(&given, &again), 0, "nothing moves without a reason");
            had = given;
        }
    }
}

#[test]
fn a_member_that_comes_takes_no_more_than_its_part() {
    let sizes = BTreeMap::from([(1, 6)]);
    let members = |n: u8| (0..n).map(|m| (m, BTreeSet::from([1]))).collect::<BTreeMap<_, _>>();
    let two = assigned(&members(2), &sizes, &Given::new());
    assert_eq!(two.values().map(count).collect::<Vec<_>>(), [3, 3]);
    let three = assigned(&members(3), &sizes, &two);
    assert_eq!(three.values().map(count).collect::<Vec<_>>(), [2, 2, 2]);
    assert_eq!(moved(&two, &three), 2);
}
