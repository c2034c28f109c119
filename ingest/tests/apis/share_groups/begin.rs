//! What brings a share partition into being, and what does not: its state stays until the group or the topic is
//! deleted.

use std::sync::Arc;

use broker::log::ShareAsk;
use coordinator::share::{Request, SharePartitionId};
use coordinator::{PartitionId, TopicId};
use protocol::messages::peer_shares::{ALTER, PeerSharePartition};
use protocol::messages::{PeerShareGrantRequest, PeerSharesRequest};

use super::offsets::{alter, described, forget, starts};
use super::*;

/// Where the group is in partition 0; −1 if nothing of it is kept.
async fn kept(client: &mut Client) -> i64 {
    starts(&described(client, Some(vec![0])).await)[0].0
}

async fn delete(client: &mut Client) -> ErrorCode {
    let request = DeleteGroupsRequest { groups_names: vec![GROUP.into()] };
    ErrorCode::from_code(client.ask(2, &request).await.results[0].error_code).expect("an error code")
}

#[tokio::test(start_paused = true)]
async fn only_a_member_begins_what_it_is_assigned() {
    let (node, mut client) = node().await;
    client.create_topic("other", 1, &[]).await;
    client.produce("t", batch(&["a"])).await;
    client.produce("other", batch(&["a"])).await;
    let mut invented = Consumer::stranger(node.connect(), "invented").await;
    assert_eq!(invented.get().await, [], "there is no such group");
    assert_eq!(kept(&mut client).await, -1);
    assert_eq!(client.ask(5, &ListGroupsRequest::default()).await.groups, []);

    let mut one = Consumer::new(node.connect(), "one").await;
    assert_eq!(invented.get().await, [], "it has not joined");
    assert_eq!(kept(&mut client).await, -1);
    let subscribed = one.topic;
    one.topic = client.topic_id("other").await;
    assert_eq!(one.get().await, [], "it does not read that topic");
    (one.topic, one.epoch) = (subscribed, 0);
    assert_eq!(one.get().await, [(0, 0, 1)]);
    assert_eq!(kept(&mut client).await, 0);
    one.close().await;
    assert_eq!(invented.get().await, [(0, 0, 2)], "what has begun is anybody's");
}

#[tokio::test(start_paused = true)]
async fn nothing_brings_a_deleted_group_back() {
    let (node, mut client) = node().await;
    client.produce("t", batch(&["a"])).await;
    let mut one = Consumer::new(node.connect(), "one").await;
    assert_eq!(one.get().await, [(0, 0, 1)]);
    beat(&mut client, "one", -1).await;
    assert_eq!(delete(&mut client).await, ErrorCode::None);
    assert_eq!(kept(&mut client).await, -1);
    assert_eq!(one.get().await, []);
    assert_eq!(kept(&mut client).await, -1);
    // What a coordinator asked of the owner before, and what any client may ask.
    let topic = one.topic;
    let partitions = vec![PeerSharePartition { topic_id: topic, partition_index: 0, start_offset: 1 }];
    let altered = PeerSharesRequest { group_id: GROUP.into(), action: ALTER, group_epoch: 2, partitions };
    let told = client.ask(0, &altered).await.partitions;
    assert_eq!(told[0].error_code, ErrorCode::GroupIdNotFound.code());
    assert_eq!(kept(&mut client).await, -1);
    assert_eq!(delete(&mut client).await, ErrorCode::GroupIdNotFound);
    // An administrator makes another of the same name.
    assert_eq!(alter(&mut client, 1).await, ErrorCode::None);
    assert_eq!(kept(&mut client).await, 1);
    assert_eq!(client.ask(0, &altered).await.partitions[0].error_code, 0, "the group lists the topic");
    assert_eq!(forget(&mut client, "t").await, (ErrorCode::None, Some(ErrorCode::None)));
    let told = client.ask(0, &altered).await.partitions;
    assert_eq!(told[0].error_code, ErrorCode::UnknownTopicOrPartition.code());
    assert_eq!(kept(&mut client).await, -1);
    assert_eq!(delete(&mut client).await, ErrorCode::None);
}

#[tokio::test(start_paused = true)]
async fn what_was_allowed_before_a_deletion_is_not_any_more() {
    let (node, mut client) = node().await;
    let topic = TopicId(*client.topic_id("t").await.as_bytes());
    let id = SharePartitionId { group: GROUP.into(), partition: PartitionId { topic, index: 0 } };
    let log = node.broker.log().expect("the node serves");
    let delete = async |group: &str| {
        let id = SharePartitionId { group: group.into(), ..id.clone() };
        let deleted = log.share(&id, Request::Delete, None).expect("it is led here");
        deleted.acknowledged().await.expect("it is durable");
    };
    let before = ShareAsk::new(Arc::clone(&log), &id.group);
    delete(GROUP).await;
    assert!(before.share(&id, Request::Begin(0)).is_err());
    assert_eq!(kept(&mut client).await, -1);
    let since = ShareAsk::new(Arc::clone(&log), &id.group);
    assert!(before.share(&id, Request::Begin(0)).is_err(), "it was asked earlier");
    delete("another").await;
    since
        .share(&id, Request::Begin(0))
        .expect("none of the group")
        .acknowledged()
        .await
        .expect("it is durable");
    assert_eq!(kept(&mut client).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_coordinator_answers_for_its_own_groups() {
    let mut world = World::new();
    for node in 1..=2 {
        world.start(node).await;
    }
    world.client(1).create_topic("t", 1, &[]).await;
    world.settle().await;
    let coordinator = world.cluster().coordinator(GROUP).expect("an owner").0.node.0;
    let request = PeerShareGrantRequest { group_id: GROUP.into(), ..Default::default() };
    let told = world.client(coordinator).ask(0, &request).await;
    assert_eq!(told.error_code, ErrorCode::GroupIdNotFound.code());
    let told = world.client(coordinator % 2 + 1).ask(0, &request).await;
    assert_eq!(told.error_code, ErrorCode::NotCoordinator.code());
}
