//! Who may commit offsets for a classic group.

use super::{Caller, session};
use crate::group::request::Reject;
use crate::group::state::{ClassicGroup, ClassicState};
use crate::group::work::Work;

/// A member commits in its generation, up to when it joins the next one. A client that is no member may commit while
/// there are none.
pub(in crate::group) fn check_commit(
    work: &Work<'_>,
    classic: &ClassicGroup,
    caller: &Caller,
) -> Result<(), Reject> {
    let empty = classic.state == ClassicState::Empty;
    if caller.generation < 0 && empty {
        return Ok(());
    }
    if caller.generation >= 0 || !caller.member.is_empty() || caller.instance.is_some() {
        session::check(work, &caller.member, caller.instance.as_deref())?;
        if caller.generation != classic.generation {
            return Err(Reject::IllegalGeneration);
        }
    } else if !empty {
        return Err(Reject::UnknownMember);
    }
    if classic.state == ClassicState::CompletingRebalance {
        return Err(Reject::RebalanceInProgress);
    }
    Ok(())
}

/// A commit shows that its member lives.
pub(in crate::group) fn renew_on_commit(work: &mut Work<'_>, caller: &Caller) {
    session::renew(work, &caller.member);
}
