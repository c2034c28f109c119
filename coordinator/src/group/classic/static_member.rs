//! A static member returns without its member id, as it does after a restart (KIP-345).

use super::join::{park, updated};
use super::session::{self, state};
use super::{Join, JoinReject, protocol, rebalance};
use crate::group::change::Change;
use crate::group::request::{Reject, Reply, Token};
use crate::group::state::{ClassicState, Member, MemberId};
use crate::group::timer::Timer;
use crate::group::work::Work;

/// Gives the member's place to its new id, which fences the old one. A Stable group stays Stable, and the member
/// gets what it had, unless another assignor wins by its return.
pub(super) fn replace(work: &mut Work<'_>, token: Token, join: &Join, old: &MemberId) {
    let Some(member) = work.group().classic_member(old) else { return };
    let (updated, former_leader) = (updated(member, join), leader(work));
    let id = &join.fresh;
    fence(work, old, id);
    work.change(Change::Member(MemberId::clone(old), None));
    work.change(Change::Member(MemberId::clone(id), Some(Member::Classic(updated))));
    rebalance::edit(work, |group| {
        if group.leader.as_ref() == Some(old) {
            group.leader = Some(MemberId::clone(id));
        }
    });
    match state(work) {
        Some(ClassicState::Stable) if keeps_protocol(work) => answer(work, token, join, former_leader),
        _ => {
            park(work, token, id);
            // The leader may be assigning to the old id, so that even CompletingRebalance begins anew.
            rebalance::after_joining(work);
        }
    }
}

fn leader(work: &Work<'_>) -> Option<MemberId> {
    work.group().classic().and_then(|group| group.leader.clone())
}

fn keeps_protocol(work: &Work<'_>) -> bool {
    work.group().classic().is_some_and(|group| group.protocol == protocol::select(work))
}

/// A request that still waits under the old id is of another process, and is answered FENCED_INSTANCE_ID.
fn fence(work: &mut Work<'_>, old: &MemberId, new: &MemberId) {
    let soft = &mut work.entry.classic;
    let (joining, syncing) = (soft.joining.remove(old), soft.syncing.remove(old));
    soft.new.remove(old);
    if soft.unsynced.remove(old) {
        soft.unsynced.insert(MemberId::clone(new));
    }
    if let Some(token) = joining {
        let refused = JoinReject { reject: Reject::FencedInstance, member: MemberId::clone(old) };
        work.reply(token, Reply::Join(Err(refused)));
    }
    if let Some(token) = syncing {
        work.reply(token, Reply::Sync(Err(Reject::FencedInstance)));
    }
    work.cancel(&Timer::Session(MemberId::clone(old)));
}

/// Answers without a rebalance. A leader that knows KIP-814 is asked to skip the assignment; to another its
/// former id is named as the leader's, so that it does not take itself for it.
fn answer(work: &mut Work<'_>, token: Token, join: &Join, former_leader: Option<MemberId>) {
    session::renew(work, &join.fresh);
    let mut joined = rebalance::joined(work, &join.fresh);
    if join.supports_skipping {
        joined.skip_assignment = joined.leader == join.fresh;
    } else {
        joined.leader = former_leader.unwrap_or_else(|| "".into());
        joined.members.clear();
    }
    work.reply(token, Reply::Join(Ok(joined)));
}

#[cfg(test)]
#[path = "static_member_test.rs"]
mod tests;
