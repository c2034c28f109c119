//! Settings of nodes, which Kafka calls brokers: those for groups and fetches, the defaults of topics, and the names of
//! all others. What a node is started with, such as its listeners, is not read here.

mod fetch;
mod groups;
mod harmless;
mod names;

use std::collections::BTreeMap;

use super::group::GroupSettings;
use super::{ConfigError, Definition, Overrides};
use crate::topic;

/// Whether a setting may be changed while nodes run, and for whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Update {
    /// It may not.
    ReadOnly,
    /// For all nodes, and for one.
    ClusterWide,
    /// For all nodes only. Kafka allows it for one, too, but partitions move between nodes here, and with them
    /// what their topics' settings do.
    AllNodes,
}

/// A setting of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrokerDefinition {
    /// What it is.
    pub setting: Definition,
    /// Whether it may be changed.
    pub update: Update,
    /// Whether it has no value by default, as far as DescribeConfigs goes. What counts then is the default of the
    /// topic setting that it stands for.
    pub is_null: bool,
}

const fn read_only(setting: Definition) -> BrokerDefinition {
    updated(Update::ReadOnly, setting)
}

const fn updated(update: Update, setting: Definition) -> BrokerDefinition {
    BrokerDefinition { setting, update, is_null: false }
}

/// Settings that stand for no topic's.
const TABLES: [&[BrokerDefinition]; 3] = [fetch::DEFINITIONS, groups::DEFINITIONS, harmless::DEFINITIONS];

/// Those of them that a node can be started with.
const STATIC: [&[BrokerDefinition]; 2] = [fetch::DEFINITIONS, groups::DEFINITIONS];

/// The setting of this name, if anything is known of it but the name.
pub fn definition(name: &str) -> Option<BrokerDefinition> {
    let found = |table: &[BrokerDefinition]| {
        table.binary_search_by(|d| d.setting.name.cmp(name)).ok().map(|at| table[at])
    };
    TABLES.iter().find_map(|table| found(table)).or_else(|| {
        let mut topics = topic::config::definitions().iter();
        topics.find(|d| d.inherited() == Some(name)).and_then(default_of)
    })
}

/// Every setting of which more is known than the name, in no order.
pub fn definitions() -> impl Iterator<Item = BrokerDefinition> {
    let own = TABLES.iter().copied().flatten().copied();
    own.chain(topic::config::definitions().iter().filter_map(default_of))
}

/// Whether Kafka's brokers have a setting of this name.
pub fn is_known(name: &str) -> bool {
    definition(name).is_some() || names::NAMES.binary_search(&name).is_ok()
}

/// The setting that gives a topic setting's default.
fn default_of(of: &Definition) -> Option<BrokerDefinition> {
    let setting = Definition { name: of.inherited()?, synonym: None, unset: None, ..*of };
    Some(BrokerDefinition { setting, update: Update::AllNodes, is_null: of.synonym.is_none() })
}

/// What a node was started with, of the settings in the tables. [`Default`] is nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statics {
    texts: Overrides,
    groups: GroupSettings,
}

/// The number that a setting's text says; that of its default if it says none.
fn number(definition: &Definition, text: Option<&str>) -> usize {
    let read = |text: &str| text.trim().parse().ok();
    text.and_then(read).or_else(|| read(definition.default)).unwrap_or(0)
}

impl Statics {
    /// Reads settings for groups and fetches. Fails on others, and on values that Kafka would not start with.
    pub fn read(texts: BTreeMap<String, String>) -> Result<Self, ConfigError> {
        for (name, text) in &texts {
            match STATIC.iter().copied().flatten().find(|d| d.setting.name == name) {
                Some(definition) => definition.setting.validate(text)?,
                None => return Err(ConfigError::UnknownOfBroker(name.clone())),
            }
        }
        let groups = GroupSettings::read(|name| texts.get(name).map(String::as_str))?;
        Ok(Self { texts, groups })
    }

    /// The text of a setting that is not left at its default.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.texts.get(name).map(String::as_str)
    }

    /// `max.incremental.fetch.session.cache.slots`.
    pub fn fetch_session_slots(&self) -> usize {
        number(&fetch::DEFINITIONS[0].setting, self.get(fetch::SESSION_SLOTS))
    }

    /// What they say about groups.
    pub fn groups(&self) -> &GroupSettings {
        &self.groups
    }
}

#[cfg(test)]
#[path = "broker_test.rs"]
mod tests;
