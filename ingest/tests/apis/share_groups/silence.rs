//! Fetches while the group's coordinator says nothing: it is asked before share partitions come into being.

use super::*;

/// Two nodes, of which one coordinates the group, and leads none of these partitions; the other one leads them.
struct Apart {
    world: World,
    coordinator: i32,
    leader: i32,
    partitions: Vec<i32>,
}

impl Apart {
    async fn new(reset: &str) -> Self {
        let mut world = World::new();
        for node in 1..=2 {
            world.start(node).await;
        }
        let mut client = world.client(1);
        client.create_topic("t", 12, &[]).await;
        configure(&mut client, "share.auto.offset.reset", reset).await;
        world.settle().await;
        let cluster = world.cluster();
        let coordinator = cluster.coordinator(GROUP).expect("an owner").0.node.0;
        let topic = coordinator::TopicId(*client.topic_id("t").await.as_bytes());
        let leads = |index: &i32| {
            let leader = cluster.leader(coordinator::PartitionId { topic, index: *index });
            leader.expect("a leader").0.node.0 != coordinator
        };
        let partitions = (0..12).filter(leads).collect();
        Self { world, coordinator, leader: coordinator % 2 + 1, partitions }
    }

    fn silence(&self) {
        self.world.silence(self.leader, self.coordinator);
    }

    async fn join(&self, member: &str) {
        assert_eq!(beat(&mut self.world.client(self.coordinator), member, 0).await.error_code, 0);
    }

    async fn produce(&self, index: i32) {
        let answer = self.world.client(self.leader).produce_to(9, "t", index, batch(&["a"])).await;
        assert_eq!(answer.error_code, 0);
    }

    async fn consumer(&self, member: &'static str) -> Consumer {
        Consumer::stranger(self.world.client(self.leader), member).await
    }
}

impl Consumer {
    /// What it gets of these partitions, which it names anew; there are no errors.
    async fn get_of(&mut self, indexes: &[i32]) -> Vec<(i32, Vec<(i64, i64, i16)>)> {
        let mut request = self.request(vec![]);
        let partition = |index: &i32| FetchPartition { partition_index: *index, ..Default::default() };
        request.topics[0].partitions = indexes.iter().map(partition).collect();
        let response = self.send(1, &request).await;
        assert_eq!(response.error_code, 0, "{:?}", response.error_message);
        let all = response.responses.iter().flat_map(|topic| &topic.partitions);
        all.map(|data| {
            assert_eq!(data.error_code, 0, "{}", data.partition_index);
            (data.partition_index, acquired(data))
        })
        .collect()
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_coordinator_keeps_no_fetch_from_what_has_begun() {
    let apart = Apart::new("earliest").await;
    let [begun, new] = [apart.partitions[0], apart.partitions[1]];
    apart.join("one").await;
    apart.produce(begun).await;
    let mut one = apart.consumer("one").await;
    assert_eq!(one.get_of(&[begun]).await, [(begun, vec![(0, 0, 1)])]);
    apart.produce(begun).await;
    apart.produce(new).await;
    apart.silence();
    let asked = Instant::now();
    assert_eq!(one.get_of(&[begun, new]).await, [(begun, vec![(1, 1, 1)])]);
    assert!(asked.elapsed() < Duration::from_millis(1500), "{:?}", asked.elapsed());
    for _ in 0..2 {
        let asked = Instant::now();
        assert_eq!(one.get_of(&[new]).await, [], "it has not begun");
        assert!(asked.elapsed() < Duration::from_millis(1500), "{:?}", asked.elapsed());
    }
    apart.world.reconnect();
    assert_eq!(one.get_of(&[new]).await, [(new, vec![(0, 0, 1)])]);
}

#[tokio::test(start_paused = true)]
async fn a_share_partition_begins_at_the_end_that_it_has_when_its_coordinator_answers() {
    let apart = Apart::new("latest").await;
    let index = apart.partitions[0];
    let mut one = apart.consumer("one").await;
    apart.silence();
    assert_eq!(one.get_of(&[index]).await, []);
    apart.world.reconnect();
    assert_eq!(one.get_of(&[index]).await, [], "there is no such group");
    apart.produce(index).await;
    apart.join("one").await;
    assert_eq!(one.get_of(&[index]).await, [], "it begins at the end");
    apart.produce(index).await;
    assert_eq!(one.get_of(&[index]).await, [(index, vec![(1, 1, 1)])]);
}
