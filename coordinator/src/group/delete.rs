//! DeleteGroups.

use super::change::Change;
use super::request::{Reject, Reply, Token};
use super::work::Work;

/// Deletes a group without members, and its offsets with it.
pub(super) fn delete(work: &mut Work<'_>, token: Token) {
    let outcome = check(work).map(|()| work.change(Change::Deleted));
    work.reply(token, Reply::Done(outcome));
}

fn check(work: &Work<'_>) -> Result<(), Reject> {
    if !work.entry.exists {
        return Err(Reject::GroupNotFound(format!("Group {} not found.", work.id)));
    }
    if !work.group().members.is_empty() {
        return Err(Reject::NonEmptyGroup);
    }
    Ok(())
}
