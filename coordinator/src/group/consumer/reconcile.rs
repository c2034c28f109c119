//! One member's next step towards its target (KIP-848, "Member Assignment", "Reconciliation").
//!
//! It first gives back what is not in the target, and only then reaches the target's epoch; it gets partitions as
//! soon as no other member holds them.

use std::collections::{BTreeMap, BTreeSet};

use super::state::{ConsumerMember, Held, MemberState, has};
use crate::group::state::Assignment;
use crate::{PartitionId, TopicId};

/// Where a member is to go, and what is known of it.
pub(super) struct Goal<'a> {
    /// The target's epoch.
    pub(super) epoch: i32,
    /// The target.
    pub(super) target: &'a Assignment,
    /// The topics that it reads.
    pub(super) reads: &'a BTreeSet<TopicId>,
    /// Whether it has just changed what it reads.
    pub(super) subscription_changed: bool,
    /// What it says that it owns, if it says so.
    pub(super) owned: Option<&'a Assignment>,
    /// Whether another member holds a partition.
    pub(super) held_by_others: &'a dyn Fn(PartitionId) -> bool,
}

/// The member after its next step.
pub(super) fn reconcile(member: ConsumerMember, goal: &Goal<'_>) -> ConsumerMember {
    let stays = match member.state {
        MemberState::Stable => member.epoch == goal.epoch,
        MemberState::UnrevokedPartitions => goal.still_owns(&member.revoking),
        MemberState::UnreleasedPartitions => false,
    };
    match (stays, goal.subscription_changed) {
        (true, false) => member,
        (true, true) => give_up_unread(member, goal),
        (false, _) => next(member, goal),
    }
}

/// Takes away what it no longer reads, before there is a target without it.
fn give_up_unread(mut member: ConsumerMember, goal: &Goal<'_>) -> ConsumerMember {
    let (read, unread): (Held, Held) =
        std::mem::take(&mut member.assigned).into_iter().partition(|(topic, _)| goal.reads.contains(topic));
    member.assigned = read;
    if unread.is_empty() {
        return member;
    }
    let mut revoking = member.revoking.clone();
    for (topic, partitions) in unread {
        revoking.entry(topic).or_default().extend(partitions);
    }
    member.previous_epoch = member.epoch;
    if goal.still_owns(&revoking) {
        member.state = MemberState::UnrevokedPartitions;
        member.revoking = revoking;
    }
    member
}

fn next(mut member: ConsumerMember, goal: &Goal<'_>) -> ConsumerMember {
    let nothing = BTreeSet::new();
    let target = |topic: &TopicId| match goal.target.get(topic) {
        Some(target) if goal.reads.contains(topic) => target,
        _ => &nothing,
    };

    let mut kept = Held::new();
    let mut revoking = Held::new();
    for (topic, partitions) in &member.assigned {
        let target = target(topic);
        let (keep, revoke): (BTreeMap<i32, i32>, BTreeMap<i32, i32>) =
            partitions.iter().partition(|(index, _)| target.contains(index));
        put(&mut kept, *topic, keep);
        put(&mut revoking, *topic, revoke);
    }
    member.previous_epoch = member.epoch;
    if !revoking.is_empty() && goal.still_owns(&revoking) {
        member.state = MemberState::UnrevokedPartitions;
        member.assigned = kept;
        member.revoking = revoking;
        return member;
    }

    let mut all_free = true;
    for topic in goal.target.keys() {
        for &index in target(topic) {
            let partition = PartitionId { topic: *topic, index };
            if has(&kept, partition) {
                continue;
            }
            if (goal.held_by_others)(partition) {
                all_free = false;
            } else {
                kept.entry(*topic).or_default().insert(index, goal.epoch);
            }
        }
    }
    member.state = if all_free { MemberState::Stable } else { MemberState::UnreleasedPartitions };
    member.epoch = goal.epoch;
    member.assigned = kept;
    member.revoking = Held::new();
    member
}

fn put(held: &mut Held, topic: TopicId, partitions: BTreeMap<i32, i32>) {
    if !partitions.is_empty() {
        held.insert(topic, partitions);
    }
}

impl Goal<'_> {
    /// Whether it owns any of these, or may: it does not say.
    fn still_owns(&self, partitions: &Held) -> bool {
        let Some(owned) = self.owned else { return true };
        owned.iter().any(|(topic, owned)| {
            partitions.get(topic).is_some_and(|all| owned.iter().any(|index| all.contains_key(index)))
        })
    }
}

#[cfg(test)]
#[path = "reconcile_test.rs"]
mod tests;
