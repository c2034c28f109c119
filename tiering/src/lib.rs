//! Makes decisions durable and finds them again.
//!
//! It alone knows object keys and formats: the store behind its URL, the metadata log, the sealed sessions
//! of the write-ahead log, checkpoints and recovery. What Kafka's protocol looks like is none of its
//! business.

pub mod checkpoint;
pub mod format;
pub mod metadata;
pub mod mutant;
pub mod read;
pub mod recover;
pub mod seams;
pub mod session;
pub mod store;
pub mod watch;
