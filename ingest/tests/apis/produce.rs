//! Produce: what is accepted, and every way in which a batch is not.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use protocol::messages::describe_producers::{DescribeProducersTopicRequest, ProducerState};
use protocol::messages::produce::{PartitionProduceData, PartitionProduceResponse, TopicProduceData};
use protocol::messages::{ApiVersionsRequest, DescribeProducersRequest, ProduceRequest};
use protocol::records::{BatchBuilder, Compression};
use protocol::{ErrorCode, Uuid};
use tokio::time::Instant;

use crate::client::{altered, batch, idempotent, produce_request, stamped};
use crate::node::{NODE, NOW, Node, config};
use crate::store::Fault;

fn code(response: &PartitionProduceResponse) -> ErrorCode {
    ErrorCode::from_code(response.error_code).expect("a known error")
}

#[tokio::test(start_paused = true)]
async fn offsets_follow_each_other_in_every_version() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 2).await;
    for (round, version) in (3..=12).enumerate() {
        let response = client.produce_to(version, "t", 1, batch(&["a", "b"])).await;
        assert_eq!(
            (code(&response), response.base_offset),
            (ErrorCode::None, 2 * round as i64),
            "v{version}"
        );
        assert_eq!(response.log_append_time_ms, -1);
        assert_eq!(response.log_start_offset, if version >= 5 { 0 } else { -1 });
    }
    assert_eq!(client.produce("t", batch(&["c"])).await.base_offset, 0);
}

#[tokio::test(start_paused = true)]
async fn since_version_13_topics_have_ids() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    let topic_id = client.topic_id("t").await;
    let mut request = produce_request("", 0, Some(batch(&["a"])));
    request.topic_data[0].topic_id = topic_id;
    let response = client.ask(13, &request).await;
    assert_eq!(response.responses[0].topic_id, topic_id);
    assert_eq!(code(&response.responses[0].partition_responses[0]), ErrorCode::None);
    request.topic_data[0].topic_id = Uuid::from_bytes([9; 16]);
    let response = client.ask(13, &request).await;
    assert_eq!(code(&response.responses[0].partition_responses[0]), ErrorCode::UnknownTopicId);
}

#[tokio::test(start_paused = true)]
async fn acks_1_waits_for_the_store_too() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    node.store.set(Fault::SlotsHeld);
    let mut request = produce_request("t", 0, Some(batch(&["a"])));
    request.acks = 1;
    let correlation_id = client.send(9, &request).await;
    assert!(tokio::time::timeout(Duration::from_secs(1), client.receive_raw()).await.is_err());
    node.store.set(Fault::None);
    let response = client.receive::<ProduceRequest>(9, correlation_id).await;
    assert_eq!(code(&response.responses[0].partition_responses[0]), ErrorCode::None);
}

#[tokio::test(start_paused = true)]
async fn the_clients_own_time_limit() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    node.store.set(Fault::SlotsHeld);
    let mut request = produce_request("t", 0, Some(batch(&["a"])));
    request.timeout_ms = 700;
    let began = Instant::now();
    let response = client.ask(9, &request).await;
    assert_eq!(code(&response.responses[0].partition_responses[0]), ErrorCode::RequestTimedOut);
    assert_eq!(response.responses[0].partition_responses[0].base_offset, -1);
    assert!((700..800).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
    // The outcome was unknown, and then the batch appeared.
    node.store.set(Fault::None);
    assert_eq!(client.produce("t", batch(&["b"])).await.base_offset, 1);
}

/// What a batch for a topic without settings is answered with.
async fn refused(records: Option<Bytes>) -> PartitionProduceResponse {
    refused_in(9, &[], records).await
}

/// Which records are at fault, and why.
fn told(response: &PartitionProduceResponse) -> Vec<(i32, &str)> {
    let told = response.record_errors.iter();
    told.map(|e| (e.batch_index, e.batch_index_error_message.as_deref().unwrap_or_default())).collect()
}

async fn refused_in(
    version: i16,
    settings: &[(&str, &str)],
    records: Option<Bytes>,
) -> PartitionProduceResponse {
    let node = Node::start().await;
    let mut client = node.with_configured("t", 1, settings).await;
    let response = client.ask(version, &produce_request("t", 0, records)).await;
    let response = response.responses[0].partition_responses[0].clone();
    assert_ne!(code(&response), ErrorCode::None);
    assert_eq!((response.base_offset, response.log_append_time_ms), (-1, -1));
    // Kafka's error alone says that a batch is too large.
    let too_large = matches!(code(&response), ErrorCode::MessageTooLarge | ErrorCode::RecordListTooLarge);
    assert_eq!(response.error_message.is_some(), version >= 8 && !too_large, "{response:?}");
    // Nothing was appended.
    assert_eq!(client.produce("t", batch(&["a"])).await.base_offset, 0);
    response
}

#[tokio::test(start_paused = true)]
async fn invalid_required_acks() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    for acks in [-2, 2] {
        let mut request = produce_request("t", 0, Some(batch(&["a"])));
        request.acks = acks;
        let response = client.ask(9, &request).await;
        assert_eq!(code(&response.responses[0].partition_responses[0]), ErrorCode::InvalidRequiredAcks);
    }
}

#[tokio::test(start_paused = true)]
async fn transactional_ids_are_refused() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 2).await;
    let mut request = produce_request("t", 0, Some(batch(&["a"])));
    request.topic_data[0].partition_data.push(PartitionProduceData { index: 1, records: None });
    request.transactional_id = Some("x".into());
    let response = client.ask(9, &request).await;
    for partition in &response.responses[0].partition_responses {
        assert_eq!(code(partition), ErrorCode::TransactionalIdAuthorizationFailed);
    }
}

#[tokio::test(start_paused = true)]
async fn transactional_batches_are_refused() {
    let transactional = altered(&idempotent(5, 0, 0, 1), 21, &[0, 1 << 4], true);
    assert_eq!(code(&refused(Some(transactional)).await), ErrorCode::InvalidTxnState);
}

#[tokio::test(start_paused = true)]
async fn unknown_topics_and_partitions() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    for (topic, index) in [("u", 0), ("t", 1), ("t", -1)] {
        let response = client.produce_to(9, topic, index, batch(&["a"])).await;
        assert_eq!(code(&response), ErrorCode::UnknownTopicOrPartition, "{topic}-{index}");
    }
}

#[tokio::test(start_paused = true)]
async fn unknown_is_not_said_by_a_node_that_could_not_ask() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    node.store.set(Fault::MetadataUnreadable);
    let response = client.produce_to(9, "u", 0, batch(&["a"])).await;
    assert_eq!(code(&response), ErrorCode::NotLeaderOrFollower);
    assert_eq!(client.produce("t", batch(&["a"])).await.base_offset, 0);
}

#[tokio::test(start_paused = true)]
async fn internal_topics_take_records_only_from_kafkas_own_tools() {
    let node = Node::start().await;
    let mut client = node.with_topic("__consumer_offsets", 1).await;
    let response = client.produce("__consumer_offsets", batch(&["a"])).await;
    assert_eq!(code(&response), ErrorCode::InvalidTopicException);
    client.id = "__admin_client";
    let response = client.produce("__consumer_offsets", batch(&["a"])).await;
    assert_eq!(code(&response), ErrorCode::None);
}

#[tokio::test(start_paused = true)]
async fn a_partition_takes_exactly_one_batch_of_format_2() {
    let two = [batch(&["a"]), batch(&["b"])].concat();
    for records in
        [None, Some(Bytes::new()), Some(two.into()), Some(altered(&batch(&["a"]), 16, &[1], false))]
    {
        assert_eq!(code(&refused(records).await), ErrorCode::InvalidRecord);
    }
}

#[tokio::test(start_paused = true)]
async fn zstd_needs_version_7() {
    let mut builder = BatchBuilder::new().compression(Compression::Zstd);
    builder.push(NOW, None, Some(b"value"), &[]);
    let records = builder.build().expect("a batch");
    let response = refused_in(6, &[], Some(records.clone())).await;
    assert_eq!(code(&response), ErrorCode::UnsupportedCompressionType);
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    assert_eq!(code(&client.produce_to(7, "t", 0, records).await), ErrorCode::None);
}

#[tokio::test(start_paused = true)]
async fn the_base_offset_is_zero() {
    let records = altered(&batch(&["a"]), 0, &1i64.to_be_bytes(), false);
    assert_eq!(code(&refused(Some(records)).await), ErrorCode::InvalidRecord);
}

#[tokio::test(start_paused = true)]
async fn max_message_bytes() {
    let records = batch(&["a value that is longer than the other one"]);
    let response = refused_in(9, &[("max.message.bytes", "90")], Some(records)).await;
    assert_eq!(code(&response), ErrorCode::MessageTooLarge);
}

#[tokio::test(start_paused = true)]
async fn segment_bytes() {
    let long = "x".repeat(1 << 20);
    let settings = [("max.message.bytes", "2000000"), ("segment.bytes", "1048576")];
    let response = refused_in(9, &settings, Some(batch(&[&long]))).await;
    assert_eq!(code(&response), ErrorCode::RecordListTooLarge);
}

#[tokio::test(start_paused = true)]
async fn corrupt_bytes() {
    let good = batch(&["a"]);
    let last = good.len() - 1;
    let bad_crc = altered(&good, last, &[good[last] ^ 1], false);
    let bad_length = altered(&good, 8, &1000i32.to_be_bytes(), false);
    for records in [bad_crc, bad_length, good.slice(..30)] {
        assert_eq!(code(&refused(Some(records)).await), ErrorCode::CorruptMessage);
    }
}

#[tokio::test(start_paused = true)]
async fn counts_control_batches_and_sequences() {
    let bad_count = altered(&batch(&["a"]), 57, &2i32.to_be_bytes(), true);
    let control = altered(&batch(&["a"]), 21, &[0, 1 << 5], true);
    let no_sequence = altered(&idempotent(5, 0, 0, 1), 53, &(-1i32).to_be_bytes(), true);
    for records in [bad_count, control, no_sequence] {
        assert_eq!(code(&refused(Some(records)).await), ErrorCode::InvalidRecord);
    }
}

#[tokio::test(start_paused = true)]
async fn compacted_topics_need_keys() {
    let mut builder = BatchBuilder::new().compression(Compression::Gzip);
    builder.push(NOW, Some(b"key"), Some(b"value"), &[]);
    builder.push(NOW, None, Some(b"value"), &[]);
    let records = builder.build().expect("a batch");
    let response = refused_in(9, &[("cleanup.policy", "compact")], Some(records)).await;
    assert_eq!(code(&response), ErrorCode::InvalidRecord);
    let why = "Compacted topic cannot accept message without key in topic partition t-0";
    assert_eq!(told(&response), [(1, why)]);
    let message = format!(
        "One or more records have been rejected due to 1 record errors in total, and only showing the first three \
         errors at most: [RecordError(batchIndex=1, message='{why}')]"
    );
    assert_eq!(response.error_message.as_deref(), Some(&*message));
}

#[tokio::test(start_paused = true)]
async fn timestamps_out_of_bounds() {
    // One hour ahead is the default.
    let response = refused(Some(stamped(&[NOW, NOW + 3_600_001]))).await;
    assert_eq!(code(&response), ErrorCode::InvalidTimestamp);
    let range = |earliest: i64| format!("The timestamp should be within [{earliest}, {}]", NOW + 3_600_000);
    let why = |timestamp: i64, earliest| {
        format!("Timestamp {timestamp} of message with offset 1 is out of range. {}", range(earliest))
    };
    assert_eq!(told(&response), [(1, &*why(NOW + 3_600_001, NOW - i64::MAX))]);
    let message = "One or more records have been rejected due to invalid timestamp";
    assert_eq!(response.error_message.as_deref(), Some(message));
    let settings = [("message.timestamp.before.max.ms", "1000")];
    let response = refused_in(9, &settings, Some(stamped(&[NOW, NOW - 1001]))).await;
    assert_eq!(code(&response), ErrorCode::InvalidTimestamp);
    assert_eq!(told(&response), [(1, &*why(NOW - 1001, NOW - 1000))]);
}

#[tokio::test(start_paused = true)]
async fn timestamps_within_bounds() {
    let node = Node::start().await;
    let mut client = node.with_configured("t", 1, &[("message.timestamp.before.max.ms", "1000")]).await;
    // -1 says that there is no timestamp.
    for timestamps in [&[NOW + 3_600_000][..], &[NOW - 1000], &[-1, NOW]] {
        let response = client.produce("t", stamped(timestamps)).await;
        assert_eq!(code(&response), ErrorCode::None, "{timestamps:?} {response:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn clients_do_not_set_log_append_time() {
    let records = altered(&batch(&["a"]), 21, &[0, 1 << 3], true);
    let response = refused(Some(records)).await;
    assert_eq!(code(&response), ErrorCode::InvalidTimestamp);
    assert_eq!(response.record_errors.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn log_append_time_is_set_and_told() {
    let node = Node::start().await;
    let mut client = node.with_configured("t", 1, &[("message.timestamp.type", "LogAppendTime")]).await;
    // The client's own timestamps do not matter then.
    let records = idempotent(5, 0, 0, 1);
    let response = client.produce("t", records.clone()).await;
    assert_eq!((code(&response), response.log_append_time_ms), (ErrorCode::None, NOW));
    node.clock.fetch_add(500, Ordering::Relaxed);
    assert_eq!(client.produce("t", stamped(&[5])).await.log_append_time_ms, NOW + 500);
    // A duplicate has the time of the original.
    let response = client.produce("t", records).await;
    assert_eq!((response.base_offset, response.log_append_time_ms), (0, NOW));
}

#[tokio::test(start_paused = true)]
async fn duplicates_are_answered_with_the_originals_offset() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    for sequence in 0..6 {
        assert_eq!(client.produce("t", idempotent(5, 0, sequence, 1)).await.base_offset, i64::from(sequence));
    }
    // The last five are remembered.
    for sequence in 1..6 {
        assert_eq!(client.produce("t", idempotent(5, 0, sequence, 1)).await.base_offset, i64::from(sequence));
    }
    let response = client.produce("t", idempotent(5, 0, 0, 1)).await;
    assert_eq!(code(&response), ErrorCode::OutOfOrderSequenceNumber);
    assert_eq!(client.produce("t", idempotent(5, 0, 6, 1)).await.base_offset, 6);
}

#[tokio::test(start_paused = true)]
async fn sequences_and_epochs() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    // Of a producer of whom nothing is known, any sequence is taken, but not of a partition that has just come
    // here: what was sent before may have been refused for that.
    let response = client.produce("t", idempotent(5, 1, 7, 2)).await;
    assert_eq!(code(&response), ErrorCode::NotLeaderOrFollower);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(client.produce("t", idempotent(5, 1, 7, 2)).await.base_offset, 0);
    let response = client.produce("t", idempotent(5, 1, 10, 1)).await;
    assert_eq!(code(&response), ErrorCode::OutOfOrderSequenceNumber);
    let response = client.produce("t", idempotent(5, 0, 9, 1)).await;
    assert_eq!(code(&response), ErrorCode::InvalidProducerEpoch);
    let response = client.produce("t", idempotent(5, 2, 9, 1)).await;
    assert_eq!(code(&response), ErrorCode::OutOfOrderSequenceNumber);
    assert_eq!(client.produce("t", idempotent(5, 2, 0, 1)).await.base_offset, 2);
}

/// I10: what follows from a batch in flight is not reported before that batch is durable.
#[tokio::test(start_paused = true)]
async fn duplicates_and_sequence_errors_wait_for_the_store() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    node.store.set(Fault::SlotsHeld);
    let mut sent = Vec::new();
    for records in [idempotent(5, 0, 0, 1), idempotent(5, 0, 0, 1), idempotent(5, 0, 9, 1)] {
        sent.push(client.send(9, &produce_request("t", 0, Some(records))).await);
    }
    let mut others = node.connect();
    let other = others.send(9, &produce_request("t", 0, Some(idempotent(5, 0, 9, 1)))).await;
    let silence = Duration::from_secs(1);
    assert!(tokio::time::timeout(silence, client.receive_raw()).await.is_err());
    assert!(tokio::time::timeout(silence, others.receive_raw()).await.is_err());
    node.store.set(Fault::None);
    let mut answers = Vec::new();
    for correlation_id in sent {
        let response = client.receive::<ProduceRequest>(9, correlation_id).await;
        let partition = &response.responses[0].partition_responses[0];
        answers.push((code(partition), partition.base_offset));
    }
    let error = (ErrorCode::OutOfOrderSequenceNumber, -1);
    assert_eq!(answers, [(ErrorCode::None, 0), (ErrorCode::None, 0), error]);
    let response = others.receive::<ProduceRequest>(9, other).await;
    assert_eq!(code(&response.responses[0].partition_responses[0]), ErrorCode::OutOfOrderSequenceNumber);
}

#[tokio::test(start_paused = true)]
async fn a_lost_session_fails_what_is_in_flight_and_names_the_leader() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    node.store.set(Fault::SlotsHeld);
    let request = produce_request("t", 0, Some(batch(&["a"])));
    let correlation_id = client.send(10, &request).await;
    tokio::time::sleep(Duration::from_millis(10)).await;
    node.lose_session();
    let response = client.receive::<ProduceRequest>(10, correlation_id).await;
    node.store.set(Fault::None);
    let partition = &response.responses[0].partition_responses[0];
    assert_eq!((code(partition), partition.base_offset), (ErrorCode::NotLeaderOrFollower, -1));
    assert_eq!(partition.current_leader.leader_id, NODE);
    assert_eq!(response.node_endpoints[0].host, "node7.test");
    assert_eq!(response.node_endpoints[0].rack.as_deref(), Some("r1"));
    // The next session serves.
    let mut again = code(&client.produce("t", batch(&["a"])).await);
    while again == ErrorCode::NotLeaderOrFollower {
        tokio::time::sleep(Duration::from_millis(50)).await;
        again = code(&client.produce("t", batch(&["a"])).await);
    }
    assert_eq!(again, ErrorCode::None);
}

#[tokio::test(start_paused = true)]
async fn errors_are_each_partitions_own() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 2).await;
    let partition = |index, records| PartitionProduceData { index, records: Some(Bytes::into(records)) };
    let partitions =
        vec![partition(0, batch(&["a"])), partition(5, batch(&["a"])), partition(1, batch(&["a"]))];
    let topic = TopicProduceData { name: "t".into(), partition_data: partitions, ..Default::default() };
    let request =
        ProduceRequest { acks: -1, timeout_ms: 1000, topic_data: vec![topic], transactional_id: None };
    let response = client.ask(9, &request).await;
    let codes: Vec<_> = response.responses[0].partition_responses.iter().map(code).collect();
    assert_eq!(codes, [ErrorCode::None, ErrorCode::UnknownTopicOrPartition, ErrorCode::None]);
}

#[tokio::test(start_paused = true)]
async fn acks_0_has_no_response() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    let mut request = produce_request("t", 0, Some(batch(&["a"])));
    request.acks = 0;
    client.send(9, &request).await;
    // The next response is the next request's.
    let response = client.ask(0, &ApiVersionsRequest::default()).await;
    assert_eq!(response.error_code, 0);
    assert_eq!(client.produce("t", batch(&["b"])).await.base_offset, 1);
}

#[tokio::test(start_paused = true)]
async fn any_error_with_acks_0_closes_the_connection() {
    let node = Node::start().await;
    for (topic, records) in
        [("u", batch(&["a"])), ("t", batch(&["a"]).slice(..30)), ("t", idempotent(5, 0, 9, 1))]
    {
        let mut client = node.connect();
        client.topic_id("t").await; // Which creates it.
        client.produce("t", idempotent(5, 0, 0, 1)).await;
        let mut request = produce_request(topic, 0, Some(records));
        request.acks = 0;
        client.send(9, &request).await;
        assert!(client.is_closed().await);
    }
}

#[tokio::test(start_paused = true)]
async fn memory_bounds_what_is_in_flight() {
    let node = Node::with(broker::node::BrokerConfig { request_memory: 100_000, ..config() }).await;
    let mut clients = [node.with_topic("t", 1).await, node.connect()];
    node.store.set(Fault::SlotsHeld);
    let records = batch(&[&"x".repeat(70_000)]);
    let mut sent = Vec::new();
    for client in &mut clients {
        sent.push(client.send(9, &produce_request("t", 0, Some(records.clone()))).await);
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    // One is in flight, and holds the memory that the other one waits for.
    assert!(node.broker.memory().available() < 30_000);
    let open = node.broker.log().expect("the node serves").open_bytes();
    assert!(open == 0, "{open} bytes wait in the open slot");
    node.store.set(Fault::None);
    for (client, correlation_id) in clients.iter_mut().zip(sent) {
        let response = client.receive::<ProduceRequest>(9, correlation_id).await;
        assert_eq!(code(&response.responses[0].partition_responses[0]), ErrorCode::None);
    }
    assert_eq!(node.broker.memory().available(), node.broker.memory().size());
}

#[tokio::test(start_paused = true)]
async fn producers_are_described() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 2).await;
    for (epoch, sequence, count) in [(0, 0, 3), (1, 0, 2), (1, 2, 5)] {
        assert_eq!(client.produce("t", idempotent(5, epoch, sequence, count)).await.error_code, 0);
    }
    assert_eq!(client.produce("t", idempotent(9, 0, 0, 1)).await.error_code, 0);
    let topic = |name: &str, partition_indexes: &[i32]| DescribeProducersTopicRequest {
        name: name.into(),
        partition_indexes: partition_indexes.to_vec(),
    };
    let request = DescribeProducersRequest { topics: vec![topic("t", &[0, 1, 2]), topic("no", &[0])] };
    let response = client.ask(0, &request).await;
    let partitions: Vec<_> = response.topics.iter().flat_map(|t| &t.partitions).collect();
    let codes: Vec<_> = partitions.iter().map(|p| (p.partition_index, p.error_code)).collect();
    let unknown = ErrorCode::UnknownTopicOrPartition.code();
    assert_eq!(codes, [(0, 0), (1, 0), (2, unknown), (0, unknown)]);
    let state = |producer_id, producer_epoch, last_sequence| ProducerState {
        producer_id,
        producer_epoch,
        last_sequence,
        last_timestamp: NOW,
        coordinator_epoch: -1,
        current_txn_start_offset: -1,
    };
    assert_eq!(partitions[0].active_producers, [state(5, 1, 6), state(9, 0, 0)]);
    assert!(partitions[1..].iter().all(|p| p.active_producers.is_empty()));
}
