//! Members go, whether they want to or not.

use std::collections::BTreeSet;

use super::{downgrade, progress, subscription, timers};
use crate::group::change::Change;
use crate::group::state::{MemberId, Membership};
use crate::group::work::Work;

/// Takes members out of the group, all of which are in it. What they held is free; others get it as they come for
/// it. A group of whose members only classic ones are left becomes a classic group.
pub(super) fn fence(work: &mut Work<'_>, ids: BTreeSet<MemberId>) {
    if ids.is_empty() {
        return;
    }
    let downgrades = downgrade::may_follow(work, &ids);
    for id in ids {
        timers::cancel(work, &id);
        work.change(Change::Member(id, None));
    }
    if downgrades {
        return downgrade::downgrade(work, true);
    }
    let mut group = progress::header(work);
    group.group_epoch = group.group_epoch.saturating_add(1);
    group.metadata_hash = subscription::look(work, None);
    let empty_since = work.group().members.is_empty().then_some(work.now.wall);
    work.change(Change::Header { membership: Membership::Consumer(group), empty_since });
}
