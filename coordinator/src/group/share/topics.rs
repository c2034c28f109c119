//! Which topics' share partitions belong to a group. They lie with the partitions' owners: whoever deletes them
//! there asks the group before and after.

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
    /// Nothing is left of these (DeleteShareGroupOffsets). With none it is a question whether that may be.
    Forget(BTreeSet<TopicId>),
}

/// Adds or forgets topics, and answers the group's epoch.
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
    if work.group().members.is_empty() { Ok(()) } else { Err(Reject::NonEmptyGroup) }
}

fn apply(work: &mut Work<'_>, request: &ShareTopics) -> i32 {
    let before = progress::header(work);
    let mut group = before.clone();
    match request {
        ShareTopics::Add(topics) => group.topics.extend(topics),
        ShareTopics::Forget(topics) => group.topics.retain(|topic| !topics.contains(topic)),
    }
    let epoch = group.group_epoch;
    if group != before || !work.entry.exists {
        let empty_since = work.group().empty_since.or(Some(work.now.wall));
        work.change(Change::Header { membership: Membership::Share(group), empty_since });
    }
    epoch
}

#[cfg(test)]
#[path = "topics_test.rs"]
mod tests;
