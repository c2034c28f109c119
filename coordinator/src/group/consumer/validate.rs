//! Which ConsumerGroupHeartbeats are no requests at all, with Kafka's messages.

use super::heartbeat::{ConsumerHeartbeat, HeartbeatReject};
use super::state::AWAY;
use crate::group::assignor::Assignor;
use crate::group::request::Reject;

/// Looks at a request alone.
pub(super) fn validate(group: &str, request: &ConsumerHeartbeat) -> Result<(), HeartbeatReject> {
    let is_blank = |text: &str| text.trim().is_empty();
    if (request.makes_own_id || request.epoch > 0 || request.epoch == -1) && is_blank(&request.member) {
        return invalid("MemberId can't be empty.");
    }
    if is_blank(group) {
        return invalid("GroupId can't be empty.");
    }
    if request.instance.as_deref().is_some_and(is_blank) {
        return invalid("InstanceId can't be empty.");
    }
    if request.rack.as_deref().is_some_and(is_blank) {
        return invalid("RackId can't be empty.");
    }
    match request.epoch {
        0 if request.rebalance_timeout_ms.is_none() => {
            return invalid("RebalanceTimeoutMs must be provided in first request.");
        }
        0 if request.owned.as_ref().is_none_or(|owned| !owned.is_empty()) => {
            return invalid("TopicPartitions must be empty when (re-)joining.");
        }
        0 if request.topics.is_none() && request.regex.is_none() => {
            return invalid(
                "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.",
            );
        }
        AWAY if request.instance.is_none() => return invalid("InstanceId can't be null."),
        ..AWAY => return invalid("MemberEpoch is invalid."),
        _ => {}
    }
    if let Some(assignor) = request.assignor.as_deref().filter(|name| Assignor::named(name).is_none()) {
        let all = Assignor::ALL.map(Assignor::name).join(", ");
        let message = format!("ServerAssignor {assignor} is not supported. Supported assignors: {all}.");
        return Err(HeartbeatReject { reject: Reject::UnsupportedAssignor, message });
    }
    Ok(())
}

fn invalid(message: &str) -> Result<(), HeartbeatReject> {
    Err(HeartbeatReject { reject: Reject::InvalidRequest, message: message.to_owned() })
}
