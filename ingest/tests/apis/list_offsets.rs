//! ListOffsets and OffsetForLeaderEpoch.

use std::time::Duration;

use protocol::ErrorCode;
use protocol::messages::list_offsets::{ListOffsetsPartition, ListOffsetsTopic};
use protocol::messages::offset_for_leader_epoch::{
    EpochEndOffset, OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use protocol::messages::{ListOffsetsRequest, OffsetForLeaderEpochRequest};

use crate::client::{Client, batch, produce_request, stamped};
use crate::node::{NOW, Node, config};
use crate::store::Fault;

fn request(timestamps: &[i64]) -> ListOffsetsRequest {
    let partition = |timestamp: &i64| ListOffsetsPartition { timestamp: *timestamp, ..Default::default() };
    let topic = |timestamp| ListOffsetsTopic { name: "t".into(), partitions: vec![partition(timestamp)] };
    ListOffsetsRequest {
        replica_id: -1,
        topics: timestamps.iter().map(topic).collect(),
        ..Default::default()
    }
}

/// Error, offset, timestamp and leader epoch.
async fn listed(client: &mut Client, version: i16, timestamp: i64) -> (ErrorCode, i64, i64, i32) {
    let response = client.ask(version, &request(&[timestamp])).await;
    let found = &response.topics[0].partitions[0];
    let code = ErrorCode::from_code(found.error_code).expect("a known error");
    (code, found.offset, found.timestamp, found.leader_epoch)
}

const NONE: (ErrorCode, i64, i64, i32) = (ErrorCode::None, -1, -1, -1);

#[tokio::test(start_paused = true)]
async fn the_ends_of_the_log() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    assert_eq!(listed(&mut client, 11, -1).await, (ErrorCode::None, 0, -1, 0));
    assert_eq!(listed(&mut client, 11, -3).await, NONE);
    client.produce("t", batch(&["a", "b"])).await;
    for version in 1..=11 {
        let epoch = if version >= 4 { 0 } else { -1 };
        assert_eq!(listed(&mut client, version, -1).await, (ErrorCode::None, 2, -1, epoch), "v{version}");
        assert_eq!(listed(&mut client, version, -2).await, (ErrorCode::None, 0, -1, epoch), "v{version}");
    }
    assert_eq!(listed(&mut client, 8, -4).await, (ErrorCode::None, 0, -1, 0));
    assert_eq!(listed(&mut client, 9, -5).await, NONE);
    assert_eq!(listed(&mut client, 11, -6).await, NONE);
    for (version, timestamp) in [(6, -3), (7, -4), (8, -5), (10, -6), (11, -7), (11, i64::MIN)] {
        assert_eq!(listed(&mut client, version, timestamp).await.0, ErrorCode::UnsupportedVersion);
    }
}

#[tokio::test(start_paused = true)]
async fn offsets_by_timestamp_are_those_of_records() {
    for (tail_bytes, checkpoint_slots) in [(64 << 20, 1000), (0, 1000), (0, 2)] {
        let mut config = config();
        config.log.tail_bytes = tail_bytes;
        config.log.checkpoint_slots = checkpoint_slots;
        let node = Node::with(config).await;
        let mut client = node.with_topic("t", 1).await;
        client.produce("t", stamped(&[NOW, NOW + 10])).await;
        client.produce("t", stamped(&[NOW + 30, NOW + 20, NOW + 40])).await;
        client.produce("t", stamped(&[NOW + 35])).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let found = async |client: &mut Client, timestamp| {
            let (code, offset, timestamp, _) = listed(client, 7, timestamp).await;
            assert_eq!(code, ErrorCode::None);
            (offset, timestamp - NOW)
        };
        assert_eq!(found(&mut client, 0).await, (0, 0));
        assert_eq!(found(&mut client, NOW + 1).await, (1, 10));
        assert_eq!(found(&mut client, NOW + 20).await, (2, 30));
        assert_eq!(found(&mut client, NOW + 31).await, (4, 40));
        assert_eq!(found(&mut client, -3).await, (4, 40));
        assert_eq!(listed(&mut client, 7, NOW + 41).await, NONE);
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_is_told_only_after_a_barrier() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    node.store.set(Fault::SlotsHeld);
    node.connect().send(9, &produce_request("t", 0, Some(batch(&["a"])))).await;
    tokio::time::sleep(Duration::from_millis(10)).await;
    let correlation_id = client.send(7, &request(&[-1])).await;
    assert!(tokio::time::timeout(Duration::from_secs(1), client.receive_raw()).await.is_err());
    node.store.set(Fault::None);
    let response = client.receive::<ListOffsetsRequest>(7, correlation_id).await;
    assert_eq!(response.topics[0].partitions[0].offset, 1);
}

#[tokio::test(start_paused = true)]
async fn a_barrier_that_fails_is_not_leader() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    node.store.set(Fault::SlotsHeld);
    let correlation_id = client.send(7, &request(&[-1])).await;
    tokio::time::sleep(Duration::from_millis(10)).await;
    node.lose_session();
    let response = client.receive::<ListOffsetsRequest>(7, correlation_id).await;
    assert_eq!(response.topics[0].partitions[0].error_code, ErrorCode::NotLeaderOrFollower.code());
    node.store.set(Fault::None);
}

#[tokio::test(start_paused = true)]
async fn errors_of_partitions() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 2).await;
    let response = client.ask(7, &request(&[-1, -2])).await;
    for topic in &response.topics {
        assert_eq!(
            topic.partitions[0].error_code,
            ErrorCode::InvalidRequest.code(),
            "the partition came twice"
        );
    }
    let mut wanted = request(&[-1]);
    wanted.topics[0].partitions[0].partition_index = 2;
    let response = client.ask(7, &wanted).await;
    assert_eq!(response.topics[0].partitions[0].error_code, ErrorCode::UnknownTopicOrPartition.code());
    wanted.topics[0].partitions[0].partition_index = 1;
    wanted.topics[0].partitions[0].current_leader_epoch = 4;
    let response = client.ask(7, &wanted).await;
    assert_eq!(response.topics[0].partitions[0].error_code, ErrorCode::UnknownLeaderEpoch.code());
}

#[tokio::test(start_paused = true)]
async fn where_a_leader_epoch_ended() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    client.produce("t", batch(&["a", "b"])).await;
    for version in 2..=4 {
        let mut ask = async |partition, current_leader_epoch, leader_epoch| {
            let partition = OffsetForLeaderPartition { partition, current_leader_epoch, leader_epoch };
            let topics = vec![OffsetForLeaderTopic { topic: "t".into(), partitions: vec![partition] }];
            let request = OffsetForLeaderEpochRequest { replica_id: -1, topics };
            let response = client.ask(version, &request).await;
            let EpochEndOffset { error_code, leader_epoch, end_offset, .. } =
                response.topics[0].partitions[0];
            (ErrorCode::from_code(error_code).expect("a known error"), leader_epoch, end_offset)
        };
        assert_eq!(ask(0, -1, 0).await, (ErrorCode::None, 0, 2));
        assert_eq!(ask(0, 0, 5).await, (ErrorCode::None, -1, -1));
        assert_eq!(ask(0, -1, -1).await, (ErrorCode::None, -1, -1));
        assert_eq!(ask(0, 1, 0).await, (ErrorCode::UnknownLeaderEpoch, -1, -1));
        assert_eq!(ask(1, -1, 0).await, (ErrorCode::UnknownTopicOrPartition, -1, -1));
    }
}
