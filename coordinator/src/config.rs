//! Settings: their names, types, defaults and bounds, as Kafka has them, and what they come to.
//!
//! A topic's settings stand in [`crate::topic::config`], a group's in [`group`], a node's in [`broker`]. The
//! metadata log holds them as text, and every node reads them again. So what one build accepts all later ones
//! must: a rule may be loosened, never tightened.

pub mod broker;
pub(crate) mod definition;
mod described;
pub mod group;
mod value;

use std::collections::BTreeMap;

use thiserror::Error;

pub use definition::{ConfigType, Definition, Effect, Rule};
pub use described::{Described, Layer, Source};
pub(crate) use value::Value;

/// Settings that are not at their defaults, by name, in the words in which they were set.
pub type Overrides = BTreeMap<String, String>;

/// Why settings are refused: INVALID_CONFIG.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ConfigError {
    /// There is no such setting of a topic.
    #[error("Unknown topic config name: {0}")]
    Unknown(String),
    /// There is no such setting of a group.
    #[error("Unknown group config name: {0}")]
    UnknownOfGroup(String),
    /// There is no such setting of a node.
    #[error("Unknown broker config name: {0}")]
    UnknownOfBroker(String),
    /// The value is not one of the setting's.
    #[error("Invalid value {value} for configuration {name}: {reason}")]
    Invalid {
        /// The setting.
        name: String,
        /// What was written.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Two settings do not go together, or a value is refused without being named.
    #[error("{0}")]
    Contradiction(String),
}
