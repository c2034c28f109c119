//! ConsumerGroupHeartbeat: joining, staying, learning the assignment.

use std::collections::BTreeSet;

use super::expression::Expression;
use super::state::{AWAY, ConsumerMember, partitions};
use super::{admit, leave, progress, timers, upgrade, validate};
use crate::group::index::Index;
use crate::group::request::{Reject, Reply, Token};
use crate::group::state::{Assignment, MemberId};
use crate::group::work::Work;

/// ConsumerGroupHeartbeat. What is `None` is as the member said before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerHeartbeat {
    /// The member's id; empty if it has none yet (version 0).
    pub member: MemberId,
    /// The id that it gets then.
    pub fresh: MemberId,
    /// Whether members make their ids themselves (version 1).
    pub makes_own_id: bool,
    /// Its epoch: 0 joins, −1 leaves, −2 is a static member that leaves for a while.
    pub epoch: i32,
    /// `group.instance.id` of a static member.
    pub instance: Option<String>,
    /// `client.rack`.
    pub rack: Option<String>,
    /// `client.id`.
    pub client_id: String,
    /// The client's address.
    pub client_host: String,
    /// How long it may take to give partitions back (ms). On the wire −1 is `None`.
    pub rebalance_timeout_ms: Option<i32>,
    /// The topics that it reads, by name.
    pub topics: Option<BTreeSet<String>>,
    /// The expression whose topics it reads as well; an empty one is none.
    pub regex: Option<String>,
    /// The assignor that it asks for.
    pub assignor: Option<String>,
    /// The partitions that it owns.
    pub owned: Option<Assignment>,
}

/// The reply to a heartbeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beat {
    /// The member.
    pub member: MemberId,
    /// Its epoch from now on.
    pub epoch: i32,
    /// When its next heartbeat is due (ms); 0 if it has left.
    pub heartbeat_interval_ms: i32,
    /// What it may read, if that has changed or the member said everything of itself.
    pub assignment: Option<Assignment>,
}

/// Why a heartbeat is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeartbeatReject {
    /// The error.
    pub reject: Reject,
    /// Kafka's message for it.
    pub message: String,
}

impl HeartbeatReject {
    pub(in crate::group) fn not_found(message: String) -> Self {
        Self { reject: Reject::GroupNotFound(message.clone()), message }
    }
}

/// The reject for a member that speaks the classic protocol: there is no place for a message.
impl From<HeartbeatReject> for Reject {
    fn from(reject: HeartbeatReject) -> Self {
        reject.reject
    }
}

/// Handles a heartbeat, which is answered in the same step.
pub(in crate::group) fn heartbeat(work: &mut Work<'_>, token: Token, request: &ConsumerHeartbeat) {
    let reply = validate::validate(work.id, request).and_then(|()| match request.epoch {
        AWAY | -1 => leave::leave(work, request),
        _ => beat(work, request),
    });
    work.reply(token, Reply::ConsumerHeartbeat(reply));
}

fn beat(work: &mut Work<'_>, request: &ConsumerHeartbeat) -> Result<Beat, HeartbeatReject> {
    let joins = request.epoch == 0;
    let opened = upgrade::open(work, joins)?;
    let (group, index) = opened.group(work);
    let id = if request.member.is_empty() { &request.fresh } else { &request.member };
    let is_full = group.members.len() >= work.settings.consumer_max_size;
    if is_full && !group.members.contains_key(&request.member) {
        let message = format!(
            "The consumer group has reached its maximum capacity of {} members.",
            work.settings.consumer_max_size
        );
        return Err(HeartbeatReject { reject: Reject::GroupMaxSize, message });
    }
    let admitted = admit::admit(work.id, (group, index), id, request)?;
    check_expression(index, request)?;

    // From here on nothing is refused.
    opened.apply(work);
    let before = progress::take_place(work, id, admitted);
    if before.classic.is_some() {
        timers::cancel_classic(work, id);
    }
    let mut member = before.clone();
    update(&mut member, request);
    let member = progress::advance(work, id, &before, member, request.owned.as_ref());
    timers::session(work, id, &member);

    let says_all = request.rebalance_timeout_ms.is_some()
        && (request.topics.is_some() || request.regex.is_some())
        && request.owned.is_some();
    let tells = joins || says_all || before.assigned != member.assigned;
    Ok(Beat {
        member: MemberId::clone(id),
        epoch: member.epoch,
        heartbeat_interval_ms: work.settings.consumer_heartbeat_interval.as_millis() as i32,
        assignment: tells.then(|| partitions(&member.assigned)),
    })
}

/// Takes over what the request says.
fn update(member: &mut ConsumerMember, request: &ConsumerHeartbeat) {
    let ConsumerHeartbeat { instance, rack, topics, regex, assignor, .. } = request;
    member.instance = instance.clone().or(member.instance.take());
    member.rack = rack.clone().or(member.rack.take());
    member.assignor = assignor.clone().or(member.assignor.take());
    member.rebalance_timeout_ms = request.rebalance_timeout_ms.unwrap_or(member.rebalance_timeout_ms);
    if let Some(topics) = topics {
        member.topics.clone_from(topics);
    }
    if let Some(regex) = regex {
        member.regex = Some(regex.clone()).filter(|regex| !regex.is_empty());
    }
    member.client_id.clone_from(&request.client_id);
    member.client_host.clone_from(&request.client_host);
    member.classic = None;
}

/// Whether the expression is one. One that a member has already was valid.
fn check_expression(index: &Index, request: &ConsumerHeartbeat) -> Result<(), HeartbeatReject> {
    let Some(regex) = request.regex.as_deref().filter(|regex| !regex.is_empty()) else { return Ok(()) };
    if index.has_expression(regex) {
        return Ok(());
    }
    Expression::new(regex).map(drop).map_err(|error| HeartbeatReject {
        reject: Reject::InvalidRegex,
        message: format!("SubscribedTopicRegex `{regex}` is not a valid regular expression: {error}."),
    })
}

#[cfg(test)]
#[path = "heartbeat_test.rs"]
mod tests;
