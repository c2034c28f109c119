//! A node: it opens a session, serves its shards, and opens another session when somebody ended this one.

mod config;
mod open;
mod producer_ids;

use std::sync::Arc;
use std::time::Duration;

use coordinator::cluster::{Cluster, Op};
use coordinator::{Epoch, NodeId, PartitionId, ProcessId, SessionId, TopicId};
use thiserror::Error;
use tiering::metadata::{Committed, MetadataError, MetadataLog};
use tiering::read::Reader;
use tiering::seams::{Clock, Entropy};
use tiering::store::{ProbeError, Store, probe};
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

pub use config::BrokerConfig;
pub use open::OpenError;

use crate::log::{Ended, Holding, Log, NotLeader, Partition};
use crate::metrics::Metrics;
use crate::peer::{self, Connect};
use producer_ids::ProducerIds;

/// How often the metadata log's end is read while nothing else does.
const POLL: Duration = Duration::from_secs(1);

/// How long another node has to answer a ping.
pub(crate) const PING: Duration = Duration::from_secs(1);

/// How often idle producers are looked for.
const EXPIRY: Duration = Duration::from_secs(600);

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

/// A session that is being served.
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
    metadata: std::sync::OnceLock<Arc<MetadataLog>>,
    /// The node id, once it is known: the same for every session of the process.
    node: std::sync::OnceLock<NodeId>,
    phase: watch::Sender<Phase>,
}

impl Broker {
    /// A node that does nothing until it is run.
    pub fn new(parts: BrokerParts) -> Arc<Self> {
        let process = ProcessId::from(parts.entropy.ulid(&parts.clock));
        let reader = Reader::new(parts.store.clone(), parts.config.read_cache_bytes);
        let memory = Arc::new(Semaphore::new(parts.config.request_memory.min(Semaphore::MAX_PERMITS)));
        let (phase, _) = watch::channel(Phase::Starting);
        let (metadata, node) = Default::default();
        Arc::new(Self { parts, process, reader, memory, metadata, node, phase })
    }

    /// Checks the store, opens a session and serves it until `shutdown` is cancelled; then closes it. A
    /// session that somebody else ends is followed by another.
    pub async fn run(self: &Arc<Self>, shutdown: CancellationToken) -> Result<(), StartError> {
        let result = tokio::select! {
            started = self.start() => match started {
                Ok((metadata, serving)) => {
                    self.serve(&metadata, serving, &shutdown).await;
                    Ok(())
                }
                Err(error) => Err(error),
            },
            () = shutdown.cancelled() => Ok(()),
        };
        self.phase.send_replace(Phase::Stopped);
        result
    }

    async fn start(self: &Arc<Self>) -> Result<(Arc<MetadataLog>, Arc<Serving>), StartError> {
        let report = probe(&self.parts.store, self.parts.entropy.ulid(&self.parts.clock)).await;
        report.verdict()?;
        let metadata = MetadataLog::open(self.parts.store.clone(), self.parts.entropy.clone()).await?;
        let metadata = Arc::clone(self.metadata.get_or_init(|| Arc::new(metadata)));
        let serving = Arc::new(self.open_session(&metadata).await?);
        Ok((metadata, serving))
    }

    async fn serve(
        self: &Arc<Self>,
        metadata: &Arc<MetadataLog>,
        first: Arc<Serving>,
        shutdown: &CancellationToken,
    ) {
        let mut serving = first;
        loop {
            self.phase.send_replace(Phase::Serving(Arc::clone(&serving)));
            let log = Arc::clone(&serving.log);
            let ended = tokio::select! {
                ended = Arc::clone(&log).run(Arc::clone(metadata), shutdown.cancelled()) => ended,
                () = self.keep_up(metadata, &log) => unreachable!("keeping up never ends"),
            };
            self.phase.send_replace(Phase::Reopening);
            match ended {
                Ended::Closed { cut } => return self.record_close(metadata, &log, cut).await,
                Ended::Fenced(error) => tracing::warn!(%error, session = %log.session(), "the session ended"),
            }
            serving = tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                next = self.reopen(metadata) => Arc::new(next),
            };
        }
    }

    /// Opens another session, however long that takes.
    async fn reopen(&self, metadata: &Arc<MetadataLog>) -> Serving {
        let mut pause = Duration::from_millis(50);
        loop {
            match self.open_session(metadata).await {
                Ok(serving) => return serving,
                Err(error) => tracing::warn!(%error, "no session could be opened; trying again"),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(5));
        }
    }

    /// Reads the metadata log on, forgets deleted topics and idle producers, and ends the log if somebody
    /// recorded the session's end.
    async fn keep_up(&self, metadata: &MetadataLog, log: &Log) {
        let mut changes = metadata.subscribe();
        changes.mark_changed();
        let mut poll = tokio::time::interval(POLL);
        let mut expiry = tokio::time::interval(EXPIRY);
        poll.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = poll.tick() => {
                    if let Err(error) = metadata.refresh().await {
                        tracing::warn!(%error, "the metadata log could not be read");
                    }
                }
                _ = expiry.tick() => log.expire_producers(),
                Ok(()) = changes.changed() => {
                    let cluster = Arc::clone(&changes.borrow_and_update());
                    log.retain(|partition| cluster.topic(partition.topic).is_some());
                    let open = cluster.session(log.session()).is_some_and(|s| s.state.end().is_none());
                    if !open {
                        log.fail();
                    }
                }
            }
        }
    }

    async fn record_close(&self, metadata: &MetadataLog, log: &Log, cut: u64) {
        let (session, checkpoint) = (log.session(), log.last_checkpoint());
        let end = coordinator::cluster::SessionEnd { cut, checkpoint };
        let closed =
            metadata.propose(|_| Ok::<_, std::convert::Infallible>(vec![Op::Closed { session, end }])).await;
        match closed {
            Ok(_) => tracing::info!(%session, slots = cut, "the session is closed"),
            Err(error) => {
                tracing::warn!(%error, %session, "the session's end was not recorded; the next node does it")
            }
        }
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

    /// The bytes that requests may take: one permit each.
    pub fn memory(&self) -> &Arc<Semaphore> {
        &self.memory
    }

    /// The process.
    pub fn process(&self) -> ProcessId {
        self.process
    }

    /// The cluster as far as it has been read; `None` before the metadata log has been.
    pub fn cluster(&self) -> Option<Arc<Cluster>> {
        self.metadata.get().map(|m| m.current())
    }

    /// How long ago the store last answered.
    pub fn store_age(&self) -> Option<Duration> {
        self.parts.store.metrics().answer_age()
    }

    /// The next metadata entry: this node has acted on all before it.
    pub fn acted_on(&self) -> Epoch {
        self.cluster().map_or(Epoch(0), |cluster| cluster.next())
    }

    /// Reads the metadata log on if it is not known up to `next` yet. What can't be read now is read later.
    pub async fn reach(&self, next: Epoch) {
        if self.acted_on() < next
            && let Err(error) = self.refresh().await
        {
            tracing::debug!(%error, "the metadata log could not be read");
        }
    }

    /// Bytes of records taken and given per second of late.
    pub fn bytes_per_second(&self) -> i64 {
        0
    }

    /// Whether another session's node answers, and the store answers it; `None` if there is no such session.
    pub async fn can_reach(&self, session: SessionId) -> Option<bool> {
        let cluster = self.cluster()?;
        let session = cluster.session(session)?;
        let address = session.addresses.first()?;
        let answer = peer::ping(&self.parts.connect, address, 0, PING).await;
        Some(answer.is_ok_and(|answer| answer.process_id.as_bytes() == session.process.as_bytes()))
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

    /// A partition, if this node leads it.
    pub fn lead(&self, cluster: &Cluster, id: PartitionId) -> Result<Led, NotLeader> {
        let serving = self.serving().ok_or(NotLeader)?;
        let log = Arc::clone(&serving.log);
        if let Some(partition) = log.partition(id) {
            return Ok(Led { log, partition });
        }
        let (session, grant) = cluster.leader(id).ok_or(NotLeader)?;
        if session.id != log.session() {
            return Err(NotLeader);
        }
        let partition = log.partition_or_new(id, Holding::from(grant));
        Ok(Led { log, partition })
    }

    /// A producer id that no other producer of this cluster has or will have.
    pub async fn producer_id(&self) -> Result<i64, RefreshError> {
        let serving = self.serving().ok_or(Stopping)?;
        let session = serving.log.session();
        serving
            .producer_ids
            .next(async || {
                let block =
                    self.propose(|_| Ok::<_, std::convert::Infallible>(vec![Op::ProducerBlock { session }]));
                let Ok(block) = block.await?;
                let granted = block.outcomes == [coordinator::cluster::Outcome::Applied];
                if granted { Ok(block.k) } else { Err(RefreshError::Stopping(Stopping)) }
            })
            .await
    }

    /// An id for a new topic: a random UUID (RFC 9562, version 4).
    pub fn new_topic_id(&self) -> TopicId {
        let mut id = self.parts.entropy.nonce();
        id[6] = id[6] & 0x0f | 0x40;
        id[8] = id[8] & 0x3f | 0x80;
        TopicId(id)
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
