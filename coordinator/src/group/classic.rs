//! The classic protocol: a leader among the members computes the assignment.

mod begin;
mod commit;
mod heartbeat;
mod join;
mod leave;
mod protocol;
mod rebalance;
mod session;
mod soft;
mod static_member;
mod subscription;
mod sync;

use bytes::Bytes;

pub(super) use begin::begin;
pub(super) use commit::{check_commit, renew_on_commit};
pub(super) use heartbeat::heartbeat;
pub(super) use join::{join, pending_expired};
pub(super) use leave::leave;
pub(super) use protocol::{is_offer, select};
pub(super) use rebalance::{join_expired, prepare};
pub(super) use session::session_expired;
pub(super) use soft::Soft;
pub(super) use subscription::{Subscribed, subscribed};
pub(super) use sync::{sync, sync_expired};

use super::request::Reject;
use super::state::MemberId;

/// JoinGroup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Join {
    /// The member's id; empty if it has none yet.
    pub member: MemberId,
    /// The id that it gets then.
    pub fresh: MemberId,
    /// Whether a dynamic member must come back with the id that it is given (JoinGroup 4, KIP-394).
    pub requires_known_id: bool,
    /// `group.instance.id` of a static member (KIP-345).
    pub instance: Option<String>,
    /// `client.id`.
    pub client_id: String,
    /// The client's address.
    pub client_host: String,
    /// How long it may be silent (ms).
    pub session_timeout_ms: i32,
    /// How long a rebalance waits for it (ms). JoinGroup 0 has none: its session timeout stands in.
    pub rebalance_timeout_ms: i32,
    /// `consumer`, `connect`.
    pub protocol_type: String,
    /// The assignors that it takes, most wanted first, each with its own metadata.
    pub protocols: Vec<(String, Bytes)>,
    /// Whether the reply may ask a returning static leader to skip the assignment (JoinGroup 9, KIP-814).
    pub supports_skipping: bool,
}

/// A member has joined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    /// The generation that it is a member of.
    pub generation: i32,
    /// The group's protocol type.
    pub protocol_type: Option<String>,
    /// The assignor that was agreed on.
    pub protocol: Option<String>,
    /// The leader.
    pub leader: MemberId,
    /// Whether the leader should not compute an assignment (KIP-814).
    pub skip_assignment: bool,
    /// The member itself.
    pub member: MemberId,
    /// For the leader: every member, with its metadata for the assignor.
    pub members: Vec<(MemberId, Option<String>, Bytes)>,
}

/// A member may not join.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinReject {
    /// Why.
    pub reject: Reject,
    /// The member's id, which for MEMBER_ID_REQUIRED it should come back with.
    pub member: MemberId,
}

/// SyncGroup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sync {
    /// Who asks.
    pub caller: Caller,
    /// What it believes of the group, if it says so (SyncGroup 5).
    pub protocol_type: Option<String>,
    /// The assignor that it believes was agreed on, if it says so (SyncGroup 5).
    pub protocol: Option<String>,
    /// From the leader: what each member gets.
    pub assignments: Vec<(MemberId, Bytes)>,
}

/// A member gets its assignment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Synced {
    /// The group's protocol type.
    pub protocol_type: Option<String>,
    /// The assignor.
    pub protocol: Option<String>,
    /// Its assignment.
    pub assignment: Bytes,
}

/// Heartbeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// Who asks.
    pub caller: Caller,
}

/// A member that says who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Its id.
    pub member: MemberId,
    /// `group.instance.id`, if it has one.
    pub instance: Option<String>,
    /// The generation, or member epoch, that it believes to be in; −1 from who is no member.
    pub generation: i32,
}

/// LeaveGroup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leave {
    /// Who goes: by id, or by `group.instance.id` with an empty id.
    pub members: Vec<(MemberId, Option<String>)>,
}

#[cfg(test)]
#[path = "classic/scale_test.rs"]
mod scale;
