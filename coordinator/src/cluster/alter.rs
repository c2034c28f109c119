//! Planning changes of settings: what a client asks for, checked as Kafka checks it.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use super::config::{Resource, changed};
use super::planner::Added;
use super::{Cluster, Excess, Op, Planner};
use crate::NodeId;
use crate::config::broker::{self, Statics, Update};
use crate::config::{ConfigError, ConfigType, Definition, Overrides, group};
use crate::topic::config::{TopicConfig, definition};

/// The most bytes that a value may have: what a Kafka string may.
const LONGEST: usize = i16::MAX as usize;

/// What shall happen to one setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It gets a value.
    Set(String),
    /// It goes back to its default.
    Delete,
    /// Its list gets these, too, but for those that it has.
    Append(String),
    /// Its list loses these.
    Subtract(String),
}

/// What shall happen to a resource's settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// These changes. The others stay.
    Changes(BTreeMap<String, Change>),
    /// These are all that it shall have.
    Whole(Overrides),
}

impl Asked {
    /// The texts that are given.
    fn values(&self) -> impl Iterator<Item = &str> {
        let (changes, whole) = match self {
            Self::Changes(changes) => (Some(changes.values()), None),
            Self::Whole(whole) => (None, Some(whole.values())),
        };
        let given = changes.into_iter().flatten().filter_map(|change| match change {
            Change::Set(text) | Change::Append(text) | Change::Subtract(text) => Some(text.as_str()),
            Change::Delete => None,
        });
        given.chain(whole.into_iter().flatten().map(String::as_str))
    }
}

/// Why settings can't be changed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ConfigReject {
    /// UNKNOWN_TOPIC_OR_PARTITION.
    #[error("the topic does not exist")]
    NoTopic,
    /// INVALID_CONFIG.
    #[error(transparent)]
    Invalid(#[from] ConfigError),
    /// INVALID_CONFIG: only a list can be appended to.
    #[error("Can't {verb} to key {name} because its type is not LIST.")]
    NoList {
        /// `APPEND` or `SUBTRACT`.
        verb: &'static str,
        /// The setting.
        name: String,
    },
    /// INVALID_CONFIG: the same, of a node's setting.
    #[error("Config value {verb} is not allowed for config key: {name}")]
    NoListOfBroker {
        /// `append` or `subtract`.
        verb: &'static str,
        /// The setting.
        name: String,
    },
    /// INVALID_CONFIG.
    #[error(
        "The configuration value cannot be added because it exceeds the maximum value size of {LONGEST} bytes."
    )]
    TooLong,
    /// INVALID_REQUEST: no Kafka string is so long, and no entry holds it.
    #[error("A group's id has at most {LONGEST} bytes.")]
    LongGroup,
    /// INVALID_REQUEST, where Kafka's brokers check their own settings.
    #[error(transparent)]
    InvalidOfBroker(ConfigError),
    /// INVALID_REQUEST.
    #[error("Cannot update these configs dynamically: [{}]", .0.join(", "))]
    ReadOnly(Vec<String>),
    /// INVALID_REQUEST. Not Kafka's.
    #[error(
        "These configs can only be updated at default cluster level, without a broker id, because partitions \
         move between nodes: [{}]", .0.join(", ")
    )]
    AllNodes(Vec<String>),
    /// POLICY_VIOLATION.
    #[error(transparent)]
    Excess(#[from] Excess),
}

impl Planner<'_> {
    /// What to propose to change a resource's settings; nothing if they are so already. `node` and `statics` are
    /// those of the node that decides, whose bounds hold for groups.
    pub fn alter_config(
        &mut self,
        resource: &Resource,
        asked: &Asked,
        node: NodeId,
        statics: &Statics,
    ) -> Result<Option<Op>, ConfigReject> {
        if let Resource::Topic(id) = resource
            && self.cluster.topic(*id).is_none()
        {
            return Err(ConfigReject::NoTopic);
        }
        if matches!(resource, Resource::Group(group) if group.len() > LONGEST) {
            return Err(ConfigReject::LongGroup);
        }
        if asked.values().any(|value| value.len() > LONGEST) {
            return Err(ConfigReject::TooLong);
        }
        let before = self.cluster.overrides(resource);
        let after = match asked {
            Asked::Whole(whole) => whole.clone(),
            Asked::Changes(changes) => {
                let mut resolved = BTreeMap::new();
                for (name, change) in changes {
                    resolved.insert(name.clone(), self.cluster.resolve(resource, name, change)?);
                }
                changed(before, &resolved)
            }
        };
        let set: Vec<_> = after.iter().filter(|(name, value)| before.get(*name) != Some(value)).collect();
        if set.iter().any(|(_, value)| value.len() > LONGEST) {
            return Err(ConfigReject::TooLong);
        }
        match resource {
            Resource::Topic(_) => TopicConfig::read(&after).map(|_| ())?,
            Resource::Group(_) => group::validate(&self.cluster.group_settings(node, statics), &after)?,
            Resource::Broker(_) | Resource::AllBrokers => check_broker(resource, &set)?,
        }
        let mut changes: BTreeMap<String, Option<String>> =
            set.into_iter().map(|(name, value)| (name.clone(), Some(value.clone()))).collect();
        let gone = before.keys().filter(|name| !after.contains_key(*name));
        changes.extend(gone.map(|name| (name.clone(), None)));
        if changes.is_empty() {
            return Ok(None);
        }
        let is_new = matches!(resource, Resource::Group(_)) && before.is_empty();
        let op = Op::AlterConfig { resource: resource.clone(), changes };
        Ok(Some(self.admit(op, Added { groups: usize::from(is_new), ..Added::default() })?))
    }
}

impl Cluster {
    /// The value that a change leaves; none is the default.
    fn resolve(
        &self,
        resource: &Resource,
        name: &str,
        change: &Change,
    ) -> Result<Option<String>, ConfigReject> {
        let (append, items) = match change {
            Change::Set(value) => return Ok(Some(value.clone())),
            Change::Delete => return Ok(None),
            Change::Append(items) => (true, items),
            Change::Subtract(items) => (false, items),
        };
        let definition = setting(resource, name).filter(|d| d.kind == ConfigType::List);
        let Some(definition) = definition else {
            let name = name.to_owned();
            return Err(match resource {
                Resource::Broker(_) | Resource::AllBrokers => {
                    ConfigReject::NoListOfBroker { verb: if append { "append" } else { "subtract" }, name }
                }
                _ => ConfigReject::NoList { verb: if append { "APPEND" } else { "SUBTRACT" }, name },
            });
        };
        let inherited = match resource {
            Resource::Topic(_) => definition.inherited(),
            _ => Some(name),
        };
        let current = self.overrides(resource).get(name).map(String::as_str);
        let current = current
            .or_else(|| inherited.and_then(|name| self.configs().all_brokers.get(name)).map(String::as_str));
        let current = items_of(current.unwrap_or(definition.default));
        let list: Vec<&str> = if append {
            let mut seen: BTreeSet<&str> = current.clone().collect();
            current.chain(items_of(items).filter(|item| seen.insert(item))).collect()
        } else {
            let gone: BTreeSet<&str> = items_of(items).collect();
            current.filter(|item| !gone.contains(item)).collect()
        };
        Ok(Some(list.join(",")))
    }
}

fn items_of(list: &str) -> impl Iterator<Item = &str> + Clone {
    list.split(',').map(str::trim).filter(|item| !item.is_empty())
}

fn setting(resource: &Resource, name: &str) -> Option<Definition> {
    match resource {
        Resource::Topic(_) => definition(name).copied(),
        Resource::Group(_) => group::definition(name).copied(),
        Resource::Broker(_) | Resource::AllBrokers => broker::definition(name).map(|d| d.setting),
    }
}

/// In Kafka's order: what may be changed at all, then what it is changed to, then where.
fn check_broker(resource: &Resource, set: &[(&String, &String)]) -> Result<(), ConfigReject> {
    let names = set.iter().map(|(name, _)| *name);
    if let Some(unknown) = names.clone().find(|name| !broker::is_known(name)) {
        return Err(ConfigError::UnknownOfBroker(unknown.clone()).into());
    }
    let update = |name: &String| broker::definition(name).map_or(Update::ReadOnly, |d| d.update);
    let those = |which: Update| -> Vec<String> {
        names.clone().filter(|name| update(name) == which).cloned().collect()
    };
    let read_only = those(Update::ReadOnly);
    if !read_only.is_empty() {
        return Err(ConfigReject::ReadOnly(read_only));
    }
    for (name, value) in set {
        if let Some(definition) = broker::definition(name) {
            definition.setting.validate(value).map_err(ConfigReject::InvalidOfBroker)?;
        }
    }
    let elsewhere = those(Update::AllNodes);
    if *resource != Resource::AllBrokers && !elsewhere.is_empty() {
        return Err(ConfigReject::AllNodes(elsewhere));
    }
    Ok(())
}
