//! Planning entries: what to propose, given the state.

use thiserror::Error;

use super::{Cluster, Op, SessionState, ShardRun, Unassigned};
use crate::{ProcessId, SessionId, TopicId, topic};

/// A topic that somebody wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicPlan {
    /// The name.
    pub name: String,
    /// The number of partitions, already defaulted.
    pub partitions: i32,
    /// The replication factor, already defaulted.
    pub replication_factor: i16,
    /// The settings that differ from the defaults.
    pub overrides: std::collections::BTreeMap<String, String>,
}

/// Why a topic can't be created or deleted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TopicReject {
    /// TOPIC_ALREADY_EXISTS.
    #[error("topic '{0}' already exists")]
    Exists(String),
    /// TOPIC_ALREADY_EXISTS in Kafka's own words: metric names would collide.
    #[error(
        "topic '{name}' collides with existing topic '{existing}': '.' and '_' are the same in metric names"
    )]
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
    #[error("the number of partitions must be from 1 to {max}, and is {0}", max = Cluster::MAX_PARTITIONS)]
    Partitions(i32),
    /// INVALID_REPLICATION_FACTOR.
    #[error("the replication factor must be at least 1, and is {0}")]
    ReplicationFactor(i16),
    /// INVALID_CONFIG.
    #[error(transparent)]
    Config(#[from] topic::config::ConfigError),
}

impl Cluster {
    /// The most partitions that one topic may have.
    pub const MAX_PARTITIONS: i32 = 100_000;

    /// What to propose to create a topic.
    pub fn plan_topic(&self, id: TopicId, plan: &TopicPlan) -> Result<Op, TopicReject> {
        topic::validate_name(&plan.name)?;
        if self.topic_named(&plan.name).is_some() {
            return Err(TopicReject::Exists(plan.name.clone()));
        }
        if let Some(existing) = self.colliding(&plan.name) {
            return Err(TopicReject::Collides { name: plan.name.clone(), existing });
        }
        if !(1..=Self::MAX_PARTITIONS).contains(&plan.partitions) {
            return Err(TopicReject::Partitions(plan.partitions));
        }
        if plan.replication_factor < 1 {
            return Err(TopicReject::ReplicationFactor(plan.replication_factor));
        }
        topic::config::TopicConfig::read(&plan.overrides)?;
        Ok(Op::CreateTopic {
            topic: id,
            name: plan.name.clone(),
            partitions: plan.partitions,
            replication_factor: plan.replication_factor,
            overrides: plan.overrides.clone(),
        })
    }

    fn colliding(&self, name: &str) -> Option<String> {
        let plain = |name: &str| name.replace('.', "_");
        if !name.contains(['.', '_']) {
            return None;
        }
        let wanted = plain(name);
        self.names.keys().find(|known| plain(known) == wanted).cloned()
    }

    /// The shards that any open session may take (I4): assigned to nobody, or to a closed or dead session.
    /// `taker` is the process that means to, for the leader epochs.
    pub fn unassigned(&self, taker: ProcessId) -> Vec<Unassigned> {
        let mut found: Vec<Unassigned> = Vec::new();
        for shard in self.shards().all() {
            let last = self.assigned(shard);
            let holder = last.and_then(|g| self.session(g.session));
            if holder.is_some_and(|s| s.state == SessionState::Open) {
                continue;
            }
            let same_process = holder.is_some_and(|s| s.process == taker);
            let leader_epoch = last.map_or(0, |g| g.leader_epoch + i32::from(!same_process));
            let (from, cut) = (last.map(|g| g.session), last.and_then(|g| g.end));
            let run = ShardRun { first: shard.0, count: 1, from_epoch: last.map(|g| g.epoch), leader_epoch };
            let group = match found.iter_mut().find(|u| u.from == from && u.cut == cut) {
                Some(group) => group,
                None => {
                    found.push(Unassigned { from, cut, runs: Vec::new() });
                    let last = found.len() - 1;
                    &mut found[last]
                }
            };
            match group.runs.last_mut() {
                Some(r)
                    if r.first + r.count == run.first
                        && r.from_epoch == run.from_epoch
                        && r.leader_epoch == run.leader_epoch =>
                {
                    r.count += 1;
                }
                _ => group.runs.push(run),
            }
        }
        found
    }

    /// The MOVEs that give all shards that are free to take to `session` of `process`.
    pub fn plan_takeover(&self, session: SessionId, process: ProcessId) -> Vec<Op> {
        self.unassigned(process)
            .into_iter()
            .map(|u| Op::Move { from: u.from.zip(u.cut), to: session, runs: u.runs })
            .collect()
    }
}
