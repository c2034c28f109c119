//! Every decision of Tidelog, without I/O and without a clock.
//!
//! `decide` looks at a state and a command and answers with an event or a reject; `apply` changes the
//! state by an event. The caller makes the event durable between the two, and passes the time in. Sockets,
//! stores, tokio and `SystemTime` stay out of this crate, so that a test or a model is a plain function call.

pub mod cluster;
pub mod config;
pub mod group;
mod ids;
mod map;
pub mod partition;
mod shard;
pub mod share;
pub mod steady;
#[cfg(test)]
mod steps;
pub mod topic;

pub use ids::{ClusterId, Epoch, NodeId, PartitionId, ProcessId, SessionId, ShardId, TopicId};
pub use map::Map;
pub use shard::Shards;
