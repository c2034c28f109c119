//! Requests of one connection: pipelined, in order, and bounded.

use std::time::Duration;

use protocol::messages::fetch::{FetchPartition, FetchTopic};
use protocol::messages::list_offsets::{ListOffsetsPartition, ListOffsetsTopic};
use protocol::messages::metadata::MetadataRequestTopic;
use protocol::messages::offset_for_leader_epoch::{OffsetForLeaderPartition, OffsetForLeaderTopic};
use protocol::messages::{
    ApiVersionsRequest, FetchRequest, ListOffsetsRequest, MetadataRequest, OffsetForLeaderEpochRequest,
    PeerPingRequest, ProduceRequest,
};
use protocol::{ErrorCode, frame};
use tokio::time::{Instant, timeout};

use crate::client::{batch, produce_request};
use crate::node::{Node, config};
use crate::store::Fault;

#[tokio::test(start_paused = true)]
async fn produces_overlap_and_are_answered_in_order() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    node.store.set(Fault::SlotsHeld);
    let mut sent = Vec::new();
    for value in 0..10 {
        sent.push(client.send(9, &produce_request("t", 0, Some(batch(&[&value.to_string()])))).await);
        // The first is in flight before the second comes.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // A later request that is done sooner waits its turn.
    let last = client.send(0, &ApiVersionsRequest::default()).await;
    assert!(timeout(Duration::from_secs(1), client.receive_raw()).await.is_err());
    // All were read: what the first slot does not have is in the next one, which waits.
    let open = node.broker.log().expect("the node serves").open_bytes();
    assert!(open > 0, "nothing was read after the first request");
    node.store.set(Fault::None);
    for (offset, correlation_id) in sent.into_iter().enumerate() {
        let response = client.receive::<ProduceRequest>(9, correlation_id).await;
        assert_eq!(response.responses[0].partition_responses[0].base_offset, offset as i64);
    }
    client.receive::<ApiVersionsRequest>(0, last).await;
}

#[tokio::test(start_paused = true)]
async fn a_request_in_many_pieces_and_many_requests_in_one() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    let encode = |correlation_id, value: &str| {
        let request = produce_request("t", 0, Some(batch(&[value])));
        frame::encode_request(correlation_id, Some("test"), 9, &request).expect("a request").concat()
    };
    let sizes = [10, 3_000, 5_000, 20_000, 70_000, 100, 300_000, 70_000, 10];
    let all: Vec<u8> = (0..).zip(sizes).flat_map(|(id, size)| encode(id, &"x".repeat(size))).collect();
    client.send_raw(&all).await;
    for id in 0..9 {
        let response = client.receive::<ProduceRequest>(9, id).await;
        assert_eq!(response.responses[0].partition_responses[0].base_offset, i64::from(id));
    }
    for piece in all.chunks(977) {
        client.send_raw(piece).await;
        tokio::task::yield_now().await;
    }
    for id in 0..9 {
        let response = client.receive::<ProduceRequest>(9, id).await;
        assert_eq!(response.responses[0].partition_responses[0].base_offset, 9 + i64::from(id));
    }
    let request = FetchRequest::default();
    assert!(client.ask(12, &request).await.responses.is_empty());
}

#[tokio::test(start_paused = true)]
async fn before_a_node_is_ready_it_says_who_it_is_and_what_it_serves() {
    let node = Node::not_started(config());
    let mut client = node.connect();
    assert_eq!(client.ask(3, &versions()).await.error_code, 0);
    let identity = client.ask(0, &PeerPingRequest::default()).await;
    assert_eq!(identity.process_id.as_bytes(), node.broker.process().as_bytes());
    let request = MetadataRequest { topics: None, ..Default::default() };
    let mut early = node.connect();
    early.send(9, &request).await;
    let began = Instant::now();
    assert!(early.is_closed().await, "nobody waits for ever");
    assert_eq!(began.elapsed().as_secs(), 15);
    let correlation_id = client.send(9, &request).await;
    assert!(timeout(Duration::from_secs(10), client.receive_raw()).await.is_err());
    node.run();
    let response = client.receive::<MetadataRequest>(9, correlation_id).await;
    let identity = client.ask(0, &PeerPingRequest::default()).await;
    assert_eq!(Some(identity.cluster_id), response.cluster_id);
}

fn versions() -> ApiVersionsRequest {
    ApiVersionsRequest { client_software_name: "test".into(), client_software_version: "1".into() }
}

#[tokio::test(start_paused = true)]
async fn a_silent_connection_is_closed() {
    let node = Node::start().await;
    let mut idle = node.connect();
    let began = Instant::now();
    idle.ask(3, &versions()).await;
    assert!(idle.is_closed().await);
    assert_eq!(began.elapsed().as_secs(), 600);
    let mut stalled = node.connect();
    stalled.send_raw(&100i32.to_be_bytes()).await;
    let began = Instant::now();
    assert!(stalled.is_closed().await);
    assert_eq!(began.elapsed().as_secs(), 30);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_stops_answers_what_it_was_asked_and_hangs_up() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    let mut idle = node.connect();
    node.store.set(Fault::SlotsHeld);
    let correlation_id = client.send(9, &produce_request("t", 0, Some(batch(&["a"])))).await;
    tokio::time::sleep(Duration::from_millis(10)).await;
    node.stop.cancel();
    assert!(idle.is_closed().await);
    tokio::time::sleep(Duration::from_secs(1)).await;
    node.store.set(Fault::None);
    let response = client.receive::<ProduceRequest>(9, correlation_id).await;
    assert_eq!(response.responses[0].partition_responses[0].error_code, 0);
    assert!(client.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn nothing_waits_for_ever_for_a_store_that_does_not_answer() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    client.produce("t", batch(&["a"])).await;
    node.store.set(Fault::SlotsHeld);
    let began = Instant::now();
    let listed = list_offsets();
    let response = client.ask(8, &listed).await;
    let code = response.topics[0].partitions[0].error_code;
    assert_eq!(code, ErrorCode::NotLeaderOrFollower.code());
    assert_eq!(began.elapsed().as_secs(), 15);
    let began = Instant::now();
    let response = client.ask(2, &offset_for_leader_epoch()).await;
    let code = response.topics[0].partitions[0].error_code;
    assert_eq!(code, ErrorCode::NotLeaderOrFollower.code());
    assert_eq!(began.elapsed().as_secs(), 15);
    // Beyond the end, which only a barrier confirms.
    let began = Instant::now();
    let response = client.ask(11, &fetch(5)).await;
    let code = response.responses[0].partitions[0].error_code;
    assert_eq!(code, ErrorCode::NotLeaderOrFollower.code());
    assert_eq!(began.elapsed().as_secs(), 15);
    // A producer that gives no time of its own.
    let began = Instant::now();
    let mut request = produce_request("t", 0, Some(batch(&["b"])));
    (request.acks, request.timeout_ms) = (1, 0);
    let response = client.ask(9, &request).await;
    let code = response.responses[0].partition_responses[0].error_code;
    assert_eq!(code, ErrorCode::RequestTimedOut.code());
    assert_eq!(began.elapsed().as_secs(), 15);
    node.store.set(Fault::None);
    let response = client.ask(8, &listed).await;
    assert_eq!(response.topics[0].partitions[0].offset, 2);
}

#[tokio::test(start_paused = true)]
async fn reads_from_a_store_that_does_not_answer_come_to_an_end() {
    let mut config = config();
    config.log.tail_bytes = 0;
    config.read_cache_bytes = 0;
    let node = Node::with(config).await;
    let mut client = node.with_topic("t", 1).await;
    client.produce("t", batch(&["a"])).await;
    node.store.set(Fault::SilentReads);
    let began = Instant::now();
    let response = client.ask(11, &fetch(0)).await;
    let code = response.responses[0].partitions[0].error_code;
    assert_eq!(code, ErrorCode::NotLeaderOrFollower.code());
    assert!(began.elapsed() <= Duration::from_secs(15), "{:?}", began.elapsed());
    let began = Instant::now();
    let topic = MetadataRequestTopic { name: Some("nowhere".into()), ..Default::default() };
    let request = MetadataRequest { topics: Some(vec![topic]), ..Default::default() };
    let response = client.ask(9, &request).await;
    assert_eq!(response.topics[0].error_code, ErrorCode::LeaderNotAvailable.code());
    assert!(began.elapsed() <= Duration::from_secs(15), "{:?}", began.elapsed());
    node.store.set(Fault::None);
    assert_eq!(client.ask(11, &fetch(0)).await.responses[0].partitions[0].error_code, 0);
}

#[tokio::test(start_paused = true)]
async fn whoever_asks_a_node_between_two_sessions_where_an_epoch_ends_is_kept_for_a_moment() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    node.lose_session();
    tokio::task::yield_now().await;
    let began = Instant::now();
    let response = client.ask(2, &offset_for_leader_epoch()).await;
    let partition = &response.topics[0].partitions[0];
    assert_eq!(partition.error_code, 0, "it led again {:?} later", began.elapsed());
    assert_eq!(client.ask(8, &list_offsets()).await.topics[0].partitions[0].error_code, 0);
}

fn list_offsets() -> ListOffsetsRequest {
    let partitions = vec![ListOffsetsPartition { timestamp: -1, ..Default::default() }];
    let topics = vec![ListOffsetsTopic { name: "t".into(), partitions }];
    ListOffsetsRequest { replica_id: -1, topics, ..Default::default() }
}

fn offset_for_leader_epoch() -> OffsetForLeaderEpochRequest {
    let partitions =
        vec![OffsetForLeaderPartition { current_leader_epoch: -1, leader_epoch: 0, ..Default::default() }];
    let topics = vec![OffsetForLeaderTopic { topic: "t".into(), partitions }];
    OffsetForLeaderEpochRequest { topics, ..Default::default() }
}

fn fetch(offset: i64) -> FetchRequest {
    let partitions =
        vec![FetchPartition { fetch_offset: offset, partition_max_bytes: 1 << 20, ..Default::default() }];
    let topics = vec![FetchTopic { topic: "t".into(), partitions, ..Default::default() }];
    FetchRequest { max_wait_ms: 100, min_bytes: 1, max_bytes: 1 << 20, topics, ..Default::default() }
}
