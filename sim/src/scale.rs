//! `tidelog-sim scale`: many nodes and partitions on one store in memory, without misfortunes: what it costs to
//! have them, to add one and to lose one.

use std::collections::BTreeSet;
use std::fs::read_to_string;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use coordinator::ShardId;
use coordinator::Shards;
use coordinator::cluster::{Limits, TopicPlan};
use futures::TryStreamExt;
use object_store::ObjectStore;
use object_store::path::Path;
use sim::cluster::Cluster;
use sim::fault::{FaultPlan, Latency};
use sim::scenario::Scenario;
use sim::trace::Trace;
use tokio::time::{Instant, sleep};

/// The most that one step may take, in simulated time.
const LONGEST: Duration = Duration::from_secs(600);

/// How many partitions a topic has at most.
const PER_TOPIC: usize = 10_000;

#[derive(Args)]
pub(crate) struct Scale {
    /// How many nodes.
    #[arg(long, default_value_t = 10)]
    nodes: usize,
    /// How many partitions, in topics of up to 10,000.
    #[arg(long, default_value_t = 1000)]
    partitions: usize,
    /// How many shards; 1,024 is what a cluster gets.
    #[arg(long, default_value_t = 1024)]
    shards: u32,
    /// How many nodes are started at a time.
    #[arg(long, default_value_t = 20)]
    wave: usize,
}

/// What something took.
struct Taken {
    simulated: Duration,
    real: Duration,
    entries: u64,
}

struct World {
    cluster: Cluster,
    weather: FaultPlan,
    real: fn() -> Duration,
}

impl Scale {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
        runtime.block_on(Box::pin(self.measure()))
    }

    async fn measure(&self) -> anyhow::Result<()> {
        let mut scenario = Scenario::of(0);
        scenario.setup.nodes = self.nodes + 1;
        scenario.setup.own_ids = true;
        scenario.setup.logs = Vec::new();
        scenario.setup.latency_ms = 1;
        scenario.setup.format.shards = Shards::new(self.shards)
            .ok_or_else(|| anyhow::anyhow!("no cluster has {} shards", self.shards))?;
        scenario.setup.config.log.linger = Duration::from_millis(100);
        scenario.setup.config.log.window = 8;
        scenario.setup.config.log.checkpoint_slots = 1000;
        let latency = Latency { least: Duration::from_millis(8), spread: Duration::from_millis(12) };
        let weather = FaultPlan { latency, ..FaultPlan::calm() };
        let cluster = Cluster::new(scenario.setup, 0, Arc::new(Trace::new(false))).await?;
        let mut world = World { cluster, weather, real };
        let empty = resident()?;

        let opened = self.open(&mut world).await?;
        let each = |bytes: u64| bytes as f64 / self.nodes as f64 / 1024.0;
        let memory = resident()?.saturating_sub(empty);
        println!(
            "{} nodes, {} shards: {opened}; {:.0} KiB of memory each",
            self.nodes,
            self.shards,
            each(memory)
        );
        let per_second = |entries: u64, time: Duration| entries as f64 / time.as_secs_f64();
        println!(
            "metadata: {:.0} entries a second as simulated, {:.0} of processor time; {}",
            per_second(opened.entries, opened.simulated),
            per_second(opened.entries, opened.real),
            world.metadata().await?,
        );

        let created = self.create(&mut world).await?;
        println!("{} partitions: {created}; {}", self.partitions, world.metadata().await?);
        let memory = resident()?.saturating_sub(empty);
        println!("{:.0} KiB of memory for each node", each(memory));

        let idle = world.taken(async |_| sleep(Duration::from_secs(10)).await).await?;
        println!("10 s with nothing to do: {idle}");
        let (joined, bytes) = self.join(&mut world).await?;
        println!("another node joins: {joined}, {bytes} bytes read by it");
        let lost = self.lose(&mut world).await?;
        println!("a node dies, and its shards are served again: {lost}");
        println!("{}", world.metadata().await?);
        world.cluster.clear();
        Ok(())
    }

    async fn open(&self, world: &mut World) -> anyhow::Result<Taken> {
        let (nodes, wave) = (self.nodes, self.wave.max(1));
        world
            .taken(async |world| {
                for first in (0..nodes).step_by(wave) {
                    for node in first..nodes.min(first + wave) {
                        world.start(node);
                    }
                    world.until(|world| world.serving() == nodes.min(first + wave)).await;
                }
                world.until(|world| world.is_settled()).await;
            })
            .await
    }

    async fn create(&self, world: &mut World) -> anyhow::Result<Taken> {
        let partitions = self.partitions;
        world
            .taken(async |world| {
                let Some(broker) = world.cluster.serving() else { return };
                for (index, first) in (0..partitions).step_by(PER_TOPIC).enumerate() {
                    let plan = TopicPlan {
                        name: format!("t{index}"),
                        partitions: PER_TOPIC.min(partitions - first) as i32,
                        replication_factor: 1,
                        overrides: Default::default(),
                    };
                    let id = broker.new_topic_id();
                    let limits = Limits { topics: usize::MAX, partitions: i64::MAX, groups: 0 };
                    let proposed = broker.propose(|cluster| {
                        cluster.planner(limits).create_topic(id, &plan).map(|op| vec![op])
                    });
                    drop(proposed.await);
                }
            })
            .await
    }

    /// What it takes until a node that joins serves shards, and what it reads until then.
    async fn join(&self, world: &mut World) -> anyhow::Result<(Taken, u64)> {
        let node = self.nodes;
        let taken = world
            .taken(async |world| {
                world.start(node);
                let serves = |world: &World| {
                    let log = world.cluster.current(node).and_then(|r| r.broker()).and_then(|b| b.log());
                    log.is_some_and(|log| log.shards() > 0)
                };
                world.until(serves).await;
                world.until(|world| world.is_settled()).await;
            })
            .await?;
        let read = world.cluster.current(node).and_then(|running| running.broker());
        let read = read.map(|broker| broker.store().metrics().get(tiering::store::RequestKind::Get).bytes);
        Ok((taken, read.unwrap_or(0)))
    }

    async fn lose(&self, world: &mut World) -> anyhow::Result<Taken> {
        world
            .taken(async |world| {
                let Some(running) = world.cluster.current(0) else { return };
                running.process.kill();
                world.until(|world| world.is_settled()).await;
            })
            .await
    }
}

impl World {
    fn start(&mut self, node: usize) {
        let weather = self.weather.clone();
        self.cluster.start(node, weather);
    }

    fn serving(&self) -> usize {
        self.cluster.running().filter(|r| r.broker().is_some_and(|b| b.is_serving())).count()
    }

    /// Whether every shard is served by a node that lives.
    fn is_settled(&self) -> bool {
        let brokers = self.cluster.running().filter_map(|running| running.broker());
        let mut shards: BTreeSet<ShardId> = BTreeSet::new();
        let mut all = None;
        for broker in brokers {
            all = all.max(broker.cluster().map(|cluster| cluster.shards().count()));
            shards.extend(broker.log().map(|log| log.held()).unwrap_or_default().keys());
        }
        all.is_some_and(|all| all as usize == shards.len())
    }

    async fn until(&self, holds: impl Fn(&Self) -> bool) {
        let began = Instant::now();
        while !holds(self) && began.elapsed() < LONGEST {
            sleep(Duration::from_millis(50)).await;
        }
    }

    fn entries(&self) -> u64 {
        let known = self.cluster.running().filter_map(|r| r.broker()?.cluster());
        known.map(|cluster| cluster.next().0).max().unwrap_or(0)
    }

    async fn taken(&mut self, step: impl AsyncFnOnce(&mut Self)) -> anyhow::Result<Taken> {
        let (simulated, real, entries) = (Instant::now(), (self.real)(), self.entries());
        step(self).await;
        anyhow::ensure!(simulated.elapsed() < LONGEST, "it took more than {LONGEST:?}");
        Ok(Taken {
            simulated: simulated.elapsed(),
            real: (self.real)() - real,
            entries: self.entries() - entries,
        })
    }

    /// What the metadata log takes up.
    async fn metadata(&self) -> anyhow::Result<String> {
        let size = async |prefix: &str| -> anyhow::Result<(usize, u64)> {
            let listed: Vec<_> = self.cluster.objects.list(Some(&Path::from(prefix))).try_collect().await?;
            Ok((listed.len(), listed.iter().map(|object| object.size).sum()))
        };
        let (entries, bytes) = size("meta/log").await?;
        let (snapshots, more) = size("meta/snap").await?;
        Ok(format!("{entries} entries of {bytes} bytes, {snapshots} snapshots of {more} bytes in all"))
    }
}

impl std::fmt::Display for Taken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (simulated, real) = (self.simulated.as_secs_f64(), self.real.as_secs_f64());
        write!(f, "{simulated:.1} s as simulated, {real:.2} s of processor time, {} entries", self.entries)
    }
}

/// The processor time that this process has used.
fn real() -> Duration {
    // The numbers after the name in parentheses; user and system time are the 12th and 13th of them, in
    // hundredths of a second.
    let stat = read_to_string("/proc/self/stat").unwrap_or_default();
    let numbers = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: u64 = numbers.skip(11).take(2).filter_map(|number| number.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

/// The memory of this process, in bytes.
fn resident() -> anyhow::Result<u64> {
    let statm = read_to_string("/proc/self/statm")?;
    let pages: u64 = statm.split_whitespace().nth(1).unwrap_or("0").parse()?;
    Ok(pages * 4096)
}
