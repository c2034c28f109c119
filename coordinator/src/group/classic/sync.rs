//! SyncGroup: the leader sends the assignment, and the others wait for it.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::session::{self, state};
use super::{Sync, Synced, rebalance};
use crate::group::change::Change;
use crate::group::request::{Reject, Reply, Token};
use crate::group::state::{ClassicState, Member, MemberId};
use crate::group::timer::Timer;
use crate::group::work::Work;

/// A member asks for its assignment; the leader brings everybody's.
pub(in crate::group) fn sync(work: &mut Work<'_>, token: Token, sync: &Sync) {
    let member = &sync.caller.member;
    match check(work, sync) {
        Err(reject) => work.reply(token, Reply::Sync(Err(reject))),
        Ok(ClassicState::CompletingRebalance) => {
            note(work, member);
            park(work, token, member);
            if work.group().classic().is_some_and(|group| group.leader.as_ref() == Some(member)) {
                assign(work, sync.assignments.iter().cloned().collect());
            }
        }
        Ok(_) => {
            note(work, member);
            session::renew(work, member);
            let synced = synced(work, member);
            work.reply(token, Reply::Sync(Ok(synced)));
        }
    }
}

fn check(work: &Work<'_>, sync: &Sync) -> Result<ClassicState, Reject> {
    let group = work.group().classic().ok_or(Reject::UnknownMember)?;
    session::check(work, &sync.caller.member, sync.caller.instance.as_deref())?;
    if sync.caller.generation != group.generation {
        return Err(Reject::IllegalGeneration);
    }
    let differ = |a: &Option<String>, b: &Option<String>| a.is_some() && b.is_some() && a != b;
    if differ(&sync.protocol_type, &group.protocol_type) || differ(&sync.protocol, &group.protocol) {
        return Err(Reject::InconsistentProtocol);
    }
    match group.state {
        ClassicState::PreparingRebalance => Err(Reject::RebalanceInProgress),
        ClassicState::Empty => Err(Reject::UnknownMember),
        state => Ok(state),
    }
}

/// The member has synced; once all have, none is waited for.
fn note(work: &mut Work<'_>, member: &MemberId) {
    work.entry.classic.unsynced.remove(member);
    if work.entry.classic.unsynced.is_empty() {
        work.cancel(&Timer::Sync);
    }
}

fn park(work: &mut Work<'_>, token: Token, member: &MemberId) {
    if let Some(former) = work.entry.classic.syncing.insert(MemberId::clone(member), token) {
        work.reply(former, Reply::Sync(Err(Reject::RebalanceInProgress)));
    }
    work.cancel(&Timer::Session(MemberId::clone(member)));
}

/// The leader's word makes the group Stable. Members that it left out get nothing, and ids that are none of the
/// group's are ignored.
fn assign(work: &mut Work<'_>, mut assignments: BTreeMap<MemberId, Bytes>) {
    let mut assigned = Vec::new();
    for (id, member) in work.group().classic_members() {
        let assignment = assignments.remove(id).unwrap_or_default();
        if member.assignment != assignment {
            let member = Member::Classic(crate::group::ClassicMember { assignment, ..member.clone() });
            assigned.push(Change::Member(MemberId::clone(id), Some(member)));
        }
    }
    assigned.into_iter().for_each(|change| work.change(change));
    rebalance::edit(work, |group| group.state = ClassicState::Stable);
    for (member, token) in std::mem::take(&mut work.entry.classic.syncing) {
        let synced = synced(work, &member);
        work.reply(token, Reply::Sync(Ok(synced)));
        session::renew(work, &member);
    }
}

fn synced(work: &Work<'_>, member: &MemberId) -> Synced {
    let group = work.group().classic();
    Synced {
        protocol_type: group.and_then(|group| group.protocol_type.clone()),
        protocol: group.and_then(|group| group.protocol.clone()),
        assignment: work.group().classic_member(member).map(|m| m.assignment.clone()).unwrap_or_default(),
    }
}

/// Members have had long enough to sync: those that have not are dropped, and the others share anew.
pub(in crate::group) fn sync_expired(work: &mut Work<'_>) {
    let completing =
        state(work).is_some_and(|s| matches!(s, ClassicState::CompletingRebalance | ClassicState::Stable));
    let silent = std::mem::take(&mut work.entry.classic.unsynced);
    if completing && !silent.is_empty() {
        silent.iter().for_each(|member| session::remove(work, member));
        rebalance::prepare(work);
    }
}

#[cfg(test)]
#[path = "sync_test.rs"]
mod tests;
