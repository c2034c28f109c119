//! Several nodes on one store, in simulated time.

mod busy;
mod denied;
mod join;
mod lost;
mod placement;
mod way;

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use broker::metrics::Metrics;
use broker::node::{Broker, BrokerConfig, BrokerParts};
use broker::peer::{Connect, Stream};
use coordinator::cluster::{Address, Cluster, SessionState};
use coordinator::{NodeId, PartitionId};
use ingest::Service;
use ingest::connection;
use parking_lot::Mutex;
use protocol::ErrorCode;
use protocol::messages::create_partitions::CreatePartitionsTopic;
use protocol::messages::fetch::{FetchPartition, FetchTopic};
use protocol::messages::incremental_alter_configs::{AlterConfigsResource, AlterableConfig};
use protocol::messages::{
    CreatePartitionsRequest, FetchRequest, IncrementalAlterConfigsRequest, MetadataRequest,
};
use tiering::seams::{Clock, Entropy};
use tiering::store::{MemoryStore, Store, StoreKind};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::client::{Client, idempotent};
use crate::node::{LISTENER, NOW, config};

mod damage;
mod flips;

const PARTITIONS: i32 = 12;

/// Nodes by their host names, and the pairs of them that can't reach each other: silently, or with a word.
#[derive(Default)]
struct Network {
    nodes: BTreeMap<String, Arc<Service>>,
    cut: Vec<(String, String)>,
    refused: Vec<(String, String)>,
    /// How often a node has turned to another.
    calls: usize,
}

pub(crate) struct World {
    objects: Arc<MemoryStore>,
    denied: way::Denied,
    refused: way::Refused,
    cut: way::Cut,
    network: Arc<Mutex<Network>>,
    /// Where nodes say that they are reached, if that is elsewhere.
    advertised: BTreeMap<i32, String>,
    nodes: BTreeMap<i32, Running>,
    /// How many processes there have been.
    started: AtomicU64,
    /// Where tasks of the nodes wait, and which do.
    gate: Arc<busy::Gate>,
    pub(crate) rotate_after: Duration,
}

struct Running {
    broker: Arc<Broker>,
    service: Arc<Service>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

fn host(node: i32) -> String {
    format!("node-{node}")
}

fn accept(service: &Arc<Service>) -> tokio::io::DuplexStream {
    let (ours, theirs) = tokio::io::duplex(1 << 20);
    let (read, write) = tokio::io::split(theirs);
    let (service, stop) = (Arc::clone(service), CancellationToken::new());
    tokio::spawn(async move {
        connection::serve(read, write, "test".into(), LISTENER.into(), service, stop).await
    });
    ours
}

impl World {
    pub(crate) fn new() -> Self {
        let rotate_after = Duration::from_secs(900);
        Self {
            objects: Arc::default(),
            denied: Arc::default(),
            refused: Arc::default(),
            cut: Arc::default(),
            network: Arc::default(),
            advertised: BTreeMap::new(),
            nodes: BTreeMap::new(),
            started: AtomicU64::new(0),
            gate: Arc::default(),
            rotate_after,
        }
    }

    /// How a node reaches the others: refused where no node is, silence where the network is cut.
    fn connect(&self, from: i32) -> Connect {
        let network = Arc::clone(&self.network);
        Arc::new(move |address: Address| {
            let network = Arc::clone(&network);
            Box::pin(async move {
                let way = (host(from), address.host.clone());
                let (node, cut) = {
                    let mut network = network.lock();
                    network.calls += 1;
                    let node = network.nodes.get(&address.host).filter(|_| !network.refused.contains(&way));
                    (node.cloned(), network.cut.contains(&way))
                };
                if cut {
                    std::future::pending::<()>().await;
                }
                let node = node.ok_or(io::ErrorKind::ConnectionRefused)?;
                Ok(Box::new(accept(&node)) as Box<dyn Stream>)
            })
        })
    }

    /// A process on a host, with a node id, that has not been started.
    fn broker(&self, node: i32, id: i32) -> Arc<Broker> {
        let mut config = BrokerConfig { node_id: Some(NodeId(id)), rack: None, ..config() };
        let advertised = self.advertised.get(&node).cloned().unwrap_or_else(|| host(node));
        config.addresses = vec![Address { listener: LISTENER.to_owned(), host: advertised, port: 9092 }];
        config.log.rotate_after = self.rotate_after;
        // No two processes draw the same ids.
        let (began, started) = (Instant::now(), self.started.fetch_add(1, Relaxed));
        let inner = Arc::clone(&self.objects);
        let (denied, refused) = (Arc::clone(&self.denied), Arc::clone(&self.refused));
        let store = Arc::new(way::Way { inner, node, denied, refused, cut: Arc::clone(&self.cut) });
        Broker::new(BrokerParts {
            store: Store::new(StoreKind::Memory, store.clone(), store),
            config,
            clock: Clock::new(move || NOW + started as i64 + began.elapsed().as_millis() as i64),
            entropy: Entropy::from_seed(node as u64 * 1000 + started).with_pauses(self.gate.pauses()),
            metrics: Metrics::register(&mut Default::default()),
            connect: self.connect(node),
        })
    }

    pub(crate) async fn start(&mut self, node: i32) -> Arc<Broker> {
        let broker = self.launch(node, node);
        broker.ready().await.expect("the node serves");
        broker
    }

    /// Starts a process on a host, with a node id, and does not wait until it serves.
    fn launch(&mut self, node: i32, id: i32) -> Arc<Broker> {
        let broker = self.broker(node, id);
        let stop = CancellationToken::new();
        let (running, stopping) = (Arc::clone(&broker), stop.clone());
        let task = tokio::spawn(async move { running.run(stopping).await.expect("the node starts") });
        let service = Service::new(Arc::clone(&broker), ingest::metrics_in(&mut Default::default()));
        self.network.lock().nodes.insert(host(node), Arc::clone(&service));
        self.nodes.insert(node, Running { broker: Arc::clone(&broker), service, stop, task });
        broker
    }

    /// Nodes 1 to `count`, and a topic.
    pub(crate) async fn with_topic(count: i32) -> (Self, Writer) {
        let mut world = Self::new();
        for node in 1..=count {
            world.start(node).await;
        }
        let mut client = world.client(1);
        client.create_topic("t", PARTITIONS, &[]).await;
        let topic = client.topic_id("t").await;
        let topic = coordinator::TopicId(*topic.as_bytes());
        let writer = Writer { topic, sequences: vec![0; PARTITIONS as usize] };
        world.settle().await;
        (world, writer)
    }

    /// Kills a node: its tasks end, and no process listens at its address.
    pub(crate) async fn kill(&mut self, node: i32) {
        let gone = self.nodes.remove(&node).expect("it runs");
        self.network.lock().nodes.remove(&host(node));
        gone.task.abort();
        drop(gone.task.await);
    }

    pub(crate) fn client(&self, node: i32) -> Client {
        Client::new(accept(&self.nodes[&node].service))
    }

    /// From here on, a node gets no word from another that it turns to.
    pub(crate) fn silence(&self, from: i32, to: i32) {
        self.network.lock().cut.push((host(from), host(to)));
    }

    /// Every node reaches every other one again.
    pub(crate) fn reconnect(&self) {
        self.network.lock().cut.clear();
    }

    /// How often a node has turned to another.
    pub(crate) fn calls(&self) -> usize {
        self.network.lock().calls
    }

    pub(crate) fn cluster(&self) -> Arc<Cluster> {
        let newest = self.nodes.values().filter_map(|n| n.broker.cluster());
        newest.max_by_key(|cluster| cluster.next()).expect("somebody runs")
    }

    /// Waits until every shard is held and served by the session that should hold it.
    pub(crate) async fn settle(&self) {
        let settled = async {
            loop {
                sleep(Duration::from_millis(100)).await;
                let cluster = self.cluster();
                let moves = cluster.open_sessions().any(|s| !cluster.surplus(s.id).is_empty());
                let held: usize =
                    self.nodes.values().filter_map(|n| n.broker.log()).map(|log| log.shards()).sum();
                if !moves && cluster.plan_takeover().is_empty() && held == 1024 {
                    return;
                }
            }
        };
        timeout(Duration::from_secs(60), settled).await.expect("the cluster settles");
    }

    /// By node: how many partitions of the topic it leads.
    fn leaders(&self, topic: coordinator::TopicId) -> BTreeMap<i32, usize> {
        let cluster = self.cluster();
        let mut leaders = BTreeMap::new();
        for index in 0..PARTITIONS {
            let (session, _) = cluster.leader(PartitionId { topic, index }).expect("a leader");
            *leaders.entry(session.node.0).or_default() += 1;
        }
        leaders
    }

    /// How long it takes until every partition takes a record, sent again and again as clients do.
    async fn until_writable(&self, writer: &mut Writer) -> Duration {
        let began = Instant::now();
        for index in 0..PARTITIONS {
            while !writer.write(self, index).await {
                sleep(Duration::from_millis(100)).await;
                assert!(began.elapsed() < Duration::from_secs(60), "partition {index} takes nothing");
            }
        }
        began.elapsed()
    }
}

/// An idempotent producer, and what was acknowledged to it.
pub(crate) struct Writer {
    topic: coordinator::TopicId,
    sequences: Vec<i32>,
}

impl Writer {
    /// One attempt to append the next record, at the node that the cluster says; whether it was acknowledged,
    /// at the offset where it must be.
    async fn write(&mut self, world: &World, index: i32) -> bool {
        let cluster = world.cluster();
        let Some((session, _)) = cluster.leader(PartitionId { topic: self.topic, index }) else {
            return false;
        };
        let Some(node) = world.nodes.get(&session.node.0) else { return false };
        let mut client = Client::new(accept(&node.service));
        let sequence = self.sequences[index as usize];
        let batch = idempotent(77, 0, sequence, 1);
        let answer = timeout(Duration::from_secs(5), client.produce_to(9, "t", index, batch)).await;
        let Ok(answer) = answer else { return false };
        match ErrorCode::from_code(answer.error_code) {
            Some(ErrorCode::None) => {
                assert_eq!(answer.base_offset, i64::from(sequence), "partition {index}");
                self.sequences[index as usize] += 1;
                true
            }
            Some(ErrorCode::NotLeaderOrFollower) => false,
            other => panic!("partition {index}: {other:?}"),
        }
    }

    /// Reads every partition from its leader: what was acknowledged, once and in order.
    async fn verify(&self, world: &World) {
        let cluster = world.cluster();
        for index in 0..PARTITIONS {
            let id = PartitionId { topic: self.topic, index };
            let (session, _) = cluster.leader(id).expect("a leader");
            let mut client = world.client(session.node.0);
            let mut offset = 0;
            while offset < i64::from(self.sequences[index as usize]) {
                let partition = FetchPartition {
                    partition: index,
                    fetch_offset: offset,
                    current_leader_epoch: -1,
                    partition_max_bytes: 1 << 20,
                    ..Default::default()
                };
                let topic =
                    FetchTopic { topic: "t".into(), partitions: vec![partition], ..Default::default() };
                let request = FetchRequest { max_bytes: 1 << 20, topics: vec![topic], ..Default::default() };
                let answer = client.ask(11, &request).await;
                let data = &answer.responses[0].partitions[0];
                assert_eq!(data.error_code, 0, "partition {index}");
                let bytes = data.records.clone().into_bytes();
                for batch in protocol::records::Batches::new(bytes) {
                    let header = *batch.expect("a batch").header();
                    assert_eq!(header.base_offset, offset, "partition {index}");
                    assert_eq!(i64::from(header.base_sequence), offset, "partition {index}");
                    offset += 1;
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nodes_that_join_share_the_partitions_of_a_topic() {
    let (world, mut writer) = World::with_topic(3).await;
    let leaders = world.leaders(writer.topic);
    assert_eq!(leaders.len(), 3, "{leaders:?}");
    assert!(leaders.values().all(|led| *led <= 6), "{leaders:?}");
    world.until_writable(&mut writer).await;
    writer.verify(&world).await;
    for node in 1..=3 {
        let metadata = world.client(node).ask(9, &MetadataRequest::default()).await;
        assert_eq!(metadata.brokers.len(), 3, "node {node}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_shards_of_a_killed_node_move_within_seconds() {
    let (mut world, mut writer) = World::with_topic(3).await;
    world.until_writable(&mut writer).await;
    world.kill(2).await;
    let took = world.until_writable(&mut writer).await;
    assert!(took < Duration::from_secs(5), "{took:?}");
    world.settle().await;
    assert_eq!(world.leaders(writer.topic).len(), 2);
    writer.verify(&world).await;
    // Another process at the same address joins.
    world.start(2).await;
    world.settle().await;
    world.until_writable(&mut writer).await;
    assert_eq!(world.leaders(writer.topic).len(), 3);
    writer.verify(&world).await;
}

#[tokio::test(start_paused = true)]
async fn a_node_that_stops_gives_its_shards_away_first() {
    let (mut world, mut writer) = World::with_topic(3).await;
    world.until_writable(&mut writer).await;
    let leaving = world.nodes.remove(&3).expect("it runs");
    leaving.stop.cancel();
    let took = world.until_writable(&mut writer).await;
    assert!(took < Duration::from_secs(1), "{took:?}");
    timeout(Duration::from_secs(10), leaving.task).await.expect("it ends").expect("it ends well");
    world.settle().await;
    let cluster = world.cluster();
    assert!(cluster.sessions().all(|s| !matches!(s.state, SessionState::Dead(_))), "nobody was sealed");
    assert_eq!(world.leaders(writer.topic).len(), 2);
    writer.verify(&world).await;
}

/// Two nodes that can't reach each other, while a third reaches both, and while there is no third.
#[tokio::test(start_paused = true)]
async fn nodes_that_cannot_reach_each_other_do_not_end_each_other() {
    for count in [3, 2] {
        let (world, mut writer) = World::with_topic(count).await;
        world.until_writable(&mut writer).await;
        let sessions: Vec<_> = world.cluster().open_sessions().map(|s| s.id).collect();
        world.network.lock().cut = vec![(host(1), host(2)), (host(2), host(1))];
        for _ in 0..60 {
            sleep(Duration::from_secs(1)).await;
            world.until_writable(&mut writer).await;
        }
        assert_eq!(world.cluster().open_sessions().map(|s| s.id).collect::<Vec<_>>(), sessions);
        writer.verify(&world).await;
    }
}

#[tokio::test(start_paused = true)]
async fn sessions_follow_each_other_and_clients_do_not_notice() {
    let (mut world, mut writer) = {
        let mut world = World::new();
        world.rotate_after = Duration::from_secs(20);
        world.start(1).await;
        let mut client = world.client(1);
        client.create_topic("t", PARTITIONS, &[]).await;
        let topic = coordinator::TopicId(*client.topic_id("t").await.as_bytes());
        (world, Writer { topic, sequences: vec![0; PARTITIONS as usize] })
    };
    let first = world.cluster().open_sessions().map(|s| s.id).next();
    for _ in 0..500 {
        for index in 0..PARTITIONS {
            assert!(writer.write(&world, index).await, "no error, ever");
        }
        sleep(Duration::from_millis(200)).await;
    }
    let cluster = world.cluster();
    assert_eq!(cluster.open_sessions().count(), 1);
    assert_ne!(cluster.open_sessions().map(|s| s.id).next(), first);
    assert!(cluster.next().0 >= 7, "{:?}", cluster.next());
    for index in 0..PARTITIONS {
        let (_, grant) = cluster.leader(PartitionId { topic: writer.topic, index }).expect("a leader");
        assert_eq!(grant.leader_epoch, 0, "the same process leads");
    }
    writer.verify(&world).await;
    // What the rotated sessions wrote is found by the next owner.
    world.kill(1).await;
    world.start(2).await;
    world.settle().await;
    world.until_writable(&mut writer).await;
    writer.verify(&world).await;
}

/// Changes one setting at a node.
async fn set(world: &World, node: i32, kind: i8, name: &str, key: &str, value: &str) {
    let config = AlterableConfig { name: key.into(), config_operation: 0, value: Some(value.into()) };
    let resource =
        AlterConfigsResource { resource_type: kind, resource_name: name.into(), configs: vec![config] };
    let request = IncrementalAlterConfigsRequest { resources: vec![resource], validate_only: false };
    let response = world.client(node).ask(1, &request).await;
    assert_eq!(response.responses[0].error_code, 0, "{:?}", response.responses[0].error_message);
}

/// Once a change is answered, every node that is concerned acts by it.
#[tokio::test(start_paused = true)]
async fn settings_hold_on_every_node_once_they_are_answered() {
    let (world, mut writer) = World::with_topic(3).await;
    world.until_writable(&mut writer).await;
    let refused_everywhere = async |code: ErrorCode| {
        for index in 0..PARTITIONS {
            let id = PartitionId { topic: writer.topic, index };
            let leader = world.cluster().leader(id).expect("a leader").0.node.0;
            let batch = idempotent(78, 0, 0, 1);
            let answer = world.client(leader).produce_to(9, "t", index, batch).await;
            assert_eq!(ErrorCode::from_code(answer.error_code), Some(code), "partition {index}");
        }
    };
    set(&world, 1, 2, "t", "max.message.bytes", "10").await;
    refused_everywhere(ErrorCode::MessageTooLarge).await;
    set(&world, 2, 2, "t", "max.message.bytes", "1000").await;
    set(&world, 3, 4, "", "log.cleanup.policy", "compact").await;
    refused_everywhere(ErrorCode::InvalidRecord).await;
    set(&world, 2, 32, "g", "consumer.session.timeout.ms", "50000").await;
    for node in 1..=3 {
        let config = world.nodes[&node].broker.group_config("g");
        assert_eq!(config.consumer.session_timeout_ms, 50_000, "node {node}");
    }
}

#[tokio::test(start_paused = true)]
async fn new_partitions_are_served_once_they_are_answered() {
    let (world, mut writer) = World::with_topic(3).await;
    world.until_writable(&mut writer).await;
    let count = PARTITIONS + 6;
    let topic = CreatePartitionsTopic { name: "t".into(), count, assignments: None };
    let request = CreatePartitionsRequest { topics: vec![topic], timeout_ms: 10_000, validate_only: false };
    assert_eq!(world.client(2).ask(3, &request).await.results[0].error_code, 0);
    let cluster = world.cluster();
    for index in PARTITIONS..count {
        let (session, _) = cluster.leader(PartitionId { topic: writer.topic, index }).expect("a leader");
        let batch = idempotent(79, 0, 0, 1);
        let answer = world.client(session.node.0).produce_to(9, "t", index, batch).await;
        assert_eq!((answer.error_code, answer.base_offset), (0, 0), "partition {index}");
    }
    writer.verify(&world).await;
}
