//! Kafka's wire: sockets, requests and answers.
//!
//! Wire types become domain types in [`api`] and nowhere else. Where records lie, and when they may be acknowledged or
//! read, belongs to `broker`.

pub mod api;
pub mod connection;
mod fetch_sessions;
pub mod listener;
mod metrics;
mod remote;
mod service;
mod share_sessions;

pub use api::metrics_in;
pub use metrics::Metrics;
pub use remote::Remote;
pub use service::Service;
