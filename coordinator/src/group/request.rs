//! What is asked of groups, and what becomes of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use thiserror::Error;

use super::change::Change;
use super::state::GroupId;
use super::{classic, consumer, offsets, share};
use crate::PartitionId;

/// Names a request whose reply is owed. It means something to the caller only.
pub type Token = u64;

/// A request to one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// JoinGroup.
    Join(classic::Join),
    /// SyncGroup.
    Sync(classic::Sync),
    /// Heartbeat.
    Heartbeat(classic::Heartbeat),
    /// LeaveGroup.
    Leave(classic::Leave),
    /// ConsumerGroupHeartbeat.
    ConsumerHeartbeat(consumer::ConsumerHeartbeat),
    /// ShareGroupHeartbeat.
    ShareHeartbeat(share::ShareHeartbeat),
    /// AlterShareGroupOffsets, DeleteShareGroupOffsets: what of them concerns the group itself.
    ShareTopics(share::ShareTopics),
    /// Share partitions of the group are about to come into being.
    ShareGrant(share::ShareGrant),
    /// OffsetCommit.
    Commit(offsets::Commit),
    /// OffsetDelete.
    DeleteOffsets(offsets::DeleteOffsets),
    /// DeleteGroups.
    Delete,
}

/// A reply to one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// To a join. A reject may carry the member id to come back with.
    Join(Result<classic::Joined, classic::JoinReject>),
    /// To a sync.
    Sync(Result<classic::Synced, Reject>),
    /// To a heartbeat or the deletion of a group.
    Done(Result<(), Reject>),
    /// To a heartbeat of a consumer group's member.
    ConsumerHeartbeat(Result<consumer::Beat, consumer::HeartbeatReject>),
    /// To a heartbeat of a share group's member.
    ShareHeartbeat(Result<consumer::Beat, consumer::HeartbeatReject>),
    /// To a look at a share group's topics, or a change of them.
    ShareTopics(Result<share::Listed, Reject>),
    /// To a wish for share partitions: those that may come into being.
    ShareGrant(Result<BTreeSet<PartitionId>, Reject>),
    /// To a leave: each member's own outcome, in the request's order.
    Left(Result<Vec<Result<(), Reject>>, Reject>),
    /// To a commit or the deletion of offsets: each partition's own outcome, in the request's order.
    Offsets(Result<Vec<Result<(), Reject>>, Reject>),
}

/// Why a group refuses.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Reject {
    /// UNKNOWN_MEMBER_ID (25).
    #[error("the group has no such member")]
    UnknownMember,
    /// ILLEGAL_GENERATION (22).
    #[error("the group is at another generation")]
    IllegalGeneration,
    /// REBALANCE_IN_PROGRESS (27).
    #[error("the group is rebalancing")]
    RebalanceInProgress,
    /// INCONSISTENT_GROUP_PROTOCOL (23).
    #[error("the member's protocols do not fit the group's")]
    InconsistentProtocol,
    /// INVALID_SESSION_TIMEOUT (26).
    #[error("the session timeout is not in the allowed range")]
    InvalidSessionTimeout,
    /// MEMBER_ID_REQUIRED (79).
    #[error("the member must come back with the id that it is given")]
    MemberIdRequired,
    /// FENCED_INSTANCE_ID (82).
    #[error("another member has the same group.instance.id")]
    FencedInstance,
    /// FENCED_MEMBER_EPOCH (110).
    #[error("the member must give up all its partitions and join again")]
    FencedMemberEpoch,
    /// UNRELEASED_INSTANCE_ID (111).
    #[error("another member with the same group.instance.id has not left")]
    UnreleasedInstance,
    /// UNSUPPORTED_ASSIGNOR (112).
    #[error("there is no such assignor")]
    UnsupportedAssignor,
    /// STALE_MEMBER_EPOCH (113).
    #[error("the member is at another epoch")]
    StaleMemberEpoch,
    /// INVALID_REGULAR_EXPRESSION (128).
    #[error("the regular expression is not valid")]
    InvalidRegex,
    /// INVALID_REQUEST (42).
    #[error("the request is not valid")]
    InvalidRequest,
    /// UNSUPPORTED_VERSION (35): a member of a consumer group must commit with OffsetCommit 9 or later.
    #[error("the version of the request is too old for the member's protocol")]
    UnsupportedVersion,
    /// GROUP_MAX_SIZE_REACHED (81).
    #[error("the group has as many members as it may")]
    GroupMaxSize,
    /// GROUP_ID_NOT_FOUND (69), with Kafka's message.
    #[error("{0}")]
    GroupNotFound(String),
    /// NON_EMPTY_GROUP (68): it has members, or had some while it was being deleted.
    #[error("the group has members")]
    NonEmptyGroup,
    /// GROUP_SUBSCRIBED_TO_TOPIC (86).
    #[error("the group is subscribed to the topic")]
    SubscribedToTopic,
    /// OFFSET_METADATA_TOO_LARGE (12).
    #[error("the metadata of the offset is too long")]
    MetadataTooLarge,
    /// NOT_COORDINATOR (16): the shard is about to move.
    #[error("this node no longer coordinates the group")]
    NotCoordinator,
}

impl Reject {
    /// GROUP_ID_NOT_FOUND with what Kafka says of a group that it does not have.
    pub(super) fn group_not_found(group: &str) -> Self {
        Self::GroupNotFound(format!("Group {group} not found."))
    }

    /// GROUP_ID_NOT_FOUND with what Kafka says of the offsets of a share group.
    pub(super) fn not_of_consumers(group: &str) -> Self {
        Self::GroupNotFound(format!("Group {group} is not a consumer group."))
    }

    /// Whether it follows from state held, so that it may be reported only once a slot confirms that the state is
    /// still the owner's.
    pub fn needs_barrier(&self) -> bool {
        matches!(
            self,
            Self::UnknownMember
                | Self::IllegalGeneration
                | Self::FencedInstance
                | Self::FencedMemberEpoch
                | Self::UnreleasedInstance
                | Self::StaleMemberEpoch
                | Self::UnsupportedVersion
                | Self::GroupNotFound(_)
                | Self::NonEmptyGroup
                | Self::SubscribedToTopic
                | Self::InconsistentProtocol
                | Self::GroupMaxSize
        )
    }
}

impl Reply {
    /// Whether it, or a part of it, needs a barrier: a rejection as [`Reject::needs_barrier`] says, and what lets
    /// something come into being elsewhere.
    pub fn needs_barrier(&self) -> bool {
        let any = |parts: &Result<Vec<Result<(), Reject>>, Reject>| match parts {
            Ok(parts) => parts.iter().any(|part| part.as_ref().is_err_and(Reject::needs_barrier)),
            Err(reject) => reject.needs_barrier(),
        };
        match self {
            Self::Join(reply) => reply.as_ref().is_err_and(|r| r.reject.needs_barrier()),
            Self::Sync(reply) => reply.as_ref().is_err_and(Reject::needs_barrier),
            Self::ShareTopics(reply) => reply.as_ref().is_err_and(Reject::needs_barrier),
            Self::ShareGrant(Ok(granted)) => !granted.is_empty(),
            Self::ShareGrant(Err(reject)) => reject.needs_barrier(),
            Self::ConsumerHeartbeat(reply) | Self::ShareHeartbeat(reply) => {
                reply.as_ref().is_err_and(|r| r.reject.needs_barrier())
            }
            Self::Done(reply) => reply.as_ref().is_err_and(Reject::needs_barrier),
            Self::Left(parts) | Self::Offsets(parts) => any(parts),
        }
    }
}

/// What a step asks of its caller, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// These changes, already applied to the shard, must become durable, all or none.
    Write {
        /// The group.
        group: GroupId,
        /// What changed.
        changes: Arc<[Change]>,
    },
    /// A request is answered, once every write of its group before it is durable; if [`Reply::needs_barrier`], once
    /// a slot is that was begun after now.
    Reply {
        /// The group.
        group: GroupId,
        /// The request.
        token: Token,
        /// The answer.
        reply: Reply,
    },
}
