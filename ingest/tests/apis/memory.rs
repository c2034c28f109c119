//! Memory: what waits for it, what is given up, and what comes back.

use std::time::Duration;

use broker::node::BrokerConfig;
use bytes::Bytes;
use protocol::messages::fetch::{FetchPartition, FetchTopic};
use protocol::messages::join_group::JoinGroupRequestProtocol;
use protocol::messages::metadata::MetadataRequestTopic;
use protocol::messages::offset_commit::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use protocol::messages::produce::{PartitionProduceData, TopicProduceData};
use protocol::messages::{
    FetchRequest, JoinGroupRequest, MetadataRequest, OffsetCommitRequest, ProduceRequest, ShareFetchRequest,
    ShareGroupHeartbeatRequest, share_fetch,
};
use protocol::{ErrorCode, Request};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::client::{Client, batch, produce_request, stamped};
use crate::node::{LISTENER, NOW, Node, config};
use crate::store::Fault;

const POOL: usize = 4 << 20;

async fn node() -> Node {
    Node::with(BrokerConfig { answer_memory: POOL, request_memory: 100_000, ..config() }).await
}

/// A connection whose buffers take next to nothing.
fn connect(node: &Node) -> Client {
    let (ours, theirs) = tokio::io::duplex(1024);
    let (read, write) = tokio::io::split(theirs);
    let (service, stop) = (node.service.clone(), CancellationToken::new());
    let serving = ingest::connection::serve(read, write, "test".into(), LISTENER.into(), service, stop);
    tokio::spawn(serving);
    Client::new(ours)
}

/// A request for all that there is of a topic.
fn everything(topic: &str, partitions: i32) -> FetchRequest {
    let max = 50 << 20;
    let partition = |partition| FetchPartition { partition, partition_max_bytes: max, ..Default::default() };
    let partitions = (0..partitions).map(partition).collect();
    let topics = vec![FetchTopic { topic: topic.into(), partitions, ..Default::default() }];
    FetchRequest { topics, max_wait_ms: 0, min_bytes: 1, max_bytes: max, ..Default::default() }
}

fn records(response: &protocol::messages::FetchResponse) -> usize {
    response.responses.iter().flat_map(|topic| &topic.partitions).map(|p| p.records.len()).sum()
}

#[tokio::test(start_paused = true)]
async fn consumers_that_read_nothing_leave_memory_for_others() {
    let node = node().await;
    let mut client = node.with_topic("t", 4).await;
    for n in 0..32 {
        let large = batch(&[&"x".repeat(90_000)]);
        assert_eq!(client.produce_to(9, "t", n % 4, large).await.error_code, 0);
    }
    let answers = node.broker.answers();
    let mut silent = Vec::new();
    for _ in 0..40 {
        let mut client = connect(&node);
        client.send(12, &everything("t", 4)).await;
        // Nor do they ask for more while they have not read what they asked for.
        client.send(12, &everything("t", 4)).await;
        silent.push(client);
    }
    sleep(Duration::from_millis(100)).await;
    assert!(answers.waiting() > 20, "{}", answers.waiting());
    for _ in 0..3 {
        let began = Instant::now();
        let response = client.ask(12, &everything("t", 4)).await;
        assert!(began.elapsed() <= Duration::from_secs(30), "{:?}", began.elapsed());
        assert!((90_000..=POOL).contains(&records(&response)), "{}", records(&response));
    }
    drop(silent);
    sleep(Duration::from_secs(60)).await;
    assert_eq!((answers.available(), answers.waiting()), (POOL, 0));
    // One may have a share of it.
    let most = records(&client.ask(12, &everything("t", 4)).await);
    assert!((900_000..=(1 << 20)).contains(&most), "{most}");
}

#[tokio::test(start_paused = true)]
async fn a_batch_larger_than_all_memory_is_fetched_alone() {
    let config = BrokerConfig { answer_memory: 1 << 20, ..config() };
    let node = Node::with(config).await;
    let mut client = node.with_configured("t", 1, &[("max.message.bytes", "8000000")]).await;
    let large = batch(&[&"x".repeat(3_000_000)]);
    for _ in 0..2 {
        assert_eq!(client.produce("t", large.clone()).await.error_code, 0);
    }
    let fetched = records(&client.ask(12, &everything("t", 1)).await);
    assert_eq!(fetched, large.len());
    sleep(Duration::from_secs(1)).await;
    assert_eq!(node.broker.answers().available(), 1 << 20);
}

#[tokio::test(start_paused = true)]
async fn every_answer_takes_memory_until_it_is_read() {
    let node = node().await;
    drop(node.with_topic("t", 1000).await);
    let mut client = connect(&node);
    let sent = client.send(12, &MetadataRequest { topics: None, ..Default::default() }).await;
    sleep(Duration::from_secs(1)).await;
    let taken = POOL - node.broker.answers().available();
    assert!(taken > 20_000, "{taken}");
    let response = client.receive::<MetadataRequest>(12, sent).await;
    assert_eq!(response.topics[0].partitions.len(), 1000);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(node.broker.answers().available(), POOL);
}

/// Produces to partition 0 with `acks`, while all memory for requests is taken, and leaves; answers how many records
/// there are at last.
async fn left_behind(acks: i16, length: usize) -> i64 {
    let node = node().await;
    let mut client = node.with_topic("t", 1).await;
    node.store.set(Fault::SlotsHeld);
    let first = produce_request("t", 0, Some(batch(&[&"x".repeat(99_000)])));
    let sent = client.send(9, &first).await;
    sleep(Duration::from_millis(100)).await;
    let mut leaving = node.connect();
    let mut request = produce_request("t", 0, Some(batch(&[&"y".repeat(length)])));
    request.acks = acks;
    leaving.send(9, &request).await;
    sleep(Duration::from_secs(1)).await;
    assert_eq!(node.broker.memory().waiting(), 1);
    drop(leaving);
    sleep(Duration::from_secs(1)).await;
    node.store.set(Fault::None);
    let response = client.receive::<ProduceRequest>(9, sent).await;
    assert_eq!(response.responses[0].partition_responses[0].error_code, 0);
    sleep(Duration::from_secs(60)).await;
    let memory = node.broker.memory();
    assert_eq!((memory.available(), memory.waiting()), (memory.size(), 0));
    client.produce("t", batch(&["last"])).await.base_offset
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_memory_is_not_appended_once_its_client_has_gone() {
    assert_eq!(left_behind(-1, 1_000).await, 1);
    assert_eq!(left_behind(1, 1_000).await, 1);
    // Of this one only the beginning was read before.
    assert_eq!(left_behind(-1, 70_000).await, 1);
    assert_eq!(left_behind(0, 70_000).await, 1);
}

#[tokio::test(start_paused = true)]
async fn what_expects_no_answer_and_was_read_is_appended() {
    assert_eq!(left_behind(0, 1_000).await, 2);
}

/// Asks for something that a group remembers; answers how much memory it takes until that is durable.
async fn taken_by<R: Request>(version: i16, request: &R) -> usize {
    let node = node().await;
    let mut client = node.with_topic("t", 1).await;
    node.store.set(Fault::SlotsHeld);
    let sent = client.send(version, request).await;
    sleep(Duration::from_secs(5)).await;
    let memory = node.broker.memory();
    let taken = memory.size() - memory.available();
    node.store.set(Fault::None);
    client.receive::<R>(version, sent).await;
    sleep(Duration::from_secs(1)).await;
    assert_eq!(memory.available(), memory.size());
    taken
}

#[tokio::test(start_paused = true)]
async fn what_groups_write_takes_memory_until_it_is_durable() {
    let partition = OffsetCommitRequestPartition {
        committed_offset: 5,
        committed_metadata: Some("m".repeat(3_000).as_str().into()),
        ..Default::default()
    };
    let topic =
        OffsetCommitRequestTopic { name: "t".into(), partitions: vec![partition], ..Default::default() };
    let commit = OffsetCommitRequest {
        group_id: "g".into(),
        generation_id_or_member_epoch: -1,
        topics: vec![topic],
        ..Default::default()
    };
    assert!(taken_by(9, &commit).await > 3_000);
    // All of it comes back, whatever a group writes when.
    let protocol =
        JoinGroupRequestProtocol { name: "range".into(), metadata: Bytes::from_static(&[1; 3_000]) };
    let join = JoinGroupRequest {
        group_id: "g".into(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 10_000,
        protocol_type: "consumer".into(),
        protocols: vec![protocol],
        ..Default::default()
    };
    taken_by(3, &join).await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_whose_client_has_gone_does_not_wait_for_what_was_appended() {
    let node = node().await;
    let mut client = node.with_topic("t", 1).await;
    node.store.set(Fault::SlotsHeld);
    let (ours, theirs) = tokio::io::duplex(1 << 20);
    let (read, write) = tokio::io::split(theirs);
    let (service, stop) = (node.service.clone(), CancellationToken::new());
    let serving = ingest::connection::serve(read, write, "test".into(), LISTENER.into(), service, stop);
    let serving = tokio::spawn(serving);
    let mut leaving = Client::new(ours);
    let mut request = produce_request("t", 0, Some(batch(&["a"])));
    request.timeout_ms = i32::MAX;
    leaving.send(9, &request).await;
    sleep(Duration::from_secs(1)).await;
    drop(leaving);
    let began = Instant::now();
    serving.await.expect("the connection ends");
    assert!(began.elapsed() <= Duration::from_secs(15), "{:?}", began.elapsed());
    node.store.set(Fault::None);
    // It had its place in the log.
    let last = client.produce("t", batch(&["last"])).await;
    assert_eq!((ErrorCode::from_code(last.error_code), last.base_offset), (Some(ErrorCode::None), 1));
}

/// A ShareFetch of these partitions of a topic, by the first request of a member, which has joined.
async fn shared(client: &mut Client, partitions: i32, max_wait_ms: i32) -> ShareFetchRequest {
    let topic_id = client.topic_id("t").await;
    let join = ShareGroupHeartbeatRequest {
        group_id: "g".into(),
        member_id: "AAAAAAAAAAAAAAAAAAAAAA".into(),
        subscribed_topic_names: Some(vec!["t".into()]),
        ..Default::default()
    };
    assert_eq!(client.ask(1, &join).await.error_code, 0);
    let partition = |partition_index| share_fetch::FetchPartition {
        partition_index,
        acknowledgement_batches: Vec::new(),
    };
    let topic = share_fetch::FetchTopic { topic_id, partitions: (0..partitions).map(partition).collect() };
    ShareFetchRequest {
        group_id: Some("g".into()),
        member_id: Some("AAAAAAAAAAAAAAAAAAAAAA".into()),
        max_wait_ms,
        min_bytes: 1,
        max_bytes: 1 << 20,
        max_records: 500,
        batch_size: 500,
        topics: vec![topic],
        ..Default::default()
    }
}

/// It may wait for days, and producers must not wait for it.
#[tokio::test(start_paused = true)]
async fn a_share_fetch_that_waits_has_no_memory_of_requests() {
    let node = node().await;
    let mut client = node.with_topic("t", 1).await;
    let request = shared(&mut client, 1, i32::MAX).await;
    let sent = client.send(1, &request).await;
    sleep(Duration::from_secs(10)).await;
    let memory = node.broker.memory();
    assert_eq!(memory.available(), memory.size());
    assert_eq!(node.connect().produce("t", batch(&["a"])).await.error_code, 0);
    assert_eq!(client.receive::<ShareFetchRequest>(1, sent).await.error_code, 0);
    assert_eq!(memory.available(), memory.size());
}

/// Each partition may have its share of the bytes, and one of them a larger batch.
#[tokio::test(start_paused = true)]
async fn a_share_fetch_brings_one_batch_over_its_bounds() {
    let node = node().await;
    let mut client = node.with_topic("t", 8).await;
    // It begins with what comes after it.
    let first = shared(&mut client, 8, 0).await;
    assert_eq!(client.ask(1, &first).await.error_code, 0);
    let large = "x".repeat(60_000);
    for index in 0..8 {
        assert_eq!(node.connect().produce_to(9, "t", index, batch(&[&large])).await.error_code, 0);
    }
    let request = ShareFetchRequest { share_session_epoch: 1, topics: vec![], max_bytes: 100_000, ..first };
    let answer = client.ask(1, &request).await;
    let found: Vec<_> = answer.responses.iter().flat_map(|topic| &topic.partitions).collect();
    let bytes: usize = found.iter().map(|partition| partition.records.len()).sum();
    assert_eq!(answer.error_code, 0);
    assert!((60_000..70_000).contains(&bytes), "{bytes} bytes of {} partitions", found.len());
}

/// How long a batch is that an index object lists is known only once that has been read.
#[tokio::test(start_paused = true)]
async fn a_listed_batch_takes_as_much_memory_as_it_may_need() {
    let mut config = BrokerConfig { answer_memory: POOL, ..config() };
    (config.log.tail_bytes, config.log.checkpoint_slots) = (0, 1);
    let node = Node::with(config).await;
    let mut client = node.with_topic("t", 1).await;
    for _ in 0..4 {
        assert_eq!(client.produce("t", batch(&[&"x".repeat(90_000)])).await.error_code, 0);
        sleep(Duration::from_secs(1)).await;
    }
    let mut request = everything("t", 1);
    (request.max_bytes, request.topics[0].partitions[0].partition_max_bytes) = (1, 1);
    let mut silent = connect(&node);
    let sent = silent.send(12, &request).await;
    sleep(Duration::from_secs(5)).await;
    let taken = POOL - node.broker.answers().available();
    assert!(taken > 90_000, "{taken}");
    assert!(records(&silent.receive::<FetchRequest>(12, sent).await) > 90_000);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(node.broker.answers().available(), POOL);
}

/// What is wrong with each record is said of so many of a request, however many batches it has.
#[tokio::test(start_paused = true)]
async fn what_is_said_of_refused_records_is_bounded() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 8).await;
    let late = stamped(&[NOW + 3 * 24 * 3_600_000; 400]);
    let partition = |index| PartitionProduceData { index, records: Some(late.clone().into()) };
    let topic = TopicProduceData {
        name: "t".into(),
        partition_data: (0..8).map(partition).collect(),
        ..Default::default()
    };
    let request =
        ProduceRequest { acks: -1, timeout_ms: 30_000, topic_data: vec![topic], ..Default::default() };
    let answer = client.ask(9, &request).await;
    let found = &answer.responses[0].partition_responses;
    assert!(found.iter().all(|p| p.error_code == ErrorCode::InvalidTimestamp.code()));
    let said: Vec<_> = found.iter().map(|partition| partition.record_errors.len()).collect();
    assert_eq!(said, [400, 400, 200, 0, 0, 0, 0, 0]);
}

/// A client that has not read its answers has nothing to ask: what it sends takes no memory from others.
#[tokio::test(start_paused = true)]
async fn a_request_waits_outside_while_answers_are_not_read() {
    let node = node().await;
    let mut client = node.with_topic("t", 4).await;
    for n in 0..16 {
        let large = batch(&[&"x".repeat(90_000)]);
        assert_eq!(client.produce_to(9, "t", n % 4, large).await.error_code, 0);
    }
    let mut silent = connect(&node);
    for _ in 0..3 {
        silent.send(12, &everything("t", 4)).await;
    }
    let request = produce_request("t", 0, Some(batch(&[&"y".repeat(60_000)])));
    let sending = tokio::spawn(async move {
        silent.send(9, &request).await;
        std::future::pending::<()>().await;
    });
    sleep(Duration::from_secs(5)).await;
    let memory = node.broker.memory();
    assert_eq!((memory.available(), memory.waiting()), (memory.size(), 0));
    sending.abort();
}

fn unknown_topics(count: usize) -> MetadataRequest {
    let topic =
        |number| MetadataRequestTopic { name: Some(format!("u{number}").into()), ..Default::default() };
    let topics = Some((0..count).map(topic).collect());
    MetadataRequest { topics, allow_auto_topic_creation: false, ..Default::default() }
}

/// The request counts for what is decoded of it, and its answer waits for memory before it is made.
#[tokio::test(start_paused = true)]
async fn an_answer_to_many_names_is_not_made_before_there_is_memory_for_it() {
    let node = Node::with(BrokerConfig { answer_memory: POOL, ..config() }).await;
    let mut client = connect(&node);
    let (answers, others) = (node.broker.answers().clone(), node.broker.others().clone());
    let all = answers.take(POOL).await;
    let sent = client.send(12, &unknown_topics(5_000)).await;
    sleep(Duration::from_secs(1)).await;
    assert_eq!(answers.waiting(), 1);
    assert!(others.available() < others.size(), "the request is still there");
    drop(all);
    sleep(Duration::from_millis(1)).await;
    assert!(answers.available() < POOL, "it has some while it is not read");
    let response = client.receive::<MetadataRequest>(12, sent).await;
    assert_eq!(response.topics.len(), 5_000);
    sleep(Duration::from_secs(1)).await;
    assert_eq!((answers.available(), others.available()), (POOL, others.size()));
}

/// Named twice, a partition is read once, as with Kafka: a request may name few partitions very often.
#[tokio::test(start_paused = true)]
async fn a_partition_that_is_named_very_often_is_fetched_once() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 2).await;
    client.produce("t", batch(&["a"])).await;
    let partition =
        |partition| FetchPartition { partition, partition_max_bytes: 1 << 20, ..Default::default() };
    let topic = FetchTopic { topic: "t".into(), partitions: vec![partition(0); 1000], ..Default::default() };
    let mut topics = vec![topic; 100];
    topics[50].partitions[0] = partition(1);
    let request = FetchRequest { topics, max_wait_ms: 0, max_bytes: 1 << 20, ..Default::default() };
    let response = client.ask(4, &request).await;
    let all = response.responses.iter().flat_map(|topic| &topic.partitions);
    assert_eq!(all.clone().count(), 2);
    let answered: Vec<_> = all.map(|data| (data.partition_index, data.records.is_empty())).collect();
    assert_eq!(answered, [(0, false), (1, true)]);
}
