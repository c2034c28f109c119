//! A consumer group becomes a classic group: as a classic member joins when it is empty, or as the last member
//! with the new protocol goes and classic ones are left, which keep what they have (KIP-848, "Online Migration").

use std::collections::BTreeSet;

use super::describe::ConsumerState;
use super::soft::Soft;
use super::state::{ConsumerMember, partitions};
use crate::group::change::Change;
use crate::group::classic;
use crate::group::consumer_protocol::TopicPartitions;
use crate::group::state::{ClassicGroup, ClassicMember, ClassicState, Member, MemberId, Membership};
use crate::group::work::Work;

/// Makes a consumer group without members a classic one.
pub(super) fn empty(work: &mut Work<'_>) {
    let Some(group) = work.group().consumer() else { return };
    let membership = Membership::Classic(ClassicGroup {
        state: ClassicState::Empty,
        generation: group.group_epoch,
        protocol_type: Some("consumer".to_owned()),
        protocol: None,
        leader: None,
    });
    let empty_since = work.group().empty_since;
    work.cancel_all();
    work.entry.consumer = Soft::default();
    work.change(Change::Header { membership, empty_since });
}

/// Whether the group is to be a classic one once these members are gone.
pub(super) fn may_follow(work: &Work<'_>, leaving: &BTreeSet<MemberId>) -> bool {
    let is_new =
        |id: &&MemberId| work.group().consumer_member(id).is_some_and(|member| member.classic.is_none());
    let stay = work.group().members.len() - leaving.len();
    work.settings.consumer_migration.downgrades()
        && stay > 0
        && with_the_new_protocol(work) == leaving.iter().filter(is_new).count()
        && stay <= work.settings.max_size
}

/// Whether the group is to be a classic one once this member, which has the new protocol, speaks the classic one.
pub(super) fn may_replace(work: &Work<'_>) -> bool {
    work.settings.consumer_migration.downgrades()
        && with_the_new_protocol(work) == 1
        && work.group().members.len() <= work.settings.max_size
}

fn with_the_new_protocol(work: &Work<'_>) -> usize {
    work.group().members.len() - work.index().classic()
}

/// Makes a group of classic members a classic group in a generation of the group's epoch. If none is gone and all
/// have what they are to have, it is Stable. If not, they rebalance, and until then each has what it has or has yet
/// to give back: should the group turn back before they do, nothing is given to two of them.
pub(super) fn downgrade(work: &mut Work<'_>, some_are_gone: bool) {
    let Some(group) = work.group().consumer().cloned() else { return };
    let settled = !some_are_gone && work.group().consumer_state() == Some(ConsumerState::Stable);
    let members: Vec<(MemberId, ConsumerMember)> =
        work.group().consumer_members().map(|(id, member)| (MemberId::clone(id), member.clone())).collect();
    let targeted: Vec<MemberId> = work.group().targets.keys().cloned().collect();
    work.cancel_all();
    work.entry.consumer = Soft::default();

    let leader = members.first().map(|(id, _)| MemberId::clone(id));
    for (id, member) in members {
        if let Some(member) = classic_member(work, member) {
            work.change(Change::Member(id, Some(Member::Classic(member))));
        }
    }
    targeted.into_iter().for_each(|id| work.change(Change::Target(id, None)));
    let membership = Membership::Classic(ClassicGroup {
        state: ClassicState::Stable,
        generation: group.group_epoch,
        protocol_type: Some("consumer".to_owned()),
        protocol: classic::select(work),
        leader,
    });
    work.change(Change::Header { membership, empty_since: None });
    classic::begin(work);
    if !settled {
        classic::prepare(work);
    }
}

fn classic_member(work: &Work<'_>, member: ConsumerMember) -> Option<ClassicMember> {
    let facet = member.classic?;
    let mut held = partitions(&member.assigned);
    for (topic, all) in partitions(&member.revoking) {
        held.entry(topic).or_default().extend(all);
    }
    let named = |(topic, all)| {
        let topic = work.world.cluster.topic(topic)?;
        Some((topic.name.clone(), BTreeSet::into_iter(all).collect()))
    };
    let held: TopicPartitions = held.into_iter().filter_map(named).collect();
    let codec = &work.world.consumer_protocol;
    let version = facet.protocols.first().and_then(|(_, metadata)| (codec.read_subscription)(metadata));
    let version = version.map_or(0, |subscription| subscription.version);
    Some(ClassicMember {
        instance: member.instance,
        client_id: member.client_id,
        client_host: member.client_host,
        rebalance_timeout_ms: member.rebalance_timeout_ms,
        session_timeout_ms: facet.session_timeout_ms,
        protocols: facet.protocols,
        assignment: (codec.write_assignment)(version, &held),
    })
}

#[cfg(test)]
#[path = "downgrade_test.rs"]
mod tests;
