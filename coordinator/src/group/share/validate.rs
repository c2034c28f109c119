//! Which ShareGroupHeartbeats are no requests at all, with Kafka's messages.

use super::heartbeat::ShareHeartbeat;
use crate::group::consumer::HeartbeatReject;
use crate::group::request::Reject;

/// Looks at a request alone.
pub(super) fn validate(group: &str, request: &ShareHeartbeat) -> Result<(), HeartbeatReject> {
    let is_blank = |text: &str| text.trim().is_empty();
    let message = if is_blank(&request.member) {
        "MemberId can't be empty."
    } else if is_blank(group) {
        "GroupId can't be empty."
    } else if request.rack.as_deref().is_some_and(is_blank) {
        "RackId can't be empty."
    } else if request.epoch == 0 && request.topics.as_ref().is_none_or(|topics| topics.is_empty()) {
        "SubscribedTopicNames must be set in first request."
    } else if request.epoch < -1 {
        "MemberEpoch is invalid."
    } else {
        return Ok(());
    };
    Err(HeartbeatReject { reject: Reject::InvalidRequest, message: message.to_owned() })
}
