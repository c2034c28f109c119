//! Writing a session's checkpoint: first the index of the batches since the one before, then the state.

use coordinator::{Epoch, SessionId, ShardId};
use thiserror::Error;

use crate::format::checkpoint::{Checkpoint, PartitionState, ShardState, Tenure};
use crate::format::envelope::nonce_of;
use crate::format::index::{self, Position, Positions};
use crate::format::keys;
use crate::seams::Entropy;
use crate::store::{CreateError, CreateOutcome, Store};
use std::collections::BTreeMap;

/// Why a checkpoint was not written. Nothing is lost: the next one covers more.
#[derive(Debug, Error)]
pub enum CheckpointError {
    /// The store does not take it.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// Something else lies at its key, though no other process may write there.
    #[error("{0}: an object that this process did not write lies at its own session's key")]
    Foreign(object_store::path::Path),
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

/// What a checkpoint is made of.
#[derive(Debug)]
pub struct Parts {
    /// The session.
    pub session: SessionId,
    /// The slots that it covers, all confirmed: `[0, n)`.
    pub n: u64,
    /// The next metadata entry when it was taken.
    pub as_of: Epoch,
    /// The hash of slot n-1, zero for n = 0.
    pub previous: u128,
    /// The shards that the session holds, with their partitions; tenures as of the checkpoint before.
    pub shards: BTreeMap<ShardId, ShardState>,
    /// The batches since the checkpoint before.
    pub positions: Positions,
    /// When it was taken (ms since 1970).
    pub now: i64,
}

/// Writes the index object and then the checkpoint. Tenures for `positions` are added to the shards.
pub async fn write(
    store: &Store,
    entropy: &Entropy,
    shard_of: impl Fn(coordinator::PartitionId) -> ShardId,
    mut parts: Parts,
) -> Result<(), CheckpointError> {
    if !parts.positions.is_empty() {
        let nonce = entropy.nonce();
        let object = index::encode(nonce, &parts.positions);
        put(store, keys::index(parts.session, parts.n), object, nonce).await?;
    }
    for (partition, positions) in &parts.positions {
        let state: Option<&mut PartitionState> =
            parts.shards.get_mut(&shard_of(*partition)).and_then(|s| s.partitions.get_mut(partition));
        if let Some(state) = state {
            state.tenures.extend(tenures(positions, (parts.session, parts.n), parts.now));
        }
    }
    let Parts { session, n, as_of, previous, shards, .. } = parts;
    let checkpoint = Checkpoint { session, n, as_of, previous, shards };
    let nonce = entropy.nonce();
    put(store, keys::checkpoint(session, n), checkpoint.encode(nonce), nonce).await
}

async fn put(
    store: &Store,
    path: object_store::path::Path,
    object: bytes::Bytes,
    nonce: [u8; 16],
) -> Result<(), CheckpointError> {
    match store.create_nonce(&path, object.into(), nonce, nonce_of, store.policy().minor()).await? {
        CreateOutcome::Created => Ok(()),
        CreateOutcome::Lost(_) => Err(CheckpointError::Foreign(path)),
    }
}
