//! The assignor of share groups: every partition goes to about as many members, and every member gets about as
//! many partitions, with as few moves as that takes. Kafka's `SimpleAssignor`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::PartitionId;
use crate::group::assignor::{Reader, Readers, Topics};
use crate::group::state::{Assignment, MemberId};

/// Gives every partition that has readers to some of them. Every reader is in the answer.
///
/// Members that all read the same share all partitions evenly; else each topic is shared among its readers.
pub(super) fn assign(readers: &Readers<'_>, topics: &Topics) -> BTreeMap<MemberId, Assignment> {
    let mut given: BTreeMap<MemberId, Assignment> =
        readers.keys().map(|id| (MemberId::clone(id), Assignment::new())).collect();
    let mut share = |topics: &[(&crate::TopicId, &i32)], readers: &[(&&MemberId, &Reader<'_>)]| {
        let partitions = topics
            .iter()
            .flat_map(|(topic, count)| (0..**count).map(|index| PartitionId { topic: **topic, index }))
            .collect();
        for ((id, _), partitions) in readers.iter().zip(deal(&partitions, readers)) {
            let assignment = given.entry(MemberId::clone(id)).or_default();
            for PartitionId { topic, index } in partitions {
                assignment.entry(topic).or_default().insert(index);
            }
        }
    };
    let all: Vec<_> = readers.iter().collect();
    if all.windows(2).all(|two| two[0].1.topics == two[1].1.topics) {
        share(&topics.iter().collect::<Vec<_>>(), &all);
    } else {
        for topic in topics {
            let its: Vec<_> = all.iter().filter(|(_, r)| r.topics.contains(topic.0)).copied().collect();
            share(&[topic], &its);
        }
    }
    given
}

/// Deals partitions to members, all of whom read all of them. Each is dealt to `sharing` members: as many as it
/// takes for every member to get one.
fn deal(
    partitions: &BTreeSet<PartitionId>,
    members: &[(&&MemberId, &Reader<'_>)],
) -> Vec<BTreeSet<PartitionId>> {
    let sharing = if partitions.is_empty() { 0 } else { members.len().div_ceil(partitions.len()) };
    let total = sharing * partitions.len();
    // Summed up over the members, these are the total.
    let upto = |n: usize| (total * n).div_ceil(members.len());
    let wanted: Vec<usize> = (0..members.len()).map(|n| upto(n + 1) - upto(n)).collect();

    let mut holders: BTreeMap<PartitionId, usize> =
        partitions.iter().map(|partition| (*partition, 0)).collect();
    let mut hands: Vec<BTreeSet<PartitionId>> = Vec::with_capacity(members.len());
    for ((_, reader), wanted) in members.iter().zip(&wanted) {
        let had = reader
            .had
            .iter()
            .flat_map(|(topic, all)| all.iter().map(|index| PartitionId { topic: *topic, index: *index }));
        let mut hand = BTreeSet::new();
        for partition in had {
            if let Some(holders) =
                holders.get_mut(&partition).filter(|n| **n < sharing && hand.len() < *wanted)
            {
                *holders += 1;
                hand.insert(partition);
            }
        }
        hands.push(hand);
    }
    let mut unfilled: VecDeque<usize> = (0..members.len()).filter(|n| hands[*n].len() < wanted[*n]).collect();
    for (partition, holders) in holders {
        for _ in holders..sharing {
            let Some(at) = unfilled.iter().position(|n| !hands[*n].contains(&partition)) else { break };
            let Some(member) = unfilled.remove(at) else { break };
            hands[member].insert(partition);
            if hands[member].len() < wanted[member] {
                unfilled.push_back(member);
            }
        }
    }
    hands
}

#[cfg(test)]
#[path = "assignor_test.rs"]
mod tests;
