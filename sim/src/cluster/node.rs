//! A process that runs a node, as a service manager would: started again if it does not come up.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use broker::metrics::Metrics;
use broker::node::{Broker, BrokerParts};
use coordinator::{NodeId, ProcessId};
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tiering::seams::{Clock, Entropy};
use tiering::store::Store;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Cluster;
use crate::fault::{FaultPlan, FaultStore, View};
use crate::network::{Listener, Network};
use crate::process::Process;
use crate::trace::Trace;

/// When simulated time begins (ms since 1970).
pub const EPOCH_MS: i64 = 1_750_000_000_000;

/// How long a node waits before it tries to start again.
const AGAIN: Duration = Duration::from_millis(500);

/// How long a node that stops has to give its shards away, and its connections to answer what they were asked.
const PATIENCE: Duration = Duration::from_secs(15);

/// A process that runs a node.
pub struct Running {
    /// The process.
    pub process: Process,
    /// What it suffers from its store.
    pub faults: FaultStore,
    /// Stops the node as it should be.
    pub stop: CancellationToken,
    pub(super) store: Store,
    broker: Arc<Mutex<Option<Arc<Broker>>>>,
    ended: Arc<AtomicBool>,
    replaced: Arc<AtomicBool>,
}

impl Running {
    pub(super) fn start(cluster: &mut Cluster, node: usize, weather: FaultPlan) -> Self {
        let (id, rng) = (cluster.processes, &mut cluster.rng);
        let process = Process::new(id);
        let (ledger, trace) = (Arc::clone(&cluster.ledger), Some(Arc::clone(&cluster.trace)));
        let view = View { process: process.clone(), ledger, trace };
        let seeded = StdRng::seed_from_u64(rng.random());
        let goes_off = rng.random_bool(0.3);
        let entropy = Entropy::from_seed(rng.random()).with_pauses(process.pauses());
        let (between, within) = cluster.setup.hesitation;
        process.hesitate(StdRng::seed_from_u64(rng.random()), between, within);
        let faults = FaultStore::of(view, cluster.objects(), seeded, weather);
        let handle = Arc::new(faults.clone());
        faults.set_rates(cluster.setup.upload, None);
        let store = Store::new(cluster.setup.kind, handle.clone(), handle);
        let (began, ahead) = (cluster.began, Arc::clone(&cluster.machines[node].clock));
        let clock = move || EPOCH_MS + began.elapsed().as_millis() as i64 + ahead.load(Ordering::Relaxed);
        let mut config = cluster.setup.config.clone();
        let (address, is_wrong) = cluster.address(node);
        config.addresses = vec![address];
        if let Some(log) = cluster.setup.logs.get(node) {
            config.log = log.clone();
        }
        config.node_id = cluster.setup.own_ids.then_some(NodeId(node as i32 + 1));
        let (stop, broker) = (CancellationToken::new(), Arc::default());
        let (ended, replaced) = <(Arc<AtomicBool>, Arc<AtomicBool>)>::default();
        let service = Service {
            node,
            store: store.clone(),
            clock: Clock::new(clock),
            entropy,
            config,
            network: cluster.network.clone(),
            process: process.clone(),
            trace: Arc::clone(&cluster.trace),
            stop: stop.clone(),
            broker: Arc::clone(&broker),
            ended: Arc::clone(&ended),
            replaced: Arc::clone(&replaced),
            astray: is_wrong.then(|| Arc::clone(&cluster.astray)),
        };
        let (network, dying) = (cluster.network.clone(), process.clone());
        drop(tokio::spawn(async move {
            dying.killed().await;
            network.died(node, &dying, goes_off);
        }));
        drop(process.spawn(service.run()));
        Self { process, faults, stop, store, broker, ended, replaced }
    }

    /// Another process has its address: it is not started again if it fails.
    pub(super) fn replace(&self) {
        self.replaced.store(true, Ordering::Relaxed);
    }

    /// Whether it is neither dead nor done.
    pub fn goes_on(&self) -> bool {
        self.process.is_alive() && !self.ended.load(Ordering::Relaxed)
    }

    /// The node, unless it is between two attempts to start.
    pub fn broker(&self) -> Option<Arc<Broker>> {
        self.broker.lock().clone()
    }
}

struct Service {
    node: usize,
    store: Store,
    clock: Clock,
    entropy: Entropy,
    config: broker::node::BrokerConfig,
    network: Network,
    process: Process,
    trace: Arc<Trace>,
    stop: CancellationToken,
    broker: Arc<Mutex<Option<Arc<Broker>>>>,
    ended: Arc<AtomicBool>,
    replaced: Arc<AtomicBool>,
    /// Where it is noted that its address is wrong, if it is.
    astray: Option<Arc<Mutex<BTreeSet<ProcessId>>>>,
}

impl Service {
    async fn run(self) {
        while !self.stop.is_cancelled() && !self.replaced.load(Ordering::Relaxed) {
            let broker = Broker::new(BrokerParts {
                store: self.store.clone(),
                config: self.config.clone(),
                clock: self.clock.clone(),
                entropy: self.entropy.clone(),
                metrics: Metrics::register(&mut Default::default()),
                connect: self.network.connect_from(self.node, &self.process),
            });
            *self.broker.lock() = Some(Arc::clone(&broker));
            if let Some(astray) = &self.astray {
                astray.lock().insert(broker.process());
            }
            let connections = TaskTracker::new();
            let refuse = CancellationToken::new();
            self.network.listen(
                self.node,
                Listener {
                    process: self.process.clone(),
                    service: ingest::Service::new(
                        Arc::clone(&broker),
                        ingest::metrics_in(&mut Default::default()),
                    ),
                    stop: refuse.clone(),
                    connections: connections.clone(),
                },
            );
            let close = CancellationToken::new();
            let result = tokio::select! {
                biased;
                result = broker.run(close.clone()) => result,
                () = self.close(&broker, &refuse, &connections, &close) => return,
            };
            self.network.unlisten(self.node, &self.process);
            *self.broker.lock() = None;
            match result {
                Ok(()) => break,
                Err(error) => self.trace.line(format_args!("{:?} did not start: {error}", self.process)),
            }
            tokio::select! {
                biased;
                () = self.stop.cancelled() => {}
                () = sleep(AGAIN) => {}
            }
        }
        self.trace.line(format_args!("{:?} ended", self.process));
        self.ended.store(true, Ordering::Relaxed);
    }

    /// Once the node shall stop: first the shards are given away, then there are no new clients, and at last
    /// the log is closed, as `tidelog serve` does. Never returns.
    async fn close(
        &self,
        broker: &Broker,
        refuse: &CancellationToken,
        connections: &TaskTracker,
        close: &CancellationToken,
    ) {
        self.stop.cancelled().await;
        let _ = timeout(PATIENCE, broker.hand_over()).await;
        refuse.cancel();
        self.network.unlisten(self.node, &self.process);
        connections.close();
        let _ = timeout(PATIENCE, connections.wait()).await;
        close.cancel();
        std::future::pending().await
    }
}
