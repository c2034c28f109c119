//! Metadata and DescribeCluster.

use protocol::messages::metadata::{MetadataRequestTopic, MetadataResponseTopic};
use protocol::messages::{DescribeClusterRequest, MetadataRequest, MetadataResponse};
use protocol::{ErrorCode, Uuid};

use crate::node::{NODE, Node, config};
use crate::store::Fault;

fn request(names: &[&str]) -> MetadataRequest {
    let topic = |name: &&str| MetadataRequestTopic { name: Some((*name).into()), ..Default::default() };
    MetadataRequest { topics: Some(names.iter().map(topic).collect()), ..Default::default() }
}

fn by_id(id: Uuid) -> MetadataRequest {
    let topic = MetadataRequestTopic { topic_id: id, name: None };
    MetadataRequest { topics: Some(vec![topic]), ..Default::default() }
}

fn codes(response: &MetadataResponse) -> Vec<ErrorCode> {
    let code = |topic: &MetadataResponseTopic| ErrorCode::from_code(topic.error_code).expect("a known error");
    response.topics.iter().map(code).collect()
}

#[tokio::test(start_paused = true)]
async fn brokers_topics_and_leaders_in_every_version() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 2).await;
    for version in 0..=13 {
        let response = client.ask(version, &request(&["t"])).await;
        assert_eq!(response.brokers.len(), 1);
        let broker = &response.brokers[0];
        assert_eq!((broker.node_id, broker.host.as_str(), broker.port), (NODE, "node7.test", 9092));
        assert_eq!(broker.rack.as_deref(), (version >= 1).then_some("r1"));
        assert_eq!(response.controller_id, if version >= 1 { NODE } else { -1 });
        assert_eq!(response.cluster_id.is_some(), version >= 2);
        let topic = &response.topics[0];
        assert_eq!((topic.error_code, topic.name.as_deref(), topic.is_internal), (0, Some("t"), false));
        assert_eq!(topic.topic_id.is_zero(), version < 10);
        assert_eq!(topic.topic_authorized_operations, i32::MIN);
        let partitions: Vec<_> = topic.partitions.iter().map(|p| (p.partition_index, p.leader_id)).collect();
        assert_eq!(partitions, [(0, NODE), (1, NODE)]);
        assert_eq!(topic.partitions[0].leader_epoch, if version >= 7 { 0 } else { -1 });
        assert_eq!(
            (&topic.partitions[0].replica_nodes, &topic.partitions[0].isr_nodes),
            (&vec![NODE], &vec![NODE])
        );
    }
}

#[tokio::test(start_paused = true)]
async fn all_topics_or_none() {
    let node = Node::start().await;
    let mut client = node.with_topic("b", 1).await;
    client.create_topic("a", 1, &[]).await;
    let none = request(&[]);
    let all = MetadataRequest { topics: None, ..Default::default() };
    let names = |response: MetadataResponse| -> Vec<String> {
        response.topics.iter().filter_map(|t| t.name.as_ref().map(|name| name.to_string())).collect()
    };
    assert_eq!(names(client.ask(0, &none).await), ["a", "b"]);
    for version in 1..=13 {
        assert_eq!(names(client.ask(version, &all).await), ["a", "b"]);
        assert!(client.ask(version, &none).await.topics.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn asking_creates_a_topic_if_all_agree() {
    let node = Node::with(broker::node::BrokerConfig { default_partitions: 3, ..config() }).await;
    let mut client = node.connect();
    let unwilling = MetadataRequest { allow_auto_topic_creation: false, ..request(&["t"]) };
    assert_eq!(codes(&client.ask(4, &unwilling).await), [ErrorCode::UnknownTopicOrPartition]);
    let response = client.ask(12, &request(&["t", "a b", "t"])).await;
    assert_eq!(codes(&response), [ErrorCode::None, ErrorCode::InvalidTopicException]);
    assert_eq!(response.topics[0].partitions.len(), 3);
    assert_eq!(codes(&client.ask(4, &unwilling).await), [ErrorCode::None]);

    let node = Node::with(broker::node::BrokerConfig { auto_create_topics: false, ..config() }).await;
    let response = node.connect().ask(12, &request(&["t", "a b"])).await;
    assert_eq!(codes(&response), [ErrorCode::UnknownTopicOrPartition, ErrorCode::InvalidTopicException]);
}

/// Kafka creates its own topics for what it keeps in them. Here they would be topics that stay empty.
#[tokio::test(start_paused = true)]
async fn asking_creates_no_topic_of_kafkas_own() {
    let node = Node::start().await;
    let mut client = node.connect();
    let own = ["__consumer_offsets", "__transaction_state", "__share_group_state"];
    let (long, unknown) = ("x".repeat(250), ErrorCode::UnknownTopicOrPartition);
    let illegal = ["__cluster_metadata", ".", "..", "", "a/b", &long];
    for version in [4, 12] {
        let asked = client.ask(version, &request(&own)).await;
        assert_eq!(codes(&asked), [unknown; 3]);
        assert!(asked.topics.iter().all(|topic| topic.is_internal));
        assert_eq!(
            codes(&client.ask(version, &request(&illegal)).await),
            [ErrorCode::InvalidTopicException; 6]
        );
    }
    let among = ["__consumer_offsets", "..", "t"];
    let expected = [unknown, ErrorCode::InvalidTopicException, ErrorCode::None];
    assert_eq!(codes(&client.ask(12, &request(&among)).await), expected);
    let cluster = node.broker.cluster().expect("a cluster");
    assert_eq!(cluster.topics_by_name().map(|topic| topic.name.as_str()).collect::<Vec<_>>(), ["t"]);
}

#[tokio::test(start_paused = true)]
async fn topics_by_id() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    let id = client.topic_id("t").await;
    let response = client.ask(12, &by_id(id)).await;
    assert_eq!((codes(&response), response.topics[0].name.as_deref()), (vec![ErrorCode::None], Some("t")));
    let unknown = Uuid::from_bytes([9; 16]);
    let response = client.ask(12, &by_id(unknown)).await;
    assert_eq!(codes(&response), [ErrorCode::UnknownTopicId]);
    assert_eq!((response.topics[0].name.as_deref(), response.topics[0].topic_id), (None, unknown));
    // Before that, ids were there but of no use.
    let mut both = by_id(id);
    both.topics.as_mut().expect("topics")[0].name = Some("t".into());
    assert_eq!(codes(&client.ask(11, &both).await), [ErrorCode::InvalidRequest]);
}

#[tokio::test(start_paused = true)]
async fn unknown_is_not_said_by_a_node_that_could_not_ask() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    node.store.set(Fault::MetadataUnreadable);
    let response =
        client.ask(12, &MetadataRequest { allow_auto_topic_creation: false, ..request(&["t", "u"]) }).await;
    assert_eq!(codes(&response), [ErrorCode::None, ErrorCode::LeaderNotAvailable]);
}

#[tokio::test(start_paused = true)]
async fn internal_topics_and_operations() {
    let node = Node::start().await;
    let mut client = node.with_topic("__consumer_offsets", 1).await;
    let wanted = MetadataRequest {
        include_topic_authorized_operations: true,
        include_cluster_authorized_operations: true,
        ..request(&["__consumer_offsets"])
    };
    let response = client.ask(8, &wanted).await;
    assert!(response.topics[0].is_internal);
    assert_eq!(
        (response.topics[0].topic_authorized_operations, response.cluster_authorized_operations),
        (3576, 8096)
    );
}

#[tokio::test(start_paused = true)]
async fn the_cluster_is_described() {
    let node = Node::start().await;
    let mut client = node.connect();
    let cluster = node.broker.cluster().expect("a cluster").id().to_string();
    for version in 0..=2 {
        let response = client.ask(version, &DescribeClusterRequest::default()).await;
        assert_eq!((response.error_code, response.controller_id, response.endpoint_type), (0, NODE, 1));
        assert_eq!(
            (response.cluster_id.as_str(), response.cluster_authorized_operations),
            (&*cluster, i32::MIN)
        );
        assert_eq!((response.brokers[0].host.as_str(), response.brokers[0].is_fenced), ("node7.test", false));
    }
    for (endpoint_type, code) in
        [(2, ErrorCode::MismatchedEndpointType), (3, ErrorCode::UnsupportedEndpointType)]
    {
        let request = DescribeClusterRequest { endpoint_type, ..Default::default() };
        assert_eq!(client.ask(1, &request).await.error_code, code.code());
    }
}
