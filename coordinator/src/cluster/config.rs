//! Settings that the metadata log holds: of topics, nodes and groups, and what they come to.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Cluster;
use crate::config::broker::{self, Statics};
use crate::config::group::{self, GroupConfig, GroupSettings};
use crate::config::{ConfigError, Described, Layer, Overrides, Source};
use crate::topic::config::{TopicConfig, definitions};
use crate::{NodeId, TopicId, topic};

/// What has settings.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    /// A topic.
    Topic(TopicId),
    /// One node, whether it is there or not.
    Broker(NodeId),
    /// All nodes.
    AllBrokers,
    /// A group, whether it is there or not.
    Group(String),
}

/// The settings of nodes and groups. Those of topics are in the topics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Configs {
    /// Of all nodes.
    pub all_brokers: Overrides,
    /// Of nodes. None is without settings.
    pub brokers: BTreeMap<NodeId, Overrides>,
    /// Of groups. None is without settings.
    pub groups: BTreeMap<String, Overrides>,
}

impl Configs {
    /// Whether this build knows all of them, and takes their values. What fails was written by a newer one.
    pub fn check(&self) -> Result<(), ConfigError> {
        let nodes = self.brokers.values().chain([&self.all_brokers]).map(|own| (Resource::AllBrokers, own));
        let groups = self.groups.values().map(|own| (Resource::Group(String::new()), own));
        for (resource, overrides) in nodes.chain(groups) {
            for (name, text) in overrides {
                check(&resource, name, text)?;
            }
        }
        Ok(())
    }
}

/// What a resource without settings has.
static NOTHING: Overrides = Overrides::new();

/// Checks one setting by itself: what fails was written by a newer build.
pub(super) fn check(resource: &Resource, name: &str, text: &str) -> Result<(), ConfigError> {
    match resource {
        Resource::Topic(_) => match topic::config::definition(name) {
            Some(definition) => definition.validate(text),
            None => Err(ConfigError::Unknown(name.to_owned())),
        },
        Resource::Group(_) => match group::definition(name) {
            Some(definition) => definition.validate(text),
            None => Err(ConfigError::UnknownOfGroup(name.to_owned())),
        },
        Resource::Broker(_) | Resource::AllBrokers => match broker::definition(name) {
            Some(definition) => definition.setting.validate(text),
            None => Err(ConfigError::UnknownOfBroker(name.to_owned())),
        },
    }
}

/// Settings with changes made to them.
pub(super) fn changed(overrides: &Overrides, changes: &BTreeMap<String, Option<String>>) -> Overrides {
    let mut changed = overrides.clone();
    for (name, value) in changes {
        match value {
            Some(value) => changed.insert(name.clone(), value.clone()),
            None => changed.remove(name),
        };
    }
    changed
}

impl Cluster {
    /// The settings of nodes and groups.
    pub fn configs(&self) -> &Configs {
        &self.configs
    }

    /// The settings of a resource; none for a topic that is not there.
    pub fn overrides(&self, resource: &Resource) -> &Overrides {
        let found = match resource {
            Resource::Topic(id) => self.topic(*id).map(|topic| &topic.overrides),
            Resource::Broker(node) => self.configs.brokers.get(node),
            Resource::AllBrokers => Some(&self.configs.all_brokers),
            Resource::Group(group) => self.configs.groups.get(group),
        };
        found.unwrap_or(&NOTHING)
    }

    /// Changes settings. False if the topic is gone, or nothing changes.
    pub(super) fn alter_config(
        &mut self,
        resource: &Resource,
        changes: &BTreeMap<String, Option<String>>,
    ) -> bool {
        let changed = changed(self.overrides(resource), changes);
        if changed == *self.overrides(resource) {
            return false;
        }
        match resource {
            Resource::Topic(id) => {
                let config = self.topic_config(&changed).ok();
                return Arc::make_mut(&mut self.topics).configure(*id, |topic| {
                    if let Some(config) = config {
                        topic.config = config;
                    }
                    topic.overrides = changed;
                });
            }
            Resource::AllBrokers => {
                self.configs.all_brokers = changed;
                self.read_topics();
            }
            Resource::Broker(node) => replace(&mut self.configs.brokers, *node, changed),
            Resource::Group(group) => replace(&mut self.configs.groups, group.clone(), changed),
        }
        true
    }

    /// Reads the settings of all topics again.
    pub(super) fn read_topics(&mut self) {
        let defaults = &self.configs.all_brokers;
        Arc::make_mut(&mut self.topics).configure_all(|topic| {
            if let Ok(config) = TopicConfig::over(defaults, &topic.overrides) {
                topic.config = config;
            }
        });
    }

    /// What a topic with these settings of its own would have.
    pub fn topic_config(&self, overrides: &Overrides) -> Result<TopicConfig, ConfigError> {
        TopicConfig::over(&self.configs.all_brokers, overrides)
    }

    /// A node's settings for groups: what was changed for it, for all nodes, and what it was started with.
    pub fn group_settings(&self, node: NodeId, statics: &Statics) -> GroupSettings {
        let all = &self.configs.all_brokers;
        let own = self.configs.brokers.get(&node).unwrap_or(&NOTHING);
        statics.groups().clone().updated(|name| own.get(name).or_else(|| all.get(name)).map(String::as_str))
    }

    /// A group's settings on a node with `settings`.
    pub fn group_config(&self, settings: &GroupSettings, group: &str) -> GroupConfig {
        let own = self.configs.groups.get(group).unwrap_or(&NOTHING);
        // They were checked when they were applied.
        GroupConfig::read(settings, own).unwrap_or_else(|_| GroupConfig::of(settings))
    }

    /// Every setting of a topic with these settings of its own, by name.
    pub fn describe_topic<'a>(&'a self, overrides: &'a Overrides) -> Vec<Described<'a>> {
        let describe = |definition: &'static crate::config::Definition| {
            let layer = |source, name, value| Layer { source, name, value };
            let own = overrides.get(definition.name);
            let own = own.map(|text| layer(Source::Topic, definition.name, definition.shown(text)));
            let mut layers: Vec<_> = own.into_iter().collect();
            let inherited = definition.inherited();
            let of_all = inherited.and_then(|name| Some((name, self.configs.all_brokers.get(name)?)));
            layers.extend(of_all.map(|(name, text)| layer(Source::AllBrokers, name, definition.shown(text))));
            let default = match definition.unset {
                // Kafka shows where it falls back to only while something is set.
                Some((_, name, value)) => of_all.map(|_| (name, value)),
                None => definition.synonym.map(|name| (name, definition.default)),
            };
            layers.extend(default.map(|(name, value)| layer(Source::Default, name, value.into())));
            Described::new(*definition, layers, Some(definition.default))
        };
        definitions().iter().map(describe).collect()
    }

    /// Every setting of a group on a node, by name.
    pub fn describe_group<'a>(
        &'a self,
        node: NodeId,
        statics: &'a Statics,
        group: &str,
    ) -> Vec<Described<'a>> {
        let own = self.configs.groups.get(group).unwrap_or(&NOTHING);
        let describe = |definition: &'static crate::config::Definition| {
            let mut layers = Vec::new();
            if let Some(text) = own.get(definition.name) {
                let value = definition.shown(text);
                layers.push(Layer { source: Source::Group, name: definition.name, value });
            }
            match definition.synonym.and_then(broker::definition) {
                Some(inherited) => layers.extend(self.layers(node, statics, &inherited)),
                None => layers.push(Layer {
                    source: Source::Default,
                    name: definition.name,
                    value: definition.default.into(),
                }),
            }
            Described::new(*definition, layers, None)
        };
        group::definitions().iter().map(describe).collect()
    }

    /// Every setting of a node that [`broker::definitions`] has.
    pub fn describe_broker<'a>(&'a self, node: NodeId, statics: &'a Statics) -> Vec<Described<'a>> {
        let describe = |definition: broker::BrokerDefinition| {
            let layers = self.layers(node, statics, &definition);
            let read_only = definition.update == broker::Update::ReadOnly;
            Described::new(definition.setting, layers, None).read_only(read_only)
        };
        broker::definitions().map(describe).collect()
    }

    /// The settings of all nodes.
    pub fn describe_all_brokers<'a>(&'a self) -> Vec<Described<'a>> {
        let describe = |(name, text): (&String, &'a String)| {
            let definition = broker::definition(name)?.setting;
            let value = definition.shown(text);
            let layer = Layer { source: Source::AllBrokers, name: definition.name, value };
            Some(Described::new(definition, vec![layer], None))
        };
        self.configs.all_brokers.iter().filter_map(describe).collect()
    }

    /// What gives a node's setting a value.
    fn layers<'a>(
        &'a self,
        node: NodeId,
        statics: &'a Statics,
        definition: &broker::BrokerDefinition,
    ) -> Vec<Layer<'a>> {
        let name = definition.setting.name;
        let own = self.configs.brokers.get(&node).and_then(|own| own.get(name)).map(String::as_str);
        let all = self.configs.all_brokers.get(name).map(String::as_str);
        let texts = [(Source::Broker, own), (Source::AllBrokers, all), (Source::Static, statics.get(name))];
        let mut layers: Vec<_> = texts
            .into_iter()
            .filter_map(|(source, text)| Some(Layer { source, name, value: definition.setting.shown(text?) }))
            .collect();
        if !definition.is_null {
            let value = definition.setting.default.into();
            layers.push(Layer { source: Source::Default, name, value });
        }
        layers
    }
}

fn replace<K: Ord>(settings: &mut BTreeMap<K, Overrides>, key: K, overrides: Overrides) {
    if overrides.is_empty() {
        settings.remove(&key);
    } else {
        settings.insert(key, overrides);
    }
}

#[cfg(test)]
#[path = "config_test.rs"]
mod tests;
