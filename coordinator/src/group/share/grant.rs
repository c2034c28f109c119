//! Whether share partitions of a group may come into being. They lie with the partitions' owners, which ask first: else
//! they would keep for ever what any client asks for in the name of a group, and what an earlier request brings back
//! after the group was deleted.

use std::collections::BTreeSet;

use crate::PartitionId;
use crate::group::request::{Reject, Reply, Token};
use crate::group::state::MemberId;
use crate::group::work::Work;

/// Share partitions that are about to come into being.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareGrant {
    /// The member that reads them; none if their offsets are set (AlterShareGroupOffsets).
    pub member: Option<MemberId>,
    /// The partitions.
    pub partitions: Vec<PartitionId>,
}

/// Answers which of them may. Those that a member reads may if they are assigned to it. Those whose offsets are set may
/// if their topics were added to the group; it is rejected like [`ShareTopics::Add`](super::ShareTopics::Add).
pub(in crate::group) fn grant(work: &mut Work<'_>, token: Token, wanted: &ShareGrant) {
    let outcome = match &wanted.member {
        Some(member) => Ok(assigned(work, member, &wanted.partitions)),
        None => added(work, &wanted.partitions),
    };
    if outcome.as_ref().is_ok_and(|granted| !granted.is_empty()) {
        work.entry.share.granted_at = work.number;
    }
    work.reply(token, Reply::ShareGrant(outcome));
}

fn assigned(work: &Work<'_>, member: &str, partitions: &[PartitionId]) -> BTreeSet<PartitionId> {
    let member = work.group().share_member(member);
    let is_assigned = |PartitionId { topic, index }: &PartitionId| {
        member.and_then(|member| member.assigned.get(topic)).is_some_and(|indexes| indexes.contains(index))
    };
    partitions.iter().filter(|partition| is_assigned(partition)).copied().collect()
}

fn added(work: &Work<'_>, partitions: &[PartitionId]) -> Result<BTreeSet<PartitionId>, Reject> {
    let Some(group) = work.group().share().filter(|_| work.entry.exists) else {
        return Err(Reject::group_not_found(work.id));
    };
    if !work.group().members.is_empty() {
        return Err(Reject::NonEmptyGroup);
    }
    Ok(partitions.iter().filter(|partition| group.topics.contains(&partition.topic)).copied().collect())
}

#[cfg(test)]
#[path = "grant_test.rs"]
mod tests;
