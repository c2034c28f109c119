//! A topic: its name's rules and its configuration.

pub mod config;
mod name;

use std::collections::BTreeMap;

pub use name::{InvalidName, validate_name};

use crate::TopicId;

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
