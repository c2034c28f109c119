//! A batch on its way to a partition, by a producer whose every attempt stands in the history.

use std::sync::Arc;

use bytes::Bytes;
use protocol::messages::produce::{PartitionProduceData, TopicProduceData};
use protocol::messages::{ProduceRequest, ProduceResponse};
use protocol::{ErrorCode, Uuid};

use super::Client;
use crate::history::{Event, Sent};

/// The last version of Produce that names topics.
const BY_NAME: i16 = 9;

/// The first that has their ids.
const BY_ID: i16 = 13;

/// A topic to send to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// The topic, as events name it.
    pub(super) topic: Arc<str>,
    /// Its name.
    pub(super) name: Arc<str>,
    /// Its id; if there is none, it is named, and stays.
    pub(super) id: Option<Uuid>,
    /// Whether it is to be named, though another may have its name by then.
    pub(super) by_name: bool,
}

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Parcel {
    pub(super) target: Target,
    pub(super) partition: i32,
    /// The number of the first record.
    pub(super) sequence: i32,
    pub(super) count: i32,
    pub(super) bytes: Bytes,
    /// Whether it is taken as often as it comes.
    pub(super) plain: bool,
}

impl Parcel {
    /// The request, and its version.
    pub(super) fn request(&self, acks: i16, timeout_ms: i32) -> (i16, ProduceRequest) {
        let id = self.target.id.filter(|_| !self.target.by_name);
        let data = PartitionProduceData { index: self.partition, records: Some(self.bytes.clone().into()) };
        let topic = TopicProduceData {
            name: (*self.target.name).into(),
            topic_id: id.unwrap_or_default(),
            partition_data: vec![data],
        };
        let request = ProduceRequest { transactional_id: None, acks, timeout_ms, topic_data: vec![topic] };
        (if id.is_some() { BY_ID } else { BY_NAME }, request)
    }

    /// It is about to be sent by a connection.
    pub(super) fn sent(&self, client: &Client, link: u64, acks: i16) {
        let (topic, partition) = (&self.target.topic, self.partition);
        let (sequence, count) = (self.sequence, self.count);
        let number = client.number;
        client.trace.line(format_args!("send {number} {topic}-{partition} {sequence}+{count} {acks} {link}"));
        client.note(Event::Sent(Sent {
            topic: Some(Arc::clone(topic)),
            partition,
            producer: number as i64,
            sequence: sequence.into(),
            count: count.into(),
            link,
            plain: self.plain,
            by_name: self.target.by_name,
        }));
    }

    /// It was acknowledged.
    pub(super) fn acknowledged(&self, client: &Client, offset: i64) {
        let mut history = client.history.lock();
        for i in 0..self.count {
            history.push(Event::Ack {
                topic: Some(Arc::clone(&self.target.topic)),
                partition: self.partition,
                producer: client.number as i64,
                sequence: (self.sequence + i).into(),
                offset: offset + i64::from(i),
            });
        }
    }
}

/// What the response says of the one batch of a request.
pub(super) fn outcome(response: &ProduceResponse) -> (ErrorCode, i64) {
    let answer = response.responses.first().and_then(|topic| topic.partition_responses.first());
    let code = answer.and_then(|answer| ErrorCode::from_code(answer.error_code));
    (code.unwrap_or(ErrorCode::UnknownServerError), answer.map_or(-1, |answer| answer.base_offset))
}
