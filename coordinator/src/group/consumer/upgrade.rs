//! A group becomes a consumer group as a member with the new protocol joins: out of nothing, out of a classic
//! group without members, or out of one of consumers, which keep what they have (KIP-848, "Online Migration").

use std::collections::BTreeSet;

use super::heartbeat::HeartbeatReject;
use super::soft::Soft;
use super::state::{ClassicFacet, ConsumerGroup, ConsumerMember, Held, MemberState};
use super::timers;
use crate::PartitionId;
use crate::cluster::Cluster;
use crate::group::ConsumerProtocol;
use crate::group::change::Change;
use crate::group::index::Index;
use crate::group::request::Reject;
use crate::group::state::{
    Assignment, ClassicGroup, ClassicMember, ClassicState, Group, Member, MemberId, Membership,
};
use crate::group::work::Work;

/// A consumer group, or what makes the group one.
#[derive(Debug)]
pub(super) enum Opened {
    /// It is one.
    As,
    /// It is to be one without members, of this epoch.
    Empty(i32),
    /// It is to be one with the members that it has.
    Converted(Box<(Group, Index)>),
}

/// Looks whether the group is a consumer group, or becomes one if the member joins. Nothing changes.
pub(super) fn open(work: &Work<'_>, joins: bool) -> Result<Opened, HeartbeatReject> {
    match &work.group().membership {
        _ if !work.entry.exists && joins => Ok(Opened::Empty(1)),
        _ if !work.entry.exists => {
            Err(HeartbeatReject::not_found(format!("Consumer group {} not found.", work.id)))
        }
        Membership::Consumer(_) => Ok(Opened::As),
        Membership::Classic(classic) if joins && classic.state == ClassicState::Empty => {
            Ok(Opened::Empty(classic.generation.max(1)))
        }
        Membership::Classic(classic) if joins => upgrade(work, classic).map_err(|why| {
            let message =
                format!("Cannot upgrade classic group {} to consumer group because {why}.", work.id);
            HeartbeatReject::not_found(message)
        }),
        Membership::Classic(_) | Membership::Share(_) => {
            Err(HeartbeatReject::not_found(format!("Group {} is not a consumer group.", work.id)))
        }
    }
}

impl Opened {
    /// The group as it is to be.
    pub(super) fn group<'a>(&'a self, work: &'a Work<'_>) -> (&'a Group, &'a Index) {
        match self {
            Self::As | Self::Empty(_) => (work.group(), work.index()),
            Self::Converted(converted) => (&converted.0, &converted.1),
        }
    }

    /// Makes the group what it is to be. Classic members that wait for a rebalance are to join again; a client that
    /// was given a member id may come back with it.
    pub(super) fn apply(self, work: &mut Work<'_>) {
        let changes: Vec<Change> = match self {
            Self::As => return,
            Self::Empty(epoch) => {
                let group = ConsumerGroup { group_epoch: epoch, assignment_epoch: epoch, metadata_hash: 0 };
                vec![Change::Header { membership: Membership::Consumer(group), empty_since: None }]
            }
            Self::Converted(converted) => converted.0.changes().collect(),
        };
        for (token, reply) in std::mem::take(&mut work.entry.classic).refuse(&Reject::RebalanceInProgress) {
            work.reply(token, reply);
        }
        work.cancel_all();
        work.entry.consumer = Soft::default();
        let is_new = |change: &Change| !matches!(change, Change::Offset(..));
        changes.into_iter().filter(is_new).for_each(|change| work.change(change));
        timers::begin(work);
    }
}

/// The group with its members as a consumer group, but for its offsets; or why it can't be.
fn upgrade(work: &Work<'_>, classic: &ClassicGroup) -> Result<Opened, &'static str> {
    const MALFORMED: &str = "the embedded consumer protocol is malformed";
    const CUSTOM: &str = "an unsupported custom assignor is in use. Please refer to the documentation or switch to \
                          a default assignor before re-attempting the upgrade";
    if !work.settings.consumer_migration.upgrades() {
        return Err("online upgrade is disabled");
    }
    if !classic.is_of_consumers() {
        return Err("the group does not use the consumer embedded protocol");
    }
    if work.group().members.len() > work.settings.consumer_max_size {
        return Err("the group size exceeds the consumer group maximum size");
    }
    let cluster = work.world.cluster;
    let mut group = Group::default();
    let mut taken = BTreeSet::new();
    for (id, member) in work.group().classic_members() {
        let assigned = assigned(member, &work.world.consumer_protocol, cluster).ok_or(MALFORMED)?;
        let assigned = assigned.ok_or(CUSTOM)?;
        let partitions = assigned
            .iter()
            .flat_map(|(&topic, all)| all.iter().map(move |&index| PartitionId { topic, index }));
        // An assignor may give a partition to several members; a consumer group never does.
        if !partitions.into_iter().all(|partition| taken.insert(partition)) {
            return Err(CUSTOM);
        }
        let converted =
            convert(member, classic, &assigned, &work.world.consumer_protocol).ok_or(MALFORMED)?;
        group.members.insert(MemberId::clone(id), Member::Consumer(converted));
        if !assigned.is_empty() {
            group.targets.insert(MemberId::clone(id), assigned);
        }
    }
    let epoch = classic.generation;
    // No hash of anything: targets are computed whatever the new member reads, since the classic group may not have
    // come to assign everything.
    let metadata_hash = u64::MAX;
    group.membership =
        Membership::Consumer(ConsumerGroup { group_epoch: epoch, assignment_epoch: epoch, metadata_hash });
    let index = Index::of(&group);
    Ok(Opened::Converted(Box::new((group, index))))
}

/// What the leader gave to a member, of topics that exist. `None` if it can't be read; `Some(None)` if it says more
/// than partitions, which would be lost.
fn assigned(
    member: &ClassicMember,
    codec: &ConsumerProtocol,
    cluster: &Cluster,
) -> Option<Option<Assignment>> {
    if member.assignment.is_empty() {
        return Some(Some(Assignment::new()));
    }
    let assigned = (codec.read_assignment)(&member.assignment)?;
    if assigned.user_data.is_some_and(|data| !data.is_empty()) {
        return Some(None);
    }
    let mut by_id = Assignment::new();
    for (name, partitions) in assigned.partitions {
        if let Some(topic) = cluster.topic_named(&name).filter(|_| !partitions.is_empty()) {
            by_id.entry(topic.id).or_default().extend(partitions);
        }
    }
    Some(Some(by_id))
}

fn convert(
    member: &ClassicMember,
    group: &ClassicGroup,
    assigned: &Assignment,
    codec: &ConsumerProtocol,
) -> Option<ConsumerMember> {
    let agreed = |(name, _): &&(String, _)| group.protocol.as_ref() == Some(name);
    let (_, metadata) = member.protocols.iter().find(agreed).or_else(|| member.protocols.first())?;
    let subscription = (codec.read_subscription)(metadata)?;
    let epoch = group.generation;
    let held: Held = assigned
        .iter()
        .map(|(topic, all)| (*topic, all.iter().map(|&index| (index, epoch)).collect()))
        .collect();
    Some(ConsumerMember {
        instance: member.instance.clone(),
        rack: subscription.rack.filter(|rack| !rack.is_empty()),
        client_id: member.client_id.clone(),
        client_host: member.client_host.clone(),
        rebalance_timeout_ms: member.rebalance_timeout_ms,
        topics: subscription.topics.into_iter().collect(),
        regex: None,
        assignor: None,
        epoch,
        previous_epoch: epoch,
        state: MemberState::Stable,
        assigned: held,
        revoking: Held::new(),
        classic: Some(ClassicFacet {
            session_timeout_ms: member.session_timeout_ms,
            protocols: member.protocols.clone(),
        }),
    })
}

#[cfg(test)]
#[path = "upgrade_test.rs"]
mod tests;
