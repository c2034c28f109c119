//! Appending to one partition, in order.
//!
//! With an identity, several requests are on their way: when one fails, all are waited for, and those that failed are
//! sent again in order. The broker drops what it already has, and takes nothing out of order. Without one it would
//! take the batch behind the one that failed; so the next is sent once the one before is appended. A batch of unknown
//! outcome may be appended twice then.

use std::collections::VecDeque;

use bytes::Bytes;
use protocol::ErrorCode;
use protocol::messages::init_producer_id::InitProducerIdRequest;
use protocol::messages::produce::{PartitionProduceData, ProduceRequest, ProduceResponse, TopicProduceData};
use protocol::records::BatchBuilder;

use super::{Client, Error, Reply};

/// An idempotent producer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    /// Its id.
    pub(crate) id: i64,
    /// Its epoch.
    pub(crate) epoch: i16,
}

/// Requests of an idempotent producer that may be on their way: Kafka keeps order for up to five.
const IN_FLIGHT: usize = 5;

/// How a partition is appended to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LaneOptions {
    /// Kafka's `acks`: 0, 1 or −1.
    pub(crate) acks: i16,
    /// The producer, if it is idempotent.
    pub(crate) identity: Option<Identity>,
}

/// The way to one partition.
pub(crate) struct Lane {
    client: Client,
    topic: String,
    partition: i32,
    options: LaneOptions,
    sequence: i32,
    sent: VecDeque<Sent>,
}

struct Sent {
    batch: Bytes,
    reply: Option<Reply<ProduceRequest>>,
    outcome: Option<Result<(), Error>>,
}

impl Client {
    /// A new identity for an idempotent producer.
    pub(crate) async fn identity(&self) -> Result<Identity, Error> {
        let request = InitProducerIdRequest { producer_id: -1, producer_epoch: -1, ..Default::default() };
        let mut backoff = self.backoff();
        loop {
            let attempt = async {
                let response = self.any().await?.call(&request).await?;
                Error::check(response.error_code, || "a producer id".to_owned())?;
                Ok(Identity { id: response.producer_id, epoch: response.producer_epoch })
            };
            match attempt.await {
                Ok(identity) => return Ok(identity),
                Err(error) => backoff.wait(error).await?,
            }
        }
    }
}

impl Lane {
    /// The way to a partition; nothing is sent yet.
    pub(crate) fn new(client: &Client, topic: &str, partition: i32, options: LaneOptions) -> Self {
        let topic = topic.to_owned();
        Self { client: client.clone(), topic, partition, options, sequence: 0, sent: VecDeque::new() }
    }

    /// Whether batches are on their way.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.sent.is_empty()
    }

    /// Sends a batch, once fewer than the allowed number are on their way.
    pub(crate) async fn send(&mut self, builder: BatchBuilder) -> Result<(), Error> {
        let most = if self.options.identity.is_some() { IN_FLIGHT } else { 1 };
        while self.sent.len() >= most {
            self.settle().await?;
        }
        let count = i32::try_from(builder.len()).unwrap_or(i32::MAX);
        let builder = match self.options.identity {
            Some(Identity { id, epoch }) => builder.producer(id, epoch, self.sequence),
            None => builder,
        };
        self.sequence = self.sequence.wrapping_add(count) & i32::MAX;
        let batch = builder.build()?;
        if self.options.acks == 0 {
            let (request, connection) = self.request(&batch).await?;
            return connection.tell(&request).await;
        }
        let mut sent = Sent { batch, reply: None, outcome: None };
        self.submit(&mut sent).await;
        self.sent.push_back(sent);
        Ok(())
    }

    /// Waits until everything is appended.
    pub(crate) async fn flush(&mut self) -> Result<(), Error> {
        while self.is_waiting() {
            self.settle().await?;
        }
        Ok(())
    }

    /// Waits until the oldest batch is answered. May be cancelled.
    pub(crate) async fn answered(&mut self) {
        if let Some(oldest) = self.sent.front_mut() {
            oldest.answered().await;
        }
    }

    /// Waits until the oldest batch is appended. Fails with what can't be mended by trying again.
    pub(crate) async fn settle(&mut self) -> Result<(), Error> {
        let mut backoff = self.client.backoff();
        loop {
            let Some(oldest) = self.sent.front_mut() else { return Ok(()) };
            oldest.answered().await;
            match oldest.outcome.take() {
                Some(Err(error)) => {
                    backoff.wait(error).await?;
                    self.client.forget(&self.topic).await;
                    self.send_again().await;
                }
                Some(Ok(())) | None => {
                    self.sent.pop_front();
                    return Ok(());
                }
            }
        }
    }

    /// Sends what failed once more, in order, after all that is on its way.
    async fn send_again(&mut self) {
        for sent in self.sent.iter_mut() {
            sent.answered().await;
        }
        let mut again = std::mem::take(&mut self.sent);
        for sent in &mut again {
            if !matches!(sent.outcome, Some(Ok(()))) {
                self.submit(sent).await;
            }
        }
        self.sent = again;
    }

    async fn submit(&self, sent: &mut Sent) {
        let submitted = async {
            let (request, connection) = self.request(&sent.batch).await?;
            connection.send(&request).await
        };
        match submitted.await {
            Ok(reply) => (sent.reply, sent.outcome) = (Some(reply), None),
            Err(error) => (sent.reply, sent.outcome) = (None, Some(Err(error))),
        }
    }

    async fn request(
        &self,
        batch: &Bytes,
    ) -> Result<(ProduceRequest, std::sync::Arc<super::Connection>), Error> {
        let (topic, connection) = self.client.leading(&self.topic, self.partition).await?;
        let timeout_ms = i32::try_from(self.client.timeout().as_millis()).unwrap_or(i32::MAX);
        let data = PartitionProduceData { index: self.partition, records: Some(batch.clone().into()) };
        let request = ProduceRequest {
            acks: self.options.acks,
            timeout_ms,
            topic_data: vec![TopicProduceData {
                name: self.topic.as_str().into(),
                topic_id: topic.id,
                partition_data: vec![data],
            }],
            ..Default::default()
        };
        Ok((request, connection))
    }
}

impl Sent {
    /// Waits for the answer. May be cancelled.
    async fn answered(&mut self) {
        if let Some(reply) = &mut self.reply {
            let outcome = reply.wait().await.and_then(|response| check(&response));
            (self.reply, self.outcome) = (None, Some(outcome));
        }
    }
}

/// The error of a response to a request with one batch.
pub(crate) fn check(response: &ProduceResponse) -> Result<(), Error> {
    for topic in &response.responses {
        for partition in &topic.partition_responses {
            if partition.error_code == ErrorCode::DuplicateSequenceNumber.code() {
                continue;
            }
            let what = || format!("partition {}", partition.index);
            Error::check_with_message(partition.error_code, partition.error_message.as_deref(), what)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use parking_lot::Mutex;
    use protocol::messages::produce::{PartitionProduceResponse, TopicProduceResponse};
    use protocol::records::Batch;

    use super::super::scripted::{Script, broker};
    use super::*;

    /// What a broker that refuses the first request has appended of five batches: the first value of each, and how
    /// many requests it got.
    async fn appended(acks: i16, identity: Option<Identity>) -> (Vec<Bytes>, usize) {
        let log = Arc::new(Mutex::new((Vec::new(), 0)));
        let seen = Arc::clone(&log);
        let mut next = 0;
        let produce = move |request: ProduceRequest| {
            let records = request.topic_data[0].partition_data[0].records.clone().expect("records");
            let batch = Batch::single(records.into_bytes()).expect("a batch");
            let (mut log, sequence) = (seen.lock(), batch.header().base_sequence);
            log.1 += 1;
            let error_code = match log.1 {
                1 => ErrorCode::NotLeaderOrFollower.code(),
                _ if identity.is_some() && sequence != next => ErrorCode::NotLeaderOrFollower.code(),
                _ => {
                    next += batch.header().records_count;
                    let first =
                        batch.records(usize::MAX).expect("records").next().expect("one").expect("a record");
                    log.0.push(first.value.expect("a value"));
                    0
                }
            };
            let partition = PartitionProduceResponse { error_code, ..Default::default() };
            let topic = TopicProduceResponse {
                name: "t".into(),
                partition_responses: vec![partition],
                ..Default::default()
            };
            ProduceResponse { responses: vec![topic], ..Default::default() }
        };
        let address = broker(Script { produce: Box::new(produce), ..Script::default() }).await;
        let client = Client::new(&[address], Duration::from_secs(30));
        let mut lane = Lane::new(&client, "t", 0, LaneOptions { acks, identity });
        for value in ["a", "b", "c", "d", "e"] {
            let mut batch = BatchBuilder::new();
            batch.push(0, None, Some(value.as_bytes()), &[]);
            lane.send(batch).await.expect("it is sent");
        }
        lane.flush().await.expect("it is appended");
        let log = log.lock();
        log.clone()
    }

    #[tokio::test]
    async fn a_batch_that_is_sent_again_is_passed_by_none() {
        let all: Vec<Bytes> =
            ["a", "b", "c", "d", "e"].map(|value| Bytes::from_static(value.as_bytes())).into();
        for acks in [1, -1] {
            assert_eq!(appended(acks, None).await, (all.clone(), 6), "acks {acks}");
        }
        let (log, requests) = appended(-1, Some(Identity { id: 1, epoch: 0 })).await;
        assert_eq!(log, all);
        assert!(requests > 6, "several were on their way");
    }
}
