//! A node below the wire: its log, its place in the cluster, and what it asks of other nodes.
//!
//! It knows where each record lies, and when a record may be acknowledged or read. Keys and formats of stored objects
//! belong to `tiering`, decisions to `coordinator`, Kafka's requests to `ingest`.

mod consumer_protocol;
pub mod log;
pub mod memory;
pub mod metrics;
pub mod node;
pub mod peer;
pub mod quiet;
pub mod rates;
