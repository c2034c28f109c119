//! Who may commit offsets for a consumer group, and read them.

use std::collections::BTreeSet;

use super::state::{ConsumerMember, Held};
use super::subscription;
use crate::PartitionId;
use crate::group::offsets::Commit;
use crate::group::request::Reject;
use crate::group::state::{Group, Member, Membership};
use crate::group::work::Work;

/// A member commits in its epoch, or in an earlier one from that on in which it got the partition: so a commit is
/// not lost to a heartbeat that overtakes it (KIP-1251). Who is no member may while there are none. A static
/// member that is away may not: Kafka (`ConsumerGroup.validateOffsetCommit`) takes the −2 with which it left for its
/// epoch.
pub(in crate::group) fn check_commit(group: &Group, commit: &Commit) -> Result<(), Reject> {
    let epoch = commit.caller.generation;
    if epoch < 0 && group.members.is_empty() {
        return Ok(());
    }
    let member = group.consumer_member(&commit.caller.member).ok_or(Reject::UnknownMember)?;
    if member.classic.is_none() && !commit.knows_group_not_found {
        return Err(Reject::UnsupportedVersion);
    }
    // A member that is away commits when it is back.
    if epoch < 0 {
        return Err(other_epoch(member));
    }
    let is_late =
        |(partition, _): &(PartitionId, _)| epoch_of(member, *partition).is_none_or(|got| epoch < got);
    if epoch != member.epoch && (epoch > member.epoch || commit.offsets.iter().any(is_late)) {
        return Err(other_epoch(member));
    }
    Ok(())
}

/// Whether a client that reads offsets as a member of a group is one. To be asked only with an id or an epoch from
/// 0 on (OffsetFetch 9).
pub fn check_fetch(group: &Group, member: &str, epoch: i32) -> Result<(), Reject> {
    match (&group.membership, group.members.get(member)) {
        (Membership::Classic(_), _) => Ok(()),
        (Membership::Share(_), _) => {
            Err(Reject::GroupNotFound("The group is not a consumer group.".to_owned()))
        }
        (_, Some(Member::Consumer(member))) if member.epoch == epoch => Ok(()),
        (_, Some(Member::Consumer(member))) => Err(other_epoch(member)),
        (_, Some(Member::Classic(_) | Member::Share(_)) | None) => Err(Reject::UnknownMember),
    }
}

fn other_epoch(member: &ConsumerMember) -> Reject {
    if member.classic.is_some() { Reject::IllegalGeneration } else { Reject::StaleMemberEpoch }
}

/// The epoch at which a member got a partition that it has, or has yet to give back.
fn epoch_of(member: &ConsumerMember, partition: PartitionId) -> Option<i32> {
    let of = |held: &Held| held.get(&partition.topic)?.get(&partition.index).copied();
    of(&member.assigned).or_else(|| of(&member.revoking))
}

/// The names of all topics that members read.
pub(in crate::group) fn subscribed(work: &Work<'_>) -> BTreeSet<String> {
    let soft = &work.entry.consumer;
    let nothing = BTreeSet::new();
    let topics = work.index().topics((&nothing, &nothing)).into_iter().map(str::to_owned);
    let matching = |expression: String| match soft.matched.get(&expression) {
        Some(matching) => matching.clone(),
        // A new owner has not matched anything yet.
        None => subscription::matching(&expression, work.world.cluster),
    };
    topics.chain(work.index().expressions(None, None).into_iter().flat_map(matching)).collect()
}

#[cfg(test)]
#[path = "commit_test.rs"]
mod tests;
