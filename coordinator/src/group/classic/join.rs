//! JoinGroup.

use super::session::{self, NEW_MEMBER_JOIN_TIMEOUT, state};
use super::{Join, JoinReject, protocol, rebalance, static_member};
use crate::group::change::Change;
use crate::group::request::{Reject, Reply, Token};
use crate::group::state::{ClassicMember, ClassicState, Member, MemberId};
use crate::group::timer::Timer;
use crate::group::work::Work;

/// A member joins, for the first time or again. It is answered at once, or when the others have joined too.
pub(in crate::group) fn join(work: &mut Work<'_>, token: Token, join: &Join) {
    match admit(work, join) {
        Err(Reject::GroupMaxSize) => {
            leave_out(work, &join.member);
            refuse(work, token, Reject::GroupMaxSize, &"".into());
        }
        Err(reject) => refuse(work, token, reject, &join.member),
        Ok(()) if join.member.is_empty() => join_unknown(work, token, join),
        Ok(()) if work.entry.classic.pending.contains(&join.member) && join.instance.is_none() => {
            add(work, token, join, &join.member);
        }
        Ok(()) => join_again(work, token, join),
    }
}

fn admit(work: &Work<'_>, join: &Join) -> Result<(), Reject> {
    let (min, max) = (work.settings.min_session_timeout, work.settings.max_session_timeout);
    if !(min..=max).contains(&session::millis(join.session_timeout_ms)) {
        return Err(Reject::InvalidSessionTimeout);
    }
    let state = state(work).ok_or(Reject::InconsistentProtocol)?;
    if !join.member.is_empty() && !work.entry.is_known() {
        return Err(Reject::UnknownMember);
    }
    if !has_room(work, state, &join.member) {
        return Err(Reject::GroupMaxSize);
    }
    if !protocol::supports(work, join) {
        return Err(Reject::InconsistentProtocol);
    }
    Ok(())
}

/// Whether the group may have this member too. During a rebalance those count that have joined, so that a group
/// that is over its limit loses the members that come last.
fn has_room(work: &Work<'_>, state: ClassicState, member: &MemberId) -> bool {
    let (group, soft, max) = (work.group(), &work.entry.classic, work.settings.max_size);
    match state {
        ClassicState::Empty => true,
        ClassicState::PreparingRebalance => soft.joining.contains_key(member) || soft.joining.len() < max,
        ClassicState::CompletingRebalance | ClassicState::Stable => {
            group.members.contains_key(member) || group.members.len() < max
        }
    }
}

/// Removes a member that came too late for the last place.
fn leave_out(work: &mut Work<'_>, member: &MemberId) {
    forget_pending(work, member);
    if work.group().classic_member(member).is_some() {
        session::remove(work, member);
    }
    rebalance::complete_if_all_joined(work);
}

fn join_unknown(work: &mut Work<'_>, token: Token, join: &Join) {
    match &join.instance {
        Some(instance) => match work.index().instance(instance).cloned() {
            Some(old) => static_member::replace(work, token, join, &old),
            None => add(work, token, join, &join.fresh),
        },
        None if join.requires_known_id => {
            work.entry.classic.pending.insert(MemberId::clone(&join.fresh));
            let timeout = session::millis(join.session_timeout_ms);
            work.set(Timer::Pending(MemberId::clone(&join.fresh)), timeout);
            refuse(work, token, Reject::MemberIdRequired, &join.fresh);
        }
        None => add(work, token, join, &join.fresh),
    }
}

/// A client that was given a member id has not come back with it.
pub(in crate::group) fn pending_expired(work: &mut Work<'_>, member: &MemberId) {
    forget_pending(work, member);
    rebalance::complete_if_all_joined(work);
}

/// Waits no more for a client that was given this id; answers whether one was waited for.
pub(super) fn forget_pending(work: &mut Work<'_>, member: &MemberId) -> bool {
    work.cancel(&Timer::Pending(MemberId::clone(member)));
    work.entry.classic.pending.remove(member)
}

fn add(work: &mut Work<'_>, token: Token, join: &Join, id: &MemberId) {
    forget_pending(work, id);
    if let Some(initial) = &mut work.entry.classic.initial {
        initial.joined = true;
    }
    let is_first = work.group().members.is_empty();
    work.change(Change::Member(MemberId::clone(id), Some(Member::Classic(new_member(join)))));
    rebalance::edit(work, |group| {
        if is_first {
            group.protocol_type = Some(join.protocol_type.clone());
        }
        group.leader.get_or_insert_with(|| MemberId::clone(id));
    });
    work.entry.classic.new.insert(MemberId::clone(id));
    park(work, token, id);
    work.set(Timer::Session(MemberId::clone(id)), NEW_MEMBER_JOIN_TIMEOUT);
    rebalance::after_joining(work);
}

fn new_member(join: &Join) -> ClassicMember {
    ClassicMember {
        instance: join.instance.clone(),
        client_id: join.client_id.clone(),
        client_host: join.client_host.clone(),
        rebalance_timeout_ms: rebalance_timeout_ms(join),
        session_timeout_ms: join.session_timeout_ms,
        protocols: join.protocols.clone(),
        assignment: Default::default(),
    }
}

fn rebalance_timeout_ms(join: &Join) -> i32 {
    if join.rebalance_timeout_ms < 0 { join.session_timeout_ms } else { join.rebalance_timeout_ms }
}

/// A member as it describes itself when it joins again.
pub(super) fn updated(member: &ClassicMember, join: &Join) -> ClassicMember {
    ClassicMember {
        rebalance_timeout_ms: rebalance_timeout_ms(join),
        session_timeout_ms: join.session_timeout_ms,
        protocols: join.protocols.clone(),
        ..member.clone()
    }
}

fn join_again(work: &mut Work<'_>, token: Token, join: &Join) {
    let id = &join.member;
    if let Err(reject) = session::check(work, id, join.instance.as_deref()) {
        return refuse(work, token, reject, id);
    }
    let (Some(state), Some(member)) = (state(work), work.group().classic_member(id)) else {
        return refuse(work, token, Reject::UnknownMember, id);
    };
    let is_leader = work.group().classic().is_some_and(|group| group.leader.as_ref() == Some(id));
    let rebalances = match state {
        ClassicState::PreparingRebalance | ClassicState::Empty => true,
        ClassicState::CompletingRebalance => member.protocols != join.protocols,
        // The leader joins again when it sees what members' metadata does not show, such as new partitions.
        ClassicState::Stable => is_leader || member.protocols != join.protocols,
    };
    if !rebalances {
        // The first reply may have been lost.
        session::renew(work, id);
        let joined = rebalance::joined(work, id);
        return work.reply(token, Reply::Join(Ok(joined)));
    }
    let updated = updated(member, join);
    if updated != *member {
        work.change(Change::Member(MemberId::clone(id), Some(Member::Classic(updated))));
    }
    park(work, token, id);
    rebalance::after_joining(work);
}

/// Lets a join wait. A member has one request under way at most: a former one is from a connection that is lost.
pub(super) fn park(work: &mut Work<'_>, token: Token, member: &MemberId) {
    if let Some(former) = work.entry.classic.joining.insert(MemberId::clone(member), token) {
        refuse(work, former, Reject::RebalanceInProgress, member);
    }
    if !work.entry.classic.new.contains(member) {
        work.cancel(&Timer::Session(MemberId::clone(member)));
    }
}

fn refuse(work: &mut Work<'_>, token: Token, reject: Reject, member: &MemberId) {
    let member = MemberId::clone(member);
    work.reply(token, Reply::Join(Err(JoinReject { reject, member })));
}

#[cfg(test)]
#[path = "join_test.rs"]
mod tests;
