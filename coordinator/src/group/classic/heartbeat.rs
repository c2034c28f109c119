//! Heartbeat of a classic member.

use super::Heartbeat;
use super::session;
use crate::group::request::{Reject, Reply, Token};
use crate::group::state::ClassicState;
use crate::group::work::Work;

/// A member shows that it lives, and learns whether it is to join again.
pub(in crate::group) fn heartbeat(work: &mut Work<'_>, token: Token, heartbeat: &Heartbeat) {
    let outcome = check(work, heartbeat);
    if matches!(outcome, Ok(()) | Err(Reject::RebalanceInProgress)) {
        session::renew(work, &heartbeat.caller.member);
    }
    work.reply(token, Reply::Done(outcome));
}

fn check(work: &Work<'_>, Heartbeat { caller }: &Heartbeat) -> Result<(), Reject> {
    let group = work.group().classic().ok_or(Reject::UnknownMember)?;
    session::check(work, &caller.member, caller.instance.as_deref())?;
    if caller.generation != group.generation {
        return Err(Reject::IllegalGeneration);
    }
    match group.state {
        ClassicState::Empty => Err(Reject::UnknownMember),
        ClassicState::PreparingRebalance => Err(Reject::RebalanceInProgress),
        ClassicState::CompletingRebalance | ClassicState::Stable => Ok(()),
    }
}
