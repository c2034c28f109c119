//! Rebuilding the state of shards that a session was given, from the sessions that held them before.
//!
//! Per shard: the last RELEASE or checkpoint that holds it, then the indexes of the slots after that, along the
//! shard's holdings. Records whose epoch is not the holding's are skipped (I4); nothing at or past a recorded cut,
//! and nothing that a checkpoint covers, is read (I1, I7).
//!
//! # Damage
//!
//! Each shard is rebuilt or not by itself. What can't be read is an error of the shards that need it:
//!
//! - A damaged checkpoint gives way to the one before it, with more slots replayed after that.
//! - A slot whose index can't be read fails every shard that its session held to its end and that no later checkpoint
//!   or RELEASE holds: it is not known which of them have records in it.
//! - A slot's body is not read here. Damage there is met by those who fetch its records.
//!
//! A shard that is not rebuilt stays assigned to its session, which does not serve it and must never write that it
//! has it: no checkpoint of the session may have an `as_of` beyond the shard's grant. Then a process that
//! ends that session forgets nothing of what the shard was before, and once the object is restored, this or a
//! later session rebuilds it.

mod replay;
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use coordinator::cluster::Cluster;
use coordinator::{PartitionId, SessionId, ShardId};
use object_store::path::Path;
use thiserror::Error;

use crate::format::checkpoint::OwnedPartition;
use crate::format::group::Groups;
use crate::format::share::Shares;
use crate::session::{Sealed, SessionError};
use crate::store::{ErrorKind, Store};
use source::Sources;

/// Why a shard's state can't be rebuilt.
#[derive(Debug, Error)]
pub enum RecoverError {
    /// A session can't be read.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The metadata log and the sessions contradict each other.
    #[error("{path}: {reason}")]
    Contradiction {
        /// Where.
        path: Path,
        /// What.
        reason: &'static str,
    },
}

impl RecoverError {
    /// What the caller may do.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Session(e) => e.kind(),
            Self::Contradiction { .. } => ErrorKind::Corrupt,
        }
    }
}

/// The state of shards when their new owner begins with them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Partitions that have ever had a record.
    pub partitions: BTreeMap<PartitionId, OwnedPartition>,
    /// By shard: its groups, if it has any.
    pub groups: BTreeMap<ShardId, Groups>,
    /// Share partitions.
    pub shares: Shares,
    /// Shards that could not be rebuilt. Nothing of them is here, and they must not be served.
    pub missing: BTreeSet<ShardId>,
}

impl Recovered {
    /// Keeps what belongs to these shards; `of` tells a partition's.
    pub fn retain(&mut self, shards: &BTreeSet<ShardId>, of: impl Fn(PartitionId) -> ShardId) {
        self.partitions.retain(|id, _| shards.contains(&of(*id)));
        self.groups.retain(|shard, _| shards.contains(shard));
        self.shares.retain(|id, _| shards.contains(&of(id.partition)));
        self.missing.retain(|shard| shards.contains(shard));
    }

    fn extend(&mut self, other: Self) {
        self.partitions.extend(other.partitions);
        self.groups.extend(other.groups);
        self.shares.extend(other.shares);
        self.missing.extend(other.missing);
    }
}

/// What became of shards that were to be rebuilt.
#[derive(Debug, Default)]
pub struct Rebuilt {
    /// The state of those that were.
    pub recovered: Recovered,
    /// By shard that was not: why, with the object's name.
    pub failed: BTreeMap<ShardId, Arc<RecoverError>>,
    /// Damaged objects that something else served in place of.
    pub damaged: Vec<Arc<RecoverError>>,
}

impl Rebuilt {
    /// The state, if every shard was rebuilt; else why one was not.
    pub fn whole(self) -> Result<Recovered, Arc<RecoverError>> {
        match self.failed.into_values().next() {
            Some(error) => Err(error),
            None => Ok(self.recovered),
        }
    }
}

/// Rebuilds `shards`, as far as `session` holds them as of `cluster`. `sealed` are sessions that the caller has
/// just ended: their slots need not be read again.
pub async fn recover(
    store: &Store,
    cluster: &Cluster,
    session: SessionId,
    shards: impl IntoIterator<Item = ShardId>,
    sealed: BTreeMap<SessionId, Sealed>,
) -> Rebuilt {
    let mut sources = Sources::new(store, cluster, sealed);
    let mut rebuilt = Rebuilt::default();
    for shard in shards {
        let Some((last, earlier)) = cluster.grants(shard).split_last() else { continue };
        if last.session != session {
            continue;
        }
        let result = match sources.load(shard, earlier).await {
            Ok(()) => replay::shard(&mut sources, shard, earlier),
            Err(error) => Err(error),
        };
        match result {
            Ok(state) => rebuilt.recovered.extend(state),
            Err(error) => {
                rebuilt.recovered.missing.insert(shard);
                rebuilt.failed.insert(shard, error);
            }
        }
    }
    rebuilt.damaged = sources.damaged();
    let living: BTreeSet<_> = cluster.topics().map(|t| t.id).collect();
    rebuilt.recovered.partitions.retain(|partition, _| living.contains(&partition.topic));
    rebuilt.recovered.shares.retain(|id, _| living.contains(&id.partition.topic));
    rebuilt.recovered.groups.retain(|_, groups| !groups.is_empty());
    rebuilt
}

#[cfg(test)]
#[path = "recover/recover_test.rs"]
mod tests;
