//! CreateTopics and DeleteTopics.

use protocol::messages::create_topics::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig, CreatableTopicResult,
};
use protocol::messages::delete_topics::DeleteTopicState;
use protocol::messages::{CreateTopicsRequest, DeleteTopicsRequest};
use protocol::{ErrorCode, Uuid};

use crate::client::batch;
use crate::node::{NODE, Node, config};
use crate::store::Fault;

fn topic(name: &str) -> CreatableTopic {
    CreatableTopic { name: name.into(), num_partitions: -1, replication_factor: -1, ..Default::default() }
}

fn request(topics: Vec<CreatableTopic>) -> CreateTopicsRequest {
    CreateTopicsRequest { topics, timeout_ms: 1000, validate_only: false }
}

fn code(result: &CreatableTopicResult) -> ErrorCode {
    ErrorCode::from_code(result.error_code).expect("a known error")
}

#[tokio::test(start_paused = true)]
async fn topics_are_created_in_every_version_with_defaults() {
    let node = Node::with(broker::node::BrokerConfig { default_partitions: 4, ..config() }).await;
    let mut client = node.connect();
    for version in 2..=7 {
        let name = format!("t{version}");
        let response = client.ask(version, &request(vec![topic(&name)])).await;
        let result = &response.topics[0];
        assert_eq!(
            (code(result), &result.error_message, result.name.as_str()),
            (ErrorCode::None, &None, &*name)
        );
        assert_eq!(result.topic_id.is_zero(), version < 7);
        if version >= 5 {
            assert_eq!((result.num_partitions, result.replication_factor), (4, 1));
            let configs = result.configs.as_ref().expect("configs are told");
            let policy = configs.iter().find(|c| c.name == "cleanup.policy").expect("the policy is told");
            assert_eq!((policy.value.as_deref(), policy.config_source), (Some("delete"), 5));
        }
        let response = client.ask(version, &request(vec![topic(&name)])).await;
        assert_eq!(code(&response.topics[0]), ErrorCode::TopicAlreadyExists);
        assert!(response.topics[0].error_message.is_some());
    }
    assert_eq!(node.broker.cluster().expect("a cluster").topics().count(), 6);
}

/// Kafka refuses the whole request then.
#[tokio::test(start_paused = true)]
async fn a_request_creates_ten_thousand_partitions_at_most() {
    let node = Node::with(broker::node::BrokerConfig { default_partitions: 4, ..config() }).await;
    let mut client = node.connect();
    let with = |name: &str, partitions| CreatableTopic { num_partitions: partitions, ..topic(name) };
    let assigned = CreatableTopic {
        assignments: vec![CreatableReplicaAssignment { partition_index: 0, broker_ids: vec![NODE] }],
        ..topic("assigned")
    };
    for (most, refused) in [(9_996, true), (9_995, false)] {
        let topics = vec![with("large", most), topic("default"), assigned.clone(), with("none", 0)];
        for result in client.ask(7, &request(topics)).await.topics {
            let expected = match (refused, result.name.as_str()) {
                (true, _) => ErrorCode::PolicyViolation,
                (false, "none") => ErrorCode::InvalidPartitions,
                (false, _) => ErrorCode::None,
            };
            assert_eq!(code(&result), expected, "{result:?}");
            let message = "Excessively large number of partitions per request.";
            assert!(!refused || result.error_message.as_deref() == Some(message));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn good_and_bad_topics_in_one_request() {
    let node = Node::start().await;
    let mut client = node.with_topic("old.one", 1).await;
    let with = |name: &str, partitions, factor| CreatableTopic {
        num_partitions: partitions,
        replication_factor: factor,
        ..topic(name)
    };
    let configured = |name: &str, key: &str, value: Option<&str>| CreatableTopic {
        configs: vec![CreatableTopicConfig { name: key.into(), value: value.map(Into::into) }],
        ..topic(name)
    };
    let cases = [
        (with("good", 3, 5), ErrorCode::None),
        (configured("compacted", "cleanup.policy", Some("compact")), ErrorCode::None),
        (with("none", 0, 1), ErrorCode::InvalidPartitions),
        (with("few", -2, 1), ErrorCode::InvalidPartitions),
        (with("thin", 1, 0), ErrorCode::InvalidReplicationFactor),
        (topic("a b"), ErrorCode::InvalidTopicException),
        (topic(""), ErrorCode::InvalidTopicException),
        (topic("old_one"), ErrorCode::InvalidTopicException),
        (topic("old.one"), ErrorCode::TopicAlreadyExists),
        (configured("odd", "no.such.thing", Some("1")), ErrorCode::InvalidConfig),
        (configured("wrong", "retention.ms", Some("x")), ErrorCode::InvalidConfig),
        (configured("null", "retention.ms", None), ErrorCode::InvalidConfig),
        (topic("twice"), ErrorCode::InvalidRequest),
        (topic("new.one"), ErrorCode::None),
        (topic("new_one"), ErrorCode::InvalidTopicException),
    ];
    let mut topics: Vec<_> = cases.iter().map(|(topic, _)| topic.clone()).collect();
    topics.push(topic("twice"));
    let response = client.ask(7, &request(topics)).await;
    let answers: Vec<_> = response.topics.iter().map(|t| (t.name.to_string(), code(t))).collect();
    let expected: Vec<_> = cases.iter().map(|(topic, code)| (topic.name.to_string(), *code)).collect();
    assert_eq!(answers, expected);
    let cluster = node.broker.cluster().expect("a cluster");
    let created: Vec<_> = cluster.topics_by_name().map(|t| (t.name.as_str(), t.partitions)).collect();
    assert_eq!(created, [("compacted", 1), ("good", 3), ("new.one", 1), ("old.one", 1)]);
}

#[tokio::test(start_paused = true)]
async fn manual_assignments() {
    let node = Node::start().await;
    let mut client = node.connect();
    let assigned = |name: &str, partitions: &[(i32, &[i32])]| CreatableTopic {
        assignments: partitions
            .iter()
            .map(|(index, brokers)| CreatableReplicaAssignment {
                partition_index: *index,
                broker_ids: brokers.to_vec(),
            })
            .collect(),
        ..topic(name)
    };
    let invalid = ErrorCode::InvalidReplicaAssignment;
    let cases = [
        (assigned("good", &[(1, &[NODE]), (0, &[NODE])]), ErrorCode::None),
        (assigned("gap", &[(0, &[NODE]), (2, &[NODE])]), invalid),
        (assigned("twice", &[(0, &[NODE]), (0, &[NODE])]), invalid),
        (assigned("nobody", &[(0, &[])]), invalid),
        (assigned("stranger", &[(0, &[8])]), invalid),
        (assigned("same", &[(0, &[NODE, NODE])]), invalid),
        (CreatableTopic { num_partitions: 1, ..assigned("n", &[(0, &[NODE])]) }, ErrorCode::InvalidRequest),
        (
            CreatableTopic { replication_factor: 1, ..assigned("r", &[(0, &[NODE])]) },
            ErrorCode::InvalidRequest,
        ),
    ];
    let topics = cases.iter().map(|(topic, _)| topic.clone()).collect();
    let response = client.ask(7, &request(topics)).await;
    for (result, (_, expected)) in response.topics.iter().zip(&cases) {
        assert_eq!(code(result), *expected, "{result:?}");
    }
    assert_eq!((response.topics[0].num_partitions, response.topics[0].replication_factor), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn validating_creates_nothing() {
    let node = Node::start().await;
    let mut client = node.connect();
    let wanted = CreateTopicsRequest { validate_only: true, ..request(vec![topic("t"), topic("a b")]) };
    let response = client.ask(7, &wanted).await;
    let codes: Vec<_> = response.topics.iter().map(code).collect();
    assert_eq!(codes, [ErrorCode::None, ErrorCode::InvalidTopicException]);
    assert_eq!(node.broker.cluster().expect("a cluster").topics().count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_does_not_answer_is_a_time_out() {
    let node = Node::start().await;
    let mut client = node.connect();
    node.store.set(Fault::MetadataUnreadable);
    let response = client.ask(7, &request(vec![topic("t")])).await;
    assert!(code(&response.topics[0]).is_retriable(), "{:?}", response.topics[0]);
}

#[tokio::test(start_paused = true)]
async fn topics_are_deleted_by_name_and_by_id() {
    let node = Node::start().await;
    let mut client = node.connect();
    for version in 1..=5 {
        client.create_topic("t", 1, &[]).await;
        client.create_topic("v", 1, &[]).await;
        let topic_names = ["t", "u", "v", "v"].map(Into::into).to_vec();
        let request = DeleteTopicsRequest { topic_names, timeout_ms: 1000, ..Default::default() };
        let response = client.ask(version, &request).await;
        let codes: Vec<_> = response.responses.iter().map(|r| r.error_code).collect();
        let expected = [ErrorCode::None, ErrorCode::UnknownTopicOrPartition, ErrorCode::InvalidRequest];
        assert_eq!(codes, expected.map(ErrorCode::code), "what is named twice is told once, and stays");
        let topic_names = vec!["v".into()];
        let request = DeleteTopicsRequest { topic_names, timeout_ms: 1000, ..Default::default() };
        assert_eq!(client.ask(version, &request).await.responses[0].error_code, 0);
    }
    client.create_topic("a", 1, &[]).await;
    client.create_topic("b", 1, &[]).await;
    let id = client.topic_id("a").await;
    let (zero, unknown) = (Uuid::ZERO, Uuid::from_bytes([9; 16]));
    client.create_topic("c", 1, &[]).await;
    let (c, invalid) = (client.topic_id("c").await, ErrorCode::InvalidRequest);
    let wanted = [
        (None, id, ErrorCode::None),
        (Some("b"), zero, ErrorCode::None),
        (None, unknown, ErrorCode::UnknownTopicId),
        (Some("c"), zero, invalid),
        (None, c, invalid),
        (None, zero, invalid),
        (Some("b"), id, invalid),
    ];
    let topics = wanted.map(|(name, topic_id, _)| DeleteTopicState { name: name.map(Into::into), topic_id });
    let request = DeleteTopicsRequest { topics: topics.to_vec(), timeout_ms: 1000, ..Default::default() };
    let response = client.ask(6, &request).await;
    let told: Vec<_> = response
        .responses
        .iter()
        .map(|r| (r.name.as_deref(), r.topic_id, ErrorCode::from_code(r.error_code).expect("known")))
        .collect();
    let b = response.responses.iter().find(|r| r.error_code == 0 && r.name.as_deref() == Some("b"));
    let expected = [
        (None, zero, invalid),
        (Some("b"), id, invalid),
        (Some("a"), id, ErrorCode::None),
        (Some("b"), b.expect("it is deleted").topic_id, ErrorCode::None),
        (None, unknown, ErrorCode::UnknownTopicId),
        // Its id is there, too: told once.
        (Some("c"), c, invalid),
    ];
    assert_eq!(told, expected);
    let cluster = node.broker.cluster().expect("a cluster");
    assert_eq!(cluster.topics().map(|t| t.name.as_str()).collect::<Vec<_>>(), ["c"]);
}

#[tokio::test(start_paused = true)]
async fn messages_are_kafkas() {
    let node = Node::start().await;
    let mut client = node.with_topic("old.one", 1).await;
    let cases = [
        (topic("old.one"), "Topic 'old.one' already exists."),
        (topic("old_one"), "Topic 'old_one' collides with existing topic: old.one"),
        (topic(".."), "Topic name is invalid: '..' is not allowed"),
        (
            CreatableTopic { num_partitions: 0, ..topic("none") },
            "Number of partitions was set to an invalid non-positive value.",
        ),
        (
            CreatableTopic { replication_factor: 0, ..topic("thin") },
            "Replication factor must be larger than 0, or -1 to use the default value.",
        ),
        (topic("__cluster_metadata"), "Creation of internal topic __cluster_metadata is prohibited."),
    ];
    for (topic, message) in cases {
        let response = client.ask(7, &request(vec![topic])).await;
        assert_eq!(response.topics[0].error_message.as_deref(), Some(message));
    }
}

#[tokio::test(start_paused = true)]
async fn a_topic_created_again_is_another_topic() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    let first = client.topic_id("t").await;
    client.produce("t", batch(&["a"])).await;
    let request =
        DeleteTopicsRequest { topic_names: vec!["t".into()], timeout_ms: 1000, ..Default::default() };
    client.ask(5, &request).await;
    client.create_topic("t", 1, &[]).await;
    assert_ne!(client.topic_id("t").await, first);
    assert_eq!(client.produce("t", batch(&["a"])).await.base_offset, 0);
}
