//! Share partitions across restarts and on several nodes.

use super::offsets::{alter, described, forget, starts};
use super::*;

#[tokio::test(start_paused = true)]
async fn what_was_acknowledged_survives_and_what_was_in_hand_comes_back() {
    let mut world = World::new();
    world.start(1).await;
    let mut client = world.client(1);
    client.create_topic("t", 1, &[]).await;
    let mut one = Consumer::new(world.client(1), "one").await;
    assert_eq!(one.get().await, [], "it begins at the end");
    client.produce("t", batch(&["a", "b", "c"])).await;
    client.produce("t", batch(&["d"])).await;
    assert_eq!(one.get().await, [(0, 3, 1)]);
    assert_eq!(one.acknowledge(0, 1, &[ACCEPT, RELEASE]).await, ErrorCode::None);
    for _ in 0..2 {
        world.kill(1).await;
        world.start(1).await;
        world.settle().await;
        let mut one = Consumer::new(world.client(1), "one").await;
        let stale = one.acknowledgement(2, 2, &[ACCEPT]);
        let stale = ShareAcknowledgeRequest { share_session_epoch: 5, ..stale };
        let refused = one.client.ask(1, &stale).await.error_code;
        assert_eq!(refused, ErrorCode::ShareSessionNotFound.code());
        assert_eq!(one.get().await, [(1, 1, 2), (2, 3, 1)], "nobody was told of what was in hand");
        // Nothing of it is settled, so that the next owner begins with the same.
    }
}

#[tokio::test(start_paused = true)]
async fn partitions_of_many_nodes_are_read_and_their_offsets_kept_together() {
    let mut world = World::new();
    for node in 1..=3 {
        world.start(node).await;
    }
    let mut client = world.client(1);
    client.create_topic("t", 6, &[]).await;
    world.settle().await;
    let topic = client.topic_id("t").await;
    let id = coordinator::TopicId(*topic.as_bytes());
    let leader = |world: &World, index| {
        let cluster = world.cluster();
        cluster.leader(coordinator::PartitionId { topic: id, index }).expect("a leader").0.node.0
    };
    let coordinator = world.cluster().coordinator(GROUP).expect("an owner").0.node.0;
    let mut at_coordinator = world.client(coordinator);
    assert_eq!(beat(&mut at_coordinator, "one", 0).await.error_code, 0);
    let wrong = world.client(coordinator % 3 + 1).ask(1, &heartbeat("one", 0)).await;
    assert_eq!(wrong.error_code, ErrorCode::NotCoordinator.code());
    for index in 0..6 {
        let leader = leader(&world, index);
        let mut one = Consumer::stranger(world.client(leader), "one").await;
        one.topic = topic;
        let mut request = one.request(vec![]);
        request.topics[0].partitions[0].partition_index = index;
        assert_eq!(acquired(&only(one.send(1, &request).await)), []);
        one.client.produce_to(9, "t", index, batch(&["a", "b"])).await;
        request.share_session_epoch = 1;
        assert_eq!(acquired(&only(one.send(1, &request).await)), [(0, 1, 1)]);
        // A node that does not lead it names the one that does.
        let mut other = Consumer::stranger(world.client(leader % 3 + 1), "one").await;
        request.share_session_epoch = 0;
        let data = only(other.send(1, &request).await);
        assert_eq!(data.error_code, ErrorCode::NotLeaderOrFollower.code());
        assert_eq!(data.current_leader.leader_id, leader);
    }
    sleep(Duration::from_millis(10)).await;
    assert_eq!(starts(&described(&mut at_coordinator, None).await), [(0, 2); 6]);
    assert_eq!(beat(&mut at_coordinator, "one", -1).await.error_code, 0);
    assert_eq!(alter(&mut at_coordinator, 1).await, ErrorCode::None);
    assert_eq!(starts(&described(&mut at_coordinator, Some(vec![0, 5])).await), [(1, 1), (0, 2)]);
    let delete = DeleteGroupsRequest { groups_names: vec![GROUP.into()] };
    assert_eq!(at_coordinator.ask(2, &delete).await.results[0].error_code, 0);
    let all = Some((0..6).collect());
    assert_eq!(starts(&described(&mut at_coordinator, all).await), [(-1, -1); 6]);
}

/// One answer of the coordinator has no room for them all.
#[tokio::test(start_paused = true)]
async fn thousands_of_partitions_begin_by_one_fetch() {
    let mut world = World::new();
    for node in 1..=2 {
        world.start(node).await;
    }
    let mut client = world.client(1);
    client.create_topic("t", 8000, &[]).await;
    world.settle().await;
    let topic = client.topic_id("t").await;
    let id = coordinator::TopicId(*topic.as_bytes());
    let cluster = world.cluster();
    let coordinator = cluster.coordinator(GROUP).expect("an owner").0.node.0;
    let mut at_coordinator = world.client(coordinator);
    assert_eq!(beat(&mut at_coordinator, "one", 0).await.error_code, 0);
    let is_elsewhere = |index: &i32| {
        let leader = cluster.leader(coordinator::PartitionId { topic: id, index: *index });
        leader.expect("a leader").0.node.0 != coordinator
    };
    let indexes: Vec<_> = (0..8000).filter(is_elsewhere).collect();
    assert!(indexes.len() * 21 > 64 * 1024, "{}", indexes.len());
    let mut one = Consumer::stranger(world.client(coordinator % 2 + 1), "one").await;
    let mut request = one.request(vec![]);
    let partition = |partition_index| FetchPartition { partition_index, ..Default::default() };
    request.topics[0].partitions = indexes.iter().copied().map(partition).collect();
    let response = one.send(1, &request).await;
    assert_eq!((response.error_code, response.responses), (0, vec![]));
    for some in indexes.chunks(1000) {
        let begun = starts(&described(&mut at_coordinator, Some(some.to_vec())).await);
        assert_eq!(begun, vec![(0, 0); some.len()]);
    }
}

/// One answer of an owner has no room for what it leads.
#[tokio::test(start_paused = true)]
async fn offsets_of_thousands_of_partitions_are_kept_together() {
    let mut world = World::new();
    for node in 1..=3 {
        world.start(node).await;
    }
    world.client(1).create_topic("t", 10_000, &[]).await;
    world.settle().await;
    let coordinator = world.cluster().coordinator(GROUP).expect("an owner").0.node.0;
    let mut client = world.client(coordinator);
    let all: Vec<i32> = (0..10_000).collect();
    let alter = async |client: &mut Client, start_offset| {
        let partition = |partition_index: &i32| AlterShareGroupOffsetsRequestPartition {
            partition_index: *partition_index,
            start_offset,
        };
        let partitions = all.iter().map(partition).collect();
        let topic = AlterShareGroupOffsetsRequestTopic { topic_name: "t".into(), partitions };
        let request = AlterShareGroupOffsetsRequest { group_id: GROUP.into(), topics: vec![topic] };
        let response = client.ask(0, &request).await;
        assert_eq!(response.error_code, 0);
        let failed = response.responses[0].partitions.iter().filter(|p| p.error_code != 0).count();
        assert_eq!((response.responses[0].partitions.len(), failed), (10_000, 0));
    };
    let counts = async |client: &mut Client| {
        let mut counts = std::collections::BTreeMap::new();
        for (start, _) in starts(&described(client, Some(all.clone())).await) {
            *counts.entry(start).or_insert(0) += 1;
        }
        counts.into_iter().collect::<Vec<_>>()
    };
    assert_eq!(counts(&mut client).await, [(-1, 10_000)]);
    alter(&mut client, 3).await;
    assert_eq!(counts(&mut client).await, [(3, 10_000)]);
    assert_eq!(starts(&described(&mut client, None).await).len(), 10_000, "the group lists them");
    assert_eq!(forget(&mut client, "t").await, (ErrorCode::None, Some(ErrorCode::None)));
    assert_eq!(counts(&mut client).await, [(-1, 10_000)]);
    alter(&mut client, 5).await;
    let delete = DeleteGroupsRequest { groups_names: vec![GROUP.into()] };
    assert_eq!(client.ask(2, &delete).await.results[0].error_code, 0);
    assert_eq!(counts(&mut client).await, [(-1, 10_000)]);
}

/// Owners are asked of many topics together, however few partitions each has.
#[tokio::test(start_paused = true)]
async fn a_group_of_thousands_of_topics_is_deleted_by_few_requests() {
    const TOPICS: usize = 2000;
    let mut world = World::new();
    for node in 1..=3 {
        world.start(node).await;
    }
    let names: Vec<String> = (0..TOPICS).map(|number| format!("t-{number}")).collect();
    let topic = |name: &String| CreatableTopic {
        name: name.as_str().into(),
        num_partitions: 5,
        replication_factor: 1,
        ..Default::default()
    };
    let topics = names.iter().map(topic).collect();
    let created = CreateTopicsRequest { topics, timeout_ms: 60_000, validate_only: false };
    assert!(world.client(1).ask(7, &created).await.topics.iter().all(|topic| topic.error_code == 0));
    world.settle().await;
    let coordinator = world.cluster().coordinator(GROUP).expect("an owner").0.node.0;
    let mut client = world.client(coordinator);
    let alter = async |client: &mut Client| {
        let partition =
            |partition_index| AlterShareGroupOffsetsRequestPartition { partition_index, start_offset: 1 };
        let topic = |name: &String| AlterShareGroupOffsetsRequestTopic {
            topic_name: name.as_str().into(),
            partitions: (0..5).map(partition).collect(),
        };
        let topics = names.iter().map(topic).collect();
        let altered = client.ask(0, &AlterShareGroupOffsetsRequest { group_id: GROUP.into(), topics }).await;
        let partitions = altered.responses.iter().flat_map(|topic| &topic.partitions);
        assert_eq!(partitions.filter(|p| p.error_code == 0).count(), 5 * TOPICS);
    };
    alter(&mut client).await;
    let before = world.calls();
    let topic = |name: &String| DeleteShareGroupOffsetsRequestTopic { topic_name: name.as_str().into() };
    let topics = names.iter().map(topic).collect();
    let deleted = client.ask(0, &DeleteShareGroupOffsetsRequest { group_id: GROUP.into(), topics }).await;
    assert_eq!(deleted.error_code, 0);
    assert_eq!(deleted.responses.iter().filter(|topic| topic.error_code == 0).count(), TOPICS);
    let calls = world.calls() - before;
    assert!(calls < 100, "{calls} for the topics");
    alter(&mut client).await;
    let before = world.calls();
    let delete = DeleteGroupsRequest { groups_names: vec![GROUP.into()] };
    assert_eq!(client.ask(2, &delete).await.results[0].error_code, 0);
    let calls = world.calls() - before;
    assert!(calls < 100, "{calls} for the group");
}

#[tokio::test(start_paused = true)]
async fn shards_that_move_take_share_partitions_along() {
    let mut world = World::new();
    world.start(1).await;
    let mut client = world.client(1);
    client.create_topic("t", 12, &[]).await;
    let mut sessions = Vec::new();
    for index in 0..12 {
        let mut one = Consumer::new(world.client(1), "one").await;
        one.topic = client.topic_id("t").await;
        let mut request = one.request(vec![]);
        request.topics[0].partitions[0].partition_index = index;
        assert_eq!(acquired(&only(one.send(1, &request).await)), []);
        one.client.produce_to(9, "t", index, batch(&["a", "b", "c"])).await;
        request.share_session_epoch = 1;
        assert_eq!(acquired(&only(one.send(1, &request).await)), [(0, 2, 1)]);
        let mut said = one.acknowledgement(0, 1, &[ACCEPT, RELEASE]);
        said.topics[0].partitions[0].partition_index = index;
        assert_eq!(one.client.ask(1, &said).await.responses[0].partitions[0].error_code, 0);
        sessions.push(one);
    }
    world.start(2).await;
    world.settle().await;
    let id = coordinator::TopicId(*client.topic_id("t").await.as_bytes());
    let mut moved = 0;
    for index in 0..12 {
        let cluster = world.cluster();
        let leader =
            cluster.leader(coordinator::PartitionId { topic: id, index }).expect("a leader").0.node.0;
        if leader == 2 {
            moved += 1;
            let mut one = Consumer::stranger(world.client(2), "two").await;
            one.topic = Uuid::from_bytes(id.0);
            let mut request = one.request(vec![]);
            request.topics[0].partitions[0].partition_index = index;
            assert_eq!(acquired(&only(one.send(1, &request).await)), [(1, 1, 2), (2, 2, 1)]);
        }
    }
    assert!(moved > 0, "something moved");
}
