//! What a metadata entry may say.

use std::collections::BTreeMap;
use std::fmt;

use super::config::Resource;
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

/// Where a node can be reached, by one of its listeners. Displayed as `host:port`, with brackets where the host is
/// an IPv6 address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The listener's name, `PLAINTEXT` unless it was given another.
    pub listener: String,
    /// A host name or an address, as clients should dial it.
    pub host: String,
    /// The TCP port.
    pub port: u16,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, .. } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
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

/// What a MOVE presumes of the holding that it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MoveFrom {
    /// The shards were never granted.
    Nobody,
    /// Their session was closed or is dead.
    Ended {
        /// The session.
        session: SessionId,
        /// Its cut.
        cut: u64,
    },
    /// Their session is open and released them; it proposes the MOVE itself, once that is acknowledged (I5).
    Released {
        /// The session.
        session: SessionId,
        /// The slot after its RELEASE.
        end: u64,
    },
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
    /// Shards change hands. Void, run by run, unless they are assigned as `from` says at the run's epoch, and
    /// `to` is open.
    Move {
        /// Who held them, and how that ended.
        from: MoveFrom,
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
    /// A topic gets more partitions. Void unless it is there and has fewer.
    CreatePartitions {
        /// Its id.
        topic: TopicId,
        /// How many it has from now on.
        partitions: i32,
    },
    /// Settings change. Void if the topic is not there, or if they are so already.
    AlterConfig {
        /// Whose settings.
        resource: Resource,
        /// By name: the new value, or none to go back to the default.
        changes: BTreeMap<String, Option<String>>,
    },
    /// A node can't reach a session's node, nor any other that could say whether it is up. Void unless the session is
    /// open and not suspected. It changes no owner: it only asks the node for an [`Op::Alive`].
    Suspect {
        /// The session.
        session: SessionId,
    },
    /// A suspected session's node says that it lives. Void unless it is open and suspected.
    Alive {
        /// The session.
        session: SessionId,
    },
    /// A session shall get no more shards and give away those that it has, or may have some again. Void unless
    /// it is open and that is news.
    Drain {
        /// The session.
        session: SessionId,
        /// Whether it shall be without shards.
        draining: bool,
    },
    /// No other node has reached a session's node at its address yet, or one has. Void unless it is open and that is
    /// news.
    Reached {
        /// The session.
        session: SessionId,
        /// Whether one has.
        reached: bool,
    },
    /// The entry's index is a block of producer ids for this session. Void unless it is open.
    ProducerBlock {
        /// Who may hand them out.
        session: SessionId,
    },
}

impl Op {
    /// How many things it changes, as Kafka's controller counts records, but that partitions have none.
    pub(super) fn changes(&self) -> usize {
        match self {
            Self::CreateTopic { overrides, .. } => 1 + overrides.len(),
            Self::AlterConfig { changes, .. } => changes.len(),
            _ => 1,
        }
    }

    /// The bytes that it takes in an entry, or a few more, if a client can cause it.
    pub fn bytes(&self) -> usize {
        /// What an operation takes without texts.
        const OP: usize = 40;
        /// What a setting takes without its name and its value.
        const SETTING: usize = 5;
        let texts = match self {
            Self::CreateTopic { name, overrides, .. } => {
                let each = overrides.iter().map(|(name, value)| SETTING + name.len() + value.len());
                name.len() + each.sum::<usize>()
            }
            Self::AlterConfig { resource, changes } => {
                let value = |value: &Option<String>| value.as_ref().map_or(0, String::len);
                let each = changes.iter().map(|(name, text)| SETTING + name.len() + value(text));
                let group = if let Resource::Group(group) = resource { group.len() } else { 0 };
                group + each.sum::<usize>()
            }
            _ => 0,
        };
        OP + texts
    }
}
