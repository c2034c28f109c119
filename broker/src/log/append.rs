//! Appending batches, and barriers.

use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use coordinator::Epoch;
use coordinator::partition::{
    self, AppendReject, Appended, BatchSummary, Decision, LeaderEpochs, Producer, ProducerBatch,
};
use tiering::format::slot::{BATCH_RECORD, BatchRecord, Record};
use tiering::mutant::{self, Mutant};
use tokio::time::Instant;

use super::open::{Held, Pending};
use super::partition::{Partition, TailBatch};
use super::{Log, NotLeader, Permit, Ticket};

/// A record batch that passed every check that needs no state.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Where it goes.
    pub partition: Arc<Partition>,
    /// The batch, as the producer sent it or as LogAppendTime rewrote it; its CRC-32C has been verified.
    pub bytes: Bytes,
    /// Its attributes.
    pub attributes: i16,
    /// The number of its records, less one.
    pub last_offset_delta: i32,
    /// The largest timestamp in it (ms since 1970).
    pub max_timestamp: i64,
    /// Its producer's id, epoch and sequence, if idempotent.
    pub producer: Option<ProducerBatch>,
}

/// What was decided of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It has, or had before, this offset.
    Offset {
        /// The offset of its first record.
        base_offset: i64,
        /// When it was appended (ms since 1970).
        append_time: i64,
    },
    /// It is rejected.
    Reject(AppendReject),
    /// The partition was moved to another node, or is about to be.
    NotLeader,
}

/// An answer, and what it waits for (I10): neither success nor error may be reported before.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The outcome to report.
    pub answer: Answer,
    /// The slot after whose commit it may be reported; at once if `None`.
    pub after: Option<Ticket>,
}

/// The bytes of a batch that the broker writes: base offset, length, leader epoch.
const PREFIX: usize = 16;

/// How long after a partition came here, or a batch was turned away, others may begin to come that were sent behind
/// it. Of two batches that were sent together, the first one may have found that the partition was not here yet, or
/// that the node could not write. Until then:
///
/// - A producer of whom nothing is known must begin with sequence 0. Later it may begin anywhere, as with Kafka: its
///   state may have expired. If the second batch were taken, the client would count both as acknowledged (librdkafka
///   does), or the first as out of order.
/// - What is out of order is turned away, too, and comes again behind the first one. librdkafka takes
///   OUT_OF_ORDER_SEQUENCE_NUMBER of a second batch for a reason to go on in another epoch, in all partitions, and what
///   it sends again there is in the log twice if it had arrived.
pub(super) const SETTLING: Duration = Duration::from_secs(5);

impl Log {
    /// [`Log::append_at`] this moment.
    pub fn append(
        &self,
        candidates: Vec<Candidate>,
        permit: Option<Permit>,
    ) -> Result<Vec<Outcome>, NotLeader> {
        self.append_at(candidates, Instant::now(), self.parts.clock.now_ms(), Vec::from_iter(permit))
    }

    /// Decides on the batches of one request, which began to come at `came`, and puts them into the open slot. `now` is
    /// the append time (ms since 1970), which the batches of a LogAppendTime topic already carry. `permits` are held
    /// until the slot is committed. Fails if the session has ended.
    pub fn append_at(
        &self,
        candidates: Vec<Candidate>,
        came: Instant,
        now: i64,
        permits: Vec<Permit>,
    ) -> Result<Vec<Outcome>, NotLeader> {
        let mut prefixes = BytesMut::with_capacity(PREFIX * candidates.len());
        let mut open = self.open.lock();
        if open.ended {
            return Err(NotLeader);
        }
        let mut outcomes = Vec::with_capacity(candidates.len());
        let mut last = None;
        for candidate in candidates {
            let leads = |held: Held| !held.frozen || mutant::is(Mutant::AppendAfterRelease);
            if open.decided(&candidate.partition).is_some_and(|(_, held)| leads(held)) {
                open.make_room(candidate.bytes.len() + BATCH_RECORD);
            }
            let batch = BatchSummary {
                last_offset_delta: candidate.last_offset_delta,
                max_timestamp: candidate.max_timestamp,
                leader_epoch: candidate.partition.leader_epoch(),
                now,
                producer: candidate.producer,
            };
            let Some((state, held)) = open.decided(&candidate.partition).filter(|(_, held)| leads(*held))
            else {
                outcomes.push(Outcome { answer: Answer::NotLeader, after: None });
                continue;
            };
            if begins_in_the_middle(&state.state, &batch) && candidate.partition.age_at(came) < SETTLING {
                candidate.partition.kept_waiting();
                outcomes.push(Outcome { answer: Answer::NotLeader, after: None });
                continue;
            }
            outcomes.push(match state.state.decide(&batch) {
                Ok(Decision::Append(event)) => {
                    match put_batch(&mut open, &mut prefixes, candidate, held.epoch, &event) {
                        true => {
                            last = Some(open.n);
                            let answer = Answer::Offset { base_offset: event.base_offset, append_time: now };
                            Outcome { answer, after: Some(open.stub.ticket()) }
                        }
                        false => Outcome { answer: Answer::NotLeader, after: None },
                    }
                }
                Ok(Decision::Duplicate { base_offset, last_offset, append_time }) => {
                    let committed = last_offset < candidate.partition.high_watermark();
                    let early = committed || mutant::is(Mutant::AnswerDuplicateEarly);
                    let after = if early { None } else { open.latest() };
                    Outcome { answer: Answer::Offset { base_offset, append_time }, after }
                }
                Err(AppendReject::OutOfOrderSequence { .. })
                    if candidate.partition.calm_at(came).is_some_and(|calm| calm < SETTLING) =>
                {
                    Outcome { answer: Answer::NotLeader, after: None }
                }
                Err(reject) => {
                    let after = (!mutant::is(Mutant::RejectWithoutBarrier)).then(|| open.barrier());
                    Outcome { answer: Answer::Reject(reject), after }
                }
            });
        }
        if let Some(n) = last {
            // With the last of its batches, which may be in a slot that has been cut since.
            open.permits_of(n).extend(permits);
        }
        drop(open);
        self.changed.notify_one();
        Ok(outcomes)
    }

    /// A slot whose first PUT is issued after now. Once it is committed, this session still led when this
    /// was called, and everything decided before is durable. One slot serves all that wait.
    pub fn barrier(&self) -> Result<Ticket, NotLeader> {
        let mut open = self.open.lock();
        if open.ended {
            return Err(NotLeader);
        }
        let ticket = open.barrier();
        drop(open);
        self.changed.notify_one();
        Ok(ticket)
    }

    /// The end offset of a leader epoch in a partition (OffsetForLeaderEpoch), as far as is committed. Fails if
    /// the partition is no longer this log's, of which nothing is known then.
    pub fn epoch_end(
        &self,
        partition: &Arc<Partition>,
        leader_epoch: i32,
    ) -> Result<Option<(i32, i64)>, NotLeader> {
        let mut open = self.open.lock();
        let (state, _) = open.decided(partition).ok_or(NotLeader)?;
        let current = partition.leader_epoch();
        Ok(state.state.leader_epochs.end_offset(leader_epoch, current, partition.high_watermark()))
    }

    /// The leader epoch in which the record at `offset` was written, or would be.
    pub fn epoch_at(&self, partition: &Arc<Partition>, offset: i64) -> i32 {
        let mut open = self.open.lock();
        let entries = match open.decided(partition) {
            Some((state, _)) if offset < partition.high_watermark() => state.state.leader_epochs.entries(),
            _ => &[],
        };
        let after = entries.partition_point(|e| e.first_offset <= offset);
        after.checked_sub(1).map_or(partition.leader_epoch(), |at| entries[at].leader_epoch)
    }

    /// Which leader epoch wrote which of a partition's records; empty if it is no longer this log's.
    pub fn leader_epochs(&self, partition: &Arc<Partition>) -> LeaderEpochs {
        let mut open = self.open.lock();
        open.decided(partition).map(|(decided, _)| decided.state.leader_epochs.clone()).unwrap_or_default()
    }

    /// The producers that a partition knows, by id, as is decided now. Fails if the partition is no longer this
    /// log's.
    pub fn producers(&self, partition: &Arc<Partition>) -> Result<Vec<(i64, Producer)>, NotLeader> {
        let mut open = self.open.lock();
        let (decided, _) = open.decided(partition).ok_or(NotLeader)?;
        Ok(decided.state.producers.iter().map(|(&id, producer)| (id, producer.clone())).collect())
    }

    /// Forgets producers that have been idle for too long, by a durable record; none while the clock may be wrong.
    pub fn expire_producers(&self) {
        let expiration = i64::try_from(self.parts.config.producer_expiration.as_millis()).unwrap_or(i64::MAX);
        let Some(now) = self.parts.clock.settled_ms() else { return };
        let before = now.saturating_sub(expiration);
        let mut open = self.open.lock();
        if open.ended {
            return;
        }
        for place in 0..open.states.len() {
            let open = &mut *open;
            let Some(decided) = &mut open.states[place] else { continue };
            let Some(held) = open.shards.get(&decided.shard).filter(|held| !held.frozen) else { continue };
            let producers = decided.state.idle_producers(before);
            if !producers.is_empty() {
                decided.state.expire(&producers);
                let (partition, epoch) = (decided.partition.id(), held.epoch);
                open.touch(place);
                open.make_room(0);
                open.builder.push(Record::ProducersExpired { partition, epoch, producers });
            }
        }
        drop(open);
        self.changed.notify_one();
    }
}

/// Whether a producer of whom nothing is known begins with another sequence than 0.
fn begins_in_the_middle(state: &partition::Partition, batch: &BatchSummary) -> bool {
    batch.producer.is_some_and(|p| p.base_sequence != 0 && !state.producers.contains_key(&p.id))
}

/// Puts a batch into the open slot and takes it into its partition's state; false, and nothing has happened, if it
/// is larger than any slot.
fn put_batch(
    open: &mut super::open::Open,
    prefixes: &mut BytesMut,
    candidate: Candidate,
    epoch: Epoch,
    event: &Appended,
) -> bool {
    let Candidate { partition, bytes, attributes, .. } = candidate;
    prefixes.put_i64(event.base_offset);
    prefixes.put_slice(&bytes[8..12]);
    prefixes.put_i32(event.batch.leader_epoch);
    let prefix = prefixes.split().freeze();
    let rest = bytes.slice(PREFIX..);
    let Some(position) = open.builder.push_batch(prefix.clone(), rest.clone()) else { return false };
    if let Some(decided) = &mut open.states[partition.index()] {
        decided.state.apply(event);
    }
    open.touch(partition.index());
    let length = bytes.len() as u32;
    let record =
        BatchRecord { partition: partition.id(), epoch, position, length, attributes, appended: *event };
    open.builder.push(Record::Batch(record));
    let batch = TailBatch {
        prefix,
        rest,
        position,
        base_offset: event.base_offset,
        last_offset_delta: event.batch.last_offset_delta,
        max_timestamp: event.batch.max_timestamp,
    };
    open.written += bytes.len() as u64;
    open.pending.push(Pending { partition, epoch, batch });
    true
}
