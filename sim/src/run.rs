//! One run: a node on a faulty store, killed and doubled at random, under idempotent producers and readers.
//!
//! Everything follows from the seed: time is tokio's paused clock, the store is in memory, and one thread
//! runs it all.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use coordinator::cluster::TopicPlan;
use coordinator::{PartitionId, TopicId};
use ingest::broker::{Broker, BrokerConfig, BrokerParts};
use ingest::log::LogConfig;
use ingest::metrics::Metrics;
use object_store::ObjectStore;
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tiering::seams::{Clock, Entropy};
use tiering::store::{MemoryStore, Store, StoreKind};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::client;
use crate::fault::{FaultKind, FaultPlan, FaultStore};
use crate::history::History;

/// When simulated time begins (ms since 1970).
const EPOCH_MS: i64 = 1_750_000_000_000;

/// What a run does.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Everything follows from it.
    pub seed: u64,
    /// How long clients and faults go on, in simulated time.
    pub duration: Duration,
    /// Idempotent producers, each with records for every partition.
    pub producers: usize,
    /// Partitions of the one topic.
    pub partitions: i32,
}

impl Plan {
    /// The usual run.
    pub fn of(seed: u64) -> Self {
        Self { seed, duration: Duration::from_secs(240), producers: 3, partitions: 3 }
    }
}

/// What a run saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Records acknowledged.
    pub acknowledged: u64,
    /// Answers that a producer did not wait for, or that told it nothing.
    pub unknown: u64,
    /// Nodes killed.
    pub kills: u64,
    /// Nodes that went on while another took over.
    pub zombies: u64,
    /// Nodes that closed their session.
    pub shutdowns: u64,
    /// Metadata entries at the end.
    pub entries: u64,
    /// What the store did, by fault.
    pub faults: BTreeMap<FaultKind, u64>,
    /// What must not be. Empty is good.
    pub violations: Vec<String>,
}

/// A node that runs.
struct Node {
    broker: Arc<Broker>,
    task: JoinHandle<()>,
    stop: CancellationToken,
}

impl Drop for Node {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct World {
    objects: Arc<MemoryStore>,
    started: Instant,
    rng: StdRng,
    stores: Vec<Arc<FaultStore>>,
}

impl World {
    fn start_node(&mut self, faults: FaultPlan) -> Node {
        let seed = self.rng.random();
        let objects: Arc<dyn ObjectStore> = self.objects.clone();
        let store = Arc::new(FaultStore::new(objects, StdRng::seed_from_u64(seed), faults));
        self.stores.push(Arc::clone(&store));
        let started = self.started;
        let broker = Broker::new(BrokerParts {
            store: Store::new(StoreKind::S3, store.clone(), store),
            config: config(&mut self.rng),
            clock: Clock::new(move || EPOCH_MS + started.elapsed().as_millis() as i64),
            entropy: Entropy::from_seed(self.rng.random()),
            metrics: Metrics::register(&mut Default::default()),
            connect: Arc::new(|_| {
                Box::pin(std::future::ready(Err(std::io::ErrorKind::ConnectionRefused.into())))
            }),
        });
        let stop = CancellationToken::new();
        let stopping = stop.clone();
        let task = tokio::spawn({
            let broker = Arc::clone(&broker);
            async move {
                loop {
                    // A start that fails on a faulty store is one more restart.
                    match broker.run(stopping.clone()).await {
                        Ok(()) => return,
                        Err(error) => tracing::debug!(%error, "the node did not start"),
                    }
                    sleep(Duration::from_millis(200)).await;
                }
            }
        });
        Node { broker, task, stop }
    }

    fn seconds(&mut self, range: std::ops::Range<f64>) -> Duration {
        Duration::from_secs_f64(self.rng.random_range(range))
    }
}

/// Runs one plan, from an empty store to a verdict.
pub fn run(plan: Plan) -> Report {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    match runtime {
        Ok(runtime) => runtime.block_on(world(plan)),
        Err(error) => Report { violations: vec![format!("no runtime: {error}")], ..Report::default() },
    }
}

async fn world(plan: Plan) -> Report {
    let mut world = World {
        objects: Arc::new(MemoryStore::new()),
        started: Instant::now(),
        rng: StdRng::seed_from_u64(plan.seed),
        stores: Vec::new(),
    };
    let mut report = Report::default();
    let history = Arc::new(Mutex::new(History::default()));
    let mut node = world.start_node(FaultPlan::calm());
    let topic = create_topic(&node.broker, plan.partitions).await;
    let (current, seen) = watch::channel(Arc::clone(&node.broker));
    let (stop, stopped) = watch::channel(false);

    let mut clients = Vec::new();
    for producer in 0..plan.producers {
        let rng = StdRng::seed_from_u64(world.rng.random());
        let client =
            client::Client { current: seen.clone(), stopped: stopped.clone(), history: history.clone(), rng };
        clients.push(tokio::spawn(client.produce(producer as i64 + 1, topic, plan.partitions)));
    }
    for index in 0..plan.partitions {
        let rng = StdRng::seed_from_u64(world.rng.random());
        let client =
            client::Client { current: seen.clone(), stopped: stopped.clone(), history: history.clone(), rng };
        clients.push(tokio::spawn(client.read(PartitionId { topic, index })));
    }

    let mut zombies: Vec<Node> = Vec::new();
    while world.started.elapsed() < plan.duration {
        sleep(world.seconds(0.2..15.0)).await;
        let weather = if world.rng.random_bool(0.7) { FaultPlan::storm() } else { FaultPlan::cloud() };
        let next = world.start_node(weather);
        let old = std::mem::replace(&mut node, next);
        match world.rng.random_range(0..4) {
            0 => {
                report.shutdowns += 1;
                old.stop.cancel();
                zombies.push(old);
            }
            1 => {
                report.zombies += 1;
                zombies.push(old);
            }
            _ => {
                report.kills += 1;
                drop(old);
            }
        }
        if zombies.len() > 2 {
            zombies.remove(0);
        }
        // Clients learn of the new node at some moment, and may go on with the old one until then.
        sleep(world.seconds(0.0..1.0)).await;
        current.send_replace(Arc::clone(&node.broker));
    }

    zombies.clear();
    drop(node);
    let last = world.start_node(FaultPlan::calm());
    current.send_replace(Arc::clone(&last.broker));
    if tokio::time::timeout(Duration::from_secs(600), last.broker.ready()).await.is_err() {
        report.violations.push("a node on a store without faults did not become ready in 600 s".into());
        return report;
    }
    sleep(Duration::from_secs(150)).await;
    stop.send_replace(true);
    for client in clients {
        if let Err(error) = client.await {
            report.violations.push(format!("a client failed: {error}"));
        }
    }
    for index in 0..plan.partitions {
        let log = client::read_all(&last.broker, PartitionId { topic, index }).await;
        history.lock().final_log(index, log);
    }
    let history = history.lock();
    report.violations.extend(history.violations());
    report.acknowledged = history.acknowledged();
    report.unknown = history.unknown;
    for store in &world.stores {
        for (kind, count) in store.injected() {
            *report.faults.entry(kind).or_default() += count;
        }
    }
    report.entries = last.broker.cluster().map_or(0, |c| c.next().0);
    report
}

async fn create_topic(broker: &Arc<Broker>, partitions: i32) -> TopicId {
    drop(broker.ready().await);
    let id = TopicId([7; 16]);
    let plan = TopicPlan { name: "t".into(), partitions, replication_factor: 1, overrides: BTreeMap::new() };
    drop(broker.propose(|cluster| cluster.plan_topic(id, &plan).map(|op| vec![op])).await);
    id
}

fn config(rng: &mut StdRng) -> BrokerConfig {
    BrokerConfig {
        auto_create_topics: true,
        default_partitions: 1,
        default_replication_factor: 1,
        max_request_bytes: 1 << 20,
        request_memory: 1 << 22,
        idle_timeout: Duration::from_secs(600),
        stall_timeout: Duration::from_secs(30),
        max_connections: 10,
        node_id: None,
        rack: None,
        addresses: Vec::new(),
        log: LogConfig {
            slot_bytes: 1 << 16,
            linger: Duration::from_millis([0, 5, 100][rng.random_range(0..3)]),
            window: rng.random_range(1..8),
            tail_bytes: 1 << rng.random_range(8..16),
            checkpoint_slots: rng.random_range(2..40),
            rotate_after: Duration::from_secs(900),
            rotate_slots: 1 << 20,
            rotate_bytes: 1 << 40,
            producer_expiration: Duration::from_secs(86_400),
        },
        read_cache_bytes: 1 << 16,
    }
}

#[cfg(test)]
#[path = "run_test.rs"]
mod tests;
