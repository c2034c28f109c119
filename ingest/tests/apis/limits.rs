//! What one request may change, and how much of anything a cluster may have.

use std::time::Duration;

use broker::node::BrokerConfig;
use bytes::Bytes;
use coordinator::cluster::Limits;
use protocol::ErrorCode;
use protocol::messages::create_partitions::CreatePartitionsTopic;
use protocol::messages::create_topics::CreatableTopic;
use protocol::messages::delete_topics::DeleteTopicState;
use protocol::messages::describe_configs::DescribeConfigsResource;
use protocol::messages::fetch::{FetchPartition, FetchTopic};
use protocol::messages::list_offsets::{ListOffsetsPartition, ListOffsetsTopic};
use protocol::messages::metadata::MetadataRequestTopic;
use protocol::messages::produce::{PartitionProduceData, TopicProduceData};
use protocol::messages::sync_group::SyncGroupRequestAssignment;
use protocol::messages::{
    CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest, DescribeConfigsRequest, FetchRequest,
    IncrementalAlterConfigsRequest, ListOffsetsRequest, MetadataRequest, MetadataResponse, ProduceRequest,
    SyncGroupRequest, incremental_alter_configs,
};
use tokio::time::{Instant, sleep, timeout};

use crate::client::{Client, batch};
use crate::node::{Node, config};
use crate::store::Fault;

const SET: i8 = 0;
const TOPIC: i8 = 2;
const GROUP: i8 = 32;

const EXCESSIVE: &str = "Unable to perform excessively large batch operation.";

fn metadata<S: AsRef<str>>(names: &[S]) -> MetadataRequest {
    let topic = |name: &S| MetadataRequestTopic { name: Some(name.as_ref().into()), ..Default::default() };
    MetadataRequest {
        topics: Some(names.iter().map(topic).collect()),
        allow_auto_topic_creation: true,
        ..Default::default()
    }
}

fn code(code: i16) -> ErrorCode {
    ErrorCode::from_code(code).expect("a known error")
}

fn codes(response: &MetadataResponse) -> Vec<ErrorCode> {
    response.topics.iter().map(|topic| code(topic.error_code)).collect()
}

/// What becomes of each topic, and what is said of it.
async fn create(client: &mut Client, topics: &[(&str, i32)]) -> Vec<(ErrorCode, String)> {
    let topic = |(name, num_partitions): &(&str, i32)| CreatableTopic {
        name: (*name).into(),
        num_partitions: *num_partitions,
        replication_factor: 1,
        ..Default::default()
    };
    let topics = topics.iter().map(topic).collect();
    let request = CreateTopicsRequest { topics, timeout_ms: 60_000, validate_only: false };
    let response = client.ask(7, &request).await;
    let result = |t: &protocol::messages::create_topics::CreatableTopicResult| {
        (code(t.error_code), t.error_message.as_deref().unwrap_or_default().to_owned())
    };
    response.topics.iter().map(result).collect()
}

async fn grow(client: &mut Client, topics: &[(&str, i32)]) -> Vec<(ErrorCode, String)> {
    let topic = |(name, count): &(&str, i32)| CreatePartitionsTopic {
        name: (*name).into(),
        count: *count,
        assignments: None,
    };
    let topics = topics.iter().map(topic).collect();
    let request = CreatePartitionsRequest { topics, timeout_ms: 60_000, validate_only: false };
    let response = client.ask(3, &request).await;
    let result = |t: &protocol::messages::create_partitions::CreatePartitionsTopicResult| {
        (code(t.error_code), t.error_message.as_deref().unwrap_or_default().to_owned())
    };
    response.results.iter().map(result).collect()
}

/// Sets a setting of each of these to a value of its own.
async fn set(client: &mut Client, kind: i8, wanted: &[(&str, &str, &str)]) -> Vec<(ErrorCode, String)> {
    let resource =
        |(resource, name, value): &(&str, &str, &str)| incremental_alter_configs::AlterConfigsResource {
            resource_type: kind,
            resource_name: (*resource).into(),
            configs: vec![incremental_alter_configs::AlterableConfig {
                name: (*name).into(),
                config_operation: SET,
                value: Some((*value).into()),
            }],
        };
    let resources = wanted.iter().map(resource).collect();
    let response = client.ask(1, &IncrementalAlterConfigsRequest { resources, validate_only: false }).await;
    let result = |r: &incremental_alter_configs::AlterConfigsResourceResponse| {
        (code(r.error_code), r.error_message.as_deref().unwrap_or_default().to_owned())
    };
    response.responses.iter().map(result).collect()
}

fn topics(node: &Node) -> usize {
    node.broker.cluster().expect("a cluster").topics().count()
}

/// The metadata entries that there are.
fn entries(node: &Node) -> u64 {
    node.broker.cluster().expect("a cluster").next().0
}

#[tokio::test(start_paused = true)]
async fn asking_creates_ten_thousand_partitions_at_once() {
    for (partitions, at_once) in [(1, 10_000), (3, 3_333)] {
        let settings = BrokerConfig { default_partitions: partitions, ..config() };
        let node = Node::with(settings).await;
        let mut client = node.connect();
        let names: Vec<_> = (0..at_once + 2_000).map(|n| format!("topic.{n}")).collect();
        let answers = codes(&client.ask(12, &metadata(&names)).await);
        assert_eq!(answers.iter().filter(|code| **code == ErrorCode::None).count(), at_once);
        let others = &answers[at_once..];
        assert!(others.iter().all(|code| *code == ErrorCode::UnknownTopicOrPartition), "{others:?}");
        assert_eq!(topics(&node), at_once);
        // Clients ask again.
        let answers = codes(&client.ask(12, &metadata(&names)).await);
        assert!(answers.iter().all(|code| *code == ErrorCode::None));
        assert_eq!(topics(&node), at_once + 2_000);
    }
}

#[tokio::test(start_paused = true)]
async fn names_that_collide_do_not_come_to_be_in_one_request() {
    let node = Node::start().await;
    let mut client = node.connect();
    let (created, unknown) = (ErrorCode::None, ErrorCode::UnknownTopicOrPartition);
    let asked = codes(&client.ask(12, &metadata(&["a.b", "a_b", "c_d", "c.d", "plain"])).await);
    assert_eq!(asked, [created, unknown, created, unknown, created]);
    let asked = codes(&client.ask(12, &metadata(&["a_b", "c.d", "other", "a.b"])).await);
    assert_eq!(asked, [unknown, unknown, created, created]);
    let results = create(&mut client, &[("a_b", 1), ("e.f_g", 1), ("e_f_g", 1), ("e.f.g", 1)]).await;
    let messages = [
        "Topic 'a_b' collides with existing topic: a.b",
        "",
        "Topic 'e_f_g' collides with existing topic: e.f_g",
        "Topic 'e.f.g' collides with existing topic: e.f_g",
    ];
    assert_eq!(results.iter().map(|(_, message)| message.as_str()).collect::<Vec<_>>(), messages);
    assert_eq!(topics(&node), 5);
}

/// Names that can't be created do not take the place of those that can.
#[tokio::test(start_paused = true)]
async fn ten_thousand_names_that_collide_keep_no_other_from_being_created() {
    let node = Node::start().await;
    let mut client = node.with_topic("a_a_a_a_a_a_a_a_a_a_a_a_a_a_a", 1).await;
    let variant = |bits: u32| {
        let signs = (0..14).map(|at| if bits >> at & 1 == 0 { "." } else { "_" });
        signs.fold("a".to_owned(), |name, sign| name + sign + "a")
    };
    let mut names: Vec<_> = (0..11_000).map(variant).collect();
    names.push("good".to_owned());
    let answers = codes(&client.ask(12, &metadata(&names)).await);
    assert_eq!(answers.last(), Some(&ErrorCode::None));
    assert_eq!(topics(&node), 2);
}

/// As Kafka's auto-creation has it.
#[tokio::test(start_paused = true)]
async fn asking_does_not_create_the_metadata_log_as_a_topic() {
    let node = Node::start().await;
    let answers = codes(&node.connect().ask(12, &metadata(&["__cluster_metadata", "t"])).await);
    assert_eq!(answers, [ErrorCode::InvalidTopicException, ErrorCode::None]);
    assert_eq!(topics(&node), 1);
}

/// As Kafka, whose controller writes a record for each partition, and 10,000 records for a request at most.
#[tokio::test(start_paused = true)]
async fn a_request_adds_ten_thousand_partitions_or_none() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    client.create_topic("u", 1, &[]).await;
    let before = entries(&node);
    let results = grow(&mut client, &[("t", 9_000), ("none", 2), ("u", 1_003)]).await;
    assert_eq!(results[0].0, ErrorCode::PolicyViolation, "{results:?}");
    assert!(results[0].1.starts_with(EXCESSIVE), "{results:?}");
    assert_eq!(results[1].0, ErrorCode::UnknownTopicOrPartition);
    assert_eq!(results[2], results[0]);
    assert_eq!(entries(&node), before);
    let results = grow(&mut client, &[("t", 9_000), ("none", 2), ("u", 1_002)]).await;
    assert_eq!([results[0].0, results[2].0], [ErrorCode::None; 2]);
    assert_eq!(entries(&node), before + 1);
}

#[tokio::test(start_paused = true)]
async fn a_request_makes_ten_thousand_changes_or_none() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    let before = entries(&node);
    let groups: Vec<_> = (0..10_001).map(|n| format!("g{n}")).collect();
    let setting = "consumer.session.timeout.ms";
    let wanted: Vec<_> = groups.iter().map(|group| (group.as_str(), setting, "50000")).collect();
    let results = set(&mut client, GROUP, &wanted).await;
    assert_eq!(results.len(), 10_001);
    for (code, message) in results {
        assert!(code == ErrorCode::PolicyViolation && message.starts_with(EXCESSIVE), "{code:?} {message}");
    }
    let topic = |n: usize| DeleteTopicState {
        name: Some(if n == 0 { "t".into() } else { format!("t{n}").into() }),
        ..Default::default()
    };
    let request = |most| DeleteTopicsRequest {
        topics: (0..most).map(topic).collect(),
        timeout_ms: 60_000,
        ..Default::default()
    };
    let response = client.ask(6, &request(10_001)).await;
    assert!(response.responses.iter().all(|r| code(r.error_code) == ErrorCode::PolicyViolation));
    assert_eq!((entries(&node), topics(&node)), (before, 1));
    let response = client.ask(6, &request(10_000)).await;
    assert_eq!((response.responses[0].error_code, response.responses.len()), (0, 10_000));
    assert_eq!((entries(&node), topics(&node)), (before + 1, 0));
}

/// The largest entry is 4 MiB, however few changes are in it.
#[tokio::test(start_paused = true)]
async fn a_request_changes_four_mebibytes_or_nothing() {
    let node = Node::start().await;
    let mut client = node.connect();
    let names: Vec<_> = (0..140).map(|n| format!("t{n}")).collect();
    assert!(codes(&client.ask(12, &metadata(&names)).await).iter().all(|code| *code == ErrorCode::None));
    let replicas: Vec<_> = (0..6_000).map(|n| format!("{n}:1")).collect();
    let replicas = &replicas.join(",")[..32_000];
    let replicas = replicas.rsplit_once(',').expect("several").0;
    let name = "leader.replication.throttled.replicas";
    let before = entries(&node);
    let wanted: Vec<_> = names.iter().map(|topic| (topic.as_str(), name, replicas)).collect();
    for (code, message) in set(&mut client, TOPIC, &wanted).await {
        assert!(code == ErrorCode::PolicyViolation && message.starts_with(EXCESSIVE), "{code:?} {message}");
    }
    assert_eq!(entries(&node), before);
    for (code, message) in set(&mut client, TOPIC, &wanted[..100]).await {
        assert_eq!(code, ErrorCode::None, "{message}");
    }
    assert_eq!(entries(&node), before + 1);
}

/// Clients find the answers by what they are about: what is asked for twice is described once.
#[tokio::test(start_paused = true)]
async fn a_resource_is_described_once() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    let resource = |keys: Option<&str>| DescribeConfigsResource {
        resource_type: TOPIC,
        resource_name: "t".into(),
        configuration_keys: keys.map(|key| vec![key.into()]),
    };
    let mut resources = vec![resource(None); 40_000];
    resources.push(resource(Some("retention.ms")));
    let request = DescribeConfigsRequest { resources, include_synonyms: true, include_documentation: true };
    let response = client.ask(4, &request).await;
    assert_eq!(response.results.len(), 2);
    assert!(response.results[0].configs.len() > 1);
    assert_eq!(response.results[1].configs.len(), 1);
}

/// More invented groups than the memory for answers could take the descriptions of.
#[tokio::test(start_paused = true)]
async fn what_can_not_be_described_at_once_is_refused() {
    let settings = BrokerConfig { answer_memory: 1 << 20, ..config() };
    let node = Node::with(settings).await;
    let mut client = node.connect();
    let resource = |n: usize| DescribeConfigsResource {
        resource_type: GROUP,
        resource_name: format!("g{n}").into(),
        configuration_keys: None,
    };
    let request = |count: usize| DescribeConfigsRequest {
        resources: (0..count).map(resource).collect(),
        include_synonyms: true,
        include_documentation: true,
    };
    let response = client.ask(4, &request(64)).await;
    assert!(response.results.iter().all(|r| r.error_code == 0 && r.configs.len() == 17));
    let response = client.ask(4, &request(65)).await;
    assert_eq!(response.results.len(), 65);
    for result in response.results {
        assert_eq!(code(result.error_code), ErrorCode::InvalidRequest);
        let message = "At most 64 resources are described at once (answer-memory).";
        assert_eq!((result.error_message.as_deref(), result.configs.len()), (Some(message), 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_cluster_has_as_many_topics_as_it_may() {
    let limits = Limits { topics: 3, ..Limits::default() };
    let node = Node::with(BrokerConfig { limits, ..config() }).await;
    let mut client = node.with_topic("a", 1).await;
    let refused = (ErrorCode::PolicyViolation, "The cluster has at most 3 topics (max-topics).".to_owned());
    let (created, unknown) = (ErrorCode::None, ErrorCode::UnknownTopicOrPartition);
    let asked = codes(&client.ask(12, &metadata(&["a", "b", "c", "d", "e"])).await);
    assert_eq!(asked, [created, created, created, unknown, unknown]);
    let before = entries(&node);
    assert_eq!(create(&mut client, &[("d", 1), ("a b", 1)]).await[0], refused);
    assert_eq!(codes(&client.ask(12, &metadata(&["d"])).await), [unknown]);
    assert_eq!(entries(&node), before);
    let request =
        DeleteTopicsRequest { topic_names: vec!["b".into()], timeout_ms: 1000, ..Default::default() };
    assert_eq!(client.ask(5, &request).await.responses[0].error_code, 0);
    let results = create(&mut client, &[("d", 1), ("e", 1)]).await;
    assert_eq!((results[0].0, &results[1]), (created, &refused));
    assert_eq!(topics(&node), 3);
}

#[tokio::test(start_paused = true)]
async fn topics_have_as_many_partitions_as_they_may() {
    let limits = Limits { partitions: 10, ..Limits::default() };
    let node = Node::with(BrokerConfig { limits, default_partitions: 2, ..config() }).await;
    let mut client = node.with_topic("a", 4).await;
    let refused = (
        ErrorCode::PolicyViolation,
        "The topics of the cluster have at most 10 partitions together (max-partitions).".to_owned(),
    );
    assert_eq!(create(&mut client, &[("b", 7)]).await[0], refused);
    assert_eq!(grow(&mut client, &[("a", 11)]).await[0], refused);
    assert_eq!(grow(&mut client, &[("a", 7)]).await[0].0, ErrorCode::None);
    let (created, unknown) = (ErrorCode::None, ErrorCode::UnknownTopicOrPartition);
    assert_eq!(codes(&client.ask(12, &metadata(&["b", "c"])).await), [created, unknown]);
    assert_eq!(grow(&mut client, &[("b", 3), ("a", 8)]).await, [(created, String::new()), refused]);
}

#[tokio::test(start_paused = true)]
async fn as_many_groups_have_settings_as_may() {
    let limits = Limits { groups: 2, ..Limits::default() };
    let node = Node::with(BrokerConfig { limits, ..config() }).await;
    let mut client = node.connect();
    let name = "consumer.session.timeout.ms";
    let results = set(&mut client, GROUP, &["g", "h", "i"].map(|group| (group, name, "50000"))).await;
    let refused = (
        ErrorCode::PolicyViolation,
        "At most 2 groups have settings of their own (max-configured-groups).".to_owned(),
    );
    assert_eq!([results[0].0, results[1].0], [ErrorCode::None; 2]);
    assert_eq!(results[2], refused);
    let before = entries(&node);
    assert_eq!(set(&mut client, GROUP, &[("i", name, "50000")]).await, [refused]);
    // What a group has already is no change.
    assert_eq!(set(&mut client, GROUP, &[("g", name, "50000")]).await[0].0, ErrorCode::None);
    assert_eq!(entries(&node), before);
    assert_eq!(set(&mut client, GROUP, &[("g", name, "55000")]).await[0].0, ErrorCode::None);
    assert_eq!(entries(&node), before + 1);
}

/// A change that is given up before it is written, or that fails, is no change.
#[tokio::test(start_paused = true)]
async fn what_was_not_written_keeps_nobody_waiting() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    let change = || node.broker.change(|_| Ok::<_, ()>(Vec::new()));
    node.store.set(Fault::SilentReads);
    for _ in 0..1_000 {
        assert!(timeout(Duration::ZERO, change()).await.is_err(), "it waits for the store");
    }
    node.store.set(Fault::MetadataUnreadable);
    for _ in 0..1_000 {
        assert!(change().await.is_err(), "it can't be read");
    }
    node.store.set(Fault::None);
    let asked = Instant::now();
    assert_eq!(create(&mut client, &[("u", 1)]).await[0].0, ErrorCode::None);
    assert_eq!(asked.elapsed(), Duration::ZERO);
}

/// Answers of others are not kept waiting by what waits for a turn.
#[tokio::test(start_paused = true)]
async fn metadata_that_waits_for_a_turn_takes_no_memory_for_its_answer() {
    let node = Node::with(BrokerConfig { changes_per_second: 1, ..config() }).await;
    let (mut client, mut other) = (node.with_topic("t", 1_000).await, node.connect());
    for change in 0..99 {
        let value = if change % 2 == 0 { "7000" } else { "8000" };
        assert_eq!(set(&mut client, TOPIC, &[("t", "retention.ms", value)]).await[0].0, ErrorCode::None);
    }
    let (answers, others) = (node.broker.answers().clone(), node.broker.others().clone());
    let names: Vec<_> = (0..1_000).map(|number| format!("u-{number}")).collect();
    let sent = other.send(12, &metadata(&names)).await;
    sleep(Duration::from_millis(100)).await;
    assert_eq!(topics(&node), 1, "it waits for its turn");
    assert_eq!((answers.available(), others.available()), (answers.size(), others.size()));
    let response = other.receive::<MetadataRequest>(12, sent).await;
    assert_eq!(codes(&response), vec![ErrorCode::None; 1_000]);
}

/// What waits for a turn or for other members, and would name too much in its answer, is refused at once: no memory for
/// answers, which others wait for, is held meanwhile.
#[tokio::test(start_paused = true)]
async fn what_waits_may_not_name_too_much() {
    let node = Node::with(BrokerConfig { changes_per_second: 1, ..config() }).await;
    let mut client = node.with_topic("t", 1).await;
    for change in 0..99 {
        let value = if change % 2 == 0 { "7000" } else { "8000" };
        assert_eq!(set(&mut client, TOPIC, &[("t", "retention.ms", value)]).await[0].0, ErrorCode::None);
    }
    let answers = node.broker.answers().clone();
    let held = async |client: &mut Client, closed: bool| {
        sleep(Duration::from_millis(100)).await;
        assert_eq!(answers.available(), answers.size(), "it holds what others wait for");
        if closed {
            assert!(client.is_closed().await);
        }
    };
    for (names, closed) in [(110_000, true), (90_000, false)] {
        let topic_names = [vec!["t".into()], vec!["u".into(); names]].concat();
        let delete = DeleteTopicsRequest { topic_names, timeout_ms: i32::MAX, ..Default::default() };
        let mut other = node.connect();
        other.send(5, &delete).await;
        held(&mut other, closed).await;
        let assignment = SyncGroupRequestAssignment { member_id: "m".into(), assignment: Bytes::new() };
        let assignments = vec![assignment; names];
        let sync = SyncGroupRequest { group_id: "g".into(), assignments, ..Default::default() };
        let mut other = node.connect();
        other.send(4, &sync).await;
        held(&mut other, closed).await;
        let partition =
            |index| ListOffsetsPartition { partition_index: index, timestamp: 7, ..Default::default() };
        let partitions = (0..names as i32).map(partition).collect();
        let topic = ListOffsetsTopic { name: "t".into(), partitions };
        let list = ListOffsetsRequest { replica_id: -1, topics: vec![topic], ..Default::default() };
        let mut other = node.connect();
        let sent = other.send(1, &list).await;
        match closed {
            true => held(&mut other, closed).await,
            false => drop(other.receive::<ListOffsetsRequest>(1, sent).await),
        }
    }
    let partition_data = |index| PartitionProduceData { index, records: None };
    for (partitions, closed) in [(21_000, true), (19_000, false)] {
        let partition_data = (0..partitions).map(partition_data).collect();
        let topic = TopicProduceData { name: "unknown".into(), partition_data, ..Default::default() };
        let produce = ProduceRequest { acks: 1, topic_data: vec![topic], ..Default::default() };
        let mut other = node.connect();
        let sent = other.send(9, &produce).await;
        match closed {
            true => assert!(other.is_closed().await),
            false => drop(other.receive::<ProduceRequest>(9, sent).await),
        }
    }
}

/// A connection lasts until its client has what was answered before; a request that is refused meanwhile has no memory.
#[tokio::test(start_paused = true)]
async fn a_refused_request_keeps_no_memory() {
    let node = Node::start().await;
    let mut client = node.with_configured("t", 1, &[("max.message.bytes", "8000000")]).await;
    let large = batch(&[&"x".repeat(3_000_000)]);
    assert_eq!(client.produce_to(9, "t", 0, large).await.error_code, 0);
    let partition = FetchPartition { partition_max_bytes: 8_000_000, ..Default::default() };
    let topic = FetchTopic { topic: "t".into(), partitions: vec![partition], ..Default::default() };
    let fetch = FetchRequest { max_bytes: 8_000_000, topics: vec![topic], ..Default::default() };
    // It does not read the answer.
    client.send(4, &fetch).await;
    sleep(Duration::from_millis(100)).await;
    let others = node.broker.others().clone();
    let chunks = protocol::frame::encode_request(7, Some("c"), 4, &metadata(&["u"; 10_000]));
    let mut bytes = chunks.expect("a request").concat();
    let end = bytes.len() - 30_000;
    bytes[end..].fill(0xff);
    client.send_raw(&bytes).await;
    sleep(Duration::from_secs(1)).await;
    assert_eq!(others.available(), others.size());
}

/// A setting that is toggled without end is an entry each time, but no more than so many a second.
#[tokio::test(start_paused = true)]
async fn changes_come_no_faster_than_they_may() {
    let node = Node::with(BrokerConfig { changes_per_second: 2, ..config() }).await;
    let (mut toggling, mut other) = (node.with_topic("t", 1).await, node.connect());
    let (before, start) = (entries(&node), Instant::now());
    let mut changes = 0;
    while start.elapsed() < Duration::from_secs(60) {
        let value = if changes % 2 == 0 { "7000" } else { "8000" };
        assert_eq!(set(&mut toggling, TOPIC, &[("t", "retention.ms", value)]).await[0].0, ErrorCode::None);
        changes += 1;
    }
    // A hundred seconds' worth are saved, and the topic took one of them.
    let most = 2 * (100 + 60);
    assert_eq!(entries(&node) - before, changes);
    assert!((most - 2..=most).contains(&changes), "{changes}");
    // The others wait for a turn, and have what they ask for.
    let asked = Instant::now();
    assert_eq!(codes(&other.ask(12, &metadata(&["u"])).await), [ErrorCode::None]);
    assert!((1..=1_000).contains(&asked.elapsed().as_millis()), "{:?}", asked.elapsed());
    let topic =
        CreatableTopic { name: "v".into(), num_partitions: 1, replication_factor: 1, ..Default::default() };
    let request = CreateTopicsRequest { topics: vec![topic], timeout_ms: 100, validate_only: false };
    let response = other.ask(7, &request).await;
    assert_eq!(code(response.topics[0].error_code), ErrorCode::RequestTimedOut);
    assert_eq!(topics(&node), 2);
}
