//! What a seed stands for: a cluster, its clients, and what may go wrong.
//!
//! Each seed allows only some kinds of misfortune. A run in which everything goes wrong at once gets nowhere,
//! and a rare combination is more likely where little else happens (Groce et al., "Swarm testing", 2012).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use broker::log::LogConfig;
use broker::node::BrokerConfig;
use coordinator::cluster::{FORMAT_LEVEL, Format};
use coordinator::config::broker::Statics;
use coordinator::{ClusterId, Shards};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use tiering::store::StoreKind;

use crate::client::{GroupKind, GroupPlan, Pace, PartitionIndex, ShareRules, Topic};
use crate::cluster::Setup;
use crate::fault::{FaultPlan, Latency};
use crate::trial::Trial;
use crate::variety::Variety;

/// A kind of misfortune.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Misfortune {
    /// A node dies at some moment.
    Kill,
    /// A node dies right before or after one of its store operations is applied.
    KillAtOperation,
    /// A node stops for a while.
    Pause,
    /// A node stops right before or after one of its store operations is applied.
    PauseAtOperation,
    /// Links between nodes fall silent, in one direction or both.
    Partition,
    /// Clients can't reach a node, or its answers don't reach them.
    ClientPartition,
    /// A node can't reach the store.
    StoreLoss,
    /// A node's clock is set, by up to an hour; it may be days ahead for a while, too.
    Clock,
    /// A node is stopped as it should be, and started again.
    Shutdown,
    /// A node shall give its shards away, and may have some again later.
    Drain,
    /// Everything is started again at once.
    RestartAll,
    /// Connections are reset.
    Reset,
    /// A process is started on a machine while another goes on there.
    Zombie,
    /// A node's writes, or some of them, are refused or get no answer, and its reads are done.
    Deny,
    /// A node, or all of them, can write and read few bytes a second.
    Slow,
    /// Another node ends the session of one that is well, as if it were down.
    Depose,
    /// The store does nothing for any node.
    Outage,
    /// A bit of a stored object is another one for a while.
    Damage,
}

impl Misfortune {
    /// Every kind, and how often it happens where it is allowed.
    pub const ALL: [(Self, u32); 18] = [
        (Self::Kill, 4),
        (Self::KillAtOperation, 6),
        (Self::Pause, 4),
        (Self::PauseAtOperation, 6),
        (Self::Partition, 5),
        (Self::ClientPartition, 3),
        (Self::StoreLoss, 3),
        (Self::Clock, 2),
        (Self::Shutdown, 3),
        (Self::Drain, 3),
        (Self::RestartAll, 1),
        (Self::Reset, 2),
        (Self::Zombie, 2),
        (Self::Deny, 3),
        (Self::Slow, 3),
        (Self::Depose, 5),
        (Self::Outage, 1),
        (Self::Damage, 2),
    ];
}

/// Each makes another seed of a run's: what is drawn by it changes nothing else that the run's seed stands for.
const MISADDRESSED: u64 = 0x6164_6472;
const SKEWED: u64 = 0x736b_6577;
const DELETED: u64 = 0x6465_6c65;
const GROUPS: u64 = 0x6772_6f75;

/// A run.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Everything follows from it.
    pub seed: u64,
    /// The cluster.
    pub setup: Setup,
    /// How many of its nodes are there from the beginning.
    pub first: usize,
    /// The topics.
    pub topics: Vec<Topic>,
    /// How many producers there are.
    pub producers: usize,
    /// How many consumers.
    pub consumers: usize,
    /// How producers work.
    pub pace: Pace,
    /// The groups that clients use.
    pub groups: Vec<GroupPlan>,
    /// The share groups that clients use.
    pub shares: Vec<GroupPlan>,
    /// The mean time between two deletions of records, if there are any.
    pub deletions: Option<Duration>,
    /// How long things go wrong.
    pub chaos: Duration,
    /// The mean time between two misfortunes.
    pub gap: Duration,
    /// How long the store does nothing for any node after that, if it ever does so for long.
    pub blackout: Option<Duration>,
    /// What goes wrong.
    pub misfortunes: BTreeSet<Misfortune>,
    /// What the store is like on a good day.
    pub fair: FaultPlan,
    /// What it is like on a bad one.
    pub foul: FaultPlan,
    /// How many of a node's days are bad.
    pub foul_share: f64,
    /// Clients of other kinds, and what concerns them.
    pub variety: Variety,
    /// Whether two clients now and then create the same topic at the same time.
    pub rivals: bool,
    /// What the cluster must serve in spite of, in the end.
    pub trial: Option<Trial>,
}

impl Scenario {
    /// The scenario of a seed.
    pub fn of(seed: u64) -> Self {
        let rng = &mut StdRng::seed_from_u64(seed);
        let nodes = *[1, 2, 3, 3, 3, 4, 5].choose(rng).unwrap_or(&3);
        let share = *[0.3, 0.5, 0.8].choose(rng).unwrap_or(&0.5);
        let kinds = Misfortune::ALL.iter().map(|(kind, _)| *kind);
        let misfortunes = kinds.filter(|_| rng.random_bool(share)).collect();
        let latency = match rng.random_range(0..4) {
            0 => Latency::default(),
            1 => Latency { least: Duration::from_millis(1), spread: Duration::from_millis(2) },
            _ => Latency { least: Duration::from_millis(8), spread: Duration::from_millis(12) },
        };
        let severity = *[0.0, 0.2, 0.5, 1.0].choose(rng).unwrap_or(&1.0);
        let partitions = rng.random_range(3..=12);
        let count = rng.random_range(1..=3);
        let topic = |index: usize| Topic {
            name: Arc::from(format!("t{index}")),
            partitions: partitions / count as i32 + i32::from(index < partitions as usize % count),
            keeps: -1,
        };
        let mut scenario = Self {
            seed,
            setup: setup(nodes, rng),
            first: rng.random_range(1..=nodes),
            topics: (0..count).map(topic).collect(),
            producers: rng.random_range(2..=4),
            consumers: rng.random_range(1..=3),
            pace: Pace {
                pause_ms: *[50, 300, 1500].choose(rng).unwrap_or(&300),
                astray: 0.03,
                padding: 0,
                forgotten: false,
            },
            chaos: Duration::from_secs(rng.random_range(45..=90)),
            gap: Duration::from_millis(rng.random_range(500..6000)),
            blackout: None,
            misfortunes,
            fair: FaultPlan { latency, ..FaultPlan::calm() },
            foul: FaultPlan { latency, ..FaultPlan::storm().milder(severity) },
            foul_share: rng.random_range(0.0..1.0),
            variety: Variety::default(),
            deletions: None,
            groups: Vec::new(),
            shares: Vec::new(),
            rivals: rng.random_bool(0.3),
            trial: None,
        };
        let gap = [None, None, Some(1500), Some(6000)].choose(rng).copied().flatten();
        scenario.deletions = gap.map(Duration::from_millis);
        scenario.topics[0].keeps = *[-1, -1, -1, 2000].choose(rng).unwrap_or(&-1);
        let consumer_session = Duration::from_secs(*[12, 20, 30].choose(rng).unwrap_or(&30));
        let mut settings = consumer_settings(consumer_session, rng);
        scenario.groups = groups(consumer_session, rng);
        let (shares, share_settings) = shares(rng);
        scenario.shares = shares;
        settings.extend(share_settings);
        scenario.surround(rng);
        scenario.misaddress(&mut StdRng::seed_from_u64(seed ^ MISADDRESSED));
        scenario.skew(&mut StdRng::seed_from_u64(seed ^ SKEWED));
        // A trial knows each producer's partition, and where uplinks are slow, producers are what fills them.
        if scenario.trial.is_none() && scenario.setup.upload.is_none() {
            settings.extend(scenario.vary(rng));
        }
        scenario.delete_shares(&mut StdRng::seed_from_u64(seed ^ DELETED));
        scenario.vary_groups(consumer_session, &mut StdRng::seed_from_u64(seed ^ GROUPS));
        // They are settings of Kafka's, with values that it takes.
        scenario.setup.config.settings = Statics::read(settings).unwrap_or_default();
        scenario
    }

    /// What is special about the world of this run; mostly little.
    fn surround(&mut self, rng: &mut StdRng) {
        self.setup.hesitation =
            *[(0.0, 0.0), (0.0, 0.5), (0.005, 0.05), (0.02, 0.2)].choose(rng).unwrap_or(&(0.0, 0.0));
        // A node that takes its store for a directory reads single batches, and asks once.
        self.setup.kind =
            *[StoreKind::S3, StoreKind::S3, StoreKind::File].choose(rng).unwrap_or(&StoreKind::S3);
        self.foul.reads.flip = *[0.0, 0.0, 0.002, 0.02].choose(rng).unwrap_or(&0.0);
        if rng.random_bool(0.12) {
            // What waits in an outage takes longer to send than an attempt may take, but what a node writes to learn
            // whether it can use its store (32 KiB) does not.
            let padding = *[3000, 4000, 10_000].choose(rng).unwrap_or(&4000);
            self.pace.padding = padding;
            self.setup.upload = Some((padding as f64 * rng.random_range(1.5..4.0_f64)) as u64);
            (self.producers, self.pace.pause_ms) = (4, 50);
            self.misfortunes.extend([Misfortune::StoreLoss, Misfortune::Outage]);
        }
        if rng.random_bool(0.005) {
            self.blackout = Some(Duration::from_secs(rng.random_range(600..3 * 3600)));
        }
        let trial = *[Trial::Denied, Trial::Damaged].choose(rng).unwrap_or(&Trial::Denied);
        // Where uplinks are slow, a client that waits need not be waiting for the cluster.
        let is_quick = self.setup.upload.is_none();
        if is_quick && self.setup.nodes >= trial.nodes() && rng.random_bool(0.15) {
            self.put_on_trial(trial, rng);
        }
    }

    /// What each producer does must be known there.
    pub(crate) fn put_on_trial(&mut self, trial: Trial, rng: &mut StdRng) {
        self.trial = Some(trial);
        self.producers = 6;
        self.pace.pause_ms = self.pace.pause_ms.max(300);
        // It takes as long as the rest of the chaos would have.
        self.chaos = Duration::from_secs(rng.random_range(5..20));
    }

    /// Whether anything that is stored is ever read with another bit.
    pub fn damages(&self) -> bool {
        let flips = self.foul.reads.flip > 0.0;
        flips || self.misfortunes.contains(&Misfortune::Damage) || self.trial == Some(Trial::Damaged)
    }

    /// How long what producers have may take on its way to the store, besides what everything takes.
    pub fn sending(&self) -> Duration {
        if self.setup.upload.is_some() { Duration::from_secs(240) } else { Duration::ZERO }
    }
}

/// The partitions of topics.
pub(crate) fn partitions(topics: &[Topic]) -> impl Iterator<Item = PartitionIndex> {
    topics.iter().enumerate().flat_map(|(topic, t)| (0..t.partitions).map(move |index| (topic, index)))
}

type Settings = BTreeMap<String, String>;

fn ms(name: &str, ms: u128) -> (String, String) {
    (name.to_owned(), ms.to_string())
}

/// What the cluster says of classic and consumer groups.
fn consumer_settings(session: Duration, rng: &mut StdRng) -> Settings {
    let initial_delay = *[0, 500, 3000].choose(rng).unwrap_or(&3000);
    let settings = [
        ms("group.consumer.min.session.timeout.ms", session.as_millis()),
        ms("group.consumer.session.timeout.ms", session.as_millis()),
        ms("group.initial.rebalance.delay.ms", initial_delay),
        ms("offsets.retention.check.interval.ms", 86_400_000),
    ];
    settings.into()
}

/// The share groups, and what the cluster says of them.
fn shares(rng: &mut StdRng) -> (Vec<GroupPlan>, Settings) {
    let session = Duration::from_secs(*[12, 20, 30].choose(rng).unwrap_or(&30));
    let lock = Duration::from_millis(*[1000, 3000, 10_000].choose(rng).unwrap_or(&3000));
    let deliveries = *[2, 5, 5, 10].choose(rng).unwrap_or(&5);
    let records = *[100, 2000].choose(rng).unwrap_or(&2000);
    let settings = [
        ms("group.share.min.session.timeout.ms", session.as_millis()),
        ms("group.share.session.timeout.ms", session.as_millis()),
        ms("group.share.min.record.lock.duration.ms", 1000),
        ms("group.share.record.lock.duration.ms", lock.as_millis()),
        ms("group.share.delivery.count.limit", deliveries as u128),
        ms("group.share.partition.max.record.locks", records),
    ];
    let count = *[0, 0, 0, 0, 0, 0, 1, 1, 2].choose(rng).unwrap_or(&0);
    let plan = |index: usize| GroupPlan {
        name: Arc::from(format!("s{index}")),
        kind: GroupKind::Share(ShareRules { lock, deliveries }),
        clients: rng.random_range(1..=3),
        session,
        rebalance: session,
        restless: rng.random_bool(0.5),
        retention: None,
        deletions: None,
        statics: false,
        regex: false,
    };
    ((0..count).map(plan).collect(), settings.into())
}

/// The groups.
fn groups(consumer_session: Duration, rng: &mut StdRng) -> Vec<GroupPlan> {
    let count = *[0, 1, 2, 3, 3, 4].choose(rng).unwrap_or(&2);
    let plan = |index: usize| {
        let kinds = [GroupKind::Simple, GroupKind::Classic, GroupKind::Consumer];
        let kind = *kinds.choose(rng).unwrap_or(&GroupKind::Simple);
        let session = match kind {
            GroupKind::Consumer => consumer_session,
            _ => Duration::from_secs(*[12, 20, 30].choose(rng).unwrap_or(&20)),
        };
        GroupPlan {
            name: Arc::from(format!("g{index}")),
            kind,
            clients: rng.random_range(1..=4),
            session,
            rebalance: Duration::from_secs(rng.random_range(12..=25)),
            restless: rng.random_bool(0.5),
            retention: None,
            deletions: None,
            statics: false,
            regex: false,
        }
    };
    (0..count).map(plan).collect()
}

fn setup(nodes: usize, rng: &mut StdRng) -> Setup {
    let shards = *[4, 16, 64, 256].choose(rng).unwrap_or(&16);
    let format = Format {
        cluster: ClusterId(rng.random()),
        shards: Shards::new(shards).unwrap_or(Shards::DEFAULT),
        level: FORMAT_LEVEL,
    };
    let (own_ids, latency_ms) = (rng.random_bool(0.5), *[0, 1, 5].choose(rng).unwrap_or(&1));
    let (kind, upload, hesitation) = (StoreKind::S3, None, (0.0, 0.0));
    let logs = Vec::new();
    Setup { nodes, format, config: config(rng), own_ids, latency_ms, logs, kind, upload, hesitation }
}

fn config(rng: &mut StdRng) -> BrokerConfig {
    BrokerConfig {
        auto_create_topics: false,
        default_partitions: 1,
        default_replication_factor: 1,
        limits: Default::default(),
        changes_per_second: 10,
        max_request_bytes: 1 << 20,
        request_memory: 1 << rng.random_range(20..23),
        answer_memory: 16 << 20,
        unpack_memory: 16 << 20,
        idle_timeout: Duration::from_secs(600),
        stall_timeout: Duration::from_secs(30),
        max_connections: 1000,
        node_id: None,
        rack: None,
        addresses: Vec::new(),
        settings: Default::default(),
        log: LogConfig {
            slot_bytes: *[1 << 10, 1 << 16].choose(rng).unwrap_or(&(1 << 16)),
            linger: Duration::from_millis(*[0, 5, 100].choose(rng).unwrap_or(&5)),
            window: rng.random_range(1..8),
            tail_bytes: 1 << rng.random_range(8..16),
            checkpoint_slots: rng.random_range(2..40),
            rotate_after: Duration::from_secs(*[5, 20, 900].choose(rng).unwrap_or(&20)),
            rotate_slots: 1 << rng.random_range(3..12),
            rotate_bytes: 1 << 40,
            producer_expiration: Duration::from_secs(86_400),
        },
        retention_check_interval: Duration::from_secs(1),
        producer_check_interval: Duration::from_secs(600),
        read_cache_bytes: 1 << rng.random_range(10..17),
    }
}
