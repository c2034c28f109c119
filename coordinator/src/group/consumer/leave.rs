//! A member says that it goes.

use super::admit::{check_holder, unknown, unknown_instance};
use super::fence;
use super::heartbeat::{Beat, ConsumerHeartbeat, HeartbeatReject};
use super::state::{AWAY, ConsumerMember, Held};
use crate::group::change::Change;
use crate::group::state::{Member, MemberId};
use crate::group::timer::Timer;
use crate::group::work::Work;

/// A heartbeat with epoch −1 or −2.
pub(super) fn leave(work: &mut Work<'_>, request: &ConsumerHeartbeat) -> Result<Beat, HeartbeatReject> {
    let id = &request.member;
    if !work.entry.exists {
        return Err(HeartbeatReject::not_found(format!("Group {} not found.", work.id)));
    }
    if work.group().consumer().is_none() {
        return Err(HeartbeatReject::not_found(format!("Group {} is not a consumer group.", work.id)));
    }
    let member = match &request.instance {
        None => work.group().consumer_member(id).ok_or_else(|| unknown(work.id, id))?,
        Some(instance) => {
            let found = work.group().consumer_instance(work.index(), instance);
            let (holder, member) = found.ok_or_else(|| unknown_instance(instance))?;
            check_holder(holder, id, instance)?;
            member
        }
    };
    // Only a static member can leave for a while; the request was looked at.
    if request.epoch == AWAY {
        let member = away(member.clone());
        work.cancel(&Timer::Revoke(MemberId::clone(id)));
        work.change(Change::Member(MemberId::clone(id), Some(Member::Consumer(member))));
    } else {
        fence::fence(work, [MemberId::clone(id)].into());
    }
    Ok(Beat { member: MemberId::clone(id), epoch: request.epoch, heartbeat_interval_ms: 0, assignment: None })
}

/// A static member keeps what it is assigned; what it was to give back it no longer owns.
fn away(member: ConsumerMember) -> ConsumerMember {
    let from_the_start = |held: Held| -> Held {
        held.into_iter()
            .map(|(topic, all)| (topic, all.into_keys().map(|index| (index, 0)).collect()))
            .collect()
    };
    ConsumerMember { epoch: AWAY, revoking: Held::new(), assigned: from_the_start(member.assigned), ..member }
}
