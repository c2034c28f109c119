//! Settings as they are now: what the node was started with, and what the metadata log says has changed.

use coordinator::NodeId;
use coordinator::config::group::{GroupConfig, GroupSettings};

use super::Broker;

/// Stands for a node that has no id yet: no node has settings under this one.
const UNKNOWN: NodeId = NodeId(-1);

impl Broker {
    /// The node whose settings count here.
    pub fn configured(&self) -> NodeId {
        self.node_id().unwrap_or(UNKNOWN)
    }

    /// The node's settings for groups.
    pub fn group_settings(&self) -> GroupSettings {
        let statics = &self.config().settings;
        match self.cluster() {
            Some(cluster) => cluster.group_settings(self.configured(), statics),
            None => statics.groups().clone(),
        }
    }

    /// A group's settings: its own, within the node's bounds.
    pub fn group_config(&self, group: &str) -> GroupConfig {
        let settings = self.group_settings();
        match self.cluster() {
            Some(cluster) => cluster.group_config(&settings, group),
            None => GroupConfig::of(&settings),
        }
    }
}
