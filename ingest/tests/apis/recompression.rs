//! `compression.type`: what came otherwise is compressed anew, and nothing else of it changes.

use std::time::Duration;

use bytes::Bytes;
use protocol::ErrorCode;
use protocol::messages::FetchRequest;
use protocol::messages::fetch::{FetchPartition, FetchTopic};
use protocol::messages::produce::{PartitionProduceData, PartitionProduceResponse, TopicProduceData};
use protocol::records::{Batch, BatchBuilder, BatchHeader, Batches, Compression, TimestampType};

use crate::client::{Client, altered, produce_request, stamped};
use crate::node::{NOW, Node};

const LIMIT: usize = 1 << 24;

fn code(response: &PartitionProduceResponse) -> ErrorCode {
    ErrorCode::from_code(response.error_code).expect("a known error")
}

/// A batch of an idempotent producer, whose records have keys, values and headers.
fn sent(codec: Compression) -> Bytes {
    let mut builder = BatchBuilder::new().compression(codec).producer(5, 2, 0);
    for n in 0..50 {
        let value = "the same again and again ".repeat(10);
        builder.push(NOW - n, Some(b"key"), Some(value.as_bytes()), &[("header", Some(b"x"))]);
    }
    builder.build().expect("a batch")
}

async fn fetched(client: &mut Client, version: i16) -> (ErrorCode, Vec<Batch>) {
    let partition =
        FetchPartition { current_leader_epoch: -1, partition_max_bytes: 1 << 24, ..Default::default() };
    let topic = FetchTopic { topic: "t".into(), partitions: vec![partition], ..Default::default() };
    let request =
        FetchRequest { max_bytes: 1 << 24, session_epoch: -1, topics: vec![topic], ..Default::default() };
    let mut response = client.ask(version, &request).await;
    let data = response.responses.remove(0).partitions.remove(0);
    let batches = Batches::new(data.records.into_bytes()).map(|batch| batch.expect("a batch")).collect();
    (ErrorCode::from_code(data.error_code).expect("a known error"), batches)
}

#[tokio::test(start_paused = true)]
async fn batches_are_stored_as_the_topic_wants_them() {
    for (wanted, codec) in [
        ("uncompressed", Compression::None),
        ("gzip", Compression::Gzip),
        ("snappy", Compression::Snappy),
        ("lz4", Compression::Lz4),
        ("zstd", Compression::Zstd),
    ] {
        let node = Node::start().await;
        let mut client = node.with_configured("t", 1, &[("compression.type", wanted)]).await;
        for source in Compression::ALL {
            let mut client = node.connect();
            let name = format!("{wanted}-{source}");
            client.create_topic(&name, 1, &[("compression.type", wanted)]).await;
            assert_eq!(code(&client.produce(&name, sent(source)).await), ErrorCode::None, "{name}");
            // It is still the same batch to an idempotent producer.
            assert_eq!(client.produce(&name, sent(source)).await.base_offset, 0, "{name}");
        }
        client.produce("t", sent(Compression::None)).await;
        let (error, batches) = fetched(&mut client, 12).await;
        let [batch] = &batches[..] else { panic!("{error:?}: {} batches", batches.len()) };
        let came = Batch::single(sent(Compression::None)).expect("a batch");
        batch.verify_crc().expect("the CRC is right");
        assert_eq!(batch.header().compression(), Ok(codec));
        let header = BatchHeader {
            batch_length: came.header().batch_length,
            crc: came.header().crc,
            attributes: came.header().attributes,
            partition_leader_epoch: came.header().partition_leader_epoch,
            ..*batch.header()
        };
        assert_eq!(&header, came.header(), "producer, sequence, offsets and timestamps");
        assert_eq!(batch.decompress(LIMIT), came.decompress(LIMIT));
    }
}

#[tokio::test(start_paused = true)]
async fn what_came_as_wanted_is_not_touched() {
    let node = Node::start().await;
    let mut client =
        node.with_configured("t", 1, &[("compression.type", "gzip"), ("compression.gzip.level", "1")]).await;
    let came = sent(Compression::Gzip);
    client.produce("t", came.clone()).await;
    let (_, batches) = fetched(&mut client, 12).await;
    assert_eq!(batches[0].bytes()[16..], came[16..], "whatever the level");
}

#[tokio::test(start_paused = true)]
async fn levels_matter() {
    let node = Node::start().await;
    let mut sizes = Vec::new();
    for (at, level) in ["1", "9"].into_iter().enumerate() {
        let name = ["t", "u"][at];
        let mut client = node.connect();
        client
            .create_topic(name, 1, &[("compression.type", "gzip"), ("compression.gzip.level", level)])
            .await;
        let mut builder = BatchBuilder::new();
        for n in 0..2000u64 {
            let value = (n * n * 7919 % 104_729).to_string();
            builder.push(NOW, None, Some(value.as_bytes()), &[]);
        }
        client.produce(name, builder.build().expect("a batch")).await;
        let log = node.broker.log().expect("it serves");
        let topic = coordinator::TopicId(*client.topic_id(name).await.as_bytes());
        let partition = log.partition(coordinator::PartitionId { topic, index: 0 }).expect("it is there");
        sizes.push(partition.size());
    }
    assert!(sizes[1] < sizes[0], "{sizes:?}");
}

#[tokio::test(start_paused = true)]
async fn the_size_that_counts_is_also_the_stored_one() {
    let node = Node::start().await;
    let settings = [("compression.type", "uncompressed"), ("max.message.bytes", "5000")];
    let mut client = node.with_configured("t", 1, &settings).await;
    let packed = sent(Compression::Gzip);
    assert!(packed.len() < 5000);
    let response = client.produce("t", packed).await;
    assert_eq!((code(&response), response.base_offset), (ErrorCode::MessageTooLarge, -1));
    // As it came, it was too large already, however small it would have become.
    client.create_topic("u", 1, &[("compression.type", "zstd"), ("max.message.bytes", "5000")]).await;
    assert_eq!(code(&client.produce("u", sent(Compression::None)).await), ErrorCode::MessageTooLarge);
}

#[tokio::test(start_paused = true)]
async fn the_append_time_goes_with_it() {
    let node = Node::start().await;
    let settings = [("compression.type", "lz4"), ("message.timestamp.type", "LogAppendTime")];
    let mut client = node.with_configured("t", 1, &settings).await;
    let response = client.produce("t", stamped(&[5, 6])).await;
    assert_eq!((code(&response), response.log_append_time_ms), (ErrorCode::None, NOW));
    let (_, batches) = fetched(&mut client, 12).await;
    batches[0].verify_crc().expect("the CRC is right");
    let header = batches[0].header();
    assert_eq!(
        (header.compression(), header.timestamp_type()),
        (Ok(Compression::Lz4), TimestampType::LogAppendTime)
    );
    assert_eq!(header.max_timestamp, NOW);
}

/// Requests of one connection keep their order, whether their batches are looked into or not.
#[tokio::test(start_paused = true)]
async fn a_pipeline_keeps_its_order() {
    let node = Node::start().await;
    let mut client = node.with_configured("t", 1, &[("compression.type", "zstd")]).await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    let batch = |codec, sequence| {
        let mut builder = BatchBuilder::new().compression(codec).producer(9, 0, sequence);
        builder.push(NOW, None, Some(b"value"), &[]);
        produce_request("t", 0, Some(builder.build().expect("a batch")))
    };
    let mut waiting = Vec::new();
    for sequence in 0..20 {
        let codec = if sequence % 2 == 0 { Compression::Gzip } else { Compression::Zstd };
        waiting.push(client.send(9, &batch(codec, sequence)).await);
    }
    for (sequence, waiting) in waiting.into_iter().enumerate() {
        let response = client.receive::<protocol::messages::ProduceRequest>(9, waiting).await;
        let partition = &response.responses[0].partition_responses[0];
        assert_eq!((code(partition), partition.base_offset), (ErrorCode::None, sequence as i64));
    }
}

/// One batch of several is refused, and the others are stored.
#[tokio::test(start_paused = true)]
async fn errors_are_each_batchs_own() {
    let node = Node::start().await;
    let mut client = node.with_configured("t", 3, &[("compression.type", "zstd")]).await;
    let good = sent(Compression::Gzip);
    let damaged = altered(&good, 70, &[0xff; 30], true);
    let records = [good.clone(), damaged, good];
    let partitions = (0..3).zip(records);
    let partition_data = partitions
        .map(|(index, records)| PartitionProduceData { index, records: Some(records.into()) })
        .collect();
    let mut request = produce_request("t", 0, None);
    request.topic_data = vec![TopicProduceData { name: "t".into(), partition_data, ..Default::default() }];
    let response = client.ask(9, &request).await;
    let codes: Vec<_> = response.responses[0].partition_responses.iter().map(code).collect();
    assert_eq!(codes, [ErrorCode::None, ErrorCode::CorruptMessage, ErrorCode::None]);
}

/// A header that lies is put right where its records are looked at.
#[tokio::test(start_paused = true)]
async fn the_largest_timestamp_is_that_of_the_records() {
    let node = Node::start().await;
    let mut client = node.with_configured("t", 1, &[("compression.type", "gzip")]).await;
    let lies = altered(&stamped(&[NOW - 5, NOW - 9]), 35, &(NOW - 1).to_be_bytes(), true);
    assert_eq!(code(&client.produce("t", lies).await), ErrorCode::None);
    let (_, batches) = fetched(&mut client, 12).await;
    assert_eq!(batches[0].header().max_timestamp, NOW - 5);
    batches[0].verify_crc().expect("the CRC is right");
    // One that promises the future is looked into, too.
    client.create_topic("u", 1, &[]).await;
    let future = altered(&stamped(&[NOW - 5]), 35, &(NOW + 4_000_000).to_be_bytes(), true);
    assert_eq!(code(&client.produce("u", future).await), ErrorCode::None);
    let beyond = client.produce("u", stamped(&[NOW + 4_000_000])).await;
    assert_eq!(code(&beyond), ErrorCode::InvalidTimestamp);
}

#[tokio::test(start_paused = true)]
async fn every_record_at_fault_is_named() {
    let node = Node::start().await;
    let settings = [("cleanup.policy", "compact"), ("message.timestamp.before.max.ms", "1000")];
    let mut client = node.with_configured("t", 1, &settings).await;
    let batch = |records: &[(Option<&[u8]>, i64)]| {
        let mut builder = BatchBuilder::new();
        for (key, timestamp) in records {
            builder.push(*timestamp, *key, Some(b"value"), &[]);
        }
        builder.build().expect("a batch")
    };
    let key = Some(&b"key"[..]);
    let response = client.produce("t", batch(&[(None, NOW), (key, NOW), (None, NOW)])).await;
    let at = |response: &PartitionProduceResponse| {
        response.record_errors.iter().map(|e| e.batch_index).collect::<Vec<_>>()
    };
    assert_eq!((code(&response), at(&response)), (ErrorCode::InvalidRecord, vec![0, 2]));
    let response = client.produce("t", batch(&[(None, NOW), (key, NOW - 2000), (key, NOW)])).await;
    assert_eq!((code(&response), at(&response)), (ErrorCode::InvalidTimestamp, vec![0, 1]));
    assert!(response.record_errors.iter().all(|e| e.batch_index_error_message.is_some()));
    let many: Vec<_> = (0..3000).map(|_| (None, NOW)).collect();
    let response = client.produce("t", batch(&many)).await;
    assert_eq!((code(&response), at(&response).len()), (ErrorCode::InvalidRecord, 1000));
    assert_eq!(code(&client.produce("t", batch(&[(key, NOW)])).await), ErrorCode::None);
}

#[tokio::test(start_paused = true)]
async fn old_clients_do_not_get_zstd() {
    let node = Node::start().await;
    let mut client = node.with_configured("t", 1, &[("compression.type", "zstd")]).await;
    client.produce("t", sent(Compression::None)).await;
    assert_eq!(fetched(&mut client, 9).await.0, ErrorCode::UnsupportedCompressionType);
    assert_eq!(fetched(&mut client, 10).await.1.len(), 1);
}
