//! Whether a heartbeat is that of a member, and of which.

use super::heartbeat::{ConsumerHeartbeat, HeartbeatReject};
use super::state::{AWAY, ConsumerMember, Held, has};
use crate::PartitionId;
use crate::group::index::Index;
use crate::group::request::Reject;
use crate::group::state::{Assignment, Group, MemberId};

/// Whose heartbeat it is.
#[derive(Debug)]
pub(super) enum Admitted {
    /// A member's, or that of one who is to be new.
    Member(ConsumerMember),
    /// A static member's that comes back, and what it was when it left: under this id.
    Returns(MemberId, ConsumerMember),
}

/// Looks for the member. Nothing changes.
pub(super) fn admit(
    group_id: &str,
    (group, index): (&Group, &Index),
    id: &MemberId,
    request: &ConsumerHeartbeat,
) -> Result<Admitted, HeartbeatReject> {
    let joins = request.epoch == 0;
    let Some(instance) = &request.instance else {
        return match group.consumer_member(id) {
            Some(member) => {
                check_epoch(member, request.epoch, request.owned.as_ref())?;
                Ok(Admitted::Member(member.clone()))
            }
            None if joins => Ok(Admitted::Member(newcomer())),
            None => Err(unknown(group_id, id)),
        };
    };
    match group.consumer_instance(index, instance) {
        None if joins => Ok(Admitted::Member(group.consumer_member(id).cloned().unwrap_or_else(newcomer))),
        None => Err(unknown_instance(instance)),
        Some((holder, member)) if joins => {
            if member.classic.is_none() && member.epoch != AWAY {
                let message = format!(
                    "Static member {id} with instance id {instance} cannot join the group because the instance id \
                     is owned by {holder} member."
                );
                return Err(HeartbeatReject { reject: Reject::UnreleasedInstance, message });
            }
            Ok(Admitted::Returns(MemberId::clone(holder), member.clone()))
        }
        Some((holder, member)) => {
            check_holder(holder, id, instance)?;
            check_epoch(member, request.epoch, request.owned.as_ref())?;
            Ok(Admitted::Member(member.clone()))
        }
    }
}

/// What a member is before it has said anything.
pub(super) fn newcomer() -> ConsumerMember {
    ConsumerMember { previous_epoch: -1, rebalance_timeout_ms: -1, ..ConsumerMember::default() }
}

/// Whether the member who has an instance id is the one who uses it.
pub(super) fn check_holder(holder: &str, id: &str, instance: &str) -> Result<(), HeartbeatReject> {
    if holder == id {
        return Ok(());
    }
    let message = format!("Static member {id} with instance id {instance} was fenced by member {holder}.");
    Err(HeartbeatReject { reject: Reject::FencedInstance, message })
}

/// A member may be one epoch behind, if the reply was lost: then it owns nothing but what it was given.
fn check_epoch(
    member: &ConsumerMember,
    epoch: i32,
    owned: Option<&Assignment>,
) -> Result<(), HeartbeatReject> {
    let known = member.epoch;
    let lost_reply =
        || epoch == member.previous_epoch && owned.is_some_and(|owned| is_within(owned, &member.assigned));
    let wrong = match epoch {
        0 => return Ok(()),
        _ if epoch > known => "greater",
        _ if epoch < known && !lost_reply() => "smaller",
        _ => return Ok(()),
    };
    let message = format!(
        "The consumer group member has a {wrong} member epoch ({epoch}) than the one known by the group coordinator \
         ({known}). The member must abandon all its partitions and rejoin."
    );
    Err(HeartbeatReject { reject: Reject::FencedMemberEpoch, message })
}

fn is_within(owned: &Assignment, held: &Held) -> bool {
    owned.iter().all(|(&topic, all)| {
        held.contains_key(&topic) && all.iter().all(|&index| has(held, PartitionId { topic, index }))
    })
}

pub(super) fn unknown(group: &str, id: &str) -> HeartbeatReject {
    let message = format!("Member {id} is not a member of group {group}.");
    HeartbeatReject { reject: Reject::UnknownMember, message }
}

pub(super) fn unknown_instance(instance: &str) -> HeartbeatReject {
    let message = format!("Instance id {instance} is unknown.");
    HeartbeatReject { reject: Reject::UnknownMember, message }
}

#[cfg(test)]
#[path = "admit_test.rs"]
mod tests;
