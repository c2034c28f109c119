//! A session as the metadata log knows it.

use super::op::Address;
use crate::{Epoch, NodeId, ProcessId, SessionId};

/// One incarnation of a node's write-ahead log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its identity, and the prefix of its slots.
    pub id: SessionId,
    /// The process that writes it.
    pub process: ProcessId,
    /// The node, as clients see it.
    pub node: NodeId,
    /// The node's rack, if it said one.
    pub rack: Option<String>,
    /// Where clients and nodes reach it.
    pub addresses: Vec<Address>,
    /// The entry that opened it.
    pub opened: Epoch,
    /// Whether it may still own shards.
    pub state: SessionState,
    /// The SUSPECT entry that asked whether its node is up, while there is no ALIVE for it.
    pub suspected: Option<Epoch>,
    /// Whether it shall give its shards away.
    pub draining: bool,
    /// Whether others have reached its node at its address, as REACHED says. One that is not reached gets no shards as
    /// long as there is one that is. Where there was no other node when it was opened, it counts as reached.
    pub reached: bool,
}

/// Whether a session goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionState {
    /// It may own shards and write slots.
    Open,
    /// It closed itself.
    Closed(SessionEnd),
    /// It was sealed.
    Dead(SessionEnd),
}

/// How a session ended. Once recorded, this alone counts; objects are not consulted (I1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionEnd {
    /// Its log is slots `[0, cut)`; slot `cut` is the SEAL or CLOSE.
    pub cut: u64,
    /// The last checkpoint that the process which ended it found.
    pub checkpoint: Option<CheckpointRef>,
}

/// A checkpoint of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckpointRef {
    /// The slots that it covers: `[0, n)`. Replay begins with slot n.
    pub n: u64,
    /// The next metadata entry when it was taken: it holds every shard granted before that.
    pub as_of: Epoch,
}

impl SessionState {
    /// How it ended, if it did.
    pub fn end(&self) -> Option<SessionEnd> {
        match self {
            Self::Open => None,
            Self::Closed(end) | Self::Dead(end) => Some(*end),
        }
    }
}
