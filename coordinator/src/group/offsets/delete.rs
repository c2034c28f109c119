//! OffsetDelete.

use super::{DeleteOffsets, subscribed};
use crate::PartitionId;
use crate::group::change::Change;
use crate::group::request::{Reject, Reply, Token};
use crate::group::state::{ClassicState, Membership};
use crate::group::work::Work;

/// Forgets committed offsets of topics that the group is not subscribed to.
pub(in crate::group) fn delete(work: &mut Work<'_>, token: Token, delete: &DeleteOffsets) {
    let outcome = check(work).map(|()| {
        let subscribed = subscribed(work);
        let mut forget = |partition: &PartitionId| {
            let topic = work.world.cluster.topic(partition.topic);
            if topic.is_some_and(|topic| subscribed.contains(&topic.name)) {
                return Err(Reject::SubscribedToTopic);
            }
            if work.group().offsets.contains_key(partition) {
                work.change(Change::Offset(*partition, None));
            }
            Ok(())
        };
        delete.partitions.iter().map(&mut forget).collect()
    });
    work.reply(token, Reply::Offsets(outcome));
}

/// Of a group with members only a consumer's subscription can be read; another's offsets may all be in use.
fn check(work: &Work<'_>) -> Result<(), Reject> {
    if !work.entry.is_known() {
        return Err(Reject::group_not_found(work.id));
    }
    match &work.group().membership {
        Membership::Classic(group) if group.state != ClassicState::Empty && !group.is_of_consumers() => {
            Err(Reject::NonEmptyGroup)
        }
        Membership::Classic(_) | Membership::Consumer(_) => Ok(()),
    }
}

#[cfg(test)]
#[path = "delete_test.rs"]
mod tests;
