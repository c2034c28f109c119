//! A node: it opens a session, serves its shards, watches other nodes, and opens another session when another
//! process ended this one.

mod config;
mod flaps;
mod hearsay;
mod load;
mod moves;
mod open;
mod pace;
mod peers;
mod producer_ids;
mod retention;
mod run;
mod settings;
mod shares;
mod takeover;
mod unreached;
mod unserved;
mod watch;

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use coordinator::cluster::{Cluster, Op};
use coordinator::{Epoch, NodeId, PartitionId, ProcessId, TopicId};
use parking_lot::Mutex;
use thiserror::Error;
use tiering::metadata::{Committed, MetadataError, MetadataLog};
use tiering::mutant::{self, Mutant};
use tiering::read::Reader;
use tiering::seams::{Clock, Entropy};
use tiering::store::{ProbeError, Store};
use tiering::watch as channel;
use tokio::time::Instant;
use uuid::Uuid;

pub use config::BrokerConfig;
pub use open::OpenError;
pub use peers::owners;

use crate::log::{Log, NotLeader, Partition, Refusals};
use crate::memory::Pool;
use crate::metrics::Metrics;
use crate::peer::Connect;
use producer_ids::ProducerIds;

/// A node whose store has not answered for this long, or has not confirmed a write, counts as down, and says so.
pub(crate) const STORE_LOST: Duration = Duration::from_secs(5);

/// How long a confirmed write of another node counts as a sign that nodes can write.
const OTHERS_WROTE: Duration = Duration::from_secs(10);

/// The most bytes that a batch may decompress to where its records are looked at: they cost time, if no memory.
pub const UNPACKED: usize = 256 << 20;

/// So much of the memory for requests is for those of which nothing goes into the log: one part of so many.
const OTHERS: usize = 16;

/// What a broker is made with.
pub struct BrokerParts {
    /// The one thing that it keeps anything in.
    pub store: Store,
    /// What it should do.
    pub config: BrokerConfig,
    /// The wall clock.
    pub clock: Clock,
    /// Randomness.
    pub entropy: Entropy,
    /// What it counts.
    pub metrics: Arc<Metrics>,
    /// How it reaches other nodes.
    pub connect: Connect,
}

/// Why a node does not start, or stops.
#[derive(Debug, Error)]
pub enum StartError {
    /// The probe found that the store does not do what is asked of it.
    #[error(transparent)]
    Probe(#[from] ProbeError),
    /// The metadata log can't be read or written.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// No session can be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
}

/// The node has stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the node is stopping")]
pub struct Stopping;

/// A partition that this node leads, and the log that it is in.
#[derive(Clone)]
pub struct Led {
    /// The log.
    pub log: Arc<Log>,
    /// The partition.
    pub partition: Arc<Partition>,
}

/// A session that is being served, and those that follow it without a break.
struct Serving {
    log: Arc<Log>,
    node: NodeId,
    producer_ids: ProducerIds,
}

#[derive(Clone)]
enum Phase {
    Starting,
    Serving(Arc<Serving>),
    /// Between two sessions.
    Reopening,
    Stopped,
}

/// A node. Connections share it.
pub struct Broker {
    parts: BrokerParts,
    process: ProcessId,
    reader: Reader,
    memory: Pool,
    others: Pool,
    unpacking: Pool,
    answers: Pool,
    metadata: OnceLock<Arc<MetadataLog>>,
    /// The node id, once it is known: the same for every session of the process.
    node: OnceLock<NodeId>,
    phase: channel::Sender<Phase>,
    /// The next metadata entry: all before have been acted on.
    acted_on: channel::Sender<Epoch>,
    /// Whether the node gives its shards away because it is about to stop.
    leaving: channel::Sender<bool>,
    /// Whether the node's last session was draining, as far as it has been seen.
    drained: AtomicBool,
    /// When the store last confirmed a write of another node's, as that node said in a ping.
    others_wrote: Mutex<Option<Instant>>,
    load: load::Load,
    hearsay: hearsay::Hearsay,
    unserved: unserved::Unserved,
    refusals: Arc<Refusals>,
    pace: pace::Pace,
}

impl Broker {
    /// A node that does nothing until it is run.
    pub fn new(parts: BrokerParts) -> Arc<Self> {
        let process = ProcessId::from(parts.entropy.ulid(&parts.clock));
        let reader = Reader::new(parts.store.clone(), parts.config.read_cache_bytes);
        // A part of it for what does not wait for the store.
        let others = Pool::new(parts.config.request_memory / OTHERS);
        let memory = Pool::new(parts.config.request_memory - others.size());
        let unpacking = Pool::new(parts.config.unpack_memory);
        let answers = Pool::new(parts.config.answer_memory);
        let pace = pace::Pace::new(parts.config.changes_per_second);
        Arc::new(Self {
            parts,
            process,
            reader,
            memory,
            others,
            unpacking,
            answers,
            metadata: OnceLock::new(),
            node: OnceLock::new(),
            phase: channel::Sender::new(Phase::Starting),
            acted_on: channel::Sender::new(Epoch(0)),
            leaving: channel::Sender::new(false),
            drained: AtomicBool::new(false),
            others_wrote: Mutex::new(None),
            load: load::Load::default(),
            hearsay: hearsay::Hearsay::default(),
            unserved: unserved::Unserved::default(),
            refusals: Arc::default(),
            pace,
        })
    }

    /// What the node should do.
    pub fn config(&self) -> &BrokerConfig {
        &self.parts.config
    }

    /// What the node counts.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.parts.metrics
    }

    /// The wall clock.
    pub fn clock(&self) -> &Clock {
        &self.parts.clock
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.parts.store
    }

    /// The bytes that large requests may take of which nothing goes into the log.
    pub fn others(&self) -> &Pool {
        &self.others
    }

    /// The bytes that requests may take of which something goes into the log.
    pub fn memory(&self) -> &Pool {
        &self.memory
    }

    /// The bytes that looking into batches may take.
    pub fn unpacking(&self) -> &Pool {
        &self.unpacking
    }

    /// The bytes that answers may take, from before they are read until they are sent.
    pub fn answers(&self) -> &Pool {
        &self.answers
    }

    /// The bytes in the read cache.
    pub fn cached_bytes(&self) -> u64 {
        self.reader.cached_bytes()
    }

    /// The process.
    pub fn process(&self) -> ProcessId {
        self.process
    }

    /// See [`Entropy::pause`].
    pub async fn pause(&self) {
        self.parts.entropy.pause().await;
    }

    /// How long ago the store last answered, or for how long it has not confirmed a write, if that is longer.
    /// `None` if it never answered.
    pub fn store_age(&self) -> Option<Duration> {
        let answered = self.parts.store.metrics().answer_age()?;
        Some(self.write_age().map_or(answered, |written| written.max(answered)))
    }

    /// For how long the store has not confirmed a write; `None` if none is under way.
    fn write_age(&self) -> Option<Duration> {
        if mutant::is(Mutant::IgnoreWriteAge) {
            return None;
        }
        self.parts.store.write_age()
    }

    /// Whether the store has not confirmed a write for so long that others should serve what this node leads.
    fn has_lost_writes(&self) -> bool {
        self.write_age().is_some_and(|age| age >= STORE_LOST)
    }

    /// What keeps the store from confirming a write, in words; `None` while writes get through.
    pub fn store_trouble(&self) -> Option<String> {
        self.has_lost_writes().then_some(())?;
        self.parts.store.oldest_write().map(|write| write.to_string())
    }

    /// The cluster as far as it has been read; `None` before the metadata log has been.
    pub fn cluster(&self) -> Option<Arc<Cluster>> {
        self.metadata.get().map(|m| m.current())
    }

    /// Waits until the node serves for the first time.
    pub async fn ready(&self) -> Result<Arc<Cluster>, Stopping> {
        let mut phase = self.phase.subscribe();
        let started =
            phase.wait_for(|phase| !matches!(phase, Phase::Starting)).await.map_err(|_| Stopping)?;
        if matches!(*started, Phase::Stopped) {
            return Err(Stopping);
        }
        self.cluster().ok_or(Stopping)
    }

    /// Whether a session is being served right now.
    pub fn is_serving(&self) -> bool {
        matches!(*self.phase.borrow(), Phase::Serving(_))
    }

    fn serving(&self) -> Option<Arc<Serving>> {
        match &*self.phase.borrow() {
            Phase::Serving(serving) => Some(Arc::clone(serving)),
            _ => None,
        }
    }

    /// This node, as clients see it.
    pub fn node_id(&self) -> Option<NodeId> {
        self.serving().map(|s| s.node)
    }

    /// The log that is being served.
    pub fn log(&self) -> Option<Arc<Log>> {
        self.serving().map(|s| Arc::clone(&s.log))
    }

    /// Reads to the metadata log's end, as is due before UNKNOWN_TOPIC_OR_PARTITION and UNKNOWN_TOPIC_ID.
    pub async fn refresh(&self) -> Result<Arc<Cluster>, RefreshError> {
        Ok(self.metadata.get().ok_or(Stopping)?.refresh().await?)
    }

    /// Puts a metadata entry; see [`MetadataLog::propose`].
    pub async fn propose<R>(
        &self,
        decide: impl FnMut(&Cluster) -> Result<Vec<Op>, R>,
    ) -> Result<Result<Committed, R>, RefreshError> {
        Ok(self.metadata.get().ok_or(Stopping)?.propose(decide).await?)
    }

    /// Puts a metadata entry that a client asks for, in its turn: entries are kept for ever. One that is refused when
    /// it is decided, fails before it is written or is given up until then takes no turn of others.
    pub async fn change<R>(
        &self,
        mut decide: impl FnMut(&Cluster) -> Result<Vec<Op>, R>,
    ) -> Result<Result<Committed, R>, RefreshError> {
        let mut turn = self.pace.turn().await;
        let proposed = self.propose(|cluster| {
            // Decided once more, after a race that was lost.
            turn.writes(None);
            let ops = decide(cluster)?;
            turn.writes(Some(ops.iter().map(Op::bytes).sum()));
            Ok(ops)
        });
        proposed.await
    }

    /// A partition, if this node leads it. A node that has lost its store, which others may still have, or whose
    /// writes are not taken while those of others are, says that it does not.
    pub fn lead(&self, id: PartitionId) -> Result<Led, NotLeader> {
        let serving = self.serving().ok_or(NotLeader)?;
        let partition = serving.log.lead(id)?;
        if self.is_cut_off() {
            return Err(NotLeader);
        }
        Ok(Led { log: Arc::clone(&serving.log), partition })
    }

    /// Whether the node may lead partitions at all just now: where it may not, [`Broker::lead`] fails for each.
    pub fn may_lead(&self) -> bool {
        self.is_serving() && !self.is_cut_off()
    }

    /// Notes that a batch of a partition was refused that may be sent again: others may be on their way behind it. This
    /// node may have got the partition while the request waited, or be about to get it.
    pub fn turned_away(&self, id: PartitionId) {
        self.refusals.note();
        if let Some(partition) = self.log().and_then(|log| log.partition(id)) {
            partition.turned_away();
        }
    }

    /// The log of this node's groups, if this one is among them.
    pub fn coordinate(&self, group: &str) -> Result<Arc<Log>, NotLeader> {
        let serving = self.serving().filter(|serving| serving.log.coordinates(group)).ok_or(NotLeader)?;
        if self.is_cut_off() {
            return Err(NotLeader);
        }
        Ok(Arc::clone(&serving.log))
    }

    /// Whether others should serve what this node leads. Where no node can write, each serves what can be read.
    fn is_cut_off(&self) -> bool {
        let lost = |age: &Duration| *age >= STORE_LOST;
        let others_write = |age: Duration| {
            let wrote = self.others_wrote.lock().map(|at| at.elapsed());
            wrote.is_some_and(|wrote| wrote < age && wrote < OTHERS_WROTE)
        };
        (self.parts.store.metrics().answer_age().as_ref().is_some_and(lost) && !self.is_alone())
            || self.write_age().filter(lost).is_some_and(others_write)
    }

    /// Another node's store confirmed a write so many milliseconds ago; −1 if it never did.
    fn hear_of_write(&self, age_ms: i64) {
        let age = u64::try_from(age_ms).ok().map(Duration::from_millis);
        let at = age.and_then(|age| Instant::now().checked_sub(age));
        let mut wrote = self.others_wrote.lock();
        *wrote = (*wrote).max(at);
    }

    /// Whether no other process has an open session, as far as this one can know.
    fn is_alone(&self) -> bool {
        self.metadata.get().is_none_or(|metadata| {
            // One that is about to end this node's session pings it with a newer entry before.
            !metadata.is_behind() && metadata.current().open_sessions().all(|s| s.process == self.process)
        })
    }

    /// A producer id that no other producer of this cluster has or will have.
    pub async fn producer_id(&self) -> Result<i64, RefreshError> {
        let serving = self.serving().ok_or(Stopping)?;
        let log = &serving.log;
        serving
            .producer_ids
            .next(async || {
                let block = self.propose(|_| {
                    Ok::<_, std::convert::Infallible>(vec![Op::ProducerBlock { session: log.session() }])
                });
                let Ok(block) = block.await?;
                let granted = block.outcomes == [coordinator::cluster::Outcome::Applied];
                if granted { Ok(block.k) } else { Err(RefreshError::Stopping(Stopping)) }
            })
            .await
    }

    /// An id for a new topic.
    pub fn new_topic_id(&self) -> TopicId {
        TopicId(self.new_uuid().into_bytes())
    }

    /// A random UUID (RFC 9562, version 4): for a new topic, for a new member.
    pub fn new_uuid(&self) -> Uuid {
        uuid::Builder::from_random_bytes(self.parts.entropy.nonce()).into_uuid()
    }
}

/// Why the metadata log can't be read or written just now.
#[derive(Debug, Error)]
pub enum RefreshError {
    /// The store failed.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// The node does not serve.
    #[error(transparent)]
    Stopping(#[from] Stopping),
}
