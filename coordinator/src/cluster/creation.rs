//! Planning topics.

use std::collections::BTreeMap;

use thiserror::Error;

use super::planner::Added;
use super::{Cluster, Excess, Op, Planner};
use crate::{TopicId, topic};

/// A topic that is to be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicPlan {
    /// The name.
    pub name: String,
    /// The number of partitions, already defaulted.
    pub partitions: i32,
    /// The replication factor, already defaulted.
    pub replication_factor: i16,
    /// The settings that differ from the defaults.
    pub overrides: BTreeMap<String, String>,
}

/// Why a topic can't be created or deleted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TopicReject {
    /// TOPIC_ALREADY_EXISTS.
    #[error("Topic '{0}' already exists.")]
    Exists(String),
    /// INVALID_TOPIC_EXCEPTION: '.' and '_' are the same in the names of metrics.
    #[error("Topic '{name}' collides with existing topic: {existing}")]
    Collides {
        /// What was asked for.
        name: String,
        /// What is there.
        existing: String,
    },
    /// INVALID_TOPIC_EXCEPTION.
    #[error(transparent)]
    Name(#[from] topic::InvalidName),
    /// INVALID_PARTITIONS.
    #[error("Number of partitions was set to an invalid non-positive value.")]
    NoPartitions,
    /// INVALID_PARTITIONS. Not Kafka's, whose limit is another.
    #[error("A topic has at most {max} partitions.", max = Cluster::MAX_PARTITIONS)]
    TooManyPartitions,
    /// INVALID_REPLICATION_FACTOR.
    #[error("Replication factor must be larger than 0, or -1 to use the default value.")]
    ReplicationFactor,
    /// INVALID_CONFIG.
    #[error(transparent)]
    Config(#[from] topic::config::ConfigError),
    /// INVALID_REQUEST.
    #[error("Creation of internal topic {METADATA} is prohibited.", METADATA = topic::METADATA)]
    Metadata,
    /// POLICY_VIOLATION.
    #[error(transparent)]
    Excess(#[from] Excess),
}

impl Cluster {
    /// The most partitions that one topic may have.
    pub const MAX_PARTITIONS: i32 = 100_000;
}

impl Planner<'_> {
    /// What to propose to create a topic.
    pub fn create_topic(&mut self, id: TopicId, plan: &TopicPlan) -> Result<Op, TopicReject> {
        let TopicPlan { name, partitions, replication_factor, overrides } = plan;
        if name == topic::METADATA {
            return Err(TopicReject::Metadata);
        }
        topic::validate_name(name)?;
        let names = [self.cluster.topics.names(), &self.created];
        if names.iter().any(|names| names.id(name).is_some()) {
            return Err(TopicReject::Exists(name.clone()));
        }
        if let Some(existing) = names.iter().find_map(|names| names.colliding(name)) {
            return Err(TopicReject::Collides { name: name.clone(), existing: existing.to_owned() });
        }
        if *partitions < 1 {
            return Err(TopicReject::NoPartitions);
        }
        if *partitions > Cluster::MAX_PARTITIONS {
            return Err(TopicReject::TooManyPartitions);
        }
        if *replication_factor < 1 {
            return Err(TopicReject::ReplicationFactor);
        }
        topic::config::TopicConfig::read(overrides)?;
        let op = Op::CreateTopic {
            topic: id,
            name: name.clone(),
            partitions: *partitions,
            replication_factor: *replication_factor,
            overrides: overrides.clone(),
        };
        let op = self.admit(op, Added { topics: 1, partitions: i64::from(*partitions), groups: 0 })?;
        self.created.insert(name, id);
        Ok(op)
    }
}
