//! Readers that all read the same topics.

use std::collections::{BTreeMap, BTreeSet};

use super::{answer, kept};
use crate::group::assignor::{Readers, Topics};
use crate::group::state::{Assignment, MemberId};
use crate::{PartitionId, TopicId};

pub(super) fn assign(readers: &Readers<'_>, topics: &Topics) -> BTreeMap<MemberId, Assignment> {
    let mut shares = kept(readers, topics);
    let read = |topic: &TopicId| readers.values().any(|reader| reader.topics.contains(topic));
    let all = topics.iter().filter(|(topic, _)| read(topic));
    let all = all.flat_map(|(&topic, &count)| (0..count).map(move |index| PartitionId { topic, index }));
    let mut free: BTreeSet<PartitionId> = all.collect();
    let quotas = quotas(&shares, free.len());
    for (share, quota) in shares.iter_mut().zip(&quotas) {
        share.truncate(*quota);
        for partition in share {
            free.remove(partition);
        }
    }
    let mut free = free.into_iter();
    for (share, quota) in shares.iter_mut().zip(&quotas) {
        share.extend(free.by_ref().take(quota - share.len()));
    }
    answer(readers, shares)
}

/// How many partitions each reader gets. Of those who get one more, the first are those who have it already.
fn quotas(shares: &[Vec<PartitionId>], partitions: usize) -> Vec<usize> {
    let Some(least) = partitions.checked_div(shares.len()) else { return Vec::new() };
    let mut more = partitions % shares.len();
    let mut quotas = vec![least; shares.len()];
    for has_more in [true, false] {
        for (quota, share) in quotas.iter_mut().zip(shares) {
            if more > 0 && (share.len() > least) == has_more {
                *quota += 1;
                more -= 1;
            }
        }
    }
    quotas
}
