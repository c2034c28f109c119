//! Groups: classic groups, consumer groups (KIP-848), share groups (KIP-932), and the offsets that they commit.
//!
//! A [`Shard`] holds the groups of one shard. It is stepped with a request or the passing of time and answers
//! with [`Effect`]s: what must become durable, and what may be replied once it is. What is durable of a group is
//! [`Group`], changed by [`Change`]s alone, so that replaying them rebuilds it; timers and parked requests are
//! soft, and start anew with a new owner. Wire messages, tickets and sockets stay out.

mod assignor;
mod change;
pub mod classic;
pub mod consumer;
mod consumer_protocol;
mod delete;
mod index;
pub mod offsets;
mod request;
mod settings;
mod shard;
pub mod share;
mod state;
mod timer;
mod work;

pub use assignor::Assignor;
pub use change::Change;
pub use consumer_protocol::{Assigned, ConsumerProtocol, Subscription, TopicPartitions};
pub use request::{Effect, Reject, Reply, Request, Token};
pub use settings::{Migration, Settings};
pub use shard::{Now, Shard, World};
pub use state::{
    Assignment, ClassicGroup, ClassicMember, ClassicState, Committed, Group, GroupId, Kind, Member, MemberId,
    Membership,
};

#[cfg(test)]
mod driver;
#[cfg(test)]
pub(crate) mod properties;
