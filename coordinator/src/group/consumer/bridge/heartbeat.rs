//! Heartbeat of a classic member of a consumer group.

use super::check;
use crate::PartitionId;
use crate::group::classic::Heartbeat;
use crate::group::consumer::state::{ConsumerMember, MemberState, has};
use crate::group::consumer::{progress, timers};
use crate::group::request::{Reject, Reply, Token};
use crate::group::state::MemberId;
use crate::group::work::Work;

/// A member shows that it lives, and learns whether it is to join again. The group looks after itself as at any
/// heartbeat: there may be no member left that sends the other kind.
pub(in crate::group) fn heartbeat(work: &mut Work<'_>, token: Token, heartbeat: &Heartbeat) {
    let member = check(work, &heartbeat.caller).map(|(id, member, _)| (MemberId::clone(id), member.clone()));
    let outcome = member.and_then(|(id, member)| {
        timers::session(work, &id, &member);
        progress::bump(work, &id, &member, false);
        progress::retarget(work, &id, &member);
        if !must_rejoin(work, &id, &member) {
            return Ok(());
        }
        timers::rejoin(work, &id, &member);
        Err(Reject::RebalanceInProgress)
    });
    work.reply(token, Reply::Done(outcome));
}

fn must_rejoin(work: &Work<'_>, id: &MemberId, member: &ConsumerMember) -> bool {
    member.epoch < progress::header(work).assignment_epoch
        || match member.state {
            MemberState::Stable => false,
            MemberState::UnrevokedPartitions => true,
            MemberState::UnreleasedPartitions => !waits_for_others(work, id, member),
        }
}

/// Whether another member holds a partition that the member is to have.
fn waits_for_others(work: &Work<'_>, id: &MemberId, member: &ConsumerMember) -> bool {
    let target = work.group().targets.get(id).into_iter().flatten();
    let partitions =
        target.flat_map(|(&topic, all)| all.iter().map(move |&index| PartitionId { topic, index }));
    let missing = partitions.filter(|partition| !has(&member.assigned, *partition));
    missing.map(|partition| work.index().holders(partition)).any(|holders| holders > 0)
}
