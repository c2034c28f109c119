//! What the group APIs share: finding the node that coordinates a group, asking it, and which error says what.

use std::sync::Arc;

use broker::log::{Log, NotLeader};
use bytes::Bytes;
use coordinator::group::classic::Caller;
use coordinator::group::{Group, GroupId, MemberId, Reject, Reply, Request};
use protocol::{ErrorCode, Str};
use tokio::time::{Instant, sleep, timeout};

use super::topics::{LOOK, MOMENT};
use super::{Context, PATIENCE};

/// The operations that may be done with a group, as bits (KIP-430): nothing is forbidden here.
pub(super) const GROUP_OPERATIONS: i32 = 1 << 3 | 1 << 6 | 1 << 8 | 1 << 10 | 1 << 11;

/// The log that a group's owner keeps it in. Fails if that is not this node: NOT_COORDINATOR, or
/// COORDINATOR_LOAD_IN_PROGRESS if it is about to be.
pub(super) async fn log(context: &Context, group: &str) -> Result<Arc<Log>, ErrorCode> {
    let broker = &context.broker;
    let deadline = Instant::now() + MOMENT;
    loop {
        if let Ok(log) = broker.coordinate(group) {
            return Ok(log);
        }
        let cluster = broker.cluster();
        let owner = cluster.as_ref().and_then(|cluster| cluster.coordinator(group));
        if owner.is_none_or(|(session, _)| session.process != broker.process()) {
            return Err(ErrorCode::NotCoordinator);
        }
        if Instant::now() >= deadline || context.stop.is_cancelled() {
            return Err(ErrorCode::CoordinatorLoadInProgress);
        }
        sleep(LOOK).await;
    }
}

/// Asks a group. No caller need wait for long: what may is asked with [`ask_patiently`].
pub(super) async fn ask(context: &Context, group: &str, request: Request) -> Result<Reply, ErrorCode> {
    let asked = timeout(PATIENCE, ask_patiently(context, group, request));
    asked.await.unwrap_or(Err(ErrorCode::CoordinatorNotAvailable))
}

/// Asks a group something that may have to wait for its other members.
pub(super) async fn ask_patiently(
    context: &Context,
    group: &str,
    request: Request,
) -> Result<Reply, ErrorCode> {
    let log = log(context, group).await?;
    context.broker.pause().await;
    let admitted = context.admitted.lock().take();
    log.group(&GroupId::from(group), request, admitted).await.map_err(|NotLeader| ErrorCode::NotCoordinator)
}

/// A group as its owner knows it; none if there is no such group.
pub(super) async fn read(context: &Context, group: &str) -> Result<Option<Arc<Group>>, ErrorCode> {
    let log = log(context, group).await?;
    match timeout(PATIENCE, log.group_state(&GroupId::from(group))).await {
        Ok(Ok(group)) => Ok(group),
        Ok(Err(NotLeader)) => Err(ErrorCode::NotCoordinator),
        Err(_) => Err(ErrorCode::CoordinatorNotAvailable),
    }
}

/// Whether a group's name is missing where it must not be.
pub(super) fn check_id(group: &str) -> Result<(), ErrorCode> {
    if group.is_empty() { Err(ErrorCode::InvalidGroupId) } else { Ok(()) }
}

/// Kafka's error for a reject.
pub(super) fn code(reject: &Reject) -> ErrorCode {
    match reject {
        Reject::UnknownMember => ErrorCode::UnknownMemberId,
        Reject::IllegalGeneration => ErrorCode::IllegalGeneration,
        Reject::RebalanceInProgress => ErrorCode::RebalanceInProgress,
        Reject::InconsistentProtocol => ErrorCode::InconsistentGroupProtocol,
        Reject::InvalidSessionTimeout => ErrorCode::InvalidSessionTimeout,
        Reject::MemberIdRequired => ErrorCode::MemberIdRequired,
        Reject::FencedInstance => ErrorCode::FencedInstanceId,
        Reject::FencedMemberEpoch => ErrorCode::FencedMemberEpoch,
        Reject::UnreleasedInstance => ErrorCode::UnreleasedInstanceId,
        Reject::UnsupportedAssignor => ErrorCode::UnsupportedAssignor,
        Reject::StaleMemberEpoch => ErrorCode::StaleMemberEpoch,
        Reject::InvalidRegex => ErrorCode::InvalidRegularExpression,
        Reject::InvalidRequest => ErrorCode::InvalidRequest,
        Reject::UnsupportedVersion => ErrorCode::UnsupportedVersion,
        Reject::GroupMaxSize => ErrorCode::GroupMaxSizeReached,
        Reject::GroupNotFound(_) => ErrorCode::GroupIdNotFound,
        Reject::NonEmptyGroup => ErrorCode::NonEmptyGroup,
        Reject::SubscribedToTopic => ErrorCode::GroupSubscribedToTopic,
        Reject::MetadataTooLarge => ErrorCode::OffsetMetadataTooLarge,
        Reject::NotCoordinator => ErrorCode::NotCoordinator,
    }
}

/// The caller, as most requests name it.
pub(super) fn caller(member: &Str, instance: Option<&Str>, generation: i32) -> Caller {
    Caller { member: MemberId::from(&**member), instance: instance.map(text), generation }
}

/// A string of a request as something that outlives it.
pub(super) fn text(text: &Str) -> String {
    text.to_string()
}

/// Bytes of a request as something that outlives it: they keep nothing else in memory.
pub(super) fn detached(bytes: &Bytes) -> Bytes {
    Bytes::copy_from_slice(bytes)
}
