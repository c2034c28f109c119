//! Planning more partitions for a topic.

use thiserror::Error;

use super::planner::Added;
use super::{Cluster, Excess, Op, Planner};
use crate::TopicId;

/// Why a topic does not get more partitions.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PartitionsReject {
    /// UNKNOWN_TOPIC_OR_PARTITION.
    #[error("This server does not host this topic-partition.")]
    NoTopic,
    /// INVALID_PARTITIONS.
    #[error("Topic already has {0} partition(s).")]
    Already(i32),
    /// INVALID_PARTITIONS.
    #[error("The topic {name} currently has {has} partition(s); {asked} would not be an increase.")]
    Fewer {
        /// The topic.
        name: String,
        /// How many it has.
        has: i32,
        /// How many it should have.
        asked: i32,
    },
    /// INVALID_PARTITIONS. Not Kafka's, whose limit is another.
    #[error("A topic has at most {max} partitions.", max = Cluster::MAX_PARTITIONS)]
    TooMany,
    /// INVALID_REPLICA_ASSIGNMENT.
    #[error(
        "Attempted to add {added} additional partition(s), but only {assigned} assignment(s) were specified."
    )]
    Assignments {
        /// How many partitions would be new.
        added: i32,
        /// How many of them have replicas named for them.
        assigned: usize,
    },
    /// POLICY_VIOLATION.
    #[error(transparent)]
    Excess(#[from] Excess),
}

impl Planner<'_> {
    /// What to propose to give a topic `count` partitions. `assigned` is for how many new ones the request names
    /// replicas, if it does.
    pub fn create_partitions(
        &mut self,
        topic: TopicId,
        count: i32,
        assigned: Option<usize>,
    ) -> Result<Op, PartitionsReject> {
        let topic = self.cluster.topic(topic).ok_or(PartitionsReject::NoTopic)?;
        let has = topic.partitions;
        if count == has {
            return Err(PartitionsReject::Already(has));
        }
        if count < has {
            return Err(PartitionsReject::Fewer { name: topic.name.clone(), has, asked: count });
        }
        if count > Cluster::MAX_PARTITIONS {
            return Err(PartitionsReject::TooMany);
        }
        let added = count - has;
        if let Some(assigned) = assigned
            && usize::try_from(added) != Ok(assigned)
        {
            return Err(PartitionsReject::Assignments { added, assigned });
        }
        let op = Op::CreatePartitions { topic: topic.id, partitions: count };
        Ok(self.admit(op, Added { partitions: i64::from(added), ..Added::default() })?)
    }
}
