//! The cluster as the metadata log describes it: sessions, topics, and who owns which shard.
//!
//! Entry k of the log is a list of [`Op`]s and a function of the entries before it (I11). An op names what
//! it presumes; where that no longer holds when it is applied, it is void, and the rest of its entry is
//! still applied. Its proposer looks at the outcome, or at the state, to learn whether it was.

mod alter;
mod apply;
mod balance;
mod config;
mod creation;
mod names;
mod op;
mod partitions;
mod plan;
mod planner;
mod relief;
mod session;
mod topics;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use alter::{Asked, Change, ConfigReject};
pub use apply::{ApplyError, Outcome};
pub use config::{Configs, Resource};
pub use creation::{TopicPlan, TopicReject};
pub use op::{Address, Format, MoveFrom, Op, ShardRun};
pub use partitions::PartitionsReject;
pub use planner::{Excess, Limits, Planner};
pub use session::{CheckpointRef, Session, SessionEnd, SessionState};

use topics::Topics;

use crate::{
    ClusterId, Epoch, NodeId, PartitionId, ProcessId, SessionId, ShardId, Shards, TopicId, topic::Topic,
};

/// The format level at which this build begins clusters, and the highest that it reads.
pub const FORMAT_LEVEL: u16 = 2;

/// The format level from which on sessions may be unreached ([`Op::Reached`]). Nodes of older builds stop at that.
const REACHED_LEVEL: u16 = 2;

/// The format level from which on how far a group's member has come is written without the rest of it
/// ([`crate::group::Change::Progress`]). Nodes of older builds stop at that.
pub(crate) const PROGRESS_LEVEL: u16 = 2;

/// How many producer ids a block has (`docs/formats.md`, "Producer ids").
pub const PRODUCER_BLOCK: u64 = 1 << 20;

/// One holding of a shard by a session. Its records carry `epoch`; readers skip records that do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The metadata entry that granted it.
    pub epoch: Epoch,
    /// The session that got it.
    pub session: SessionId,
    /// The epoch as clients see it; one more than before unless the same process held the shard.
    pub leader_epoch: i32,
    /// How it ended; `None` while the shard is assigned to the session.
    pub end: Option<HoldingEnd>,
}

/// How a holding ended. The slots that count are those before the one it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoldingEnd {
    /// With its session, at the session's cut.
    Cut(u64),
    /// By a RELEASE in the slot before this one. That record holds all of the shard's state.
    Released(u64),
}

impl HoldingEnd {
    /// The slot at which it ended.
    pub fn slot(self) -> u64 {
        match self {
            Self::Cut(slot) | Self::Released(slot) => slot,
        }
    }
}

/// The state after some number of entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    next: Epoch,
    format: Format,
    sessions: BTreeMap<SessionId, Session>,
    /// Shared by the states between two changes of topics.
    topics: Arc<Topics>,
    configs: Configs,
    /// Per shard its holdings, oldest first, from the last one that a checkpoint covers on. Shards that were
    /// always held together share them until that ends.
    grants: Vec<Arc<Vec<Grant>>>,
}

impl Cluster {
    /// The state that entry 0, FORMAT, makes.
    pub fn new(format: Format) -> Self {
        let grants = vec![Arc::default(); format.shards.count() as usize];
        let (sessions, topics, configs) = Default::default();
        Self { next: Epoch(1), format, sessions, topics, configs, grants }
    }

    /// Rebuilds a state from a snapshot's parts. The topics' settings are read once more, over those of all nodes.
    pub fn restore(
        next: Epoch,
        format: Format,
        sessions: Vec<Session>,
        topics: Vec<Topic>,
        configs: Configs,
        grants: Vec<Arc<Vec<Grant>>>,
    ) -> Self {
        let sessions = sessions.into_iter().map(|s| (s.id, s)).collect();
        let topics = Arc::new(topics.into_iter().collect());
        let mut restored = Self { next, format, sessions, topics, configs, grants };
        restored.read_topics();
        restored
    }

    /// The index of the next entry: how many have been applied.
    pub fn next(&self) -> Epoch {
        self.next
    }

    /// What entry 0 fixed.
    pub fn format(&self) -> &Format {
        &self.format
    }

    /// The cluster's id.
    pub fn id(&self) -> ClusterId {
        self.format.cluster
    }

    /// The cluster's shards.
    pub fn shards(&self) -> Shards {
        self.format.shards
    }

    /// Every session that the log still knows, oldest first (ULIDs sort by time).
    pub fn sessions(&self) -> impl Iterator<Item = &Session> {
        self.sessions.values()
    }

    /// A session.
    pub fn session(&self, id: SessionId) -> Option<&Session> {
        self.sessions.get(&id)
    }

    /// The sessions that are neither closed nor dead.
    pub fn open_sessions(&self) -> impl Iterator<Item = &Session> {
        self.sessions.values().filter(|s| s.state == SessionState::Open)
    }

    /// The node of `process`, if it has opened a session.
    pub fn node_of(&self, process: ProcessId) -> Option<NodeId> {
        self.sessions.values().find(|s| s.process == process).map(|s| s.node)
    }

    /// Every topic, by id.
    pub fn topics(&self) -> impl Iterator<Item = &Topic> {
        self.topics.iter()
    }

    /// The topics that have been deleted up to a later state.
    pub fn deleted_until(&self, later: &Self) -> BTreeSet<TopicId> {
        if Arc::ptr_eq(&self.topics, &later.topics) {
            return BTreeSet::new();
        }
        self.topics.missing_in(&later.topics).collect()
    }

    /// Every topic, by name.
    pub fn topics_by_name(&self) -> impl Iterator<Item = &Topic> {
        self.topics.by_name()
    }

    /// How many topics there are.
    pub fn topic_count(&self) -> usize {
        self.topics.count()
    }

    /// How many partitions all topics have together.
    pub fn partition_count(&self) -> i64 {
        self.topics.partitions()
    }

    /// A topic by its id.
    pub fn topic(&self, id: TopicId) -> Option<&Topic> {
        self.topics.get(id)
    }

    /// A topic by its name.
    pub fn topic_named(&self, name: &str) -> Option<&Topic> {
        self.topics.names().id(name).and_then(|id| self.topics.get(id))
    }

    /// A shard's holdings, oldest first.
    pub fn grants(&self, shard: ShardId) -> &[Grant] {
        self.grants.get(shard.0 as usize).map_or(&[], |grants| grants.as_slice())
    }

    /// The last holding of a shard: the session that it is assigned to (I4), alive or not.
    pub fn assigned(&self, shard: ShardId) -> Option<&Grant> {
        self.grants(shard).last()
    }

    /// The open session that serves a partition, and its holding.
    pub fn leader(&self, partition: PartitionId) -> Option<(&Session, &Grant)> {
        self.owner(self.shards().of_partition(partition))
    }

    /// The open session that coordinates a group, and the holding of its shard.
    pub fn coordinator(&self, group: &str) -> Option<(&Session, &Grant)> {
        self.owner(self.shards().of_group(group))
    }

    /// The open session that serves a shard, and its holding.
    fn owner(&self, shard: ShardId) -> Option<(&Session, &Grant)> {
        let grant = self.assigned(shard)?;
        let session = self.session(grant.session)?;
        (session.state == SessionState::Open && grant.end.is_none()).then_some((session, grant))
    }
}

#[cfg(test)]
#[path = "cluster_test.rs"]
mod tests;

#[cfg(test)]
#[path = "cluster/properties_test.rs"]
mod properties;
