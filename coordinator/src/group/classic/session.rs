//! A member's session: who it is, that it lives, and how it goes.

use std::time::Duration;

use super::{JoinReject, rebalance};
use crate::group::change::Change;
use crate::group::request::{Reject, Reply};
use crate::group::state::{ClassicState, MemberId};
use crate::group::timer::Timer;
use crate::group::work::Work;

/// How long a member that was never sent a generation may wait for it. It cannot send heartbeats until then,
/// and whether its client is still there shows only when it joins again.
pub(super) const NEW_MEMBER_JOIN_TIMEOUT: Duration = Duration::from_secs(5 * 60);

/// Whether the caller is a member, and still the one with its `group.instance.id` (KIP-345).
pub(super) fn check(work: &Work<'_>, member: &MemberId, instance: Option<&str>) -> Result<(), Reject> {
    if let Some(instance) = instance {
        let current = work.index().instance(instance).ok_or(Reject::UnknownMember)?;
        if current != member {
            return Err(Reject::FencedInstance);
        }
    }
    work.group().classic_member(member).map(|_| ()).ok_or(Reject::UnknownMember)
}

/// The member has shown that it lives. While a request of it is parked its session does not run: the reply
/// begins it anew.
pub(super) fn renew(work: &mut Work<'_>, member: &MemberId) {
    let soft = &work.entry.classic;
    if soft.joining.contains_key(member) || soft.syncing.contains_key(member) {
        return;
    }
    if let Some(classic) = work.group().classic_member(member) {
        let timeout = millis(classic.session_timeout_ms);
        work.set(Timer::Session(MemberId::clone(member)), timeout);
    }
}

/// A member's session has run out.
pub(in crate::group) fn session_expired(work: &mut Work<'_>, member: &MemberId) {
    if work.group().classic_member(member).is_some() {
        remove(work, member);
        rebalance::after_removal(work);
    }
}

/// Takes a member out of the group. What it waits for is refused; its client joins again, if it is still there.
pub(super) fn remove(work: &mut Work<'_>, member: &MemberId) {
    let soft = &mut work.entry.classic;
    soft.new.remove(member);
    soft.unsynced.remove(member);
    let (joining, syncing) = (soft.joining.remove(member), soft.syncing.remove(member));
    if let Some(token) = joining {
        let refused = JoinReject { reject: Reject::UnknownMember, member: "".into() };
        work.reply(token, Reply::Join(Err(refused)));
    }
    if let Some(token) = syncing {
        work.reply(token, Reply::Sync(Err(Reject::UnknownMember)));
    }
    work.cancel(&Timer::Session(MemberId::clone(member)));
    work.change(Change::Member(MemberId::clone(member), None));
    let next = work.group().members.keys().next().cloned();
    rebalance::edit(work, |group| {
        if group.leader.as_ref() == Some(member) {
            group.leader = next;
        }
    });
}

/// The state of a classic group.
pub(super) fn state(work: &Work<'_>) -> Option<ClassicState> {
    work.group().classic().map(|classic| classic.state)
}

/// A duration of the wire; less than none is none.
pub(super) fn millis(ms: i32) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}

#[cfg(test)]
#[path = "session_test.rs"]
mod tests;
