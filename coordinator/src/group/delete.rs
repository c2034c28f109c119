//! DeleteGroups, and what else makes a group go.

use super::change::Change;
use super::request::{Reject, Reply, Token};
use super::state::{ClassicState, Membership};
use super::work::Work;

/// Deletes a group without members, and its offsets with it. A share group's topics must have been forgotten before
/// ([`super::share::ShareTopics`]).
pub(super) fn delete(work: &mut Work<'_>, token: Token) {
    let outcome = check(work).map(|()| forget(work));
    work.reply(token, Reply::Done(outcome));
}

fn check(work: &Work<'_>) -> Result<(), Reject> {
    if !work.entry.exists {
        return Err(Reject::group_not_found(work.id));
    }
    let lists_topics = work.group().share().is_some_and(|group| !group.topics.is_empty());
    if !is_empty(work) || lists_topics {
        return Err(Reject::NonEmptyGroup);
    }
    Ok(())
}

/// Whether the group has no members and is not just losing or gaining its first.
pub(super) fn is_empty(work: &Work<'_>) -> bool {
    match &work.group().membership {
        Membership::Classic(classic) => classic.state == ClassicState::Empty,
        Membership::Consumer(_) | Membership::Share(_) => work.group().members.is_empty(),
    }
}

/// Deletes a group. A client that was given a member id for it must ask for another.
pub(super) fn forget(work: &mut Work<'_>) {
    for (token, reply) in std::mem::take(&mut work.entry.classic).refuse(&Reject::UnknownMember) {
        work.reply(token, reply);
    }
    work.cancel_all();
    work.change(Change::Deleted);
}
