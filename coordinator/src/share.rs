//! Share partitions (KIP-932): what a share group knows of the records of one partition.
//!
//! The partition's owner hands records out to the members under locks that expire, and keeps for each record how
//! often it was delivered and whether that is settled. What is durable is [`State`], changed by [`Change`]s alone,
//! so that replaying them rebuilds it; locks are soft, and end with their owner. A [`Shard`] holds the share
//! partitions of one shard: it is stepped with a request or the passing of time and answers with [`Effect`]s.
//! Reading the log, sessions of fetching clients and wire messages stay out.

mod acknowledge;
mod acquire;
mod change;
mod part;
mod request;
mod settings;
mod shard;
mod state;

pub use acknowledge::{Ack, AckBatch, Acknowledge};
pub use acquire::{Acquire, AcquireMode, Acquired};
pub use change::Change;
pub use part::NextFetch;
pub use request::{Effect, Reject, Reply, Request, Token};
pub use settings::Settings;
pub use shard::Shard;
pub use state::{Batch, Delivery, SharePartitionId, State};

#[cfg(test)]
#[path = "share/properties_test.rs"]
mod properties;
