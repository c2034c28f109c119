//! Which topics' share partitions belong to a group. They lie with the partitions' owners: the node that deletes
//! them there asks the group before and after. A group that lists any is not deleted, so that none is left without it.

use std::collections::BTreeSet;

use super::progress;
use crate::TopicId;
use crate::group::change::Change;
use crate::group::request::{Reject, Reply, Token};
use crate::group::state::Membership;
use crate::group::work::Work;

/// What is to become of a group's topics. The group must have no members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShareTopics {
    /// The offsets of these are about to be set (AlterShareGroupOffsets). The group comes into being if there is
    /// none.
    Add(BTreeSet<TopicId>),
    /// The share partitions of some are about to be deleted (DeleteShareGroupOffsets, DeleteGroups). Nothing changes.
    Check,
    /// Nothing is left of these. It is rejected with [`Reject::NonEmptyGroup`] if any share partition was allowed to
    /// come into being since the check.
    Forget {
        /// The topics.
        topics: BTreeSet<TopicId>,
        /// [`Listed::at`] of the check.
        since: u64,
    },
}

/// A group without members, and its topics as they were looked at or changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The group's epoch.
    pub epoch: i32,
    /// The topics.
    pub topics: BTreeSet<TopicId>,
    /// When that was, among the steps of the group's owner.
    pub at: u64,
}

/// Adds or forgets topics, and answers which there are.
pub(in crate::group) fn topics(work: &mut Work<'_>, token: Token, request: &ShareTopics) {
    let outcome = check(work, request).map(|()| apply(work, request));
    work.reply(token, Reply::ShareTopics(outcome));
}

fn check(work: &Work<'_>, request: &ShareTopics) -> Result<(), Reject> {
    let creates = matches!(request, ShareTopics::Add(_)) && !work.entry.is_known();
    if !work.entry.exists && !creates {
        return Err(Reject::group_not_found(work.id));
    }
    if work.group().share().is_none() && !creates {
        return Err(Reject::GroupNotFound(format!("Group {} is not a share group.", work.id)));
    }
    let since = match request {
        ShareTopics::Forget { since, .. } => *since,
        ShareTopics::Add(_) | ShareTopics::Check => work.number,
    };
    let is_empty = work.group().members.is_empty() && work.entry.share.granted_at <= since;
    if is_empty { Ok(()) } else { Err(Reject::NonEmptyGroup) }
}

fn apply(work: &mut Work<'_>, request: &ShareTopics) -> Listed {
    let before = progress::header(work);
    let mut group = before.clone();
    match request {
        ShareTopics::Add(topics) => group.topics.extend(topics),
        ShareTopics::Check => {}
        ShareTopics::Forget { topics, .. } => group.topics.retain(|topic| !topics.contains(topic)),
    }
    let listed = Listed { epoch: group.group_epoch, topics: group.topics.clone(), at: work.number };
    if group != before || !work.entry.exists {
        let empty_since = work.group().empty_since.or(Some(work.now.wall));
        work.change(Change::Header { membership: Membership::Share(group), empty_since });
    }
    listed
}

#[cfg(test)]
#[path = "topics_test.rs"]
mod tests;
