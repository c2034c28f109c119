//! Produce: append batches. Checked and put into the open slot at once, in order; answered when the slot is
//! committed. The stored bytes are slices of the request's frame, or copies where they would keep much else of it.

mod check;
mod prepare;
mod unpack;

use std::sync::Arc;
use std::time::Duration;

use broker::log::{self, Candidate, Log, NotLeader, Permit, Ticket};
use broker::node::{Broker, Led};
use bytes::Bytes;
use coordinator::PartitionId;
use coordinator::cluster::Cluster;
use coordinator::partition::{AppendReject, ProducerBatch};
use coordinator::topic::config::TimestampType;
use protocol::codec::Wire;
use protocol::messages::produce::{
    BatchIndexAndErrorMessage, LeaderIdAndEpoch, NodeEndpoint, PartitionProduceResponse, TopicProduceResponse,
};
use protocol::messages::{ProduceRequest, ProduceResponse};
use protocol::records::{Batch, BatchHeader};
use protocol::{ApiKey, ErrorCode, Sent};
use tokio::time::{Instant, timeout_at};

use super::incoming::few;
use super::topics::{Leader, Node, TopicRef, View, has_partition};
use super::{Answer, Context, Incoming, Outgoing, PATIENCE, Refusal, Reply, text};
use prepare::{Checked, Refused};

/// The first version that names topics by id.
const TOPIC_IDS: i16 = 13;

/// What the log keeps of a batch in flight beside its bytes, in bytes.
const PER_BATCH: usize = 512;

/// How many topics and partitions that do not exist a request may name besides all that do.
const MORE: usize = 20_000;

/// Kafka's own tools may write to its own topics.
const ADMIN_CLIENT: &str = "__admin_client";

pub(super) async fn handle(
    context: &Context,
    cluster: Arc<Cluster>,
    incoming: Incoming,
) -> Result<Answer, Refusal> {
    let permit = context.admitted.lock().take();
    let Sent { request, elements } = incoming.decode::<ProduceRequest>()?;
    // Its answer, which may lie there until the client reads, names each.
    few(ApiKey::Produce, elements, &cluster, MORE)?;
    let outgoing = Outgoing::of(&incoming);
    let is_admin = incoming.header.client_id.as_deref() == Some(ADMIN_CLIENT);
    let acks = request.acks;
    let deadline = deadline(&request);
    let view = View::knowing(context, cluster, |cluster| is_known(cluster, outgoing.version, &request));
    let view = view.await;
    let now = context.broker.clock().now_ms();
    let (mut request, mut permits) = (request, Vec::from_iter(permit));
    let (frame, came) = (incoming.body.clone(), incoming.came);
    drop(incoming);
    let mut checked = prepare::check_all(context, &view, outgoing.version, is_admin, &mut request, now);
    if checked.iter().any(|checked| matches!(checked, Checked::Packed(_))) {
        permits.extend(Box::pin(prepare::unpack_all(&context.broker, &mut checked, now)).await);
    }
    context.broker.pause().await;
    if checked.len() > 1 {
        // That for one is the request's.
        permits.extend(context.broker.memory().try_take((checked.len() - 1) * PER_BATCH));
    }
    note_refusals(context, &view, outgoing.version, &request, &checked);
    let appending = Appending::of(context, request, (frame, checked), (came, now), permits);
    if acks == 0 {
        return Ok(appending.unacknowledged(context, outgoing));
    }
    let (broker, metrics) = (Arc::clone(&context.broker), Arc::clone(context.service.metrics()));
    Ok(Answer::Later(Box::pin(async move {
        let response = appending.acknowledged(&broker, deadline).await;
        outgoing.encode(&metrics, &response).unwrap_or_else(|error| {
            tracing::error!(%error, "a response was not encoded");
            Reply::Close
        })
    })))
}

/// The acknowledgements that a request asks for, which come after its transactional id, without reading the rest.
pub(super) fn acks(body: &[u8], version: i16) -> Option<i16> {
    let after_id = if version >= 9 {
        // One more than the length; 0 is none.
        let (length, rest) = compact_length(body)?;
        rest.get(usize::try_from(length.saturating_sub(1)).ok()?..)?
    } else {
        let (length, rest) = body.split_first_chunk()?;
        rest.get(usize::try_from(i16::from_be_bytes(*length).max(0)).ok()?..)?
    };
    after_id.first_chunk().map(|acks| i16::from_be_bytes(*acks))
}

fn compact_length(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let mut value = 0;
    for (at, byte) in bytes.iter().take(5).enumerate() {
        value |= u32::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[at + 1..]));
        }
    }
    None
}

/// When the outcome is given up. Kafka waits for replicas only with acks=all, so that others may send no time.
fn deadline(request: &ProduceRequest) -> Instant {
    let now = Instant::now();
    match u64::try_from(request.timeout_ms) {
        Ok(ms) if ms > 0 => now + Duration::from_millis(ms),
        _ if request.acks == -1 => now,
        _ => now + PATIENCE,
    }
}

fn is_known(cluster: &Cluster, version: i16, request: &ProduceRequest) -> bool {
    request.topic_data.iter().all(|data| {
        let topic = TopicRef::versioned(version, TOPIC_IDS, &data.name, data.topic_id);
        data.partition_data.iter().all(|partition| has_partition(cluster, topic, partition.index))
    })
}

/// Notes what is refused and may be sent again: others may be on their way behind it.
fn note_refusals(
    context: &Context,
    view: &View,
    version: i16,
    request: &ProduceRequest,
    checked: &[Checked],
) {
    let mut checked = checked.iter();
    for data in &request.topic_data {
        let topic = TopicRef::versioned(version, TOPIC_IDS, &data.name, data.topic_id).find(&view.cluster);
        for (partition, checked) in data.partition_data.iter().zip(checked.by_ref()) {
            if let (Checked::Refused(refused), Some(topic)) = (checked, topic)
                && refused.code.is_retriable()
            {
                context.broker.turned_away(PartitionId { topic: topic.id, index: partition.index });
            }
        }
    }
}

/// A partition's place in the response.
type Place = (usize, usize);

/// What is decided of a partition, but must not be reported yet.
struct Undisclosed {
    place: Place,
    partition: PartitionId,
    refused: bool,
    after: Ticket,
}

/// A request whose batches have been decided on. The responses are as if all of it were committed.
struct Appending {
    listener: Arc<str>,
    responses: Vec<TopicProduceResponse>,
    nodes: Vec<Node>,
    undisclosed: Vec<Undisclosed>,
}

impl Appending {
    fn of(
        context: &Context,
        request: ProduceRequest,
        (frame, checked): (Bytes, Vec<Checked>),
        times: (Instant, i64),
        permits: Vec<Permit>,
    ) -> Self {
        let (responses, nodes, undisclosed) = Default::default();
        let mut appending = Self { listener: Arc::clone(&context.listener), responses, nodes, undisclosed };
        let mut batches =
            Batches { log: None, candidates: Vec::new(), stamped: Vec::new(), places: Vec::new() };
        let mut checked = checked.into_iter();
        for data in request.topic_data {
            let mut responses = Vec::with_capacity(data.partition_data.len());
            for (partition, checked) in data.partition_data.iter().zip(checked.by_ref()) {
                let (place, index) = ((appending.responses.len(), responses.len()), partition.index);
                let added = match checked {
                    Checked::Whole(led, batch, timestamps) => {
                        let (batch, id) = (apart(&frame, batch), led.partition.id());
                        let added =
                            batches.add(place, led, batch, timestamps == TimestampType::LogAppendTime);
                        added.inspect_err(|_| context.broker.turned_away(id))
                    }
                    Checked::Refused(refused) => Err(refused),
                    Checked::Packed(_) => Err(Refused::of(ErrorCode::UnknownServerError)),
                };
                responses.push(match added {
                    Ok(()) => partition_response(index, ErrorCode::None),
                    Err(refused) => appending.refusal(index, refused),
                });
            }
            appending.responses.push(TopicProduceResponse {
                // The response may wait for long, and must not keep the request's frame.
                name: data.name.detached(),
                topic_id: data.topic_id,
                partition_responses: responses,
            });
        }
        appending.append(context, batches, times, permits);
        appending
    }

    fn append(
        &mut self,
        context: &Context,
        batches: Batches,
        (came, now): (Instant, i64),
        permits: Vec<Permit>,
    ) {
        let Batches { log: Some(log), candidates, stamped, places } = batches else { return };
        let partitions: Vec<_> =
            candidates.iter().map(|c| (Arc::clone(&c.partition), c.bytes.len())).collect();
        let records: Vec<_> = candidates.iter().map(|c| i64::from(c.last_offset_delta) + 1).collect();
        let outcomes = match log.append_at(candidates, came, now, permits) {
            Ok(outcomes) => outcomes,
            Err(NotLeader) => {
                for (place, (partition, _)) in places.into_iter().zip(partitions) {
                    context.broker.turned_away(partition.id());
                    self.no_longer_led(&context.broker, place, partition.id());
                }
                return;
            }
        };
        for (at, outcome) in outcomes.into_iter().enumerate() {
            let (place, (partition, bytes)) = (places[at], &partitions[at]);
            let response = &mut self.responses[place.0].partition_responses[place.1];
            let refused = match outcome.answer {
                log::Answer::Offset { base_offset, append_time } => {
                    response.base_offset = base_offset;
                    response.log_append_time_ms = if stamped[at] { append_time } else { -1 };
                    response.log_start_offset = partition.log_start();
                    context.broker.metrics().batch_appended(records[at], *bytes);
                    false
                }
                log::Answer::NotLeader => {
                    let id = partition.id();
                    self.no_longer_led(&context.broker, place, id);
                    continue;
                }
                log::Answer::Reject(reject) => {
                    response.error_code = reject_code(&reject).code();
                    response.error_message = text(reject);
                    true
                }
            };
            if let Some(after) = outcome.after {
                self.undisclosed.push(Undisclosed { place, partition: partition.id(), refused, after });
            }
        }
    }

    fn refusal(&mut self, index: i32, refused: Refused) -> PartitionProduceResponse {
        let mut response = partition_response(index, refused.code);
        response.error_message = refused.message.as_deref().map(Into::into);
        let record = |(batch_index, message): (i32, String)| BatchIndexAndErrorMessage {
            batch_index,
            batch_index_error_message: text(message),
        };
        response.record_errors = refused.records.into_iter().map(record).collect();
        if let Some(leader) = refused.leader {
            response.current_leader = self.name_leader(leader);
        }
        response
    }

    fn name_leader(&mut self, leader: Leader) -> LeaderIdAndEpoch {
        let named = LeaderIdAndEpoch { leader_id: leader.node.id, leader_epoch: leader.epoch };
        if !self.nodes.contains(&leader.node) {
            self.nodes.push(leader.node);
        }
        named
    }

    fn no_longer_led(&mut self, broker: &Broker, place: Place, partition: PartitionId) {
        let leader = broker.cluster().and_then(|cluster| Leader::of(&cluster, partition, &self.listener));
        let current_leader = leader.map(|leader| self.name_leader(leader)).unwrap_or_default();
        let response = &mut self.responses[place.0].partition_responses[place.1];
        *response = PartitionProduceResponse {
            current_leader,
            ..partition_response(response.index, ErrorCode::NotLeaderOrFollower)
        };
    }

    /// The response, once all of it may be reported.
    async fn acknowledged(mut self, broker: &Broker, deadline: Instant) -> ProduceResponse {
        for Undisclosed { place, partition, after, .. } in std::mem::take(&mut self.undisclosed) {
            match timeout_at(deadline, after.committed()).await {
                Ok(Ok(())) => {}
                Ok(Err(NotLeader)) => self.no_longer_led(broker, place, partition),
                Err(_) => {
                    let response = &mut self.responses[place.0].partition_responses[place.1];
                    *response = partition_response(response.index, ErrorCode::RequestTimedOut);
                }
            }
        }
        ProduceResponse {
            responses: self.responses,
            node_endpoints: endpoints(self.nodes),
            throttle_time_ms: 0,
        }
    }

    /// Without acknowledgements, a producer learns of errors only because its connection is closed.
    fn unacknowledged(self, context: &Context, outgoing: Outgoing) -> Answer {
        let (refused, accepted): (Vec<_>, Vec<_>) = self.undisclosed.into_iter().partition(|u| u.refused);
        drop(accepted);
        let response = ProduceResponse { responses: self.responses, ..Default::default() };
        let mut errors = 0;
        response.errors(&mut |code| {
            errors += usize::from(code != 0);
            context.service.metrics().response_error(outgoing.key, code);
        });
        context.service.metrics().request_answered(outgoing.key, outgoing.received.elapsed());
        if errors == 0 {
            return Answer::Now(Reply::Nothing);
        }
        if errors > refused.len() {
            return Answer::Now(Reply::Close);
        }
        Answer::Later(Box::pin(async move {
            let disclosed = async {
                for Undisclosed { after, .. } in refused {
                    let _ = after.committed().await;
                }
            };
            // A connection ends for many reasons, so that this reveals nothing that is not committed.
            let _ = timeout_at(Instant::now() + PATIENCE, disclosed).await;
            Reply::Close
        }))
    }
}

/// A batch that keeps little else in memory: out of a frame of which it is not nearly all, it is copied.
fn apart(frame: &Bytes, batch: Batch) -> (BatchHeader, Bytes) {
    let header = *batch.header();
    let bytes = batch.into_bytes();
    let is_part = frame.as_ptr_range().contains(&bytes.as_ptr());
    match is_part && bytes.len() + bytes.len() / 8 < frame.len() {
        true => (header, Bytes::copy_from_slice(&bytes)),
        false => (header, bytes),
    }
}

/// The batches of a request that passed every check.
struct Batches {
    log: Option<Arc<Log>>,
    candidates: Vec<Candidate>,
    /// Whether the batch has the time of its append.
    stamped: Vec<bool>,
    places: Vec<Place>,
}

impl Batches {
    fn add(
        &mut self,
        place: Place,
        led: Led,
        batch: (BatchHeader, Bytes),
        stamped: bool,
    ) -> Result<(), Refused> {
        let log = self.log.get_or_insert_with(|| Arc::clone(&led.log));
        if !Arc::ptr_eq(log, &led.log) {
            // The session has just been followed by another.
            return Err(Refused::of(ErrorCode::NotLeaderOrFollower));
        }
        let (header, bytes) = batch;
        let producer = header.has_producer().then_some(ProducerBatch {
            id: header.producer_id,
            epoch: header.producer_epoch,
            base_sequence: header.base_sequence,
        });
        self.candidates.push(Candidate {
            partition: led.partition,
            bytes,
            attributes: header.attributes,
            last_offset_delta: header.last_offset_delta,
            max_timestamp: header.max_timestamp,
            producer,
        });
        self.stamped.push(stamped);
        self.places.push(place);
        Ok(())
    }
}

fn reject_code(reject: &AppendReject) -> ErrorCode {
    match reject {
        AppendReject::FencedProducer { .. } => ErrorCode::InvalidProducerEpoch,
        AppendReject::OutOfOrderSequence { .. } => ErrorCode::OutOfOrderSequenceNumber,
    }
}

fn partition_response(index: i32, code: ErrorCode) -> PartitionProduceResponse {
    PartitionProduceResponse { index, error_code: code.code(), base_offset: -1, ..Default::default() }
}

fn endpoints(nodes: Vec<Node>) -> Vec<NodeEndpoint> {
    let endpoint = |node: Node| NodeEndpoint {
        node_id: node.id,
        host: node.host.into(),
        port: node.port,
        rack: node.rack.map(Into::into),
    };
    nodes.into_iter().map(endpoint).collect()
}

#[cfg(test)]
mod tests {
    use protocol::frame::{decode_request_header, encode_request};
    use protocol::records::BatchBuilder;

    use super::*;

    #[test]
    fn acks_are_read_off_every_version() {
        for version in 3..=13 {
            for acks in [-1, 0, 1] {
                for id in [None, Some(String::new()), Some("x".repeat(300))] {
                    let transactional_id = id.as_deref().map(Into::into);
                    let request = ProduceRequest { acks, transactional_id, ..Default::default() };
                    let chunks = encode_request(1, None, version, &request).expect("it is encoded");
                    let frame = Bytes::from(chunks.concat()).slice(4..);
                    let (_, body) = decode_request_header(frame).expect("a header");
                    assert_eq!(super::acks(&body, version), Some(acks), "{version}");
                }
            }
        }
        assert_eq!(
            (super::acks(&[], 9), super::acks(&[0xff; 9], 9), super::acks(&[0], 3)),
            (None, None, None)
        );
    }

    #[test]
    fn a_batch_is_copied_out_of_a_frame_of_which_it_is_a_part() {
        let mut builder = BatchBuilder::new();
        builder.push(1, None, Some(&[7; 1000]), &[]);
        let batch = builder.build().expect("it is built");
        for (before, is_copied) in [(0, false), (100, false), (200, true), (1 << 20, true)] {
            let frame = Bytes::from([&vec![0; before][..], &batch].concat());
            let slice = frame.slice(before..);
            let (header, bytes) = apart(&frame, Batch::single(slice.clone()).expect("a batch"));
            assert_eq!((&bytes, header.records_count), (&batch, 1));
            assert_eq!(bytes.as_ptr() != slice.as_ptr(), is_copied, "{before}");
            drop((frame, slice));
            assert!(bytes.is_unique());
        }
        // What was made apart from the frame stays as it is.
        let other = Bytes::from(vec![0; 1 << 20]);
        let (_, bytes) = apart(&other, Batch::single(batch.clone()).expect("a batch"));
        assert_eq!(bytes.as_ptr(), batch.as_ptr());
    }
}
