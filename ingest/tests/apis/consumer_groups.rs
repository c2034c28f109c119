//! Consumer groups (KIP-848): members get their partitions from the coordinator, across failovers, too.

use std::collections::BTreeSet;
use std::time::Duration;

use protocol::messages::consumer_group_heartbeat::TopicPartitions;
use protocol::messages::offset_commit::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use protocol::messages::{
    ApiVersionsRequest, ConsumerGroupDescribeRequest, ConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatResponse, DescribeGroupsRequest, ListGroupsRequest, OffsetCommitRequest,
};
use protocol::{ErrorCode, Uuid};
use tokio::time::sleep;

use crate::client::Client;
use crate::cluster::World;
use crate::node::Node;

const GROUP: &str = "group-1";

/// A consumer that says what it owns with every heartbeat.
struct Consumer {
    id: &'static str,
    epoch: i32,
    owned: BTreeSet<i32>,
}

impl Consumer {
    fn new(id: &'static str) -> Self {
        Self { id, epoch: 0, owned: BTreeSet::new() }
    }

    fn request(&self, topic: Uuid) -> ConsumerGroupHeartbeatRequest {
        let owned = TopicPartitions { topic_id: topic, partitions: self.owned.iter().copied().collect() };
        ConsumerGroupHeartbeatRequest {
            group_id: GROUP.into(),
            member_id: self.id.into(),
            member_epoch: self.epoch,
            rebalance_timeout_ms: if self.epoch == 0 { 30_000 } else { -1 },
            subscribed_topic_names: (self.epoch == 0).then(|| vec!["t".into()]),
            topic_partitions: Some(if self.owned.is_empty() { vec![] } else { vec![owned] }),
            ..Default::default()
        }
    }

    async fn beat(&mut self, client: &mut Client, topic: Uuid) -> ConsumerGroupHeartbeatResponse {
        let response = client.ask(1, &self.request(topic)).await;
        if response.error_code == 0 {
            assert_eq!(response.member_id.as_deref(), Some(self.id));
            self.epoch = response.member_epoch;
            if let Some(assignment) = &response.assignment {
                let partitions = assignment.topic_partitions.iter().flat_map(|t| &t.partitions);
                self.owned = partitions.copied().collect();
            }
        }
        response
    }
}

/// Heartbeats of all until every partition is somebody's.
async fn settle(client: &mut Client, topic: Uuid, consumers: &mut [Consumer], partitions: usize) {
    for _ in 0..20 {
        for consumer in consumers.iter_mut() {
            assert_eq!(consumer.beat(client, topic).await.error_code, 0);
        }
        let owned: Vec<_> = consumers.iter().flat_map(|c| c.owned.iter().copied()).collect();
        let distinct: BTreeSet<_> = owned.iter().copied().collect();
        assert_eq!(owned.len(), distinct.len(), "nobody shares a partition");
        let even = consumers.iter().all(|c| c.owned.len() == partitions / consumers.len());
        if owned.len() == partitions && even {
            return;
        }
        // Targets are computed once a second at most.
        sleep(Duration::from_secs(1)).await;
    }
    let seen: Vec<_> = consumers.iter().map(|c| (c.id, c.epoch, &c.owned)).collect();
    panic!("the partitions are not shared out: {seen:?}");
}

#[tokio::test(start_paused = true)]
async fn members_share_the_partitions() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 4).await;
    let topic = client.topic_id("t").await;
    let mut consumers = [Consumer::new("one"), Consumer::new("two")];
    settle(&mut client, topic, &mut consumers, 4).await;
    let request = ConsumerGroupDescribeRequest {
        group_ids: vec![GROUP.into(), "absent".into()],
        include_authorized_operations: true,
    };
    let described = client.ask(1, &request).await.groups;
    let group = &described[0];
    assert_eq!((group.error_code, &*group.group_state, &*group.assignor_name), (0, "Stable", "uniform"));
    assert_eq!((group.group_epoch, group.authorized_operations), (group.assignment_epoch, 3400));
    for (member, consumer) in group.members.iter().zip(&consumers) {
        assert_eq!((&*member.member_id, member.member_epoch), (consumer.id, consumer.epoch));
        let assigned = &member.assignment.topic_partitions[0];
        assert_eq!((&*assigned.topic_name, assigned.topic_id), ("t", topic));
        assert_eq!(assigned.partitions.iter().copied().collect::<BTreeSet<_>>(), consumer.owned);
        assert_eq!(member.assignment, member.target_assignment);
        assert_eq!((&*member.client_host, member.member_type), ("/test", 1));
    }
    assert_eq!(described[1].error_code, ErrorCode::GroupIdNotFound.code());
    assert_eq!(described[1].error_message.as_deref(), Some("Group absent not found."));
    let listed = client.ask(5, &ListGroupsRequest::default()).await.groups;
    let seen = (&*listed[0].protocol_type, &*listed[0].group_state, &*listed[0].group_type);
    assert_eq!(seen, ("consumer", "Stable", "consumer"));
    let classic = DescribeGroupsRequest { groups: vec![GROUP.into()], ..Default::default() };
    let described = client.ask(6, &classic).await.groups.remove(0);
    assert_eq!(described.error_message.as_deref(), Some("Group group-1 is not a classic group."));
}

#[tokio::test(start_paused = true)]
async fn a_member_that_is_silent_loses_its_partitions() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 4).await;
    let topic = client.topic_id("t").await;
    let mut consumers = [Consumer::new("one"), Consumer::new("two")];
    settle(&mut client, topic, &mut consumers, 4).await;
    let [one, mut two] = consumers;
    let mut rest = [one];
    for _ in 0..10 {
        sleep(Duration::from_secs(5)).await;
        assert_eq!(rest[0].beat(&mut client, topic).await.error_code, 0);
    }
    settle(&mut client, topic, &mut rest, 4).await;
    let refused = two.beat(&mut client, topic).await;
    assert_eq!(refused.error_code, ErrorCode::UnknownMemberId.code());
    assert!(refused.error_message.is_some_and(|m| m.contains("two")), "the message names the member");
}

async fn commit(client: &mut Client, consumer: &Consumer, epoch: i32, offset: i64) -> ErrorCode {
    let partition =
        OffsetCommitRequestPartition { partition_index: 0, committed_offset: offset, ..Default::default() };
    let topic =
        OffsetCommitRequestTopic { name: "t".into(), partitions: vec![partition], ..Default::default() };
    let request = OffsetCommitRequest {
        group_id: GROUP.into(),
        member_id: consumer.id.into(),
        generation_id_or_member_epoch: epoch,
        topics: vec![topic],
        ..Default::default()
    };
    let response = client.ask(9, &request).await;
    ErrorCode::from_code(response.topics[0].partitions[0].error_code).expect("a known error")
}

#[tokio::test(start_paused = true)]
async fn a_failover_moves_no_partition() {
    let (mut world, _) = World::with_topic(3).await;
    let owner = |world: &World| world.cluster().coordinator(GROUP).map(|(session, _)| session.node.0);
    let before = owner(&world).expect("an owner");
    let mut client = world.client(before);
    let topic = client.topic_id("t").await;
    let mut consumers = [Consumer::new("one"), Consumer::new("two"), Consumer::new("three")];
    settle(&mut client, topic, &mut consumers, 12).await;
    let held: Vec<_> = consumers.iter().map(|c| (c.epoch, c.owned.clone())).collect();
    assert_eq!(commit(&mut client, &consumers[0], consumers[0].epoch, 5).await, ErrorCode::None);
    assert_eq!(
        commit(&mut client, &consumers[0], consumers[0].epoch + 1, 5).await,
        ErrorCode::StaleMemberEpoch
    );
    world.kill(before).await;
    while owner(&world).is_none_or(|node| node == before) {
        sleep(Duration::from_millis(100)).await;
    }
    let mut client = world.client(owner(&world).expect("an owner"));
    while consumers[0].beat(&mut client, topic).await.error_code != 0 {
        sleep(Duration::from_millis(100)).await;
    }
    for consumer in &mut consumers {
        assert_eq!(consumer.beat(&mut client, topic).await.error_code, 0);
    }
    let now: Vec<_> = consumers.iter().map(|c| (c.epoch, c.owned.clone())).collect();
    assert_eq!(now, held, "every member has what it had, at the same epoch");
}

#[tokio::test]
async fn the_feature_is_finalized() {
    let node = Node::start().await;
    let mut client = node.connect();
    let request =
        ApiVersionsRequest { client_software_name: "test".into(), client_software_version: "1".into() };
    let versions = client.ask(4, &request).await;
    let finalized = &versions.finalized_features[0];
    assert_eq!((&*finalized.name, finalized.max_version_level), ("group.version", 1));
}
