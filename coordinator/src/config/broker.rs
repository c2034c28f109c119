//! Settings of nodes, which Kafka calls brokers: those that decide something here, those of Kafka's that may be
//! changed while it runs, and the names of the others.

mod groups;

use super::Definition;

/// Whether a setting may be changed while a node runs, and for whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Update {
    /// It may not.
    ReadOnly,
    /// For one node only.
    PerBroker,
    /// For all nodes, or for one.
    ClusterWide,
}

/// A setting of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrokerDefinition {
    /// What it is.
    pub setting: Definition,
    /// Whether it may be changed.
    pub update: Update,
}

const fn read_only(setting: Definition) -> BrokerDefinition {
    BrokerDefinition { setting, update: Update::ReadOnly }
}

const fn updated(update: Update, setting: Definition) -> BrokerDefinition {
    BrokerDefinition { setting, update }
}

/// The setting of this name.
pub fn definition(name: &str) -> Option<&'static BrokerDefinition> {
    let table = groups::DEFINITIONS;
    table.binary_search_by(|d| d.setting.name.cmp(name)).ok().map(|at| &table[at])
}
