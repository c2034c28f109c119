//! Fetch: what comes back, when, and how much of it.

use std::time::Duration;

use bytes::Bytes;
use protocol::messages::fetch::{FetchPartition, FetchTopic, PartitionData};
use protocol::messages::{DeleteTopicsRequest, FetchRequest, FetchResponse};
use protocol::records::{Batch, Batches};
use protocol::{ErrorCode, Uuid};
use tokio::time::Instant;

use crate::client::{Client, batch, idempotent};
use crate::node::{LISTENER, NODE, Node, config};
use crate::store::Fault;

/// A request for partition 0 from `offset` on that does not wait.
fn from(topic: &str, offset: i64) -> FetchRequest {
    partitions(topic, &[(0, offset)])
}

fn partitions(topic: &str, offsets: &[(i32, i64)]) -> FetchRequest {
    let partition = |(partition, fetch_offset): &(i32, i64)| FetchPartition {
        partition: *partition,
        fetch_offset: *fetch_offset,
        partition_max_bytes: 1 << 20,
        ..Default::default()
    };
    let partitions = offsets.iter().map(partition).collect();
    let topic = FetchTopic { topic: topic.into(), partitions, ..Default::default() };
    FetchRequest {
        topics: vec![topic],
        max_wait_ms: 0,
        min_bytes: 1,
        max_bytes: 1 << 20,
        ..Default::default()
    }
}

fn only(response: FetchResponse) -> PartitionData {
    assert_eq!((response.error_code, response.session_id), (0, 0));
    response.responses[0].partitions[0].clone()
}

async fn fetch(client: &mut Client, topic: &str, offset: i64) -> PartitionData {
    only(client.ask(12, &from(topic, offset)).await)
}

fn code(data: &PartitionData) -> ErrorCode {
    ErrorCode::from_code(data.error_code).expect("a known error")
}

fn batches(data: &PartitionData) -> Vec<Batch> {
    Batches::new(data.records.clone().into_bytes()).map(|batch| batch.expect("a batch")).collect()
}

/// The values of all records, with their offsets.
fn values(data: &PartitionData) -> Vec<(i64, String)> {
    let mut found = Vec::new();
    for batch in batches(data) {
        batch.verify_crc().expect("the CRC is that of the batch");
        for record in batch.records(1 << 20).expect("records") {
            let record = record.expect("a record");
            let value = String::from_utf8_lossy(&record.value.clone().unwrap_or_default()).into_owned();
            found.push((batch.header().offset_of(&record), value));
        }
    }
    found
}

#[tokio::test(start_paused = true)]
async fn what_was_produced_is_fetched_in_every_version() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    client.produce("t", batch(&["a", "b"])).await;
    client.produce("t", batch(&["c"])).await;
    let topic_id = client.topic_id("t").await;
    let all = [(0, "a".to_owned()), (1, "b".to_owned()), (2, "c".to_owned())];
    for version in 4..=18 {
        let mut request = from("t", 0);
        request.topics[0].topic_id = topic_id;
        let data = only(client.ask(version, &request).await);
        assert_eq!(values(&data), all, "v{version}");
        assert_eq!((data.high_watermark, data.last_stable_offset), (3, 3));
        assert_eq!(data.log_start_offset, if version >= 5 { 0 } else { -1 });
        assert_eq!((data.aborted_transactions, data.preferred_read_replica), (None, -1));
    }
}

#[tokio::test(start_paused = true)]
async fn an_offset_within_a_batch_brings_the_whole_batch() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    client.produce("t", batch(&["a"])).await;
    client.produce("t", batch(&["b", "c", "d"])).await;
    let data = fetch(&mut client, "t", 2).await;
    assert_eq!(values(&data).iter().map(|(offset, _)| *offset).collect::<Vec<_>>(), [1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn at_the_end_there_is_an_empty_string() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    let correlation_id = client.send(11, &from("t", 0)).await;
    let frame = client.receive_raw().await.expect("a response");
    // The records field ends the response: a length of 0, not of -1.
    assert_eq!(frame[frame.len() - 4..], 0i32.to_be_bytes());
    assert_eq!(frame[..4], correlation_id.to_be_bytes());
}

#[tokio::test(start_paused = true)]
async fn read_committed_has_a_list_of_aborted_transactions() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    let request = FetchRequest { isolation_level: 1, ..from("t", 0) };
    assert_eq!(only(client.ask(12, &request).await).aborted_transactions, Some(Vec::new()));
}

#[tokio::test(start_paused = true)]
async fn offsets_out_of_range() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    client.produce("t", batch(&["a"])).await;
    for offset in [-1, 2, i64::MAX] {
        let data = fetch(&mut client, "t", offset).await;
        assert_eq!(code(&data), ErrorCode::OffsetOutOfRange);
        assert_eq!((data.log_start_offset, data.high_watermark), (0, 1));
        assert!(data.records.is_empty());
    }
}

/// I10: an offset that a batch in flight is about to have is not told to be out of range before it is known.
#[tokio::test(start_paused = true)]
async fn out_of_range_is_said_only_after_a_barrier() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    node.store.set(Fault::SlotsHeld);
    let mut producer = node.connect();
    producer.send(9, &crate::client::produce_request("t", 0, Some(batch(&["a", "b"])))).await;
    let correlation_id = client.send(12, &from("t", 1)).await;
    assert!(tokio::time::timeout(Duration::from_secs(1), client.receive_raw()).await.is_err());
    node.store.set(Fault::None);
    let data = only(client.receive::<FetchRequest>(12, correlation_id).await);
    assert_eq!((code(&data), values(&data).len()), (ErrorCode::None, 2));
}

#[tokio::test(start_paused = true)]
async fn unknown_topics_and_partitions() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    assert_eq!(code(&fetch(&mut client, "u", 0).await), ErrorCode::UnknownTopicOrPartition);
    let data = only(client.ask(12, &partitions("t", &[(3, 0)])).await);
    assert_eq!(code(&data), ErrorCode::UnknownTopicOrPartition);
    let mut request = from("t", 0);
    request.topics[0].topic_id = Uuid::from_bytes([9; 16]);
    assert_eq!(code(&only(client.ask(13, &request).await)), ErrorCode::UnknownTopicId);
}

#[tokio::test(start_paused = true)]
async fn leader_epochs() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    for (epoch, expected) in [(-1, ErrorCode::None), (0, ErrorCode::None), (1, ErrorCode::UnknownLeaderEpoch)]
    {
        let mut request = from("t", 0);
        request.topics[0].partitions[0].current_leader_epoch = epoch;
        assert_eq!(code(&only(client.ask(12, &request).await)), expected, "{epoch}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_log_that_departs_is_told_where() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    client.produce("t", batch(&["a"])).await;
    let mut request = from("t", 1);
    // Epoch 0 ends at offset 1 so far.
    request.topics[0].partitions[0].last_fetched_epoch = 0;
    let data = only(client.ask(12, &request).await);
    assert_eq!((code(&data), data.diverging_epoch.epoch), (ErrorCode::None, -1));
    request.topics[0].partitions[0].fetch_offset = 2;
    let data = only(client.ask(12, &request).await);
    assert_eq!((data.diverging_epoch.epoch, data.diverging_epoch.end_offset), (0, 1));
    request.topics[0].partitions[0].last_fetched_epoch = 3;
    assert_eq!(code(&only(client.ask(12, &request).await)), ErrorCode::OffsetOutOfRange);
}

#[tokio::test(start_paused = true)]
async fn the_first_batch_comes_however_large_and_bounds_hold_for_the_rest() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 3).await;
    let large = batch(&[&"x".repeat(1000)]);
    for index in 0..3 {
        for _ in 0..3 {
            client.produce_to(9, "t", index, large.clone()).await;
        }
    }
    let lengths = |response: FetchResponse| -> Vec<usize> {
        response.responses[0].partitions.iter().map(|p| p.records.len() / large.len()).collect()
    };
    let mut request = partitions("t", &[(0, 3), (1, 0), (2, 0)]);
    request.max_bytes = 10;
    assert_eq!(lengths(client.ask(12, &request).await), [0, 1, 0]);
    request.max_bytes = 1 << 20;
    request.topics[0].partitions.iter_mut().for_each(|p| p.partition_max_bytes = 10);
    assert_eq!(lengths(client.ask(12, &request).await), [0, 1, 0]);
    let two = i32::try_from(2 * large.len()).expect("a small batch");
    request.topics[0].partitions.iter_mut().for_each(|p| p.partition_max_bytes = two + 10);
    assert_eq!(lengths(client.ask(12, &request).await), [0, 2, 2]);
    request.max_bytes = two + two / 2;
    assert_eq!(lengths(client.ask(12, &request).await), [0, 2, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_fetch_waits_for_records_and_is_woken_by_their_commit() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 2).await;
    let mut request = partitions("t", &[(0, 0), (1, 0)]);
    request.max_wait_ms = 5000;
    let began = Instant::now();
    let correlation_id = client.send(12, &request).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    node.connect().produce_to(9, "t", 1, batch(&["a"])).await;
    let response = client.receive::<FetchRequest>(12, correlation_id).await;
    assert_eq!(values(&response.responses[0].partitions[1]), [(0, "a".to_owned())]);
    assert!(began.elapsed() < Duration::from_millis(400), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_fetch_waits_no_longer_than_the_client_wants() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    let request = FetchRequest { max_wait_ms: 500, ..from("t", 0) };
    let began = Instant::now();
    assert!(only(client.ask(12, &request).await).records.is_empty());
    assert_eq!(began.elapsed().as_millis() / 10, 50);
    // An error, or nothing to wait for, is told at once.
    let began = Instant::now();
    let request = FetchRequest { max_wait_ms: 500, ..from("u", 0) };
    assert_eq!(code(&only(client.ask(12, &request).await)), ErrorCode::UnknownTopicOrPartition);
    client.ask(12, &FetchRequest { max_wait_ms: 500, min_bytes: 0, ..from("t", 0) }).await;
    client.ask(12, &FetchRequest { max_wait_ms: 500, topics: Vec::new(), ..from("t", 0) }).await;
    assert!(began.elapsed() < Duration::from_millis(100));
}

#[tokio::test(start_paused = true)]
async fn min_bytes_are_counted_over_all_partitions() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 2).await;
    let records = batch(&[&"x".repeat(100)]);
    let min_bytes = i32::try_from(2 * records.len()).expect("a small batch");
    let request = FetchRequest { max_wait_ms: 5000, min_bytes, ..partitions("t", &[(0, 0), (1, 0)]) };
    let correlation_id = client.send(12, &request).await;
    let mut producer = node.connect();
    producer.produce_to(9, "t", 0, records.clone()).await;
    let silence = Duration::from_secs(1);
    assert!(tokio::time::timeout(silence, client.receive_raw()).await.is_err());
    producer.produce_to(9, "t", 1, records.clone()).await;
    let response = client.receive::<FetchRequest>(12, correlation_id).await;
    assert!(response.responses[0].partitions.iter().all(|p| p.records.len() == records.len()));
}

#[tokio::test(start_paused = true)]
async fn uncommitted_records_are_not_seen() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    node.store.set(Fault::SlotsHeld);
    node.connect().send(9, &crate::client::produce_request("t", 0, Some(batch(&["a"])))).await;
    tokio::time::sleep(Duration::from_millis(10)).await;
    let data = fetch(&mut client, "t", 0).await;
    assert_eq!((data.high_watermark, data.records.len()), (0, 0));
    node.store.set(Fault::None);
    let request = FetchRequest { max_wait_ms: 1000, ..from("t", 0) };
    assert_eq!(values(&only(client.ask(12, &request).await)).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_waiting_fetch_hears_of_the_topics_deletion() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    let mut request = FetchRequest { max_wait_ms: 60_000, ..from("t", 0) };
    request.topics[0].topic_id = client.topic_id("t").await;
    let correlation_id = client.send(12, &request).await;
    let mut other = node.connect();
    let other_id = other.send(13, &request).await;
    tokio::time::sleep(Duration::from_millis(10)).await;
    let delete =
        DeleteTopicsRequest { topic_names: vec!["t".into()], timeout_ms: 1000, ..Default::default() };
    node.connect().ask(5, &delete).await;
    let began = Instant::now();
    let data = only(client.receive::<FetchRequest>(12, correlation_id).await);
    assert_eq!(code(&data), ErrorCode::UnknownTopicOrPartition);
    let data = only(other.receive::<FetchRequest>(13, other_id).await);
    assert_eq!(code(&data), ErrorCode::UnknownTopicId);
    assert!(began.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_waiting_fetch_hears_of_the_sessions_end() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    let mut request = FetchRequest { max_wait_ms: 60_000, ..from("t", 0) };
    request.topics[0].topic_id = client.topic_id("t").await;
    let correlation_id = client.send(16, &request).await;
    tokio::time::sleep(Duration::from_millis(10)).await;
    node.lose_session();
    let response = client.receive::<FetchRequest>(16, correlation_id).await;
    assert_eq!(response.node_endpoints[0].node_id, NODE);
    let data = only(response);
    assert_eq!((code(&data), data.current_leader.leader_id), (ErrorCode::NotLeaderOrFollower, NODE));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_away_is_noticed_while_its_fetch_waits() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    let (ours, theirs) = tokio::io::duplex(1024);
    let (read, write) = tokio::io::split(theirs);
    let serving = ingest::connection::serve(
        read,
        write,
        "test".into(),
        LISTENER.into(),
        node.service.clone(),
        node.stop.clone(),
    );
    let serving = tokio::spawn(serving);
    let mut leaving = Client::new(ours);
    leaving.send(12, &FetchRequest { max_wait_ms: i32::MAX, ..from("t", 0) }).await;
    tokio::time::sleep(Duration::from_millis(10)).await;
    drop(leaving);
    let began = Instant::now();
    serving.await.expect("the connection ends");
    assert!(began.elapsed() < Duration::from_secs(1));
    client.produce("t", batch(&["a"])).await;
}

#[tokio::test(start_paused = true)]
async fn a_node_that_stops_answers_what_waits() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    let correlation_id = client.send(12, &FetchRequest { max_wait_ms: 60_000, ..from("t", 0) }).await;
    tokio::time::sleep(Duration::from_millis(10)).await;
    node.stop.cancel();
    let began = Instant::now();
    assert_eq!(code(&only(client.receive::<FetchRequest>(12, correlation_id).await)), ErrorCode::None);
    assert!(client.is_closed().await);
    assert!(began.elapsed() < Duration::from_secs(1));
}

/// A node that keeps nothing in its tail, and a topic with `count` batches of one record.
async fn cold(count: usize, checkpoint_slots: u64) -> (Node, Client) {
    let mut config = config();
    config.log.tail_bytes = 0;
    config.log.checkpoint_slots = checkpoint_slots;
    let node = Node::with(config).await;
    let mut client = node.with_topic("t", 1).await;
    for value in 0..count {
        client.produce("t", batch(&[&value.to_string()])).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    (node, client)
}

/// Reads from offset 0 to the end, as a consumer does.
async fn read_all(client: &mut Client) -> Vec<(i64, String)> {
    let mut found = Vec::new();
    loop {
        let next = found.last().map_or(0, |(offset, _)| offset + 1);
        let data = fetch(client, "t", next).await;
        assert_eq!(code(&data), ErrorCode::None);
        if data.high_watermark == next {
            return found;
        }
        let values = values(&data);
        assert!(!values.is_empty(), "nothing at {next}");
        found.extend(values);
    }
}

#[tokio::test(start_paused = true)]
async fn behind_the_tail_records_come_from_slots() {
    for checkpoint_slots in [1000, 7] {
        let (_node, mut client) = cold(25, checkpoint_slots).await;
        let expected: Vec<_> = (0..25).map(|value| (i64::from(value), value.to_string())).collect();
        assert_eq!(read_all(&mut client).await, expected, "{checkpoint_slots}");
    }
}

/// All that a client asks for may lie in more objects than can be read while it waits.
#[tokio::test(start_paused = true)]
async fn cold_reads_bring_what_was_read_in_time() {
    for checkpoint_slots in [1000, 7] {
        let (node, mut client) = cold(60, checkpoint_slots).await;
        node.store.set(Fault::SlowReads);
        let began = tokio::time::Instant::now();
        let some = values(&fetch(&mut client, "t", 0).await).len();
        assert!((5..=7).contains(&some) && began.elapsed() < Duration::from_secs(3), "{some} batches");
        assert_eq!(read_all(&mut client).await.len(), 60, "{checkpoint_slots}");
    }
}

#[tokio::test(start_paused = true)]
async fn cold_reads_keep_to_the_bounds() {
    for checkpoint_slots in [1000, 7] {
        let (_node, mut client) = cold(20, checkpoint_slots).await;
        let mut request = from("t", 0);
        request.topics[0].partitions[0].partition_max_bytes = 1;
        assert_eq!(values(&only(client.ask(12, &request).await)).len(), 1);
        let batch = batch(&["0"]);
        request.topics[0].partitions[0].partition_max_bytes =
            i32::try_from(batch.len() * 3 + 5).expect("small");
        assert_eq!(values(&only(client.ask(12, &request).await)).len(), 3);
        request.max_bytes = i32::try_from(batch.len() * 2).expect("small");
        assert_eq!(values(&only(client.ask(12, &request).await)).len(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_missing_object_is_neither_empty_nor_out_of_range() {
    let (node, mut client) = cold(3, 1000).await;
    node.store.set(Fault::SlotsMissing);
    let data = fetch(&mut client, "t", 0).await;
    assert!(code(&data).is_retriable(), "{:?}", code(&data));
    assert_ne!(code(&data), ErrorCode::OffsetOutOfRange);
    node.store.set(Fault::None);
    assert_eq!(read_all(&mut client).await.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_damaged_object_is_a_storage_error() {
    let (node, mut client) = cold(3, 1000).await;
    node.store.damage_slots().await;
    assert_eq!(code(&fetch(&mut client, "t", 0).await), ErrorCode::KafkaStorageError);
}

#[tokio::test(start_paused = true)]
async fn leader_epoch_and_offset_are_the_brokers_and_the_rest_the_producers() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    client.produce("t", batch(&["a"])).await;
    let sent = idempotent(5, 2, 0, 4);
    client.produce("t", sent.clone()).await;
    let data = fetch(&mut client, "t", 1).await;
    let found: Bytes = data.records.into_bytes();
    assert_eq!(found[16..], sent[16..]);
    assert_eq!(found[..8], 1i64.to_be_bytes());
    assert_eq!(found[8..12], sent[8..12]);
    assert_eq!(found[12..16], 0i32.to_be_bytes());
}
