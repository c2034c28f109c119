//! A topic: its name's rules and its configuration.

pub mod config;
mod name;

use std::collections::BTreeMap;

#[cfg(test)]
pub(crate) use name::unified_names;
pub(crate) use name::unify_collision_chars;
pub use name::{InvalidName, validate_name};

use crate::TopicId;

/// The name of Kafka's metadata log, which is no topic here.
pub const METADATA: &str = "__cluster_metadata";

/// A topic as the metadata log describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Its identity.
    pub id: TopicId,
    /// Its name, unique among the topics that exist.
    pub name: String,
    /// How many partitions it has, at least 1.
    pub partitions: i32,
    /// What the client asked for, at least 1. The store replicates; nothing here does.
    pub replication_factor: i16,
    /// The settings that differ from the defaults, as the client wrote them.
    pub overrides: BTreeMap<String, String>,
    /// What they come to, over the settings of all nodes.
    pub config: config::TopicConfig,
}
