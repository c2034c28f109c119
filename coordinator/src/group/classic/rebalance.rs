//! A rebalance, up to where everyone has joined: Empty or Stable, PreparingRebalance, CompletingRebalance.

use std::time::Duration;

use super::session::{self, state};
use super::soft::InitialDelay;
use super::{Joined, protocol};
use crate::group::change::Change;
use crate::group::request::{Reject, Reply};
use crate::group::state::{ClassicGroup, ClassicState, MemberId, Membership};
use crate::group::timer::Timer;
use crate::group::work::Work;

/// How long a rebalance that no member has joined waits at least before it is looked at again.
const RETRY: Duration = Duration::from_secs(1);

/// Changes what the group keeps besides its members, and since when it is empty.
pub(super) fn edit(work: &mut Work<'_>, edit: impl FnOnce(&mut ClassicGroup)) {
    let Some(before) = work.group().classic() else { return };
    let mut after = before.clone();
    edit(&mut after);
    if after == *before {
        return;
    }
    let empty_since = match (before.state, after.state) {
        (ClassicState::Empty, ClassicState::Empty) => work.group().empty_since,
        (_, ClassicState::Empty) => Some(work.now.wall),
        _ => None,
    };
    work.change(Change::Header { membership: Membership::Classic(after), empty_since });
}

/// Members have come or changed: begins a rebalance, or goes on with the one that is under way.
pub(super) fn after_joining(work: &mut Work<'_>) {
    match state(work) {
        Some(ClassicState::PreparingRebalance) => complete_if_all_joined(work),
        Some(_) => prepare(work),
        None => {}
    }
}

/// Members were removed: the others share what they had.
pub(super) fn after_removal(work: &mut Work<'_>) {
    match state(work) {
        Some(ClassicState::Stable | ClassicState::CompletingRebalance) => prepare(work),
        Some(ClassicState::PreparingRebalance) => complete_if_all_joined(work),
        Some(ClassicState::Empty) | None => {}
    }
}

/// Begins a rebalance. Members learn of it from their heartbeats, or from the SyncGroup that they wait for.
pub(in crate::group) fn prepare(work: &mut Work<'_>) {
    for (member, token) in std::mem::take(&mut work.entry.classic.syncing) {
        work.reply(token, Reply::Sync(Err(Reject::RebalanceInProgress)));
        session::renew(work, &member);
    }
    work.entry.classic.unsynced.clear();
    work.cancel(&Timer::Sync);
    let was_empty = state(work) == Some(ClassicState::Empty);
    edit(work, |group| group.state = ClassicState::PreparingRebalance);
    if was_empty {
        let delay = work.settings.initial_rebalance_delay;
        let remaining = rebalance_timeout(work).saturating_sub(delay);
        work.entry.classic.initial = Some(InitialDelay { delay, remaining, joined: false });
        work.set(Timer::Join, delay);
    } else if all_joined(work) {
        complete(work);
    } else {
        work.set(Timer::Join, rebalance_timeout(work));
    }
}

/// Members have had long enough to join. The first rebalance of an empty group waits on while more of them come.
pub(in crate::group) fn join_expired(work: &mut Work<'_>) {
    if state(work) != Some(ClassicState::PreparingRebalance) {
        return;
    }
    match work.entry.classic.initial {
        Some(InitialDelay { delay, remaining, joined: true }) if !remaining.is_zero() => {
            let next = work.settings.initial_rebalance_delay.min(remaining);
            let remaining = remaining.saturating_sub(delay);
            work.entry.classic.initial = Some(InitialDelay { delay: next, remaining, joined: false });
            work.set(Timer::Join, next);
        }
        _ => complete(work),
    }
}

/// Ends the wait for members, unless some are still to come or it is an empty group's first.
pub(super) fn complete_if_all_joined(work: &mut Work<'_>) {
    let preparing = state(work) == Some(ClassicState::PreparingRebalance);
    if preparing && work.entry.classic.initial.is_none() && all_joined(work) {
        complete(work);
    }
}

fn all_joined(work: &Work<'_>) -> bool {
    let soft = &work.entry.classic;
    soft.joining.len() == work.group().members.len() && soft.pending.is_empty()
}

/// How long a rebalance waits: as long as the most patient member says.
pub(super) fn rebalance_timeout(work: &Work<'_>) -> Duration {
    session::millis(work.index().rebalance_timeout_ms())
}

/// Drops dynamic members that have not joined, and begins the next generation with the others. Static members
/// stay until their sessions end (KIP-345), but it takes one member that has joined to lead.
fn complete(work: &mut Work<'_>) {
    work.cancel(&Timer::Join);
    work.entry.classic.initial = None;
    let joining = &work.entry.classic.joining;
    let is_late = |id: &MemberId, instance: &Option<String>| instance.is_none() && !joining.contains_key(id);
    let late: Vec<MemberId> = work
        .group()
        .classic_members()
        .filter(|(id, member)| is_late(id, &member.instance))
        .map(|(id, _)| MemberId::clone(id))
        .collect();
    late.iter().for_each(|member| session::remove(work, member));

    if work.group().members.is_empty() {
        return edit(work, |group| {
            group.state = ClassicState::Empty;
            group.generation = group.generation.saturating_add(1);
            (group.protocol, group.leader) = (None, None);
        });
    }
    let joining = &work.entry.classic.joining;
    let is_joining = |leader: &&MemberId| joining.contains_key(*leader);
    let leader = work.group().classic().and_then(|group| group.leader.as_ref()).filter(is_joining);
    match leader.or_else(|| joining.keys().next()).cloned() {
        Some(leader) => next_generation(work, leader),
        None => work.set(Timer::Join, rebalance_timeout(work).max(RETRY)),
    }
}

fn next_generation(work: &mut Work<'_>, leader: MemberId) {
    let protocol = protocol::select(work);
    edit(work, |group| {
        group.state = ClassicState::CompletingRebalance;
        group.generation = group.generation.saturating_add(1);
        (group.protocol, group.leader) = (protocol, Some(leader));
    });
    work.entry.classic.new.clear();
    let members: Vec<MemberId> = work.group().members.keys().cloned().collect();
    for member in &members {
        if let Some(token) = work.entry.classic.joining.remove(member) {
            let joined = joined(work, member);
            work.reply(token, Reply::Join(Ok(joined)));
        }
        session::renew(work, member);
    }
    work.entry.classic.unsynced = members.into_iter().collect();
    work.set(Timer::Sync, rebalance_timeout(work));
}

/// The reply to a member's JoinGroup; the leader's lists every member.
pub(super) fn joined(work: &Work<'_>, member: &MemberId) -> Joined {
    let group = work.group().classic().cloned().unwrap_or_default();
    let leader = group.leader.unwrap_or_else(|| "".into());
    let about = |(id, member): (&MemberId, &crate::group::ClassicMember)| {
        let metadata = group.protocol.as_ref().and_then(|name| protocol::metadata(member, name));
        (MemberId::clone(id), member.instance.clone(), metadata.cloned().unwrap_or_default())
    };
    let members =
        if leader == *member { work.group().classic_members().map(about).collect() } else { Vec::new() };
    Joined {
        generation: group.generation,
        protocol_type: group.protocol_type,
        protocol: group.protocol.clone(),
        leader,
        skip_assignment: false,
        member: MemberId::clone(member),
        members,
    }
}

#[cfg(test)]
#[path = "rebalance_test.rs"]
mod tests;
