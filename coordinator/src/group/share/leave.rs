//! A member goes: it says so, or is silent for too long.

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
    fence(work, id);
    Ok(Beat { member: MemberId::clone(id), epoch: -1, heartbeat_interval_ms: 0, assignment: None })
}

/// A member was silent for too long.
pub(in crate::group) fn due(work: &mut Work<'_>, timer: &Timer) {
    if let Timer::Session(id) = timer
        && work.group().share_member(id).is_some()
    {
        fence(work, id);
    }
}

/// Takes a member out of the group. The others get new targets as they come for them.
fn fence(work: &mut Work<'_>, id: &MemberId) {
    work.cancel(&Timer::Session(MemberId::clone(id)));
    work.change(Change::Member(MemberId::clone(id), None));
    let mut group = progress::header(work);
    group.group_epoch += 1;
    group.metadata_hash = progress::hash(work, None);
    let empty_since = work.group().members.is_empty().then_some(work.now.wall);
    work.change(Change::Header { membership: Membership::Share(group), empty_since });
}

pub(super) fn unknown(group: &str, id: &str) -> HeartbeatReject {
    let message = format!("Member {id} is not a member of group {group}.");
    HeartbeatReject { reject: Reject::UnknownMember, message }
}
