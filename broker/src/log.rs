//! One session's log: batching, group commit and the tail.
//!
//! An append is decided and given its place in the open slot under one lock, without waiting. The flusher
//! puts slots, several at a time, and commits them in order (I3): only then high watermarks move, fetches
//! wake, and the tickets that replies wait for are done.

mod append;
mod budget;
mod checkpoint;
mod describe;
mod due;
mod flush;
mod groups;
mod host;
mod open;
mod partition;
mod rotate;
mod served;
mod shards;
mod share;
mod tail;
mod ticket;
mod trim;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use coordinator::cluster::{Cluster, Grant};
use coordinator::config::broker::Statics;
use coordinator::{Epoch, NodeId, PartitionId, SessionId, ShardId, Shards};
use parking_lot::{Mutex, RwLock};
use tiering::format::checkpoint::OwnedPartition;
use tiering::mutant::{self, Mutant};
use tiering::read::Reader;
use tiering::recover::Recovered;
use tiering::seams::{Clock, Entropy};
use tiering::session::SlotWriter;
use tiering::store::Store;
use tiering::watch;
use tokio::sync::Notify;

pub use append::{Answer, Candidate, Outcome};
pub use budget::PAID_BYTES;
pub use flush::{EndReason, Ended, Untaken};
pub use partition::{Batches, Found, Partition, Refusals, Waiter};
pub use partition::{Contents, take};
pub use rotate::Opening;
pub use shards::Release;
pub use share::{Decided, ShareAsk};
pub use ticket::{NotLeader, Ticket};
pub use trim::{TrimOutcome, TrimTo};

pub use crate::memory::Permit;
use crate::metrics::Metrics;
use open::Open;
use tail::Tail;

/// How slots are filled and put. Checked by the server's configuration.
#[derive(Clone, Debug)]
pub struct LogConfig {
    /// A slot is put when it holds this many bytes (default 8 MiB).
    pub slot_bytes: usize,
    /// What a PUT costs, in time: one may begin for each linger that has passed, and for each [`PAID_BYTES`] that are
    /// stored. Some are saved up for after a pause. Zero: one may begin when nothing is in flight. On S3 100 ms costs up
    /// to $130 a month for a node that always has something to write, besides $5 for each TiB.
    pub linger: Duration,
    /// How many slots may be in flight (4 to 16).
    pub window: usize,
    /// How many bytes of committed slots are kept in memory for readers at the end of the log.
    pub tail_bytes: usize,
    /// A checkpoint is written after this many slots: what recovery reads at most, roughly.
    pub checkpoint_slots: u64,
    /// A session is followed by another after this long, if anything was written.
    pub rotate_after: Duration,
    /// Or after this many slots.
    pub rotate_slots: u64,
    /// Or after this many bytes of records.
    pub rotate_bytes: u64,
    /// Idle producers are forgotten after this long (`producer.id.expiration.ms`, one day).
    pub producer_expiration: Duration,
}

/// What a log is made with.
#[derive(Clone)]
pub struct LogParts {
    /// Where slots go.
    pub store: Store,
    /// How records behind the tail are read.
    pub reader: Reader,
    /// Randomness for nonces.
    pub entropy: Entropy,
    /// The wall clock.
    pub clock: Clock,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// The node, which may have settings of its own.
    pub node: NodeId,
    /// What the node was started with.
    pub settings: Statics,
    /// How slots are filled and put.
    pub config: LogConfig,
    /// The newest state of the cluster that this process has read.
    pub cluster: watch::Receiver<Arc<Cluster>>,
    /// What the node refused lately.
    pub refusals: Arc<Refusals>,
}

/// What a session holds of a shard, for one of its partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holding {
    /// The epoch that its records carry.
    pub epoch: Epoch,
    /// The epoch that clients see.
    pub leader_epoch: i32,
}

impl From<&Grant> for Holding {
    fn from(grant: &Grant) -> Self {
        Self { epoch: grant.epoch, leader_epoch: grant.leader_epoch }
    }
}

/// The log of a node: one session, and those that follow it without a break.
pub struct Log {
    parts: LogParts,
    shards: Shards,
    writer: SlotWriter,
    open: Mutex<Open>,
    partitions: RwLock<HashMap<PartitionId, Arc<Partition>>>,
    groups: groups::Groups,
    shares: share::Shares,
    /// When something of the groups and of the share partitions is due.
    due: due::Due,
    tail: Mutex<Tail>,
    /// Wakes the flusher when the open slot has changed.
    changed: Notify,
    checkpointing: checkpoint::Progress,
    /// Held while shards are being released, and while one session follows another.
    moving: tokio::sync::Mutex<()>,
}

impl Log {
    /// The log of `session`, which begins with what its shards held before `cluster` gave them to it. A shard that
    /// could not be rebuilt is not held, and no checkpoint says that it is.
    pub fn new(
        parts: LogParts,
        session: SessionId,
        cluster: Arc<Cluster>,
        mut recovered: Recovered,
    ) -> Arc<Self> {
        let tail = Mutex::new(Tail::new(parts.config.tail_bytes));
        let around = groups::Surroundings::of(&parts, &cluster);
        let log = Self {
            writer: SlotWriter::new(parts.store.clone()),
            shards: cluster.shards(),
            open: Mutex::new(Open::new(session, cluster.next(), parts.config.slot_bytes)),
            parts,
            partitions: RwLock::new(HashMap::new()),
            groups: groups::Groups::new(around),
            shares: share::Shares::default(),
            due: due::Due::new(),
            tail,
            changed: Notify::new(),
            checkpointing: checkpoint::Progress::default(),
            moving: tokio::sync::Mutex::new(()),
        };
        let assigned = |shard| cluster.assigned(shard).filter(|g| g.session == session);
        let held = cluster.shards().all().filter(|shard| !recovered.missing.contains(shard));
        let held: Vec<_> = held.filter_map(|s| Some((s, Holding::from(assigned(s)?)))).collect();
        let missing = recovered.missing.iter().filter_map(|shard| Some(assigned(*shard)?.epoch)).min();
        {
            let arriving = log.make_ready(&held, &mut recovered);
            let mut open = log.open.lock();
            open.as_of = missing.unwrap_or(open.as_of);
            log.insert_shards(&mut open, arriving, recovered.partitions);
            let inherited = checkpoint::Capture::take(&mut open);
            open.inherited = Some(inherited);
        }
        Arc::new(log)
    }

    /// The session.
    pub fn session(&self) -> SessionId {
        self.open.lock().session
    }

    /// A partition that is in this log's map: one with records, or one that a request asked for.
    pub fn partition(&self, id: PartitionId) -> Option<Arc<Partition>> {
        self.partitions.read().get(&id).cloned()
    }

    /// A partition of a shard that this session holds and means to keep; an empty one if it has never had a
    /// record. None of a topic that was deleted, whatever the caller knows.
    pub fn lead(&self, id: PartitionId) -> Result<Arc<Partition>, NotLeader> {
        if let Some(partition) = self.partition(id) {
            return if partition.is_leading() { Ok(partition) } else { Err(NotLeader) };
        }
        let mut open = self.open.lock();
        let shard = self.shards.of_partition(id);
        let held = open.shards.get(&shard).filter(|held| !held.frozen).copied().ok_or(NotLeader)?;
        // A partition that has been forgotten because its topic was deleted must not begin anew: its records are in the
        // log, and others under the same name would not follow them. What was forgotten by is no newer than this.
        if open.ended || self.parts.cluster.borrow().topic(id.topic).is_none() {
            return Err(NotLeader);
        }
        Ok(self.insert(&mut open, id, shard, held, OwnedPartition::default()))
    }

    fn insert(
        &self,
        open: &mut Open,
        id: PartitionId,
        shard: ShardId,
        held: open::Held,
        owned: OwnedPartition,
    ) -> Arc<Partition> {
        let mut partitions = self.partitions.write();
        if let Some(known) = partitions.get(&id) {
            return Arc::clone(known);
        }
        let state = owned.state.partition.clone();
        let place = open.place();
        let partition = Arc::new(Partition::new(id, held.leader_epoch, place, owned, &self.parts.refusals));
        let met = match mutant::is(Mutant::ForgetNewTopics) {
            true => Epoch(0),
            false => self.parts.cluster.borrow().next(),
        };
        let decided = open::Decided { partition: Arc::clone(&partition), shard, state, met, changed: false };
        open.states[place] = Some(decided);
        open.touch(place);
        open.came.push(place);
        partitions.insert(id, Arc::clone(&partition));
        partition
    }

    /// Removes the partitions at these places. Fetches that wait for them wake.
    fn forget(&self, open: &mut Open, places: impl IntoIterator<Item = usize>) {
        let mut partitions = self.partitions.write();
        for place in places {
            let Some(gone) = open.states[place].take() else { continue };
            open.free.push(place);
            open.gone.push((gone.shard, gone.partition.id()));
            partitions.remove(&gone.partition.id());
            gone.partition.retire();
        }
    }

    /// Learns what the cluster is like as of some entry. Partitions of topics that were deleted before it are
    /// forgotten; of those that were inserted later, this state of the cluster says nothing.
    pub async fn follow(&self, cluster: &Arc<Cluster>) {
        self.show_groups(cluster).await;
        let mut open = self.open.lock();
        let (next, before) = (cluster.next(), open.followed.as_ref());
        if before.is_some_and(|before| before.next() > next) {
            return;
        }
        // Of those that were here before, only what has been deleted since is looked for.
        let deleted = before.map(|before| before.deleted_until(cluster)).unwrap_or_default();
        let mut gone = Vec::new();
        if !deleted.is_empty() {
            gone.extend(open.places(|decided| decided.met <= next && deleted.contains(&decided.topic())));
        }
        for place in std::mem::take(&mut open.came) {
            match &open.states[place] {
                Some(decided) if decided.met > next => open.came.push(place),
                Some(decided) if cluster.topic(decided.topic()).is_none() => gone.push(place),
                _ => {}
            }
        }
        self.forget(&mut open, gone);
        open.followed = Some(Arc::clone(cluster));
    }

    /// How records behind the tail are read.
    pub fn reader(&self) -> &Reader {
        &self.parts.reader
    }

    /// Bytes waiting in the open slot, and in full ones that wait to be put.
    pub fn open_bytes(&self) -> usize {
        self.open.lock().waiting_bytes()
    }

    /// Bytes of committed slots in memory.
    pub fn tail_bytes(&self) -> usize {
        self.tail.lock().bytes()
    }
}

#[cfg(test)]
#[path = "log/log_test.rs"]
mod tests;
