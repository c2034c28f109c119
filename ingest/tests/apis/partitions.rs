//! CreatePartitions and DescribeTopicPartitions.

use protocol::ErrorCode;
use protocol::messages::create_partitions::{CreatePartitionsAssignment, CreatePartitionsTopic};
use protocol::messages::describe_topic_partitions::{Cursor, TopicRequest};
use protocol::messages::{
    CreatePartitionsRequest, DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse, MetadataRequest,
};

use crate::client::batch;
use crate::node::{NODE, Node};
use crate::store::Fault;

fn grow(name: &str, count: i32, assignments: Option<&[&[i32]]>) -> CreatePartitionsTopic {
    let assignment = |brokers: &&[i32]| CreatePartitionsAssignment { broker_ids: brokers.to_vec() };
    let assignments = assignments.map(|all| all.iter().map(assignment).collect());
    CreatePartitionsTopic { name: name.into(), count, assignments }
}

fn request(topics: Vec<CreatePartitionsTopic>) -> CreatePartitionsRequest {
    CreatePartitionsRequest { topics, timeout_ms: 1000, validate_only: false }
}

#[tokio::test(start_paused = true)]
async fn partitions_are_created_in_every_version_and_take_records() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    for version in 0..=3 {
        let count = i32::from(version) + 2;
        let mut wanted = request(vec![grow("t", count, None)]);
        wanted.validate_only = true;
        assert_eq!(client.ask(version, &wanted).await.results[0].error_code, 0);
        let refused = client.produce_to(9, "t", count - 1, batch(&["a"])).await;
        assert_eq!(ErrorCode::from_code(refused.error_code), Some(ErrorCode::UnknownTopicOrPartition));
        wanted.validate_only = false;
        let response = client.ask(version, &wanted).await;
        let result = &response.results[0];
        assert_eq!((result.name.as_str(), result.error_code, &result.error_message), ("t", 0, &None));
        assert_eq!(client.produce_to(9, "t", count - 1, batch(&["a"])).await.error_code, 0);
        let metadata = client.ask(9, &MetadataRequest::default()).await;
        assert_eq!(metadata.topics[0].partitions.len(), count as usize);
    }
}

/// Error codes and messages of Apache Kafka 4.3.1.
#[tokio::test(start_paused = true)]
async fn good_and_bad_topics_in_one_request() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 2).await;
    client.create_topic("u", 1, &[]).await;
    client.create_topic("twice", 1, &[]).await;
    let (partitions, assignment) = (ErrorCode::InvalidPartitions, ErrorCode::InvalidReplicaAssignment);
    let unknown = ErrorCode::UnknownTopicOrPartition;
    let empty = "The manual partition assignment includes an empty replica list.";
    let stranger = "The manual partition assignment includes broker 9, but no such broker is registered.";
    for (topic, code, message) in [
        (grow("t", 2, None), partitions, "Topic already has 2 partition(s)."),
        (
            grow("t", 1, None),
            partitions,
            "The topic t currently has 2 partition(s); 1 would not be an increase.",
        ),
        (
            grow("t", -1, None),
            partitions,
            "The topic t currently has 2 partition(s); -1 would not be an increase.",
        ),
        (grow("t", 100_001, None), partitions, "A topic has at most 100000 partitions."),
        (grow("no", 3, None), unknown, unknown.message()),
        (grow("a b", 3, None), unknown, unknown.message()),
        (
            grow("t", 4, Some(&[&[NODE]])),
            assignment,
            "Attempted to add 2 additional partition(s), but only 1 assignment(s) were specified.",
        ),
        (grow("t", 3, Some(&[&[]])), assignment, empty),
        (grow("t", 3, Some(&[&[9]])), assignment, stranger),
        (
            grow("t", 3, Some(&[&[NODE, NODE]])),
            assignment,
            "The manual partition assignment includes the broker 7 more than once.",
        ),
    ] {
        let topics = vec![topic, grow("twice", 2, None), grow("twice", 3, None)];
        let response = client.ask(3, &request(topics)).await;
        let result = &response.results[0];
        assert_eq!((result.error_code, result.error_message.as_deref()), (code.code(), Some(message)));
        let twice = &response.results[1];
        assert_eq!((twice.error_code, response.results.len()), (ErrorCode::InvalidRequest.code(), 2));
    }
    let good = grow("t", 4, Some(&[&[NODE], &[NODE]]));
    let response = client.ask(3, &request(vec![grow("no", 1, None), good, grow("u", 5, None)])).await;
    let codes: Vec<_> = response.results.iter().map(|r| r.error_code).collect();
    assert_eq!(codes, [3, 0, 0]);
    let cluster = node.broker.cluster().expect("a cluster");
    let counts: Vec<_> = cluster.topics_by_name().map(|t| (t.name.as_str(), t.partitions)).collect();
    assert_eq!(counts, [("t", 4), ("twice", 1), ("u", 5)]);
}

/// One request adds 10,000 partitions at most.
#[tokio::test(start_paused = true)]
async fn partitions_that_cannot_be_where_they_are_assigned_take_no_place_of_others() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    client.create_topic("u", 1, &[]).await;
    let stranger: &[i32] = &[9];
    let topics = vec![grow("t", 10_001, Some(&vec![stranger; 10_000])), grow("u", 2, None)];
    let response = client.ask(3, &request(topics)).await;
    let codes: Vec<_> = response.results.iter().map(|r| r.error_code).collect();
    assert_eq!(codes, [ErrorCode::InvalidReplicaAssignment.code(), 0]);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_does_not_answer_is_a_time_out() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    node.store.set(Fault::MetadataUnreadable);
    let response = client.ask(3, &request(vec![grow("t", 2, None)])).await;
    let code = ErrorCode::from_code(response.results[0].error_code).expect("a known error");
    assert!(code.is_retriable(), "{code:?}");
}

/// Topics and the numbers of their partitions, and where to go on.
type Page = (Vec<(String, i16, Vec<i32>)>, Option<(String, i32)>);

fn page(response: &DescribeTopicPartitionsResponse) -> Page {
    let topics = response.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|p| p.partition_index).collect();
        (topic.name.as_deref().unwrap_or_default().to_owned(), topic.error_code, partitions)
    });
    let cursor = response.next_cursor.as_ref().map(|c| (c.topic_name.to_string(), c.partition_index));
    (topics.collect(), cursor)
}

fn describe(names: &[&str], limit: i32, cursor: Option<(&str, i32)>) -> DescribeTopicPartitionsRequest {
    let cursor = cursor.map(|(name, index)| Cursor { topic_name: name.into(), partition_index: index });
    DescribeTopicPartitionsRequest {
        topics: names.iter().map(|name| TopicRequest { name: (*name).into() }).collect(),
        response_partition_limit: limit,
        cursor,
    }
}

#[tokio::test(start_paused = true)]
async fn partitions_are_told_a_page_at_a_time() {
    let node = Node::start().await;
    let mut client = node.with_topic("b", 3).await;
    client.create_topic("a", 2, &[]).await;
    client.create_topic("c", 1, &[]).await;
    let topic = |name: &str, partitions: &[i32]| (name.to_owned(), 0, partitions.to_vec());
    let at = |name: &str, index| Some((name.to_owned(), index));
    for (wanted, expected) in [
        (
            describe(&[], 2000, None),
            (vec![topic("a", &[0, 1]), topic("b", &[0, 1, 2]), topic("c", &[0])], None),
        ),
        (describe(&[], 2, None), (vec![topic("a", &[0, 1])], at("b", 0))),
        (describe(&[], 3, None), (vec![topic("a", &[0, 1]), topic("b", &[0])], at("b", 1))),
        (describe(&[], 2, Some(("b", 1))), (vec![topic("b", &[1, 2])], at("c", 0))),
        (describe(&[], 9, Some(("b", 2))), (vec![topic("b", &[2]), topic("c", &[0])], None)),
        (describe(&[], 9, Some(("bb", 2))), (vec![topic("c", &[0])], None)),
        (describe(&[], 0, None), (vec![topic("a", &[0])], at("a", 1))),
        (describe(&["c", "a", "c"], 9, None), (vec![topic("a", &[0, 1]), topic("c", &[0])], None)),
        (describe(&["c", "a"], 9, Some(("b", 0))), (vec![topic("c", &[0])], None)),
        (
            describe(&["x", "a b", "c"], 9, None),
            (vec![("a b".to_owned(), 17, vec![]), topic("c", &[0]), ("x".to_owned(), 3, vec![])], None),
        ),
    ] {
        assert_eq!(page(&client.ask(0, &wanted).await), expected, "{wanted:?}");
    }
    let response = client.ask(0, &describe(&["c"], 9, None)).await;
    let (topic, partition) = (&response.topics[0], &response.topics[0].partitions[0]);
    assert_eq!(
        (topic.topic_authorized_operations, topic.is_internal, topic.topic_id.is_zero()),
        (3576, false, false)
    );
    assert_eq!((partition.leader_id, partition.leader_epoch), (NODE, 0));
    assert_eq!((&partition.replica_nodes, &partition.isr_nodes), (&vec![NODE], &vec![NODE]));
    assert_eq!(
        (&partition.eligible_leader_replicas, &partition.last_known_elr),
        (&Some(vec![]), &Some(vec![]))
    );
}
