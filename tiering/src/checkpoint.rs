//! Writing a session's checkpoints: first the index of the batches since the one before, then the state.
//!
//! An [`Image`] is the one place that they are written from. It holds the state as of a slot, is given what
//! has changed up to a later one, and refuses to write what does not add up: nothing is missing from a
//! checkpoint that was in the image before, unless its topic was deleted or its shard is no longer held.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use coordinator::group::{Group, GroupId};
use coordinator::partition::Partition;
use coordinator::share::{SharePartitionId, State as SharePartition};
use coordinator::{Epoch, PartitionId, SessionId, ShardId};
use thiserror::Error;

use crate::format::checkpoint::{Encoder, PartitionState, ShardState, Tenure};
use crate::format::envelope::nonce_of;
use crate::format::index::{self, Position, Positions};
use crate::format::keys;
use crate::seams::Entropy;
use crate::store::{CreateError, CreateOutcome, Store};

/// How long an object of a checkpoint is tried to be put. After that the next checkpoint, which covers more, has its
/// turn; it has a key of its own, so that one which lands late is still true.
const PATIENCE: Duration = Duration::from_secs(120);

/// How many shards are encoded before other tasks may run.
const SHARDS_AT_ONCE: usize = 16;

/// Why a checkpoint was not written. Nothing is lost: the next one covers more.
#[derive(Debug, Error)]
pub enum CheckpointError {
    /// The store does not take it.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// Something else lies at its key, though no other process may write there.
    #[error("{0}: an object that this process did not write lies at its own session's key")]
    Foreign(object_store::path::Path),
    /// The positions of a partition's batches do not lead to its end: a bug of this program.
    #[error("{partition}: its log ends at offset {log_end}, and the last batch that is listed at {listed}")]
    Gap {
        /// The partition.
        partition: PartitionId,
        /// The end of its log.
        log_end: i64,
        /// The offset after the last batch of which the position is known.
        listed: i64,
    },
}

/// The tenures that an index object adds to a partition: one for each holding in it. `now` is in ms since 1970.
pub fn tenures(positions: &[Position], index: (SessionId, u64), now: i64) -> Vec<Tenure> {
    let mut tenures: Vec<Tenure> = Vec::new();
    for p in positions {
        match tenures.last_mut() {
            Some(t) if t.session == p.session && t.epoch == p.epoch => {
                t.end_slot = p.slot + 1;
                t.max_timestamp = t.max_timestamp.max(p.max_timestamp);
                t.bytes += u64::from(p.length);
            }
            _ => tenures.push(Tenure {
                epoch: p.epoch,
                session: p.session,
                first_slot: p.slot,
                end_slot: p.slot + 1,
                first_offset: p.base_offset,
                max_timestamp: p.max_timestamp,
                bytes: u64::from(p.length),
                listed_at: now,
                index,
            }),
        }
    }
    tenures
}

/// What a checkpoint says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The session.
    pub session: SessionId,
    /// The slots that it covers, all confirmed: `[0, n)`.
    pub n: u64,
    /// The next metadata entry when it was taken: every shard that was granted before is held.
    pub as_of: Epoch,
    /// The hash of slot n-1, zero for n = 0.
    pub previous: u128,
    /// When it was taken (ms since 1970).
    pub now: i64,
}

/// By partition: batches below this offset are listed by an index object, and these tenures name it.
pub type Listed = BTreeMap<PartitionId, (i64, Vec<Tenure>)>;

/// The state of the shards that a session holds, as of the slot up to which it was given what changed.
#[derive(Debug, Default)]
pub struct Image {
    shards: BTreeMap<ShardId, ShardState>,
    /// Partitions whose positions are in no index object yet: where their batches since the last one are.
    unlisted: Positions,
    /// A partition that did not add up, the end of its log, and what it should have been. Nothing is written any more.
    gap: Option<(PartitionId, i64, i64)>,
}

impl Image {
    /// The shards that are held now, and at which epochs. What is known of others is dropped.
    pub fn hold(&mut self, held: &BTreeMap<ShardId, Epoch>) {
        self.shards.retain(|shard, _| held.contains_key(shard));
        for (&shard, &epoch) in held {
            self.shards.entry(shard).or_default().epoch = epoch;
        }
        self.unlisted.clear();
    }

    /// Begins anew with a shard, of which everything is given again.
    pub fn begin(&mut self, shard: ShardId) {
        if let Some(state) = self.shards.get_mut(&shard) {
            *state = ShardState { epoch: state.epoch, ..ShardState::default() };
        }
    }

    /// A partition's topic was deleted.
    pub fn forget(&mut self, shard: ShardId, partition: PartitionId) {
        if let Some(state) = self.shards.get_mut(&shard) {
            state.partitions.remove(&partition);
        }
    }

    /// What a partition is like now, with the tenures as of the last index object, and where its batches since
    /// then are. A partition without a record needs no place.
    pub fn put(
        &mut self,
        (shard, id): (ShardId, PartitionId),
        state: PartitionState,
        unlisted: Vec<Position>,
    ) {
        let Some(shard) = self.shards.get_mut(&shard) else { return };
        let Partition { log_start, log_end, ref producers, .. } = state.partition;
        if log_end == 0 && producers.is_empty() {
            return;
        }
        let before = shard.partitions.get(&id).map_or(log_end, |before| before.partition.log_end);
        let listed = unlisted.last().map_or(before, |last| last.last_offset() + 1);
        if listed != log_end && log_start < log_end {
            self.gap = Some((id, log_end, listed));
        }
        shard.partitions.insert(id, state);
        self.list(id, unlisted);
    }

    /// A partition has not changed since the last attempt to write, which failed.
    pub fn put_again(
        &mut self,
        (shard, id): (ShardId, PartitionId),
        tenures: Vec<Tenure>,
        unlisted: Vec<Position>,
    ) {
        if let Some(state) = self.shards.get_mut(&shard).and_then(|shard| shard.partitions.get_mut(&id)) {
            state.tenures = tenures;
            self.list(id, unlisted);
        }
    }

    fn list(&mut self, id: PartitionId, unlisted: Vec<Position>) {
        if !unlisted.is_empty() {
            self.unlisted.insert(id, unlisted);
        }
    }

    /// What a group is like now; none if it has gone.
    pub fn put_group(&mut self, shard: ShardId, id: GroupId, group: Option<Arc<Group>>) {
        let Some(shard) = self.shards.get_mut(&shard) else { return };
        match group {
            Some(group) => drop(shard.groups.insert(id, group)),
            None => drop(shard.groups.remove(&id)),
        }
    }

    /// What a share partition is like now; none if it has gone.
    pub fn put_share(&mut self, shard: ShardId, id: SharePartitionId, share: Option<Arc<SharePartition>>) {
        let Some(shard) = self.shards.get_mut(&shard) else { return };
        match share {
            Some(share) => drop(shard.shares.insert(id, share)),
            None => drop(shard.shares.remove(&id)),
        }
    }

    /// Writes the index object and then the checkpoint, and returns what the index object lists: of each partition
    /// the batches below this offset, and the tenures that stand for them.
    pub async fn write(
        &mut self,
        store: &Store,
        entropy: &Entropy,
        head: Head,
        shard_of: impl Fn(PartitionId) -> ShardId,
    ) -> Result<Listed, CheckpointError> {
        if let Some((partition, log_end, listed)) = self.gap {
            return Err(CheckpointError::Gap { partition, log_end, listed });
        }
        let unlisted = std::mem::take(&mut self.unlisted);
        if !unlisted.is_empty() {
            let nonce = entropy.nonce();
            put(store, keys::index(head.session, head.n), index::encode(nonce, &unlisted), nonce).await?;
        }
        let index = (head.session, head.n);
        let end = |positions: &[Position]| positions.last().map_or(0, |last| last.last_offset() + 1);
        let listed = |positions: &[Position]| (end(positions), tenures(positions, index, head.now));
        let added: Listed = unlisted.iter().map(|(id, positions)| (*id, listed(positions))).collect();
        // Should the checkpoint not be written, these partitions are put again with the tenures that they had.
        for (id, (_, added)) in &added {
            let partition = self.shards.get_mut(&shard_of(*id)).and_then(|s| s.partitions.get_mut(id));
            partition.into_iter().for_each(|partition| partition.tenures.extend(added));
        }
        let mut encoder = Encoder::new(head.session, head.n, head.as_of, head.previous, self.shards.len());
        for (at, (id, shard)) in self.shards.iter().enumerate() {
            if at % SHARDS_AT_ONCE == SHARDS_AT_ONCE - 1 {
                tokio::task::yield_now().await;
            }
            encoder.push(*id, shard);
        }
        let nonce = entropy.nonce();
        put(store, keys::checkpoint(head.session, head.n), encoder.finish(nonce), nonce).await?;
        Ok(added)
    }
}

async fn put(
    store: &Store,
    path: object_store::path::Path,
    object: bytes::Bytes,
    nonce: [u8; 16],
) -> Result<(), CheckpointError> {
    let policy = store.policy().with_patience(PATIENCE).minor();
    match store.create_nonce(&path, object.into(), nonce, nonce_of, policy).await? {
        CreateOutcome::Created => Ok(()),
        CreateOutcome::Lost(_) => Err(CheckpointError::Foreign(path)),
    }
}

#[cfg(test)]
#[path = "checkpoint_test.rs"]
mod tests;
