//! When the log writes a checkpoint, and of what.
//!
//! What has changed is captured when a slot is cut, and goes into the image of the session's state when that slot is
//! committed. Only the image is ever written, and of a session that has ended nothing is committed any more.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use coordinator::cluster::CheckpointRef;
use coordinator::{Epoch, PartitionId, SessionId, ShardId, partition};
use parking_lot::Mutex;
use tiering::checkpoint::{CheckpointError, Head, Image};
use tiering::format::checkpoint::PartitionState;
use tiering::mutant::{self, Mutant};

use super::host::Changed;
use super::open::{Held, Open};
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
    /// What is written next, as of the last capture that was committed. It is elsewhere while it is written.
    image: Image,
    /// Partitions with batches in no index object that was written, though one was to be.
    unlisted: BTreeMap<PartitionId, (ShardId, Arc<Partition>)>,
}

impl Progress {
    /// Asks for a checkpoint after the next slot.
    pub(super) fn want(&self) {
        self.0.lock().wanted = true;
    }

    /// A session begins, without a checkpoint; it gets one after its first slot, or once the one of the session
    /// before has been written or given up.
    pub(super) fn begin(&self, session: SessionId) {
        let mut state = self.0.lock();
        (state.session, state.covered, state.last, state.wanted) = (Some(session), 0, None, true);
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

    /// True if one is wanted that could not begin because of this one, which was the former session's.
    fn done(&self, session: SessionId, written: Option<CheckpointRef>, image: Image) -> bool {
        let mut state = self.0.lock();
        (state.running, state.image) = (false, image);
        let waits = state.wanted && state.session.is_some_and(|s| s != session);
        if let Some(written) = written
            && state.session.is_none_or(|s| s == session)
        {
            state.session = Some(session);
            state.covered = written.n;
            state.last = Some(written);
        }
        waits
    }
}

/// What has changed between two captures, taken when the newest slot was cut. It may be written once that slot is
/// committed.
pub(super) struct Capture {
    session: SessionId,
    /// Every shard that was granted before this entry is among `shards`.
    as_of: Epoch,
    pub(super) n: u64,
    pub(super) previous: u128,
    /// The shards that the session held then, released ones included until they have moved.
    shards: BTreeMap<ShardId, Epoch>,
    /// The shards that are captured whole: they were installed since the capture before.
    begun: BTreeSet<ShardId>,
    /// The partitions that were removed.
    gone: Vec<(ShardId, PartitionId)>,
    partitions: Vec<(ShardId, Arc<Partition>, partition::Partition)>,
    hosted: Changed,
}

impl Capture {
    /// The state before the open slot, which is still empty, as far as it has changed.
    pub(super) fn take(open: &mut Open) -> Self {
        let mut partitions = Vec::with_capacity(open.changed.len());
        for place in std::mem::take(&mut open.changed) {
            let Some(decided) = open.states[place].as_mut().filter(|decided| decided.changed) else {
                continue;
            };
            decided.changed = false;
            partitions.push((decided.shard, Arc::clone(&decided.partition), decided.state.clone()));
        }
        let mut hosted = std::mem::take(&mut open.hosted);
        if mutant::is(Mutant::CheckpointWithoutShares) {
            hosted = hosted.without_shares();
        }
        Self {
            session: open.session,
            as_of: open.as_of,
            n: open.n,
            previous: open.previous,
            shards: open.shards.iter().map(|(shard, held)| (*shard, held.epoch)).collect(),
            begun: std::mem::take(&mut open.begun),
            gone: std::mem::take(&mut open.gone),
            partitions,
            hosted,
        }
    }

    /// The session whose slots it covers.
    pub(super) fn session(&self) -> SessionId {
        self.session
    }

    /// The slot after which it was taken becomes slot `n` - 1 of another session, which holds the shards that were
    /// `kept` from `epoch` on. What was captured of an earlier holding is not what is held.
    pub(super) fn follow(
        &mut self,
        session: SessionId,
        n: u64,
        kept: &BTreeMap<ShardId, Held>,
        epoch: Epoch,
    ) {
        (self.session, self.n) = (session, n);
        self.shards.retain(|shard, captured| {
            let held = kept.get(shard).is_some_and(|held| held.epoch == *captured);
            *captured = epoch;
            held
        });
    }
}

impl Log {
    /// The last checkpoint of the session that was written.
    pub fn last_checkpoint(&self) -> Option<CheckpointRef> {
        let session = self.session();
        let state = self.checkpointing.0.lock();
        state.last.filter(|_| state.session == Some(session))
    }

    /// Writes the state as of a capture. All slots before `capture.n` are committed, and no later one yet.
    /// It has been claimed. Returns the future that writes; what is written is fixed before this returns.
    pub(super) fn checkpoint(
        self: &Arc<Self>,
        capture: Capture,
    ) -> impl Future<Output = ()> + Send + 'static {
        let Capture { session, n, as_of, previous, .. } = capture;
        let head = Head { session, n, as_of, previous, now: self.parts.clock.now_ms() };
        let (mut image, mut unlisted) = {
            let mut state = self.checkpointing.0.lock();
            (std::mem::take(&mut state.image), std::mem::take(&mut state.unlisted))
        };
        self.take_in(&mut image, capture, &mut unlisted);
        let log = Arc::clone(self);
        async move {
            let shards = log.shards;
            let shard_of = move |partition| shards.of_partition(partition);
            let reference = match image.write(&log.parts.store, &log.parts.entropy, head, shard_of).await {
                Ok(listed) => {
                    for (id, (end, tenures)) in listed {
                        if let Some((_, partition)) = unlisted.remove(&id) {
                            partition.indexed(end, tenures);
                        }
                    }
                    Some(CheckpointRef { n, as_of })
                }
                Err(error) => {
                    tracing::warn!(%error, %session, n, "a checkpoint was not written; the next one covers more");
                    let mut state = log.checkpointing.0.lock();
                    state.unlisted = unlisted;
                    state.wanted |= !matches!(error, CheckpointError::Gap { .. });
                    None
                }
            };
            if log.checkpointing.done(session, reference, image) {
                // An empty slot, if nothing else comes: the new session's first checkpoint has been waiting.
                let _ = log.barrier();
            }
            log.changed.notify_one();
        }
    }

    /// Takes a capture into the image. `unlisted` are the partitions with batches in no index object, before and
    /// after.
    fn take_in(
        &self,
        image: &mut Image,
        capture: Capture,
        unlisted: &mut BTreeMap<PartitionId, (ShardId, Arc<Partition>)>,
    ) {
        image.hold(&capture.shards);
        capture.begun.iter().for_each(|shard| image.begin(*shard));
        for (shard, id) in capture.gone {
            image.forget(shard, id);
            unlisted.remove(&id);
        }
        unlisted.retain(|_, (shard, _)| capture.shards.contains_key(shard) && !capture.begun.contains(shard));
        for (id, (shard, partition)) in &*unlisted {
            let (positions, tenures) = partition.since_checkpoint();
            image.put_again((*shard, *id), tenures, positions);
        }
        for (shard, partition, state) in capture.partitions {
            let (id, (positions, tenures)) = (partition.id(), partition.since_checkpoint());
            image.put((shard, id), PartitionState { partition: state, tenures }, positions);
            unlisted.insert(id, (shard, partition));
        }
        capture.hosted.put_into(image);
        if mutant::is(Mutant::CheckpointAfterEnd) && self.open.lock().ended {
            capture.shards.keys().for_each(|shard| image.begin(*shard));
        }
    }
}
