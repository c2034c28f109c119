//! When committed offsets are forgotten, and groups with them (KIP-211).

use std::collections::BTreeSet;

use super::subscribed;
use crate::group::change::Change;
use crate::group::delete;
use crate::group::state::{ClassicState, Committed, Group, Membership};
use crate::group::timer::Timer;
use crate::group::work::Work;
use crate::{PartitionId, TopicId};

/// Sees that a group that exists is looked at now and then. Share groups stay until they are deleted: they have state
/// with the owners of what they read (KIP-932).
pub(in crate::group) fn plan_expiry(work: &mut Work<'_>) {
    if work.entry.exists && !work.is_set(&Timer::Expiry) && !is_share(work) {
        work.set(Timer::Expiry, work.settings.offsets_retention_check);
    }
}

/// Forgets what has expired; the group too, if it has neither offsets nor members then.
pub(in crate::group) fn expire(work: &mut Work<'_>) {
    for partition in expired(work) {
        work.change(Change::Offset(partition, None));
    }
    let idle = work.group().offsets.is_empty() && work.entry.classic.is_empty() && !is_share(work);
    if work.entry.exists && idle && delete::is_empty(work) {
        delete::forget(work);
    }
}

fn is_share(work: &Work<'_>) -> bool {
    matches!(work.group().membership, Membership::Share(_))
}

fn expired(work: &Work<'_>) -> Vec<PartitionId> {
    let (group, cluster) = (work.group(), work.world.cluster);
    let subscribed = subscribed(work);
    let retention = i64::try_from(work.settings.offsets_retention.as_millis()).unwrap_or(i64::MAX);
    let is_expired = |committed: &Committed| match (committed.expires_at, kept_since(group, committed)) {
        (_, None) => false,
        (Some(at), _) => work.now.wall >= at,
        (None, Some(since)) => work.now.wall.saturating_sub(since) >= retention,
    };
    let goes = |partition: &PartitionId, committed: &Committed| match cluster.topic(partition.topic) {
        None => true,
        Some(topic) => work.now.is_settled && is_expired(committed) && !subscribed.contains(&topic.name),
    };
    group.offsets.iter().filter(|(p, c)| goes(p, c)).map(|(p, _)| *p).collect()
}

/// From when an offset's retention counts (ms since 1970); `None` while it may be in use. Never from before it was
/// committed.
///
/// Kafka (`OffsetExpirationCondition` of its groups) counts from the commit in simple groups, in Stable groups of
/// classic consumers and in consumer groups, and from when the group became empty in classic groups with a protocol.
/// Here a group that is empty counts from the later of the two, whatever its protocol: what is committed to it since,
/// by a reset of its offsets, is kept as long as anything else, and so is what its members committed long ago.
fn kept_since(group: &Group, committed: &Committed) -> Option<i64> {
    let at = committed.committed_at;
    let while_empty = group.empty_since.map_or(at, |since| since.max(at));
    match &group.membership {
        Membership::Classic(classic) => match (&classic.protocol_type, classic.state) {
            // A client that commits without a group shows no other sign of life.
            (None, _) => Some(at),
            (Some(_), ClassicState::Empty) => Some(while_empty),
            // Topics that live consumers no longer read.
            (Some(_), ClassicState::Stable) if classic.is_of_consumers() => Some(at),
            (Some(_), _) => None,
        },
        // Its members say what they read, so that of the others' offsets none is in use.
        Membership::Consumer(_) | Membership::Share(_) => Some(while_empty),
    }
}

/// Whether offsets of a topic are committed.
pub(in crate::group) fn any_of(group: &Group, topic: TopicId) -> bool {
    of_topic(group, topic).next().is_some()
}

/// The topics among these of which there are offsets, found by the topics or by the offsets, of which there may be
/// many or few.
pub(in crate::group) fn topics_among(group: &Group, topics: &BTreeSet<TopicId>) -> BTreeSet<TopicId> {
    if topics.len() <= group.offsets.len() {
        return topics.iter().copied().filter(|topic| any_of(group, *topic)).collect();
    }
    let offsets = group.offsets.keys().map(|partition| partition.topic);
    offsets.filter(|topic| topics.contains(topic)).collect()
}

/// Forgets the offsets of a topic that was deleted.
pub(in crate::group) fn forget_topic(work: &mut Work<'_>, topic: TopicId) {
    let partitions: Vec<_> = of_topic(work.group(), topic).collect();
    for partition in partitions {
        work.change(Change::Offset(partition, None));
    }
}

fn of_topic(group: &Group, topic: TopicId) -> impl Iterator<Item = PartitionId> {
    let at = |index| PartitionId { topic, index };
    let from = group.offsets.from(&at(i32::MIN)).map(|(partition, _)| *partition);
    from.take_while(move |partition| partition.topic == topic)
}

#[cfg(test)]
#[path = "expiry_test.rs"]
mod tests;
