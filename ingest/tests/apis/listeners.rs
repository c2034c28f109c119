//! What clients are told depends on the listener that they came by.

use std::time::Duration;

use broker::node::BrokerConfig;
use coordinator::cluster::Address;
use protocol::ErrorCode;
use protocol::messages::fetch::{FetchPartition, FetchTopic};
use protocol::messages::metadata::MetadataRequestTopic;
use protocol::messages::peer::DRAIN;
use protocol::messages::{
    DescribeClusterRequest, FetchRequest, MetadataRequest, PeerControlRequest, PeerPingRequest,
    PeerSharesRequest, PeerStatusRequest, PeerWitnessRequest,
};

use crate::client::batch;
use crate::node::{LISTENER, NODE, Node, config};

fn address(listener: &str, host: &str, port: u16) -> Address {
    Address { listener: listener.to_owned(), host: host.to_owned(), port }
}

/// A node with two listeners.
async fn node() -> Node {
    let addresses = vec![address("INSIDE", "fd00::7", 9093), address(LISTENER, "node7.test", 9092)];
    Node::with(BrokerConfig { addresses, ..config() }).await
}

fn metadata_of(topic: &str) -> MetadataRequest {
    let topic = MetadataRequestTopic { name: Some(topic.into()), ..Default::default() };
    MetadataRequest { topics: Some(vec![topic]), ..Default::default() }
}

#[tokio::test(start_paused = true)]
async fn each_listener_has_its_own_addresses() {
    let node = node().await;
    node.with_topic("t", 1).await;
    for (listener, host, port) in [(LISTENER, "node7.test", 9092), ("INSIDE", "fd00::7", 9093)] {
        let mut client = node.connect_by(listener);
        let told = client.ask(12, &metadata_of("t")).await;
        let broker = &told.brokers[0];
        assert_eq!((broker.node_id, broker.host.as_str(), broker.port), (NODE, host, port));
        assert_eq!((told.controller_id, told.topics[0].partitions[0].leader_id), (NODE, NODE));
        let described = client.ask(2, &DescribeClusterRequest::default()).await;
        let broker = &described.brokers[0];
        assert_eq!((broker.host.as_str(), broker.port, broker.rack.as_deref()), (host, port, Some("r1")));
    }
}

#[tokio::test(start_paused = true)]
async fn nodes_without_the_listener_are_left_out() {
    let node = node().await;
    let mut known = node.with_topic("t", 1).await;
    let mut client = node.connect_by("OUTSIDE");
    for (version, code) in [(5, ErrorCode::LeaderNotAvailable), (6, ErrorCode::ListenerNotFound)] {
        let told = client.ask(version, &metadata_of("t")).await;
        assert_eq!((told.brokers.len(), told.controller_id), (0, -1));
        let partition = &told.topics[0].partitions[0];
        assert_eq!((partition.error_code, partition.leader_id), (code.code(), -1));
        assert_eq!((&partition.replica_nodes, &partition.offline_replicas), (&vec![NODE], &vec![NODE]));
    }
    let described = client.ask(2, &DescribeClusterRequest::default()).await;
    assert_eq!((described.brokers.len(), described.controller_id), (0, -1));
    // The node itself serves whoever is connected.
    assert_eq!(client.produce("t", batch(&["a"])).await.error_code, 0);
    assert_eq!(known.produce("t", batch(&["b"])).await.base_offset, 1);
}

#[tokio::test(start_paused = true)]
async fn a_leader_is_named_by_its_address_of_that_listener() {
    let node = node().await;
    let topic_id = node.with_topic("t", 1).await.topic_id("t").await;
    let partitions = vec![FetchPartition { partition_max_bytes: 1, ..Default::default() }];
    let topics = vec![FetchTopic { topic_id, partitions, ..Default::default() }];
    let (max_wait_ms, max_bytes, min_bytes) = (60_000, 1, 1);
    let request =
        FetchRequest { topics, session_epoch: -1, max_wait_ms, max_bytes, min_bytes, ..Default::default() };
    let mut waiting = Vec::new();
    for (listener, host) in [(LISTENER, Some("node7.test")), ("INSIDE", Some("fd00::7")), ("OUTSIDE", None)] {
        let mut client = node.connect_by(listener);
        let correlation_id = client.send(16, &request).await;
        waiting.push((client, correlation_id, host));
    }
    tokio::time::sleep(Duration::from_millis(10)).await;
    node.lose_session();
    for (mut client, correlation_id, host) in waiting {
        let told = client.receive::<FetchRequest>(16, correlation_id).await;
        let data = &told.responses[0].partitions[0];
        assert_eq!(data.error_code, ErrorCode::NotLeaderOrFollower.code());
        assert_eq!(data.current_leader.leader_id, if host.is_some() { NODE } else { -1 });
        assert_eq!(told.node_endpoints.first().map(|node| node.host.as_str()), host);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_private_is_served_on_the_inter_node_listener_alone() {
    let node = node().await;
    let mut inside = node.connect_by("INSIDE");
    assert_eq!(inside.ask(0, &PeerStatusRequest {}).await.node_id, NODE);
    assert!(!inside.ask(0, &PeerPingRequest::default()).await.process_id.is_zero());
    for listener in [LISTENER, "OUTSIDE"] {
        let mut client = node.connect_by(listener);
        client.send(0, &PeerPingRequest::default()).await;
        assert!(client.is_closed().await, "{listener}");
        let mut client = node.connect_by(listener);
        client.send(0, &PeerWitnessRequest::default()).await;
        assert!(client.is_closed().await, "{listener}");
        let mut client = node.connect_by(listener);
        client.send(0, &PeerStatusRequest {}).await;
        assert!(client.is_closed().await, "{listener}");
        let mut client = node.connect_by(listener);
        client.send(0, &PeerControlRequest { node_id: NODE, action: DRAIN }).await;
        assert!(client.is_closed().await, "{listener}");
        let mut client = node.connect_by(listener);
        client.send(0, &PeerSharesRequest::default()).await;
        assert!(client.is_closed().await, "{listener}");
    }
}
