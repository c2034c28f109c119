//! A member goes: it says so, or is silent for too long.

use std::collections::BTreeSet;

use super::progress;
use crate::group::change::Change;
use crate::group::consumer::{Beat, HeartbeatReject};
use crate::group::request::Reject;
use crate::group::state::{MemberId, Membership};
use crate::group::timer::Timer;
use crate::group::work::Work;

/// A heartbeat with epoch −1.
pub(super) fn leave(work: &mut Work<'_>, id: &MemberId) -> Result<Beat, HeartbeatReject> {
    if !work.entry.exists {
        return Err(HeartbeatReject::not_found(format!("Group {} not found.", work.id)));
    }
    if work.group().share().is_none() {
        return Err(HeartbeatReject::not_found(format!("Group {} is not a share group.", work.id)));
    }
    if work.group().share_member(id).is_none() {
        return Err(unknown(work.id, id));
    }
    fence(work, [MemberId::clone(id)].into());
    Ok(Beat { member: MemberId::clone(id), epoch: -1, heartbeat_interval_ms: 0, assignment: None })
}

/// These were silent for too long.
pub(in crate::group) fn due(work: &mut Work<'_>, mut members: BTreeSet<MemberId>) {
    members.retain(|id| work.group().share_member(id).is_some());
    fence(work, members);
}

/// Takes members out of the group, whose epoch goes up once for all of them. The others get new targets as they come
/// for them.
fn fence(work: &mut Work<'_>, ids: BTreeSet<MemberId>) {
    if ids.is_empty() {
        return;
    }
    for id in ids {
        work.cancel(&Timer::Session(MemberId::clone(&id)));
        work.change(Change::Member(id, None));
    }
    let mut group = progress::header(work);
    group.group_epoch = group.group_epoch.saturating_add(1);
    group.metadata_hash = progress::hash(work, None);
    let empty_since = work.group().members.is_empty().then_some(work.now.wall);
    work.change(Change::Header { membership: Membership::Share(group), empty_since });
}

pub(super) fn unknown(group: &str, id: &str) -> HeartbeatReject {
    let message = format!("Member {id} is not a member of group {group}.");
    HeartbeatReject { reject: Reject::UnknownMember, message }
}
