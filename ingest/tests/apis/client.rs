//! A client that says exactly what a test wants.

use std::collections::HashMap;

use bytes::{Bytes, BytesMut};
use protocol::messages::create_topics::{CreatableTopic, CreatableTopicConfig};
use protocol::messages::metadata::MetadataRequestTopic;
use protocol::messages::produce::{PartitionProduceData, PartitionProduceResponse, TopicProduceData};
use protocol::messages::{CreateTopicsRequest, MetadataRequest, ProduceRequest};
use protocol::records::BatchBuilder;
use protocol::{Request, Uuid, frame};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use crate::node::NOW;

pub(crate) struct Client {
    socket: DuplexStream,
    next: i32,
    /// The client id that requests carry.
    pub(crate) id: &'static str,
    topic_ids: HashMap<String, Uuid>,
}

impl Client {
    pub(crate) fn new(socket: DuplexStream) -> Self {
        Self { socket, next: 0, id: "test", topic_ids: HashMap::new() }
    }

    /// Sends a request; its correlation id.
    pub(crate) async fn send<R: Request>(&mut self, version: i16, request: &R) -> i32 {
        self.next += 1;
        let chunks = frame::encode_request(self.next, Some(self.id), version, request).expect("a request");
        self.send_raw(&chunks.concat()).await;
        self.next
    }

    pub(crate) async fn send_raw(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).await.expect("the node reads");
    }

    /// The next response; `None` if the connection is closed instead.
    pub(crate) async fn receive_raw(&mut self) -> Option<Bytes> {
        let length = self.socket.read_i32().await.ok()?;
        let mut frame = BytesMut::zeroed(usize::try_from(length).expect("a length"));
        self.socket.read_exact(&mut frame).await.expect("a whole frame");
        Some(frame.freeze())
    }

    pub(crate) async fn receive<R: Request>(&mut self, version: i16, correlation_id: i32) -> R::Response {
        let frame = self.receive_raw().await.expect("a response");
        let (header, response) = frame::decode_response::<R>(frame, version).expect("a proper response");
        assert_eq!(header.correlation_id, correlation_id);
        response
    }

    /// Sends a request and receives its response.
    pub(crate) async fn ask<R: Request>(&mut self, version: i16, request: &R) -> R::Response {
        let correlation_id = self.send(version, request).await;
        self.receive::<R>(version, correlation_id).await
    }

    /// Whether the node closes the connection without another word.
    pub(crate) async fn is_closed(&mut self) -> bool {
        self.receive_raw().await.is_none()
    }

    pub(crate) async fn create_topic(&mut self, name: &str, partitions: i32, settings: &[(&str, &str)]) {
        let config = |(name, value): &(&str, &str)| CreatableTopicConfig {
            name: (*name).into(),
            value: Some((*value).into()),
        };
        let topic = CreatableTopic {
            name: name.into(),
            num_partitions: partitions,
            replication_factor: 1,
            configs: settings.iter().map(config).collect(),
            ..Default::default()
        };
        let request = CreateTopicsRequest { topics: vec![topic], timeout_ms: 1000, validate_only: false };
        let response = self.ask(7, &request).await;
        assert_eq!(response.topics[0].error_code, 0, "{:?}", response.topics[0].error_message);
        self.topic_ids.insert(name.to_owned(), response.topics[0].topic_id);
    }

    /// The id of a topic.
    pub(crate) async fn topic_id(&mut self, name: &str) -> Uuid {
        if let Some(id) = self.topic_ids.get(name) {
            return *id;
        }
        let topic = MetadataRequestTopic { name: Some(name.into()), ..Default::default() };
        let request = MetadataRequest { topics: Some(vec![topic]), ..Default::default() };
        let response = self.ask(12, &request).await;
        response.topics[0].topic_id
    }

    /// Produces one batch to partition 0 with acks=all.
    pub(crate) async fn produce(&mut self, topic: &str, records: Bytes) -> PartitionProduceResponse {
        self.produce_to(9, topic, 0, records).await
    }

    pub(crate) async fn produce_to(
        &mut self,
        version: i16,
        topic: &str,
        index: i32,
        records: Bytes,
    ) -> PartitionProduceResponse {
        let response = self.ask(version, &produce_request(topic, index, Some(records))).await;
        response.responses[0].partition_responses[0].clone()
    }
}

pub(crate) fn produce_request(topic: &str, index: i32, records: Option<Bytes>) -> ProduceRequest {
    let partition = PartitionProduceData { index, records: records.map(Into::into) };
    let topic =
        TopicProduceData { name: topic.into(), partition_data: vec![partition], ..Default::default() };
    ProduceRequest { transactional_id: None, acks: -1, timeout_ms: 30_000, topic_data: vec![topic] }
}

/// A batch of records with these values, all of them stamped with the tests' own time.
pub(crate) fn batch(values: &[&str]) -> Bytes {
    let mut builder = BatchBuilder::new();
    for value in values {
        builder.push(NOW, Some(b"key"), Some(value.as_bytes()), &[]);
    }
    builder.build().expect("a batch")
}

/// A batch of `count` records from an idempotent producer.
pub(crate) fn idempotent(producer_id: i64, epoch: i16, sequence: i32, count: usize) -> Bytes {
    let mut builder = BatchBuilder::new().producer(producer_id, epoch, sequence);
    for _ in 0..count {
        builder.push(NOW, None, Some(b"value"), &[]);
    }
    builder.build().expect("a batch")
}

/// A batch with one record per timestamp.
pub(crate) fn stamped(timestamps: &[i64]) -> Bytes {
    let mut builder = BatchBuilder::new();
    for timestamp in timestamps {
        builder.push(*timestamp, Some(b"key"), Some(b"value"), &[]);
    }
    builder.build().expect("a batch")
}

/// A batch with one byte changed; the CRC-32C is made right again if `repair`.
pub(crate) fn altered(batch: &Bytes, at: usize, to: &[u8], repair: bool) -> Bytes {
    let mut bytes = batch.to_vec();
    bytes[at..at + to.len()].copy_from_slice(to);
    if repair {
        let crc = crc32c(&bytes[21..]);
        bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    }
    bytes.into()
}

/// CRC-32C, bit by bit.
fn crc32c(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg()))
    };
    !bytes.iter().fold(!0, step)
}
