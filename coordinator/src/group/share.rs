//! Membership of share groups (KIP-932): the group computes who reads which partitions, and a partition may go to
//! several members.
//!
//! There are epochs as in a consumer group, but nothing is ever waited for: a member goes to its target at once,
//! since who holds which record is decided with the partitions ([`crate::share`]).

mod assignor;
mod describe;
mod grant;
mod heartbeat;
mod leave;
mod progress;
mod soft;
mod state;
mod topics;
mod validate;

pub use describe::{Described, ShareState, describe};
pub use grant::ShareGrant;
pub(super) use grant::grant;
pub use heartbeat::ShareHeartbeat;
pub(super) use heartbeat::heartbeat;
pub(super) use leave::due;
pub(super) use progress::begin;
pub(super) use soft::Soft;
pub use state::{ShareGroup, ShareMember};
pub(super) use topics::topics;
pub use topics::{Listed, ShareTopics};

/// The name of the only assignor.
pub const ASSIGNOR: &str = "simple";

#[cfg(test)]
mod lab;
