//! A client loses patience and sends its batch again while the first PUT of the slot hangs; then another
//! process seals that slot. No attempt is acknowledged before the batch is durable, and in the end it is
//! there once.

use std::sync::Arc;
use std::time::Duration;

use coordinator::ProcessId;
use object_store::path::Path;
use protocol::ErrorCode;
use protocol::messages::ProduceRequest;
use protocol::messages::produce::{PartitionProduceData, TopicProduceData};
use rand::SeedableRng;
use rand::rngs::StdRng;
use sim::client::{Client, Connection, Stage, Topic, create_topic, encode, read_all};
use sim::cluster::Cluster;
use sim::fault::{Fault, FaultPlan, Operation};
use sim::history::Record;
use sim::network::Host;
use sim::scenario::Scenario;
use sim::trace::Trace;
use tiering::session::seal;
use tiering::store::{Store, StoreKind};

const PATIENCE: Duration = Duration::from_secs(5);

/// The client's number, and the producer id that it uses.
const PRODUCER: i64 = 1;

struct World {
    cluster: Cluster,
    client: Client,
}

impl World {
    async fn new() -> Self {
        let mut scenario = Scenario::of(0);
        scenario.setup.nodes = 1;
        (scenario.setup.logs, scenario.setup.upload) = (Vec::new(), None);
        (scenario.setup.kind, scenario.setup.hesitation) = (StoreKind::S3, (0.0, 0.0));
        scenario.setup.config.log.rotate_after = Duration::from_secs(900);
        let trace = Arc::new(Trace::new(false));
        let cluster = Cluster::new(scenario.setup, 1, Arc::clone(&trace)).await.expect("an empty store");
        let topic = Topic { name: Arc::from("t"), partitions: 1, keeps: -1 };
        let client = Client {
            began: tokio::time::Instant::now(),
            number: 0,
            network: cluster.network.clone(),
            nodes: 1,
            topics: Arc::new(vec![topic]),
            history: Arc::default(),
            tally: Arc::default(),
            trace,
            stage: tiering::watch::channel(Stage::Running).1,
            rng: StdRng::seed_from_u64(2),
        };
        Self { cluster, client }
    }

    /// One attempt on a connection of its own; `None` if the client loses patience.
    async fn send(&self, base: i32, count: i32, patience: Duration) -> Option<(ErrorCode, i64)> {
        let records = encode(PRODUCER, PRODUCER, base, count).expect("a small batch");
        let data = PartitionProduceData { index: 0, records: Some(records.into()) };
        let topic = TopicProduceData { name: "t".into(), partition_data: vec![data], ..Default::default() };
        let request =
            ProduceRequest { transactional_id: None, acks: -1, timeout_ms: 600_000, topic_data: vec![topic] };
        let connection = Connection::open(&self.client.network, Host::Client(0), 0).await;
        let response = connection.ok()?.ask(9, &request, patience).await.ok()?;
        let answer = &response.responses[0].partition_responses[0];
        Some((ErrorCode::from_code(answer.error_code)?, answer.base_offset))
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_sent_again_while_its_slot_hangs_and_is_then_sealed() {
    let mut world = World::new().await;
    world.cluster.start(0, FaultPlan::calm());
    let topic = world.client.topics[0].clone();
    create_topic(&mut world.client, &topic, false).await;
    assert_eq!(world.send(0, 1, PATIENCE).await, Some((ErrorCode::None, 0)));

    // Every attempt at the next slot hangs, hedges included, and none of them lands.
    let running = world.cluster.current(0).expect("it runs");
    let session = running.broker().and_then(|broker| broker.log()).expect("it serves").session();
    for _ in 0..40 {
        let slots = tiering::format::keys::session(session);
        let hit =
            move |path: &Path| path.as_ref().rsplit_once('/').is_some_and(|(folder, _)| folder == slots);
        running.faults.script(Operation::Put, hit, Fault::Stall);
    }
    assert_eq!(world.send(1, 2, PATIENCE).await, None, "the slot hangs");
    assert_eq!(world.send(1, 2, PATIENCE).await, None, "a duplicate is not answered early (I10)");

    let objects = world.cluster.objects.clone();
    let store = Store::new(StoreKind::Memory, objects.clone(), objects);
    let taker = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let sealed = seal(&store, session, ProcessId([9; 16])).await;
        world.cluster.running().for_each(|running| running.faults.forgive());
        sealed
    };
    let (answer, sealed) = tokio::join!(world.send(1, 2, PATIENCE * 20), taker);
    assert!(sealed.is_ok_and(|sealed| !sealed.closed));
    assert_eq!(answer, Some((ErrorCode::NotLeaderOrFollower, -1)), "nothing of it is acknowledged");

    let answer = loop {
        match world.send(1, 2, PATIENCE).await {
            Some((ErrorCode::None, offset)) => break offset,
            Some((code, _)) => assert!(code.is_retriable(), "{code:?}"),
            None => {}
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert_eq!(answer, 1);
    let log = read_all(&mut world.client, (0, 0)).await.expect("it is read").log;
    let record = |sequence| Record { producer: PRODUCER, sequence };
    let log: Vec<_> = log.iter().map(|stored| (stored.offset, stored.record)).collect();
    assert_eq!(log, [(0, record(0)), (1, record(1)), (2, record(2))]);
    world.cluster.clear();
}
