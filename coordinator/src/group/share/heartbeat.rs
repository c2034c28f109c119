//! ShareGroupHeartbeat: joining, staying, learning the assignment.

use std::collections::BTreeSet;

use super::state::ShareMember;
use super::{leave, progress, validate};
use crate::group::consumer::{Beat, HeartbeatReject};
use crate::group::request::{Reject, Reply, Token};
use crate::group::state::{MemberId, Membership};
use crate::group::work::Work;

/// ShareGroupHeartbeat. What is `None` is as the member said before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareHeartbeat {
    /// The member's id, which it makes itself.
    pub member: MemberId,
    /// Its epoch: 0 joins, −1 leaves.
    pub epoch: i32,
    /// `client.rack`.
    pub rack: Option<String>,
    /// `client.id`.
    pub client_id: String,
    /// The client's address.
    pub client_host: String,
    /// The topics that it reads, by name.
    pub topics: Option<BTreeSet<String>>,
}

/// Handles a heartbeat, which is answered in the same step.
pub(in crate::group) fn heartbeat(work: &mut Work<'_>, token: Token, request: &ShareHeartbeat) {
    let reply = validate::validate(work.id, request).and_then(|()| match request.epoch {
        -1 => leave::leave(work, &request.member),
        _ => beat(work, request),
    });
    work.reply(token, Reply::ShareHeartbeat(reply));
}

fn beat(work: &mut Work<'_>, request: &ShareHeartbeat) -> Result<Beat, HeartbeatReject> {
    let before = admit(work, request)?;

    // From here on nothing is refused.
    let id = &request.member;
    let mut member = before.clone();
    member.rack = request.rack.clone().or(member.rack);
    member.client_id.clone_from(&request.client_id);
    member.client_host.clone_from(&request.client_host);
    if let Some(topics) = &request.topics {
        member.topics.clone_from(topics);
    }
    let member = progress::advance(work, id, &before, member);
    progress::session(work, id);

    let tells = request.epoch == 0 || request.topics.is_some() || before.assigned != member.assigned;
    Ok(Beat {
        member: MemberId::clone(id),
        epoch: member.epoch,
        heartbeat_interval_ms: work.settings.share_heartbeat_interval.as_millis() as i32,
        assignment: tells.then_some(member.assigned),
    })
}

/// What the member was until now. Nothing changes.
fn admit(work: &Work<'_>, request: &ShareHeartbeat) -> Result<ShareMember, HeartbeatReject> {
    let (id, joins) = (&request.member, request.epoch == 0);
    match work.group().membership {
        _ if !work.entry.is_known() && joins => {}
        _ if !work.entry.exists => {
            return Err(HeartbeatReject::not_found(format!("Share group {} not found.", work.id)));
        }
        Membership::Share(_) => {}
        _ => return Err(HeartbeatReject::not_found(format!("Group {} is not a share group.", work.id))),
    }
    let member = work.group().share_member(id);
    let max = work.settings.share_max_size;
    if work.group().members.len() >= max && member.is_none() {
        let message = format!("The share group has reached its maximum capacity of {max} members.");
        return Err(HeartbeatReject { reject: Reject::GroupMaxSize, message });
    }
    match member {
        Some(member) => check_epoch(member, request.epoch).map(|()| member.clone()),
        None if joins => Ok(ShareMember { previous_epoch: -1, ..ShareMember::default() }),
        None => Err(leave::unknown(work.id, id)),
    }
}

/// A member may be one epoch behind, if the reply was lost.
fn check_epoch(member: &ShareMember, epoch: i32) -> Result<(), HeartbeatReject> {
    let (known, previous) = (member.epoch, member.previous_epoch);
    let message = if epoch == 0 {
        return Ok(());
    } else if epoch > known {
        format!(
            "The share group member has a greater member epoch ({epoch}) than the one known by the group coordinator \
             ({known}). The member must abandon all its partitions and rejoin."
        )
    } else if epoch < known && epoch != previous {
        format!(
            "The share group member has a smaller member epoch ({epoch}) than the one known by the group coordinator \
             ({known}), and it does not match the previous member epoch ({previous}). The member must abandon all its \
             partitions and rejoin."
        )
    } else {
        return Ok(());
    };
    Err(HeartbeatReject { reject: Reject::FencedMemberEpoch, message })
}

#[cfg(test)]
#[path = "heartbeat_test.rs"]
mod tests;
