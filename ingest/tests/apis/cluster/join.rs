//! Nodes that join a cluster, and find or are found by others, or not.

use coordinator::cluster::Op;
use coordinator::{ProcessId, SessionId, ShardId};
use protocol::messages::PeerStatusRequest;
use tiering::session::seal;

use super::flips::Lines;
use super::*;

/// Where a node says that it is reached, and is not.
const WRONG: &str = "nowhere.test";

impl World {
    fn session_of(&self, node: i32) -> Option<SessionId> {
        self.cluster().open_sessions().find(|s| s.node.0 == node).map(|s| s.id)
    }

    /// By shard: who holds it, since which entry.
    fn holders(&self) -> Vec<Option<coordinator::cluster::Grant>> {
        let cluster = self.cluster();
        cluster.shards().all().map(|shard: ShardId| cluster.assigned(shard).copied()).collect()
    }

    /// Nodes 1 to `count` at a time.
    async fn start_at_once(&mut self, count: i32) {
        let brokers: Vec<_> = (1..=count).map(|node| self.launch(node, node)).collect();
        for broker in brokers {
            broker.ready().await.expect("the node serves");
        }
    }

    /// A topic that is created at this node.
    async fn create_topic_at(&self, node: i32) -> Writer {
        let mut client = self.client(node);
        client.create_topic("t", PARTITIONS, &[]).await;
        let topic = coordinator::TopicId(*client.topic_id("t").await.as_bytes());
        Writer { topic, sequences: vec![0; PARTITIONS as usize] }
    }
}

fn sessions(world: &World) -> Vec<coordinator::SessionId> {
    world.cluster().open_sessions().map(|s| s.id).collect()
}

/// One connection that is refused may be the trouble of the node that dials.
#[tokio::test(start_paused = true)]
async fn a_node_that_starts_asks_others_before_it_ends_a_session() {
    let (mut world, mut writer) = World::with_topic(2).await;
    world.until_writable(&mut writer).await;
    let before = sessions(&world);
    world.network.lock().refused = vec![(host(3), host(1))];
    world.start(3).await;
    assert_eq!(sessions(&world)[..2], before, "another node reaches it");
    sleep(Duration::from_secs(60)).await;
    assert_eq!(sessions(&world)[..2], before);
    world.settle().await;
    assert_eq!(world.leaders(writer.topic).len(), 3);
    writer.verify(&world).await;
}

#[tokio::test(start_paused = true)]
async fn a_node_that_starts_ends_at_once_what_no_node_reaches() {
    let (mut world, mut writer) = World::with_topic(3).await;
    world.until_writable(&mut writer).await;
    let gone = world.nodes[&1].broker.log().expect("it serves").session();
    world.kill(1).await;
    let began = Instant::now();
    world.start(4).await;
    assert!(began.elapsed() < Duration::from_millis(100), "{:?}", began.elapsed());
    assert!(!sessions(&world).contains(&gone));
    world.settle().await;
    writer.verify(&world).await;
}

/// A node whose peers can't dial it, though it can dial them, costs next to nothing: no shard moves, and its session is
/// not ended again and again. Who runs it is told.
#[tokio::test(start_paused = true)]
async fn a_node_at_a_wrong_address_gets_no_shards_until_it_is_reached() {
    let (mut world, mut writer) = World::with_topic(2).await;
    world.until_writable(&mut writer).await;
    let (holders, entries) = (world.holders(), world.cluster().next().0);
    world.advertised.insert(3, WRONG.to_owned());
    let lines = Lines::default();
    let logged = tracing::subscriber::set_default(lines.clone());
    world.start(3).await;
    let session = world.session_of(3);
    for _ in 0..120 {
        sleep(Duration::from_secs(1)).await;
        for index in 0..PARTITIONS {
            assert!(writer.write(&world, index).await, "partition {index}");
        }
    }
    assert_eq!(world.session_of(3), session, "it is left alone");
    assert!(world.holders() == holders, "no shard moves");
    let more = world.cluster().next().0 - entries;
    assert!(more <= 20, "{more} entries");
    let told = world.client(1).ask(0, &PeerStatusRequest {}).await;
    let unreached: Vec<_> = told.sessions.iter().filter(|s| s.unreached).map(|s| s.host.as_str()).collect();
    assert_eq!(unreached, [WRONG]);
    drop(logged);
    for line in [
        "no other node reaches this one at nowhere.test:9092, so that it gets no shards",
        "no other one reaches it at nowhere.test:9092, so that it gets no shards",
    ] {
        assert!(lines.0.lock().contains(line), "{line} in {}", lines.0.lock());
    }
    // The way to it is mended.
    let service = Arc::clone(&world.nodes[&3].service);
    world.network.lock().nodes.insert(WRONG.to_owned(), service);
    sleep(Duration::from_secs(2)).await;
    world.settle().await;
    assert_eq!(world.session_of(3), session);
    assert_eq!(world.leaders(writer.topic).len(), 3);
    let told = world.client(1).ask(0, &PeerStatusRequest {}).await;
    assert!(told.sessions.iter().all(|s| !s.unreached));
    world.until_writable(&mut writer).await;
    writer.verify(&world).await;
    // That it was unreached for long does not make its end noticed any later.
    world.network.lock().nodes.remove(WRONG);
    world.kill(3).await;
    let took = world.until_writable(&mut writer).await;
    assert!(took < Duration::from_secs(5), "{took:?}");
    writer.verify(&world).await;
}

/// The same where it is one of two: only the store can be asked.
#[tokio::test(start_paused = true)]
async fn one_of_two_nodes_at_a_wrong_address_gets_no_shards() {
    let (mut world, mut writer) = World::with_topic(1).await;
    let (holders, entries) = (world.holders(), world.cluster().next().0);
    world.advertised.insert(2, WRONG.to_owned());
    world.start(2).await;
    let session = world.session_of(2);
    sleep(Duration::from_secs(120)).await;
    assert!(world.holders() == holders && world.session_of(2) == session);
    let more = world.cluster().next().0 - entries;
    assert!(more <= 20, "{more} entries");
    // The other one goes: it takes what is there, reached or not.
    world.kill(1).await;
    world.until_writable(&mut writer).await;
    writer.verify(&world).await;
}

/// Nodes of which none reaches another: the holders of shards keep them.
#[tokio::test(start_paused = true)]
async fn nodes_that_reach_none_other_serve_all_the_same() {
    let mut world = World::new();
    let refused = (1..=3).flat_map(|from| (1..=3).map(move |to| (host(from), host(to))));
    world.network.lock().refused = refused.collect();
    world.start_at_once(3).await;
    sleep(Duration::from_secs(30)).await;
    let cluster = world.cluster();
    let holder = cluster.assigned(ShardId(0)).and_then(|grant| cluster.session(grant.session));
    let mut writer = world.create_topic_at(holder.expect("one holds it").node.0).await;
    let (before, holders, entries) = (sessions(&world), world.holders(), world.cluster().next().0);
    for _ in 0..120 {
        sleep(Duration::from_secs(1)).await;
        world.until_writable(&mut writer).await;
    }
    assert_eq!(self::sessions(&world), before);
    assert!(world.holders() == holders);
    let more = world.cluster().next().0 - entries;
    assert!(more <= 40, "{more} entries");
    writer.verify(&world).await;
}

#[tokio::test(start_paused = true)]
async fn nodes_that_start_at_once_share_the_shards() {
    let mut world = World::new();
    world.start_at_once(3).await;
    let began = Instant::now();
    world.settle().await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert!(world.cluster().open_sessions().all(|s| s.reached));
    let mut writer = world.create_topic_at(1).await;
    assert_eq!(world.leaders(writer.topic).len(), 3);
    world.until_writable(&mut writer).await;
    writer.verify(&world).await;
}

/// A node whose sessions are ended as soon as they are opened opens fewer and fewer.
#[tokio::test(start_paused = true)]
async fn short_lived_sessions_are_followed_by_growing_pauses() {
    let (world, mut writer) = World::with_topic(2).await;
    sleep(Duration::from_secs(120)).await;
    let objects = Arc::clone(&world.objects);
    let store = Store::new(StoreKind::Memory, objects.clone(), objects);
    let (began, mut ended) = (Instant::now(), 0);
    while began.elapsed() < Duration::from_secs(600) {
        if let Some(session) = world.session_of(2) {
            let sealed = seal(&store, session, ProcessId([9; 16])).await.expect("it is sealed");
            let op: Op = sealed.op(session);
            let proposed = world.nodes[&1].broker.propose(|_| Ok::<_, ()>(vec![op.clone()])).await;
            proposed.expect("it is recorded").expect("it is an entry");
            ended += 1;
        }
        sleep(Duration::from_millis(100)).await;
    }
    assert!((10..30).contains(&ended), "{ended} sessions");
    // One that is left alone serves.
    sleep(Duration::from_secs(62)).await;
    world.settle().await;
    world.until_writable(&mut writer).await;
    assert_eq!(world.leaders(writer.topic).len(), 2);
    writer.verify(&world).await;
}

/// A session that ended though nothing records that is ended by its node before it rests: the others do not.
#[tokio::test(start_paused = true)]
async fn a_node_that_rests_leaves_no_session_open() {
    let (world, mut writer) = World::with_topic(2).await;
    let objects = Arc::clone(&world.objects);
    let store = Store::new(StoreKind::Memory, objects.clone(), objects);
    let (began, mut longest) = (Instant::now(), Duration::ZERO);
    let mut sealed = Vec::new();
    while began.elapsed() < Duration::from_secs(300) {
        if let Some(session) = world.session_of(2).filter(|session| !sealed.contains(session)) {
            // As a node does that dies before it records what it did.
            seal(&store, session, ProcessId([9; 16])).await.expect("it is sealed");
            sealed.push(session);
        }
        longest = longest.max(world.until_writable(&mut writer).await);
        sleep(Duration::from_millis(100)).await;
    }
    assert!(sealed.len() > 6, "{} sessions", sealed.len());
    assert!(longest < Duration::from_secs(3), "some partition took nothing for {longest:?}");
    writer.verify(&world).await;
}

/// Also where another node recorded that its session has ended, so that nothing in the cluster says it any more.
#[tokio::test(start_paused = true)]
async fn a_drained_node_stays_drained_until_it_is_to_have_shards_again() {
    let (mut world, _writer) = World::with_topic(2).await;
    let objects = Arc::clone(&world.objects);
    let store = Store::new(StoreKind::Memory, objects.clone(), objects);
    let drain = async |world: &World, draining: bool| {
        let session = world.session_of(2).expect("it is open");
        let propose = world.nodes[&1].broker.propose(|_| Ok::<_, ()>(vec![Op::Drain { session, draining }]));
        propose.await.expect("it is recorded").expect("it is an entry");
        world.settle().await;
    };
    for draining in [true, false] {
        drain(&world, draining).await;
        let session = world.session_of(2).expect("it is open");
        let sealed = seal(&store, session, ProcessId([9; 16])).await.expect("it is sealed");
        let op: Op = sealed.op(session);
        let propose = world.nodes[&1].broker.propose(|_| Ok::<_, ()>(vec![op.clone()]));
        propose.await.expect("it is recorded").expect("it is an entry");
        sleep(Duration::from_secs(30)).await;
        world.settle().await;
        let open = world.session_of(2).expect("another session follows");
        assert_ne!(open, session);
        let cluster = world.cluster();
        assert_eq!(cluster.session(open).map(|s| s.draining), Some(draining));
        let held = world.nodes[&2].broker.log().map_or(0, |log| log.shards());
        assert_eq!(held == 0, draining, "{held} shards");
    }
    // Another process is not drained.
    drain(&world, true).await;
    world.kill(2).await;
    world.start(2).await;
    sleep(Duration::from_secs(30)).await;
    world.settle().await;
    let cluster = world.cluster();
    let session = world.session_of(2).and_then(|session| cluster.session(session));
    assert!(world.nodes[&2].broker.log().is_some_and(|log| log.shards() > 0), "{session:?}");
}

/// The only node that came back of two that were killed, while the other one's host does not answer.
#[tokio::test(start_paused = true)]
async fn a_node_that_is_alone_counts_as_reached() {
    let (mut world, mut writer) = World::with_topic(2).await;
    world.until_writable(&mut writer).await;
    world.kill(1).await;
    world.kill(2).await;
    world.network.lock().cut = vec![(host(1), host(2))];
    let lines = Lines::default();
    let logged = tracing::subscriber::set_default(lines.clone());
    world.start(1).await;
    let reached = |world: &World| world.cluster().open_sessions().map(|s| s.reached).collect::<Vec<_>>();
    assert_eq!(reached(&world).len(), 2, "the silent one is left to be watched");
    assert!(reached(&world).contains(&false), "none has reached the one that starts");
    sleep(Duration::from_secs(30)).await;
    assert_eq!(reached(&world), [true]);
    assert_eq!(world.leaders(writer.topic), BTreeMap::from([(1, PARTITIONS as usize)]));
    sleep(Duration::from_secs(120)).await;
    drop(logged);
    assert!(!lines.0.lock().contains("no other node reaches this one"), "{}", lines.0.lock());
    world.until_writable(&mut writer).await;
    writer.verify(&world).await;
}
