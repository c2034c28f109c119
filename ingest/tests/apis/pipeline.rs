//! Requests of one connection: pipelined, in order, and bounded.

use std::time::Duration;

use protocol::frame;
use protocol::messages::{
    ApiVersionsRequest, FetchRequest, MetadataRequest, PeerPingRequest, ProduceRequest,
};
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
    let correlation_id = client.send(9, &request).await;
    assert!(timeout(Duration::from_secs(60), client.receive_raw()).await.is_err());
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
