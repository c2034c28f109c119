//! A consumer group becomes a classic group: as a classic member joins when it is empty, or as the last member
//! with the new protocol goes and classic ones are left, which keep their targets (KIP-848, "Online Migration").

use super::soft::Soft;
use super::state::{ConsumerGroup, ConsumerMember};
use crate::group::change::Change;
use crate::group::classic;
use crate::group::consumer_protocol::TopicPartitions;
use crate::group::state::{
    Assignment, ClassicGroup, ClassicMember, ClassicState, Member, MemberId, Membership,
};
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
pub(super) fn may_follow(work: &Work<'_>, leaving: &[MemberId]) -> bool {
    let mut staying = work.group().consumer_members().filter(|(id, _)| !leaving.contains(id)).peekable();
    work.settings.consumer_migration.downgrades()
        && staying.peek().is_some()
        && staying.all(|(_, member)| member.classic.is_some())
        && work.group().members.len() - leaving.len() <= work.settings.max_size
}

/// Whether the group is to be a classic one once this member speaks the classic protocol.
pub(super) fn may_replace(work: &Work<'_>, id: &MemberId) -> bool {
    let mut others = work.group().consumer_members().filter(|(other, _)| *other != id);
    work.settings.consumer_migration.downgrades()
        && others.all(|(_, member)| member.classic.is_some())
        && work.group().members.len() <= work.settings.max_size
}

/// Makes a group of classic members a classic group, Stable in a generation of the group's epoch.
pub(super) fn downgrade(work: &mut Work<'_>, group: &ConsumerGroup) {
    let members: Vec<(MemberId, ConsumerMember)> =
        work.group().consumer_members().map(|(id, member)| (MemberId::clone(id), member.clone())).collect();
    let leader = members.first().map(|(id, _)| MemberId::clone(id));
    let targets = work.group().targets.clone();
    work.cancel_all();
    work.entry.consumer = Soft::default();

    for (id, _) in targets.iter() {
        work.change(Change::Target(MemberId::clone(id), None));
    }
    for (id, member) in members {
        let assigned = targets.get(&id);
        if let Some(member) = classic_member(work, member, assigned) {
            work.change(Change::Member(id, Some(Member::Classic(member))));
        }
    }
    let membership = Membership::Classic(ClassicGroup {
        state: ClassicState::Stable,
        generation: group.group_epoch,
        protocol_type: Some("consumer".to_owned()),
        protocol: classic::select(work.group()),
        leader,
    });
    work.change(Change::Header { membership, empty_since: None });
    classic::begin(work);
}

fn classic_member(
    work: &Work<'_>,
    member: ConsumerMember,
    target: Option<&Assignment>,
) -> Option<ClassicMember> {
    let facet = member.classic?;
    let named = |(topic, all): (&crate::TopicId, &std::collections::BTreeSet<i32>)| {
        let name = work.world.cluster.topic(*topic)?.name.clone();
        Some((name, all.iter().copied().collect()))
    };
    let partitions: TopicPartitions = target.into_iter().flatten().filter_map(named).collect();
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
        assignment: (codec.write_assignment)(version, &partitions),
    })
}

#[cfg(test)]
#[path = "downgrade_test.rs"]
mod tests;
