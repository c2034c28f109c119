//! A node: sockets, Kafka's APIs, batching and the fetch path.
//!
//! Wire types become domain types in [`api`] and nowhere else. Keys and formats of stored objects belong to
//! `tiering`, decisions to `coordinator`.

pub mod api;
pub mod broker;
pub mod connection;
mod consumer_protocol;
pub mod listener;
pub mod log;
pub mod memory;
pub mod metrics;
pub mod peer;
pub mod rates;
mod share_sessions;
