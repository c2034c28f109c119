//! Nodes that read and can't write.

use protocol::messages::{PeerStatusRequest, PeerStatusResponse};

use super::*;

impl World {
    fn deny(&self, nodes: impl IntoIterator<Item = i32>) {
        self.deny_below("", nodes);
    }

    fn deny_below(&self, prefix: &'static str, nodes: impl IntoIterator<Item = i32>) {
        self.denied.lock().extend(nodes.into_iter().map(|node| (node, prefix)));
    }

    fn allow(&self) {
        self.denied.lock().clear();
    }

    async fn status(&self, node: i32) -> PeerStatusResponse {
        self.client(node).ask(0, &PeerStatusRequest {}).await
    }

    fn sessions(&self) -> Vec<coordinator::SessionId> {
        self.cluster().open_sessions().map(|s| s.id).collect()
    }
}

impl Writer {
    /// The partitions that a node leads.
    fn led_by(&self, world: &World, node: i32) -> Vec<i32> {
        let cluster = world.cluster();
        let leader = |index: &i32| cluster.leader(PartitionId { topic: self.topic, index: *index });
        (0..PARTITIONS).filter(|index| leader(index).is_some_and(|(s, _)| s.node.0 == node)).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_that_cannot_write_is_taken_over_and_comes_back() {
    for count in [3, 2] {
        let (world, mut writer) = World::with_topic(count).await;
        world.until_writable(&mut writer).await;
        let led = writer.led_by(&world, 2);
        assert!(!led.is_empty());
        // Nothing is written, so that no node can know.
        world.deny([2]);
        let sessions = world.sessions();
        sleep(Duration::from_secs(60)).await;
        assert_eq!(world.sessions(), sessions);
        assert_eq!(world.status(2).await.store_trouble, None);

        let mut stale = world.client(2);
        let took = world.until_writable(&mut writer).await;
        assert!(took < Duration::from_secs(15), "{took:?} of {count} nodes");
        assert_eq!(writer.led_by(&world, 2), [0; 0]);
        for index in led {
            let refused = stale.produce_to(9, "t", index, idempotent(78, 0, 0, 1)).await;
            assert_eq!(ErrorCode::from_code(refused.error_code), Some(ErrorCode::NotLeaderOrFollower));
        }
        // It can't open another session, and says why; it reads what others write.
        sleep(Duration::from_secs(10)).await;
        let told = world.status(2).await;
        let trouble = told.store_trouble.as_deref().unwrap_or_default();
        assert!(trouble.starts_with("writing wal/") && trouble.contains("is denied"), "{trouble:?}");
        assert_eq!(told.node_id, -1);
        assert!(!told.sessions.iter().any(|session| session.node_id == 2), "{:?}", told.sessions);
        world.client(1).create_topic("u", 1, &[]).await;
        sleep(Duration::from_secs(2)).await;
        let newest = world.cluster().next();
        assert_eq!(world.nodes[&2].broker.refresh().await.expect("it reads").next(), newest);

        world.allow();
        sleep(Duration::from_secs(5)).await;
        world.settle().await;
        assert_eq!(world.leaders(writer.topic).len(), count as usize);
        assert_eq!(world.status(2).await.store_trouble, None);
        world.until_writable(&mut writer).await;
        writer.verify(&world).await;
    }
}

/// A node whose slots are not taken gets no shards that it could not serve, though its entries are.
#[tokio::test(start_paused = true)]
async fn a_node_whose_slots_are_not_taken_opens_no_session() {
    let (world, mut writer) = World::with_topic(3).await;
    world.until_writable(&mut writer).await;
    world.deny_below("wal/", [2]);
    world.until_writable(&mut writer).await;
    for _ in 0..60 {
        assert_eq!(writer.led_by(&world, 2), [0; 0]);
        assert!(world.cluster().open_sessions().all(|session| session.node.0 != 2));
        for index in 0..PARTITIONS {
            assert!(writer.write(&world, index).await, "partition {index}");
        }
        sleep(Duration::from_secs(2)).await;
    }
    world.allow();
    sleep(Duration::from_secs(15)).await;
    world.settle().await;
    assert!(!writer.led_by(&world, 2).is_empty());
    writer.verify(&world).await;
}

/// A node that can't write says so by itself, before another node has ended its session.
#[tokio::test(start_paused = true)]
async fn a_node_that_cannot_write_says_that_it_does_not_lead() {
    let (world, mut writer) = World::with_topic(3).await;
    world.until_writable(&mut writer).await;
    let led = writer.led_by(&world, 2);
    world.deny([2]);
    let mut unanswered = world.client(2);
    let (began, pending) = (Instant::now(), idempotent(78, 0, 0, 1));
    let write =
        async { timeout(Duration::from_secs(20), unanswered.produce_to(9, "t", led[0], pending)).await };
    let theirs = writer.led_by(&world, 1)[0];
    let watched = async {
        let (mut refused, mut others) = (None, 0);
        while writer.led_by(&world, 2).contains(&led[0]) {
            // Another producer writes all the while.
            let other = idempotent(79, 0, others, 1);
            assert_eq!(world.client(1).produce_to(9, "t", theirs, other).await.error_code, 0);
            others += 1;
            let told = world.status(2).await;
            let answer = world.nodes[&2].broker.lead(PartitionId { topic: writer.topic, index: led[0] });
            if answer.is_err() && refused.is_none() {
                refused = Some(began.elapsed());
                assert!(told.store_age_ms >= 5000, "{told:?}");
                let trouble = told.store_trouble.unwrap_or_default();
                assert!(trouble.starts_with("writing wal/") && trouble.contains("is denied"), "{trouble}");
            }
            sleep(Duration::from_millis(10)).await;
        }
        refused.expect("it says so before it is taken over")
    };
    let (_, refused) = tokio::join!(write, watched);
    assert!((5000..5500).contains(&refused.as_millis()), "{refused:?}");
}

/// Where no node can write, no shard is better off elsewhere: each node serves what can be read, and no
/// session is ended, nor is that tried: it might be done when writes get through again.
#[tokio::test(start_paused = true)]
async fn nodes_that_all_cannot_write_leave_each_other_alone() {
    let all = |count| (1..=count).collect::<Vec<_>>();
    let busy = |count| [(count, vec![1]), (count, all(count))];
    for ((count, busy), below) in
        [busy(3), busy(2)].concat().into_iter().flat_map(|one| [(one.clone(), ""), (one, "wal/")])
    {
        let (world, mut writer) = World::with_topic(count).await;
        world.until_writable(&mut writer).await;
        let sessions = world.sessions();
        world.deny_below(below, all(count));
        for _ in 0..4 {
            for node in &busy {
                let index = writer.led_by(&world, *node)[0];
                assert!(!writer.write(&world, index).await);
            }
            sleep(Duration::from_secs(20)).await;
            writer.verify(&world).await;
        }
        for (node, path) in world.refused.lock().iter() {
            let own = world.nodes[node].broker.log().expect("it serves").session().to_string();
            assert!(!path.starts_with("wal/") || path.contains(&own), "node {node} wrote {path}");
        }
        world.allow();
        sleep(Duration::from_secs(20)).await;
        world.until_writable(&mut writer).await;
        assert_eq!(
            world.sessions(),
            sessions,
            "no session was ended, of {count} nodes with {busy:?} writing, {below:?} denied"
        );
        writer.verify(&world).await;
    }
}
