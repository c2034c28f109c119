//! The nodes of a run, on one store and one network: starting, stopping and killing them.

mod node;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use broker::log::LogConfig;
use broker::node::{Broker, BrokerConfig};
use coordinator::cluster::{Address, Format};
use coordinator::{Epoch, ProcessId};
use object_store::{ObjectStore, ObjectStoreExt};
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tiering::format::entry::{self, Entry};
use tiering::format::keys;
use tiering::store::{MemoryStore, StoreKind};
use tokio::time::Instant;

use crate::fault::{FaultKind, FaultPlan, Ledger};
use crate::misaddressed::Misaddressed;
use crate::network::{Network, address};
use crate::trace::Trace;
pub use node::{EPOCH_MS, Running};

/// How far a clock goes astray: further than anything is kept.
const ASTRAY_MS: i64 = 8 * 86_400_000;

/// How a cluster is set up.
#[derive(Debug, Clone)]
pub struct Setup {
    /// How many machines there are.
    pub nodes: usize,
    /// What the cluster's first entry says.
    pub format: Format,
    /// What every node does; addresses and node ids are filled in.
    pub config: BrokerConfig,
    /// Whether nodes have ids of their own, or take what they are given.
    pub own_ids: bool,
    /// The most that a message takes on the network, in milliseconds.
    pub latency_ms: u64,
    /// How each machine's nodes fill slots and put them, if not all do so alike.
    pub logs: Vec<LogConfig>,
    /// What kind of store the nodes take theirs for: whether they read whole slots, and ask twice.
    pub kind: StoreKind,
    /// How many bytes a second a node can write; any number for none.
    pub upload: Option<u64>,
    /// How often tasks wait a moment though they could go on; see [`crate::process::Process::hesitate`].
    pub hesitation: (f64, f64),
}

/// One machine: its clock, and what runs on it.
#[derive(Default)]
struct Machine {
    /// What its clock is ahead, in milliseconds.
    clock: Arc<std::sync::atomic::AtomicI64>,
    /// What of that is a fault that is to be mended soon.
    astray: i64,
    /// The process that has the machine's address.
    current: Option<Running>,
    /// Processes that go on without it.
    zombies: Vec<Running>,
}

impl Machine {
    fn processes(&self) -> impl Iterator<Item = &Running> {
        self.zombies.iter().chain(&self.current)
    }
}

/// A cluster, and what it runs on.
pub struct Cluster {
    /// The network.
    pub network: Network,
    /// What is truly stored.
    pub objects: Arc<MemoryStore>,
    /// What became of keys.
    pub ledger: Arc<Ledger>,
    /// The record of the run.
    pub trace: Arc<Trace>,
    setup: Setup,
    rng: StdRng,
    machines: Vec<Machine>,
    began: Instant,
    processes: u64,
    past: Past,
    misaddressed: Option<Misaddressed>,
    /// The processes that advertised a wrong address.
    astray: Arc<Mutex<BTreeSet<ProcessId>>>,
}

/// What processes that are gone had counted.
#[derive(Debug, Clone, Default)]
struct Past {
    faults: BTreeMap<FaultKind, u64>,
    ambiguous: u64,
    hesitated: u64,
}

impl Cluster {
    /// A cluster on an empty store; no node runs yet.
    pub async fn new(setup: Setup, seed: u64, trace: Arc<Trace>) -> anyhow::Result<Self> {
        let mut rng = StdRng::seed_from_u64(seed);
        let network = Network::new(StdRng::seed_from_u64(rng.random()), setup.latency_ms);
        let objects = Arc::new(MemoryStore::new());
        let first = entry::encode(Epoch(0), &Entry::Format(setup.format), rng.random());
        objects.put(&keys::entry(Epoch(0)), first.into()).await?;
        let machines = (0..setup.nodes).map(|_| Machine::default()).collect();
        let (ledger, began, past, astray) = (Arc::default(), Instant::now(), Past::default(), Arc::default());
        let (processes, misaddressed) = (0, None);
        Ok(Self {
            network,
            objects,
            ledger,
            trace,
            setup,
            rng,
            machines,
            began,
            processes,
            past,
            misaddressed,
            astray,
        })
    }

    /// Lets processes of a node advertise a wrong address from now on, or of none.
    pub fn misaddress(&mut self, misaddressed: Option<Misaddressed>) {
        self.misaddressed = misaddressed;
    }

    /// The processes that advertised a wrong address.
    pub fn astray(&self) -> BTreeSet<ProcessId> {
        self.astray.lock().clone()
    }

    /// What the next process of a node says of where it is, and whether that is wrong.
    fn address(&mut self, node: usize) -> (Address, bool) {
        match &mut self.misaddressed {
            Some(it) if it.node == node && it.lives > 0 => {
                it.lives -= 1;
                (it.wrong.address(), true)
            }
            _ => (address(node), false),
        }
    }

    /// How many machines there are.
    pub fn len(&self) -> usize {
        self.machines.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.machines.is_empty()
    }

    /// Starts a process on a machine. If one runs there already, it becomes a zombie: it goes on, but no new
    /// connection finds it.
    pub fn start(&mut self, node: usize, weather: FaultPlan) {
        // No process can know that its clock was wrong from the start.
        self.set_right(node);
        self.processes += 1;
        let running = Running::start(self, node, weather);
        self.trace.line(format_args!("start {node} as {:?}", running.process));
        let before = self.machines[node].current.replace(running);
        before.iter().for_each(Running::replace);
        self.machines[node].zombies.extend(before);
    }

    /// The newest process of a machine, if it has not ended.
    pub fn current(&self, node: usize) -> Option<&Running> {
        self.machines[node].current.as_ref().filter(|running| running.goes_on())
    }

    /// Every process that goes on, zombies included.
    pub fn running(&self) -> impl Iterator<Item = &Running> {
        self.machines.iter().flat_map(Machine::processes).filter(|running| running.goes_on())
    }

    /// Forgets processes that have ended; how many there were.
    pub fn reap(&mut self) -> usize {
        let mut gone = 0;
        for machine in &mut self.machines {
            let current = machine.current.take_if(|running| !running.goes_on());
            let zombies = machine.zombies.extract_if(.., |running| !running.goes_on());
            for running in zombies.chain(current) {
                gone += 1;
                self.past.add(&running);
            }
        }
        gone
    }

    /// Starts what has ended again, as a service manager does. Never returns.
    pub async fn supervise(&mut self, weather: &FaultPlan) {
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            self.reap();
            for node in 0..self.len() {
                if self.current(node).is_none() {
                    self.start(node, weather.clone());
                }
            }
        }
    }

    /// Kills every zombie.
    pub fn bury(&mut self) {
        for machine in &mut self.machines {
            machine.zombies.iter().for_each(|zombie| zombie.process.kill());
        }
    }

    /// Sets a machine's clock forward, or back.
    pub fn step_clock(&self, node: usize, by_ms: i64) {
        self.machines[node].clock.fetch_add(by_ms, std::sync::atomic::Ordering::Relaxed);
    }

    /// Sets a machine's clock more than a week forward, until it is set right.
    pub fn lead_astray(&mut self, node: usize) {
        self.set_right(node);
        self.machines[node].astray = ASTRAY_MS;
        self.step_clock(node, ASTRAY_MS);
    }

    /// Sets a machine's clock back to where it was before it went astray.
    pub fn set_right(&mut self, node: usize) {
        let astray = std::mem::take(&mut self.machines[node].astray);
        self.step_clock(node, -astray);
    }

    /// A node that serves, if there is one.
    pub fn serving(&self) -> Option<Arc<Broker>> {
        self.running().filter_map(Running::broker).find(|broker| broker.is_serving())
    }

    /// Lets a node, or all if none is named, write and read so many bytes a second; nothing is what the setup says.
    pub fn limit(&self, node: Option<usize>, rate: Option<u64>) {
        match node {
            Some(node) => {
                let up = rate.into_iter().chain(self.setup.upload).min();
                let processes = self.machines[node].processes();
                processes.for_each(|running| running.faults.set_rates(up, rate));
            }
            None => {
                self.ledger.up.set_rate(rate);
                self.ledger.down.set_rate(rate);
            }
        }
    }

    /// Faults that stores inflicted, by kind, outcomes of writes that had to be read back, and how often tasks
    /// hesitated.
    pub fn counts(&self) -> (BTreeMap<FaultKind, u64>, u64, u64) {
        let mut all = self.past.clone();
        self.machines.iter().flat_map(Machine::processes).for_each(|running| all.add(running));
        (all.faults, all.ambiguous, all.hesitated)
    }

    /// Ends everything, so that nothing keeps anything else in memory.
    pub fn clear(&mut self) {
        self.running().for_each(|running| running.process.kill());
        self.network.clear();
        self.machines.clear();
    }

    fn objects(&self) -> Arc<dyn ObjectStore> {
        self.objects.clone()
    }

    /// How long the cluster has existed.
    pub fn age(&self) -> Duration {
        self.began.elapsed()
    }
}

impl Past {
    fn add(&mut self, running: &Running) {
        for (kind, count) in running.faults.injected() {
            *self.faults.entry(kind).or_default() += count;
        }
        self.ambiguous += running.store.metrics().ambiguous();
        self.hesitated += running.process.hesitated();
    }
}
