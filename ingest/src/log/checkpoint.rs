//! When the log writes a checkpoint, and of what.

use std::collections::BTreeMap;
use std::sync::Arc;

use coordinator::cluster::CheckpointRef;
use coordinator::{Epoch, SessionId, ShardId, partition};
use parking_lot::Mutex;
use tiering::checkpoint::{Parts, tenures, write};
use tiering::format::checkpoint::{PartitionState, ShardState, Tenure};
use tiering::format::group::Groups;
use tiering::format::share::Shares;
use tiering::mutant::{self, Mutant};

use super::groups;
use super::open::Open;
use super::{Log, Partition};

/// One checkpoint is under way at a time.
#[derive(Debug, Default)]
pub(super) struct Progress(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// The session that the rest is about; none before its first checkpoint.
    session: Option<SessionId>,
    /// From the claim to the end, whichever it is.
    running: bool,
    /// The slots that the last one covers.
    covered: u64,
    last: Option<CheckpointRef>,
    /// One is wanted at the next opportunity.
    wanted: bool,
}

impl Progress {
    /// Asks for a checkpoint after the next slot.
    pub(super) fn want(&self) {
        self.0.lock().wanted = true;
    }

    /// A session begins, without a checkpoint; it gets one after its first slot.
    pub(super) fn begin(&self, session: SessionId) {
        let mut state = self.0.lock();
        let running = state.running;
        *state = State { session: Some(session), running, wanted: true, ..State::default() };
    }

    /// Whether one is being written.
    pub(super) fn is_running(&self) -> bool {
        self.0.lock().running
    }

    /// Claims the next checkpoint, if the slots before `n` are worth one and none is under way.
    pub(super) fn claim(&self, n: u64, least: u64) -> bool {
        let mut state = self.0.lock();
        let due = state.wanted || n.saturating_sub(state.covered) >= least;
        if !due || state.running {
            return false;
        }
        (state.running, state.wanted) = (true, false);
        true
    }

    fn done(&self, session: SessionId, written: Option<CheckpointRef>) {
        let mut state = self.0.lock();
        state.running = false;
        if let Some(written) = written
            && state.session.is_none_or(|s| s == session)
        {
            state.session = Some(session);
            state.covered = written.n;
            state.last = Some(written);
        }
    }
}

/// The decided state after a slot, taken when the slot's bytes were fixed. It may be written once the slot
/// is committed.
pub(super) struct Capture {
    session: SessionId,
    /// Every shard that was granted before this entry is in it.
    as_of: Epoch,
    pub(super) n: u64,
    pub(super) previous: u128,
    /// The shards that the session held then, released ones included until they have moved.
    shards: BTreeMap<ShardId, Epoch>,
    states: Vec<(ShardId, Arc<Partition>, partition::Partition)>,
    groups: BTreeMap<ShardId, Groups>,
    shares: BTreeMap<ShardId, Shares>,
}

impl Capture {
    /// The state before the open slot. Its slot is still empty.
    pub(super) fn of(open: &Open, groups: &groups::State) -> Self {
        let states = open.states.iter().flatten();
        Self {
            session: open.session,
            as_of: open.as_of,
            n: open.n,
            previous: open.previous,
            shards: open.shards.iter().map(|(shard, held)| (*shard, held.epoch)).collect(),
            states: states.map(|d| (d.shard, Arc::clone(&d.partition), d.state.clone())).collect(),
            groups: groups.durable(),
            shares: match mutant::is(Mutant::CheckpointWithoutShares) {
                true => BTreeMap::new(),
                false => groups.shares.durable(),
            },
        }
    }

    /// The session whose slots it covers.
    pub(super) fn session(&self) -> SessionId {
        self.session
    }
}

/// What an index object adds to a partition: the tenures that replace its positions below this offset.
type Indexed = (Arc<Partition>, i64, Vec<Tenure>);

impl Log {
    /// The last checkpoint of the session that was written.
    pub fn last_checkpoint(&self) -> Option<CheckpointRef> {
        let session = self.session();
        let state = self.checkpointing.0.lock();
        state.last.filter(|_| state.session == Some(session))
    }

    /// Writes what was captured. All slots before `capture.n` are committed, and no later one yet.
    /// It has been claimed. Returns the future that writes; what is written is fixed before this returns.
    pub(super) fn checkpoint(
        self: &Arc<Self>,
        capture: Capture,
    ) -> impl Future<Output = ()> + Send + 'static {
        let (parts, indexed) = parts_of(capture, self.parts.clock.now_ms());
        let log = Arc::clone(self);
        let (session, reference) = (parts.session, CheckpointRef { n: parts.n, as_of: parts.as_of });
        async move {
            let shards = log.shards;
            let shard_of = move |partition| shards.of_partition(partition);
            let written = match write(&log.parts.store, &log.parts.entropy, shard_of, parts).await {
                Ok(()) => {
                    for (partition, end, tenures) in indexed {
                        partition.indexed(end, tenures);
                    }
                    Some(reference)
                }
                Err(error) => {
                    tracing::warn!(%error, %session, "a checkpoint was not written");
                    None
                }
            };
            log.checkpointing.done(session, written);
            log.changed.notify_one();
        }
    }
}

fn parts_of(capture: Capture, now: i64) -> (Parts, Vec<Indexed>) {
    let Capture { session, as_of, n, previous, shards, states, mut groups, mut shares } = capture;
    let begun = |(shard, epoch)| {
        let groups = groups.remove(&shard).unwrap_or_default();
        let shares = shares.remove(&shard).unwrap_or_default();
        (shard, ShardState { epoch, partitions: BTreeMap::new(), groups, shares })
    };
    let mut shards: BTreeMap<_, _> = shards.into_iter().map(begun).collect();
    let mut positions = BTreeMap::new();
    let mut indexed = Vec::new();
    for (shard, partition, state) in states {
        let Some(shard) = shards.get_mut(&shard).filter(|_| !partition.is_retired()) else { continue };
        if state.log_end == 0 && state.producers.is_empty() {
            continue;
        }
        let (recent, earlier) = partition.since_checkpoint();
        shard.partitions.insert(partition.id(), PartitionState { partition: state, tenures: earlier });
        if let Some(last) = recent.last() {
            let added = tenures(&recent, (session, n), now);
            indexed.push((Arc::clone(&partition), last.last_offset() + 1, added));
            positions.insert(partition.id(), recent);
        }
    }
    (Parts { session, n, as_of, previous, shards, positions, now }, indexed)
}
