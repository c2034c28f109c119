use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::steps;

#[derive(Clone, Debug)]
enum Op {
    Insert(u16, u8),
    Remove(u16),
    RemoveFrom(u16, usize),
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        6 => (0..200u16, any::<u8>()).prop_map(|(key, value)| Op::Insert(key, value)),
        2 => (0..200u16).prop_map(Op::Remove),
        1 => (0..200u16, 0..60usize).prop_map(|(key, count)| Op::RemoveFrom(key, count)),
    ];
    proptest::collection::vec(op, 0..300)
}

fn leaves_are_what_they_should_be(map: &Map<u16, u8>) {
    assert!(map.leaves.iter().all(|leaf| !leaf.is_empty() && leaf.len() <= MOST));
    assert_eq!(map.leaves.iter().map(|leaf| leaf.len()).sum::<usize>(), map.len());
    assert!(
        map.leaves.len() <= 1 + 4 * map.len() / MOST + map.len().min(8),
        "{} of {}",
        map.leaves.len(),
        map.len()
    );
}

proptest! {
    #![proptest_config(crate::group::properties::config())]

    /// It is what a `BTreeMap` is, and a copy stays what it was.
    #[test]
    fn a_map_is_a_map(ops in ops(), copied_at in 0..300usize) {
        let mut map = Map::default();
        let mut model = BTreeMap::new();
        let mut copy = None;
        for (n, op) in ops.into_iter().enumerate() {
            if n == copied_at {
                copy = Some((map.clone(), model.clone()));
            }
            match op {
                Op::Insert(key, value) => {
                    map.insert(key, value);
                    model.insert(key, value);
                }
                Op::Remove(key) => {
                    map.remove(&key);
                    model.remove(&key);
                }
                Op::RemoveFrom(key, count) => {
                    let keys: Vec<u16> = map.from(&key).take(count).map(|(key, _)| *key).collect();
                    prop_assert!(keys.iter().eq(model.range(key..).take(count).map(|(key, _)| key)));
                    keys.iter().for_each(|key| map.remove(key));
                    model.retain(|key, _| !keys.contains(key));
                }
            }
        }
        for (map, model) in [(map, model)].into_iter().chain(copy) {
            prop_assert!(map.iter().eq(model.iter()));
            prop_assert!((0..200).all(|key| map.get(&key) == model.get(&key)));
            leaves_are_what_they_should_be(&map);
        }
    }
}

#[test]
fn what_a_later_copy_lacks_is_found_by_what_the_two_do_not_share() {
    let map: Map<u32, u32> = (0..10_000).map(|n| (n, n)).collect();
    let mut later = map.clone();
    [17, 18, 5_000].iter().for_each(|key| later.remove(key));
    later.insert(20, 0);
    later.insert(10_000, 0);
    let before = steps::so_far();
    assert!(map.missing_in(&later).eq(&[17, 18, 5_000]));
    assert!(later.missing_in(&map).eq(&[10_000]));
    assert!(steps::so_far() - before <= 6 * MOST);
    assert_eq!(map.missing_in(&Map::default()).count(), 10_000);
}

#[test]
fn what_is_left_of_many_entries_lies_in_few_leaves() {
    let mut map: Map<u32, u32> = (0..6_400).map(|n| (n, n)).collect();
    (0..6_400).filter(|n| n % 32 != 0).for_each(|n| map.remove(&n));
    assert_eq!((map.len(), map.leaves.len() <= 14), (200, true), "{}", map.leaves.len());
}

#[test]
fn a_copy_costs_a_pointer_for_many_entries_and_a_change_a_leaf() {
    let mut map: Map<u32, u32> = (0..10_000).map(|n| (n, n)).collect();
    let before = steps::so_far();
    let copy = map.clone();
    assert!(steps::so_far() - before <= 10_000 / (MOST / 2) + 1);
    let before = steps::so_far();
    map.insert(5_000, 1);
    map.remove(&7_000);
    assert!(steps::so_far() - before <= 2 * MOST);
    assert_eq!((copy[&5_000], copy[&7_000], copy.len()), (5_000, 7_000, 10_000));
    assert_eq!((map[&5_000], map.get(&7_000), map.len()), (1, None, 9_999));
}
