//! A node: it opens a session, serves its shards, watches other nodes, and opens another session when somebody
//! ended this one.

mod config;
mod load;
mod moves;
mod open;
mod peers;
mod producer_ids;
mod retention;
mod run;
mod settings;
mod shares;
mod takeover;
mod watch;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use coordinator::cluster::{Cluster, Op};
use coordinator::{Epoch, NodeId, PartitionId, ProcessId, TopicId};
use thiserror::Error;
use tiering::metadata::{Committed, MetadataError, MetadataLog};
use tiering::read::Reader;
use tiering::seams::{Clock, Entropy, Lapses};
use tiering::store::{ProbeError, Store};
use tiering::watch as channel;
use tokio::sync::Semaphore;
use uuid::Uuid;

pub use config::BrokerConfig;
pub use open::OpenError;
pub(crate) use peers::owners;
pub(crate) use shares::Tie;

use crate::log::{Log, NotLeader, Partition};
use crate::metrics::Metrics;
use crate::peer::Connect;
use crate::share_sessions::Sessions;
use producer_ids::ProducerIds;

/// A node whose store has not answered for this long counts as down, and says so.
pub(crate) const STORE_LOST: Duration = Duration::from_secs(5);

/// The most bytes that a batch may decompress to where its records are looked at.
pub(crate) const UNPACKED: usize = 256 << 20;

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
    /// Where others get ahead.
    pub lapses: Lapses,
    /// What it counts.
    pub metrics: Arc<Metrics>,
    /// How it reaches other nodes.
    pub connect: Connect,
}

/// Why a node does not start, or stops.
#[derive(Debug, Error)]
pub enum StartError {
    /// The store does not keep its word.
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
    memory: Arc<Semaphore>,
    unpacking: Arc<Semaphore>,
    metadata: OnceLock<Arc<MetadataLog>>,
    /// The node id, once it is known: the same for every session of the process.
    node: OnceLock<NodeId>,
    phase: channel::Sender<Phase>,
    /// The next metadata entry: all before have been acted on.
    acted_on: channel::Sender<Epoch>,
    /// Whether the node gives its shards away because it is about to stop.
    leaving: channel::Sender<bool>,
    load: load::Load,
    share_sessions: Sessions,
}

impl Broker {
    /// A node that does nothing until it is run.
    pub fn new(parts: BrokerParts) -> Arc<Self> {
        let process = ProcessId::from(parts.entropy.ulid(&parts.clock));
        let reader = Reader::new(parts.store.clone(), parts.config.read_cache_bytes);
        let memory = Arc::new(Semaphore::new(parts.config.request_memory.min(Semaphore::MAX_PERMITS)));
        // Two batches at a time, beside what others have become until they are stored.
        let unpacking = 2 * UNPACKED + parts.config.request_memory;
        let unpacking = Arc::new(Semaphore::new(unpacking.min(Semaphore::MAX_PERMITS)));
        Arc::new(Self {
            parts,
            process,
            reader,
            memory,
            unpacking,
            metadata: OnceLock::new(),
            node: OnceLock::new(),
            phase: channel::Sender::new(Phase::Starting),
            acted_on: channel::Sender::new(Epoch(0)),
            leaving: channel::Sender::new(false),
            load: load::Load::default(),
            share_sessions: Sessions::default(),
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

    /// Where others get ahead.
    pub(crate) fn lapses(&self) -> &Lapses {
        &self.parts.lapses
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.parts.store
    }

    /// The bytes that requests may take: one permit each.
    pub fn memory(&self) -> &Arc<Semaphore> {
        &self.memory
    }

    /// The bytes that batches may take which are decompressed: one permit each.
    pub(crate) fn unpacking(&self) -> &Arc<Semaphore> {
        &self.unpacking
    }

    /// The process.
    pub fn process(&self) -> ProcessId {
        self.process
    }

    /// How long ago the store last answered.
    pub fn store_age(&self) -> Option<Duration> {
        self.parts.store.metrics().answer_age()
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

    /// A partition, if this node leads it. A node that has lost its store, which others may still have, says
    /// that it does not.
    pub fn lead(&self, id: PartitionId) -> Result<Led, NotLeader> {
        let serving = self.serving().ok_or(NotLeader)?;
        let partition = serving.log.lead(id)?;
        if self.store_age().is_some_and(|age| age >= STORE_LOST) && !self.is_alone() {
            return Err(NotLeader);
        }
        Ok(Led { log: Arc::clone(&serving.log), partition })
    }

    /// The log of this node's groups, if this one is among them.
    pub fn coordinate(&self, group: &str) -> Result<Arc<Log>, NotLeader> {
        let serving = self.serving().filter(|serving| serving.log.coordinates(group)).ok_or(NotLeader)?;
        if self.store_age().is_some_and(|age| age >= STORE_LOST) && !self.is_alone() {
            return Err(NotLeader);
        }
        Ok(Arc::clone(&serving.log))
    }

    /// Whether no other process has an open session.
    fn is_alone(&self) -> bool {
        self.cluster().is_none_or(|cluster| cluster.open_sessions().all(|s| s.process == self.process))
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
    /// The store does not play along.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// The node does not serve.
    #[error(transparent)]
    Stopping(#[from] Stopping),
}
