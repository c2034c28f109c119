//! Planning an entry that a client asks for: each change on what those before it leave, and within bounds.

use thiserror::Error;

use super::names::Names;
use super::{Cluster, Op};

/// How much of anything a cluster may have. Kafka has no such limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most topics (default 100,000).
    pub topics: usize,
    /// The most partitions of all topics together (default 200,000).
    pub partitions: i64,
    /// The most groups with settings of their own (default 10,000).
    pub groups: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { topics: 100_000, partitions: 200_000, groups: 10_000 }
    }
}

/// What would be too much: POLICY_VIOLATION, which no client tries again by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Excess {
    /// For one entry. The message begins as Kafka's of a request that makes more than 10,000 records.
    #[error(
        "Unable to perform excessively large batch operation. A request makes at most {} changes, adds at most \
         {} partitions, and takes at most {} bytes of metadata.",
        Planner::MAX_CHANGES,
        Planner::MAX_PARTITIONS,
        Planner::MAX_BYTES
    )]
    Batch,
    /// For the cluster.
    #[error("The cluster has at most {0} topics (max-topics).")]
    Topics(usize),
    /// For the cluster.
    #[error("The topics of the cluster have at most {0} partitions together (max-partitions).")]
    Partitions(i64),
    /// For the cluster.
    #[error("At most {0} groups have settings of their own (max-configured-groups).")]
    Groups(usize),
}

/// What a change adds to the cluster.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Added {
    pub(super) topics: usize,
    pub(super) partitions: i64,
    /// Groups with settings of their own.
    pub(super) groups: usize,
}

/// The changes of one entry that a client asks for. Whatever creates topics and partitions or changes settings goes
/// through it, so that the same rules hold for each way to do so. No topic and no resource is changed twice.
#[derive(Debug)]
pub struct Planner<'a> {
    pub(super) cluster: &'a Cluster,
    limits: Limits,
    /// The topics that the entry creates.
    pub(super) created: Names,
    changes: usize,
    bytes: usize,
    added: Added,
    is_excessive: bool,
}

impl Planner<'_> {
    /// The most changes in one entry: topics and settings (Kafka's `QuorumController.MAX_RECORDS_PER_USER_OP`).
    pub const MAX_CHANGES: usize = 10_000;

    /// The most partitions that one entry adds (Kafka's `ReplicationControlManager.MAX_PARTITIONS_PER_BATCH`).
    pub const MAX_PARTITIONS: i64 = 10_000;

    /// The most bytes that the changes of one entry take: it is kept for ever.
    pub const MAX_BYTES: usize = 4 << 20;

    /// Whether the entry would have become too large. It takes nothing more then.
    pub fn is_excessive(&self) -> bool {
        self.is_excessive
    }

    /// Takes a change that is legal otherwise into the entry, if there is room for it.
    pub(super) fn admit(&mut self, op: Op, adds: Added) -> Result<Op, Excess> {
        let (changes, bytes) = (self.changes + op.changes(), self.bytes + op.bytes());
        let added = Added {
            topics: self.added.topics + adds.topics,
            partitions: self.added.partitions + adds.partitions,
            groups: self.added.groups + adds.groups,
        };
        let fits = changes <= Self::MAX_CHANGES
            && bytes <= Self::MAX_BYTES
            && added.partitions <= Self::MAX_PARTITIONS;
        if self.is_excessive || !fits {
            self.is_excessive = true;
            return Err(Excess::Batch);
        }
        let (cluster, limits) = (self.cluster, self.limits);
        if adds.topics > 0 && cluster.topics.count() + added.topics > limits.topics {
            return Err(Excess::Topics(limits.topics));
        }
        if adds.partitions > 0 && cluster.topics.partitions() + added.partitions > limits.partitions {
            return Err(Excess::Partitions(limits.partitions));
        }
        if adds.groups > 0 && cluster.configs.groups.len() + added.groups > limits.groups {
            return Err(Excess::Groups(limits.groups));
        }
        (self.changes, self.bytes, self.added) = (changes, bytes, added);
        Ok(op)
    }
}

impl Cluster {
    /// Begins to plan an entry.
    pub fn planner(&self, limits: Limits) -> Planner<'_> {
        Planner {
            cluster: self,
            limits,
            created: Names::default(),
            changes: 0,
            bytes: 0,
            added: Added::default(),
            is_excessive: false,
        }
    }
}

#[cfg(test)]
#[path = "planner_test.rs"]
mod tests;
