//! Consumer groups (KIP-848): the group computes the assignment, and each member goes there on its own.
//!
//! Three epochs: the group's goes up when members or what they read change; the assignment's follows when targets
//! are computed; each member's follows once it has given back what it must. A partition is given to a member when
//! no other holds it. Members may speak the classic protocol as well; a group may turn from one kind into the
//! other while it has members.

mod admit;
pub(super) mod bridge;
mod commit;
mod describe;
mod downgrade;
mod expression;
mod fence;
mod heartbeat;
mod leave;
mod progress;
mod reconcile;
mod soft;
mod state;
mod subscription;
mod target;
mod timers;
mod upgrade;
mod validate;

pub use commit::check_fetch;
pub(super) use commit::{check_commit, subscribed};
pub use describe::{ConsumerState, Described, DescribedMember, describe};
pub(super) use heartbeat::heartbeat;
pub use heartbeat::{Beat, ConsumerHeartbeat, HeartbeatReject};
pub(super) use soft::Soft;
pub use state::{ClassicFacet, ConsumerGroup, ConsumerMember, Held, MemberState, Progress};
pub(super) use subscription::hash as hash_topics;
pub(super) use timers::{begin, due};

#[cfg(test)]
mod lab;
#[cfg(test)]
mod properties;
#[cfg(test)]
#[path = "consumer/scale_test.rs"]
mod scale;
