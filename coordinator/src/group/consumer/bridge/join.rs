//! JoinGroup to a consumer group.

use super::find;
use crate::cluster::Cluster;
use crate::group::Subscription;
use crate::group::classic::{self, Join, JoinReject, Joined};
use crate::group::consumer::admit::{Admitted, newcomer};
use crate::group::consumer::state::{ClassicFacet, ConsumerMember};
use crate::group::consumer::{downgrade, progress, timers};
use crate::group::request::{Reject, Reply, Token};
use crate::group::settings::Migration;
use crate::group::state::{Assignment, MemberId};
use crate::group::work::Work;

/// Whether a JoinGroup is one to a consumer group. Without members the group turns into a classic one instead.
pub(in crate::group) fn joins(work: &mut Work<'_>, join: &Join) -> bool {
    if work.group().consumer().is_none() {
        return false;
    }
    let turns = work.group().members.is_empty() && join.member.is_empty();
    if turns {
        downgrade::empty(work);
    }
    !turns
}

/// A classic member joins, for the first time or again.
pub(in crate::group) fn join(work: &mut Work<'_>, token: Token, join: &Join) {
    let id = if join.member.is_empty() { &join.fresh } else { &join.member };
    let reply =
        admit(work, id, join).map(|(admitted, subscription)| advance(work, id, join, admitted, subscription));
    let reply = reply.map_err(|reject| {
        let member = if reject == Reject::MemberIdRequired { id } else { &join.member };
        JoinReject { reject, member: MemberId::clone(member) }
    });
    work.reply(token, Reply::Join(reply));
}

fn admit(work: &Work<'_>, id: &MemberId, join: &Join) -> Result<(Admitted, Subscription), Reject> {
    let group = work.group();
    let settings = work.settings;
    let session = timers::millis(join.session_timeout_ms);
    if !(settings.min_session_timeout..=settings.max_session_timeout).contains(&session) {
        return Err(Reject::InvalidSessionTimeout);
    }
    if group.members.is_empty() {
        return Err(Reject::UnknownMember);
    }
    if settings.consumer_migration == Migration::Disabled {
        return Err(Reject::InconsistentProtocol);
    }
    if group.members.len() >= settings.consumer_max_size && !group.members.contains_key(id) {
        return Err(Reject::GroupMaxSize);
    }
    if join.protocol_type != "consumer" || !fits(work, join) {
        return Err(Reject::InconsistentProtocol);
    }
    if join.member.is_empty() && join.instance.is_none() && join.requires_known_id {
        return Err(Reject::MemberIdRequired);
    }
    let metadata = join.protocols.first().map(|(_, metadata)| metadata);
    let read = work.world.consumer_protocol.read_subscription;
    let subscription = metadata.and_then(|metadata| read(metadata)).ok_or(Reject::InconsistentProtocol)?;

    let known = || group.consumer_member(id).cloned().unwrap_or_else(newcomer);
    let admitted = match &join.instance {
        None => Admitted::Member(known()),
        Some(instance) if join.member.is_empty() => match group.consumer_instance(work.index(), instance) {
            Some((holder, member)) => Admitted::Returns(MemberId::clone(holder), member.clone()),
            None => Admitted::Member(known()),
        },
        Some(instance) => Admitted::Member(find(work, id, Some(instance))?.1.clone()),
    };
    Ok((admitted, subscription))
}

/// Whether there is an assignor that every classic member takes, and this one too.
fn fits(work: &Work<'_>, join: &Join) -> bool {
    classic::is_offer(&join.protocols) && join.protocols.iter().any(|(name, _)| work.index().all_take(name))
}

fn advance(
    work: &mut Work<'_>,
    id: &MemberId,
    join: &Join,
    admitted: Admitted,
    subscription: Subscription,
) -> Joined {
    // The last member with the new protocol may come back with the classic one.
    let downgrades = match &admitted {
        Admitted::Returns(_, member) => member.classic.is_none() && downgrade::may_replace(work),
        Admitted::Member(member) => {
            let was_there = work.group().consumer_member(id).is_some() && join.instance.is_some();
            was_there && member.classic.is_none() && downgrade::may_replace(work)
        }
    };
    let owned = owned(&subscription, work.world.cluster);
    let before = progress::take_place(work, id, admitted);
    let member = updated(&before, join, subscription);
    let member = if downgrades {
        advance_and_downgrade(work, id, &before, member, &owned)
    } else {
        let member = progress::advance(work, id, &before, member, Some(&owned));
        timers::session(work, id, &member);
        timers::resync(work, id, &member);
        member
    };
    Joined {
        generation: member.epoch,
        protocol_type: Some("consumer".to_owned()),
        protocol: join.protocols.first().map(|(name, _)| name.clone()),
        leader: "".into(),
        skip_assignment: false,
        member: MemberId::clone(id),
        members: Vec::new(),
    }
}

/// The member is to be in a classic group. It has its target if that is up to date.
fn advance_and_downgrade(
    work: &mut Work<'_>,
    id: &MemberId,
    before: &ConsumerMember,
    member: ConsumerMember,
    owned: &Assignment,
) -> ConsumerMember {
    let changed = progress::reads_otherwise(before, &member);
    progress::bump(work, id, &member, changed);
    let group = progress::header(work);
    let stale = group.assignment_epoch < group.group_epoch;
    let member = if stale { member } else { progress::settle(work, id, member, changed, Some(owned)) };
    let member = progress::put(work, id, member);
    downgrade::downgrade(work, false);
    member
}

fn updated(before: &ConsumerMember, join: &Join, subscription: Subscription) -> ConsumerMember {
    ConsumerMember {
        instance: join.instance.clone().or_else(|| before.instance.clone()),
        rack: subscription.rack.filter(|rack| !rack.is_empty()).or_else(|| before.rack.clone()),
        client_id: join.client_id.clone(),
        client_host: join.client_host.clone(),
        rebalance_timeout_ms: if join.rebalance_timeout_ms < 0 {
            join.session_timeout_ms
        } else {
            join.rebalance_timeout_ms
        },
        topics: subscription.topics.into_iter().collect(),
        regex: None,
        classic: Some(ClassicFacet {
            session_timeout_ms: join.session_timeout_ms,
            protocols: join.protocols.clone(),
        }),
        ..before.clone()
    }
}

/// What it says that it owns, of topics that exist.
fn owned(subscription: &Subscription, cluster: &Cluster) -> Assignment {
    let mut owned = Assignment::new();
    for (name, partitions) in &subscription.owned {
        if let Some(topic) = cluster.topic_named(name) {
            owned.entry(topic.id).or_default().extend(partitions);
        }
    }
    owned
}
