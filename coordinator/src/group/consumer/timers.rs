//! How long members of a consumer group are waited for.

use std::collections::BTreeSet;
use std::time::Duration;

use super::fence;
use super::state::{AWAY, ConsumerMember, MemberState};
use crate::group::state::MemberId;
use crate::group::timer::Timer;
use crate::group::work::Work;

/// Gives every member its time anew, under a new owner.
pub(in crate::group) fn begin(work: &mut Work<'_>) {
    let members: Vec<(MemberId, ConsumerMember)> =
        work.group().consumer_members().map(|(id, member)| (MemberId::clone(id), member.clone())).collect();
    for (id, member) in members {
        session(work, &id, &member);
        revoke(work, &id, &member);
    }
}

/// These have been waited for long enough, and are out together: the group's epoch goes up once for all of them.
pub(in crate::group) fn due(work: &mut Work<'_>, mut members: BTreeSet<MemberId>) {
    members.retain(|id| work.group().consumer_member(id).is_some());
    fence::fence(work, members);
}

/// The member is there: it may be silent for its session timeout from now on.
pub(super) fn session(work: &mut Work<'_>, id: &MemberId, member: &ConsumerMember) {
    let timeout = match &member.classic {
        Some(classic) => millis(classic.session_timeout_ms),
        None => work.settings.consumer_session_timeout,
    };
    work.set(Timer::Session(MemberId::clone(id)), timeout);
}

/// The member's step is new: it has its rebalance timeout to give back what it must. A classic member is to
/// rejoin instead, and has as long for that.
pub(super) fn revoke(work: &mut Work<'_>, id: &MemberId, member: &ConsumerMember) {
    let timer = Timer::Revoke(MemberId::clone(id));
    let waits =
        member.state == MemberState::UnrevokedPartitions && member.classic.is_none() && member.epoch != AWAY;
    if waits {
        work.set(timer, millis(member.rebalance_timeout_ms));
    } else {
        work.cancel(&timer);
    }
}

/// A classic member is to rejoin, and has its rebalance timeout for it from the first such answer on.
pub(super) fn rejoin(work: &mut Work<'_>, id: &MemberId, member: &ConsumerMember) {
    let timer = Timer::Rejoin(MemberId::clone(id));
    if !work.is_set(&timer) {
        work.set(timer, millis(member.rebalance_timeout_ms));
    }
}

/// A classic member has joined, and has its rebalance timeout to ask for its assignment.
pub(super) fn resync(work: &mut Work<'_>, id: &MemberId, member: &ConsumerMember) {
    work.cancel(&Timer::Rejoin(MemberId::clone(id)));
    work.set(Timer::Resync(MemberId::clone(id)), millis(member.rebalance_timeout_ms));
}

/// The member no longer speaks the classic protocol.
pub(super) fn cancel_classic(work: &mut Work<'_>, id: &MemberId) {
    work.cancel(&Timer::Rejoin(MemberId::clone(id)));
    work.cancel(&Timer::Resync(MemberId::clone(id)));
}

/// The member is gone.
pub(super) fn cancel(work: &mut Work<'_>, id: &MemberId) {
    for timer in [Timer::Session, Timer::Revoke, Timer::Rejoin, Timer::Resync] {
        work.cancel(&timer(MemberId::clone(id)));
    }
}

pub(super) fn millis(ms: i32) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}

#[cfg(test)]
#[path = "timers_test.rs"]
mod tests;
