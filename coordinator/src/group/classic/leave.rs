//! LeaveGroup.

use super::join::forget_pending;
use super::{Leave, rebalance, session};
use crate::group::request::{Reject, Reply, Token};
use crate::group::state::MemberId;
use crate::group::work::Work;

/// Members go at once, and the others rebalance once for all of them.
pub(in crate::group) fn leave(work: &mut Work<'_>, token: Token, leave: &Leave) {
    let outcomes: Vec<_> =
        leave.members.iter().map(|(id, instance)| go(work, id, instance.as_deref())).collect();
    if outcomes.iter().any(Result::is_ok) {
        rebalance::after_removal(work);
    }
    work.reply(token, Reply::Left(Ok(outcomes)));
}

/// An administrator names a static member by its instance alone.
fn go(work: &mut Work<'_>, id: &MemberId, instance: Option<&str>) -> Result<(), Reject> {
    if id.is_empty() {
        let member = instance.and_then(|instance| work.index().instance(instance)).cloned();
        session::remove(work, &member.ok_or(Reject::UnknownMember)?);
        return Ok(());
    }
    if forget_pending(work, id) {
        return Ok(());
    }
    session::check(work, id, instance)?;
    session::remove(work, id);
    Ok(())
}

#[cfg(test)]
#[path = "leave_test.rs"]
mod tests;
