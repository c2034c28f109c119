//! When the log writes a checkpoint, and of what.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use coordinator::cluster::{CheckpointRef, Cluster};
use coordinator::{Epoch, partition};
use parking_lot::Mutex;
use tiering::checkpoint::{Parts, tenures, write};
use tiering::format::checkpoint::{PartitionState, ShardState};

use super::open::Open;
use super::{Log, Partition};

/// One checkpoint is under way at a time.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// From the claim to the end, whichever it is.
    running: AtomicBool,
    /// The slots that the last one covers.
    covered: AtomicU64,
    last: Mutex<Option<CheckpointRef>>,
}

/// The decided state after a slot, taken when the slot's bytes were fixed. It may be written once the slot
/// is committed.
pub(super) struct Capture {
    /// What the metadata log said then: the shards that the session held.
    pub(super) cluster: Arc<Cluster>,
    pub(super) n: u64,
    pub(super) previous: u128,
    pub(super) states: Vec<(Arc<Partition>, partition::Partition)>,
}

impl Capture {
    /// The state before the open slot. Its slot is still empty.
    pub(super) fn of(open: &Open, cluster: Arc<Cluster>) -> Self {
        let states = open.states.iter().map(|d| (Arc::clone(&d.partition), d.state.clone())).collect();
        Self { cluster, n: open.n, previous: open.previous, states }
    }
}

impl Log {
    /// Claims the next checkpoint, if the slots before `n` are worth one and none is under way.
    pub(super) fn claim_checkpoint(&self, n: u64, least: u64) -> bool {
        let progress = &self.checkpointing;
        let due = n.saturating_sub(progress.covered.load(Ordering::Acquire)) >= least;
        due && !progress.running.swap(true, Ordering::AcqRel)
    }

    /// The last checkpoint that was written.
    pub fn last_checkpoint(&self) -> Option<CheckpointRef> {
        *self.checkpointing.last.lock()
    }

    /// Writes what was captured. All slots before `capture.n` are committed, and no later one yet.
    /// It has been claimed. Returns the future that writes; what is written is fixed before this returns.
    pub(super) fn checkpoint(
        self: &Arc<Self>,
        capture: Capture,
    ) -> impl Future<Output = ()> + Send + 'static {
        let shards = capture.cluster.shards();
        let (parts, indexed) = self.parts_of(capture);
        let (log, n, as_of) = (Arc::clone(self), parts.n, parts.as_of);
        async move {
            let shard_of = move |partition| shards.of_partition(partition);
            match write(&log.parts.store, &log.parts.entropy, shard_of, parts).await {
                Ok(()) => {
                    for (partition, positions, tenures) in indexed {
                        partition.indexed(positions, tenures);
                    }
                    log.checkpointing.covered.store(n, Ordering::Release);
                    *log.checkpointing.last.lock() = Some(CheckpointRef { n, as_of });
                }
                Err(error) => {
                    tracing::warn!(%error, session = %log.session(), "a checkpoint was not written")
                }
            }
            log.checkpointing.running.store(false, Ordering::Release);
        }
    }

    #[expect(clippy::type_complexity, reason = "the second part is taken apart by the only caller")]
    fn parts_of(
        &self,
        capture: Capture,
    ) -> (Parts, Vec<(Arc<Partition>, usize, Vec<tiering::format::checkpoint::Tenure>)>) {
        let (session, cluster) = (self.session(), &capture.cluster);
        let mut shards: BTreeMap<_, ShardState> = BTreeMap::new();
        for shard in cluster.shards().all() {
            if let Some(grant) = cluster.assigned(shard).filter(|g| g.session == session) {
                shards.insert(shard, ShardState { epoch: grant.epoch, partitions: BTreeMap::new() });
            }
        }
        let mut positions = BTreeMap::new();
        let mut indexed = Vec::new();
        for (partition, state) in capture.states {
            if partition.is_retired() {
                continue;
            }
            let (recent, earlier) = partition.since_checkpoint();
            let Some(shard) = shards.get_mut(&cluster.shards().of_partition(partition.id())) else {
                continue;
            };
            if state.log_end == 0 && state.producers.is_empty() {
                continue;
            }
            shard.partitions.insert(partition.id(), PartitionState { partition: state, tenures: earlier });
            if !recent.is_empty() {
                let added = tenures(&recent, (session, capture.n));
                indexed.push((Arc::clone(&partition), recent.len(), added));
                positions.insert(partition.id(), recent);
            }
        }
        let as_of: Epoch = cluster.next();
        (Parts { session, n: capture.n, as_of, previous: capture.previous, shards, positions }, indexed)
    }
}
