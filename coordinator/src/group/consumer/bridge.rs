//! Members of a consumer group that speak the classic protocol (KIP-848, "Online Migration").
//!
//! JoinGroup brings what a heartbeat would: the subscription, and the partitions that it owns. Its reply has the
//! member epoch as generation and names no leader; SyncGroup brings what is assigned. A heartbeat is answered
//! REBALANCE_IN_PROGRESS when there is something to learn or to give back.

mod heartbeat;
mod join;
mod leave;
mod sync;

pub(in crate::group) use heartbeat::heartbeat;
pub(in crate::group) use join::{join, joins};
pub(in crate::group) use leave::leave;
pub(in crate::group) use sync::sync;

use super::admit::{check_holder, unknown, unknown_instance};
use super::heartbeat::HeartbeatReject;
use super::state::{ClassicFacet, ConsumerMember};
use crate::group::classic::Caller;
use crate::group::request::Reject;
use crate::group::state::MemberId;
use crate::group::work::Work;

/// The member that a caller is: by its instance id if it has one.
fn find<'a>(
    work: &'a Work<'_>,
    id: &str,
    instance: Option<&str>,
) -> Result<(&'a MemberId, &'a ConsumerMember), HeartbeatReject> {
    let group = work.group();
    match instance {
        None => group.consumer_entry(id).ok_or_else(|| unknown(work.id, id)),
        Some(instance) => {
            let found = group.consumer_instance(work.index(), instance);
            let (holder, member) = found.ok_or_else(|| unknown_instance(instance))?;
            if !id.is_empty() {
                check_holder(holder, id, instance)?;
            }
            Ok((holder, member))
        }
    }
}

/// A classic member that calls in its epoch.
fn check<'a>(
    work: &'a Work<'_>,
    caller: &Caller,
) -> Result<(&'a MemberId, &'a ConsumerMember, &'a ClassicFacet), Reject> {
    let (id, member) = find(work, &caller.member, caller.instance.as_deref())?;
    if *id != caller.member {
        return Err(Reject::FencedInstance);
    }
    let classic = member.classic.as_ref().ok_or(Reject::UnknownMember)?;
    if member.epoch != caller.generation {
        return Err(Reject::IllegalGeneration);
    }
    Ok((id, member, classic))
}

#[cfg(test)]
#[path = "bridge_test.rs"]
mod tests;
