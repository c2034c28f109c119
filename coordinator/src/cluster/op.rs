//! What a metadata entry may say.

use std::collections::BTreeMap;

use super::session::SessionEnd;
use crate::{ClusterId, Epoch, NodeId, ProcessId, SessionId, Shards, TopicId};

/// Entry 0: what never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// The cluster's identity.
    pub cluster: ClusterId,
    /// How many shards there are.
    pub shards: Shards,
    /// The format level of what is stored.
    pub level: u16,
}

/// Where a node can be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The listener's name, `PLAINTEXT` for the first.
    pub listener: String,
    /// A host name or an address, as clients should dial it.
    pub host: String,
    /// The TCP port.
    pub port: u16,
}

/// Successive shards that one MOVE treats alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShardRun {
    /// The first shard.
    pub first: u32,
    /// How many there are, at least 1.
    pub count: u32,
    /// The epoch of the holding that ends, as the proposer knew it; presumed, so that a stale MOVE is void.
    pub from_epoch: Option<Epoch>,
    /// The leader epoch of the new holding.
    pub leader_epoch: i32,
}

/// Shards that a session may take, by whom they are assigned to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unassigned {
    /// The closed or dead session that held them; `None` for shards that were never granted.
    pub from: Option<SessionId>,
    /// Where that session's log ends.
    pub cut: Option<u64>,
    /// Which they are.
    pub runs: Vec<ShardRun>,
}

/// One operation of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// A session opens. Void if its id is taken, or if an open session of another process has its node id.
    Open {
        /// The new session.
        session: SessionId,
        /// The process that writes it.
        process: ProcessId,
        /// The node id; `None` takes the process's, or else the index of this entry.
        node: Option<NodeId>,
        /// The node's rack.
        rack: Option<String>,
        /// Where it is reached.
        addresses: Vec<Address>,
    },
    /// A session was sealed. Void unless it is open.
    Dead {
        /// The session.
        session: SessionId,
        /// How it ended.
        end: SessionEnd,
    },
    /// A session closed itself. Void unless it is open.
    Closed {
        /// The session.
        session: SessionId,
        /// How it ended.
        end: SessionEnd,
    },
    /// Shards change hands. Void, run by run, unless they are assigned to `from` at the run's epoch, that
    /// holding's end is as said, and `to` is open.
    Move {
        /// The session that held them and the end of its holding, the cut of a closed or dead session;
        /// `None` for shards never granted.
        from: Option<(SessionId, u64)>,
        /// The session that gets them.
        to: SessionId,
        /// Which shards.
        runs: Vec<ShardRun>,
    },
    /// A topic is created. Void if the name or the id is taken.
    CreateTopic {
        /// Its id.
        topic: TopicId,
        /// Its name.
        name: String,
        /// Its number of partitions.
        partitions: i32,
        /// Its replication factor, which means nothing to the log.
        replication_factor: i16,
        /// Its settings that differ from the defaults.
        overrides: BTreeMap<String, String>,
    },
    /// A topic is deleted. Void if there is no such topic.
    DeleteTopic {
        /// Its id.
        topic: TopicId,
    },
    /// The entry's index is a block of producer ids for this session. Void unless it is open.
    ProducerBlock {
        /// Who may hand them out.
        session: SessionId,
    },
}
