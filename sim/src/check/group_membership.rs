//! Membership: a member that sends heartbeats in time stays one, whichever node coordinates the group, and no member
//! has to rebalance because the coordinator changes.
//!
//! KIP-62's session timeout: only silence for that long, leaving, or missing a rebalance costs membership. Kafka
//! replays its members from `__consumer_offsets` and begins their timers anew, so that a failover is no reason
//! either. Half of the least timeout counts here: a coordinator that is one no more may have answered meanwhile.
//! After more silence than that, the coordinator may have given a member up, and one that wakes up as no coordinator
//! and does not know it yet may still answer: what it says counts once it has had the time to learn.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use protocol::ErrorCode;

use super::{Anomaly, Findings};
use crate::history::{Exchange, Group, GroupReply, GroupRequest, Moment, Step};

/// How long a request that was not answered may still be a reason for a rebalance (ms): a node may be stopped
/// for two minutes, and a member that joined then is waited for until its session ends.
const LATE_MS: u64 = 300_000;

/// How long a request may be on its way and be carried out (ms): the longest time for which a node is stopped.
const STOPPED_MS: u64 = 125_000;

/// How long a new group may be busy with itself (ms).
const SETTLED_MS: u64 = 30_000;

/// What is known of a member.
struct Known {
    /// When its last heartbeat was sent that was answered (ms).
    alive: u64,
    /// Heartbeats sent before this do not show that it is a member (ms).
    doubt: u64,
    /// Its epoch in a consumer group.
    epoch: i32,
    /// The one before, with which it is known until it has used its epoch.
    previous: i32,
    /// The epochs of what it sent and got no answer to, and when that was (ms). A node may carry that out late, after
    /// what was sent behind it by another connection, and raise the member's epoch: then its own is an old one, and
    /// Kafka fences it (`GroupMetadataManager.throwIfConsumerGroupMemberEpochIsInvalid`).
    lost: BTreeMap<i32, u64>,
}

#[derive(Default)]
struct Watch {
    members: BTreeMap<Arc<str>, Known>,
    /// Who has joined without an answer: its time to ask for its assignment may have begun then.
    unanswered: BTreeSet<Arc<str>>,
    /// Until when a rebalance has a reason (ms).
    reason: u64,
}

impl Watch {
    fn reason(&mut self, until: u64) {
        self.reason = self.reason.max(until);
    }
}

pub(super) fn check(group: &Group, findings: &mut Findings) {
    let mut watch = Watch::default();
    if let Some((at, _)) = group.steps.first() {
        watch.reason(at.ms + SETTLED_MS);
    }
    for (at, step) in &group.steps {
        match step {
            Step::Gone(member) => {
                watch.members.remove(member);
                watch.reason(at.ms + LATE_MS);
            }
            Step::Asked(index) => asked(&mut watch, &group.exchanges[*index], *at),
            Step::Answered(index) => answered(&mut watch, group, &group.exchanges[*index], *at, findings),
        }
    }
}

/// Whether a request may change who is in the group.
fn changes_members(request: &GroupRequest) -> bool {
    match request {
        GroupRequest::Join | GroupRequest::Leave => true,
        GroupRequest::ConsumerHeartbeat { epoch, .. } | GroupRequest::ShareHeartbeat { epoch } => *epoch <= 0,
        _ => false,
    }
}

fn asked(watch: &mut Watch, exchange: &Exchange, at: Moment) {
    let member = &exchange.member;
    let leaves_or_joins = match &exchange.request {
        GroupRequest::Leave => true,
        GroupRequest::ConsumerHeartbeat { epoch, .. } | GroupRequest::ShareHeartbeat { epoch } => *epoch <= 0,
        _ => false,
    };
    if leaves_or_joins {
        watch.members.remove(member);
    }
    let outcome = exchange.reply.as_ref().filter(|(_, reply)| !is_unknown(reply));
    if changes_members(&exchange.request) {
        watch.reason(outcome.map_or(at.ms + LATE_MS, |(answered, _)| answered.ms));
    }
    if outcome.is_none() && matches!(exchange.request, GroupRequest::Join) {
        watch.unanswered.insert(Arc::clone(member));
    }
    if outcome.is_none()
        && let Some(known) = watch.members.get_mut(member)
    {
        known.lost.insert(epoch_of(&exchange.request), at.ms);
    }
}

/// The epoch that a member gives.
fn epoch_of(request: &GroupRequest) -> i32 {
    match request {
        GroupRequest::ConsumerHeartbeat { epoch, .. } | GroupRequest::ShareHeartbeat { epoch } => *epoch,
        _ => 0,
    }
}

/// Whether a reply leaves open what became of the request.
fn is_unknown(reply: &GroupReply) -> bool {
    let GroupReply::Refused(code) = reply else { return false };
    ErrorCode::from_code(*code).is_none_or(ErrorCode::is_retriable)
}

fn answered(watch: &mut Watch, group: &Group, exchange: &Exchange, at: Moment, findings: &mut Findings) {
    let Some((_, reply)) = &exchange.reply else { return };
    let (member, patience) = (&exchange.member, group.patience_ms);
    let fresh = watch
        .members
        .get(member)
        .is_some_and(|known| at.ms < known.alive + patience && known.alive >= known.doubt);
    let may_come = |sent: &u64| at.ms < sent + STOPPED_MS;
    let lost = watch.members.get(member).is_some_and(|known| known.lost.values().any(may_come));
    match (&exchange.request, reply) {
        (_, GroupReply::Refused(code)) => {
            let code = ErrorCode::from_code(*code);
            let removed = match code {
                Some(ErrorCode::UnknownMemberId) => true,
                Some(ErrorCode::FencedMemberEpoch) => !lost,
                _ => false,
            };
            if removed && fresh {
                findings.add(
                    Anomaly::MemberForgotten,
                    format_args!("{member} was answered {code:?} for {:?} at {} ms", exchange.request, at.ms),
                );
            }
            let beats = matches!(exchange.request, GroupRequest::Heartbeat { .. });
            let rebalances = [Some(ErrorCode::RebalanceInProgress), Some(ErrorCode::IllegalGeneration)];
            if beats && rebalances.contains(&code) {
                if fresh {
                    needless(watch, group, member, at, findings);
                }
                watch.reason(at.ms);
            }
            if matches!(code, Some(ErrorCode::UnknownMemberId | ErrorCode::FencedMemberEpoch)) {
                watch.members.remove(member);
                watch.reason(at.ms);
            }
        }
        (GroupRequest::Heartbeat { .. } | GroupRequest::Sync { .. }, GroupReply::Done) => {
            alive(watch, member, exchange, at, 0, patience);
        }
        (GroupRequest::Join, GroupReply::Joined { .. }) => alive(watch, member, exchange, at, 0, patience),
        (_, GroupReply::Beat { epoch, .. }) if *epoch > 0 => {
            let before = watch.members.get(member).map_or(0, |known| known.epoch);
            if before > 0 && *epoch > before && fresh {
                needless(watch, group, member, at, findings);
                watch.reason(at.ms);
            }
            alive(watch, member, exchange, at, *epoch, patience);
        }
        _ => {}
    }
}

/// A member's request was answered.
fn alive(watch: &mut Watch, member: &Arc<str>, exchange: &Exchange, at: Moment, epoch: i32, patience: u64) {
    let before = watch.members.get(member);
    // It may have been out meanwhile.
    let silent =
        before.is_some_and(|before| at.ms >= before.alive + patience) || watch.unanswered.remove(member);
    let doubt = if silent { at.ms + patience } else { before.map_or(0, |before| before.doubt) };
    let previous = match before {
        Some(before) if before.epoch == epoch => before.previous,
        _ => epoch_of(&exchange.request),
    };
    // What gives an older epoch than that is refused, however late it comes.
    let mut lost = watch.members.remove(member).map_or_else(BTreeMap::new, |before| before.lost);
    lost.retain(|epoch, _| *epoch > 0 && *epoch >= previous);
    let known = Known { alive: exchange.asked.ms, doubt, epoch, previous, lost };
    watch.members.insert(Arc::clone(member), known);
    if silent {
        watch.reason(at.ms);
    }
}

/// Looks for a reason of a rebalance.
fn needless(watch: &Watch, group: &Group, member: &str, at: Moment, findings: &mut Findings) {
    let patience = group.patience_ms;
    // A member that rebalances now was up to date at most so long ago: only what happened since then is a reason.
    let since = at.ms.saturating_sub(2 * patience + 5000);
    let silent = watch.members.values().any(|known| known.alive + patience <= at.ms);
    if watch.reason < since && !silent {
        findings.add(
            Anomaly::NeedlessRebalance,
            format_args!(
                "{member} rebalances at {} ms, and the last reason was at {} ms",
                at.ms, watch.reason
            ),
        );
    }
}
