//! Appending a batch: which offset it gets, whether it is a duplicate, or why it is refused.

use std::collections::VecDeque;

use thiserror::Error;

use super::{Partition, Producer, ProducerEntry};

/// What of a batch matters to the decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchSummary {
    /// The last record's offset, less the first's: the number of records less one.
    pub last_offset_delta: i32,
    /// The largest timestamp in it (ms since 1970).
    pub max_timestamp: i64,
    /// The leader epoch in which it is appended.
    pub leader_epoch: i32,
    /// The broker's time (ms since 1970).
    pub now: i64,
    /// Who sent it, if idempotent.
    pub producer: Option<ProducerBatch>,
}

/// A batch's place in its producer's sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerBatch {
    /// The producer id.
    pub id: i64,
    /// The producer epoch.
    pub epoch: i16,
    /// The sequence of the batch's first record.
    pub base_sequence: i32,
}

/// The event: this batch has this offset. It is durable as a BATCH record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The offset of the first record.
    pub base_offset: i64,
    /// What was appended.
    pub batch: BatchSummary,
}

/// What becomes of a batch that is not refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It is new.
    Append(Appended),
    /// It is already in the log, or in flight to it: answer with the original's offset, but not before
    /// the original is durable.
    Duplicate {
        /// The original's first offset.
        base_offset: i64,
        /// The original's last offset.
        last_offset: i64,
        /// When the original was appended (ms since 1970).
        append_time: i64,
    },
}

/// Why a batch is refused. Each follows from state that may still be in flight, so the answer waits for a
/// barrier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum AppendReject {
    /// INVALID_PRODUCER_EPOCH.
    #[error("producer {id} has epoch {current}, and the batch says {epoch}")]
    FencedProducer {
        /// The producer id.
        id: i64,
        /// The batch's epoch.
        epoch: i16,
        /// The epoch that the log knows.
        current: i16,
    },
    /// OUT_OF_ORDER_SEQUENCE_NUMBER.
    #[error("producer {id}: sequence {sequence} came where {expected} must")]
    OutOfOrderSequence {
        /// The producer id.
        id: i64,
        /// The batch's first sequence.
        sequence: i32,
        /// What had to come.
        expected: i32,
    },
}

pub(super) fn decide(state: &Partition, batch: &BatchSummary) -> Result<Decision, AppendReject> {
    if let Some(producer) = &batch.producer
        && let Some(known) = state.producers.get(&producer.id)
        && let Some(original) = check_sequence(known, producer, batch.last_offset_delta)?
    {
        return Ok(Decision::Duplicate {
            base_offset: original.base_offset,
            last_offset: original.base_offset + i64::from(original.last_offset_delta),
            append_time: original.append_time,
        });
    }
    Ok(Decision::Append(Appended { base_offset: state.log_end, batch: *batch }))
}

/// The rules of Kafka's `ProducerAppendInfo`. A producer of whom nothing is known may begin anywhere: its
/// state may have expired. `Some` is the original of a duplicate.
fn check_sequence(
    known: &Producer,
    batch: &ProducerBatch,
    last_offset_delta: i32,
) -> Result<Option<ProducerEntry>, AppendReject> {
    if batch.epoch < known.epoch {
        return Err(AppendReject::FencedProducer { id: batch.id, epoch: batch.epoch, current: known.epoch });
    }
    let expected = if batch.epoch > known.epoch {
        0
    } else {
        if let Some(original) = known.find(batch.base_sequence, last_offset_delta) {
            return Ok(Some(*original));
        }
        known.next_sequence().unwrap_or(0)
    };
    if batch.base_sequence == expected {
        return Ok(None);
    }
    Err(AppendReject::OutOfOrderSequence { id: batch.id, sequence: batch.base_sequence, expected })
}

pub(super) fn apply(state: &mut Partition, event: &Appended) {
    let batch = &event.batch;
    state.leader_epochs.note(batch.leader_epoch, event.base_offset);
    state.log_end = event.base_offset + i64::from(batch.last_offset_delta) + 1;
    let Some(producer) = &batch.producer else { return };
    let entry = ProducerEntry {
        base_sequence: producer.base_sequence,
        last_offset_delta: batch.last_offset_delta,
        base_offset: event.base_offset,
        append_time: batch.now,
    };
    state
        .producers
        .entry(producer.id)
        .or_insert_with(|| Producer {
            epoch: producer.epoch,
            last_append: batch.now,
            entries: VecDeque::new(),
        })
        .remember(producer.epoch, entry);
}

#[cfg(test)]
#[path = "append_test.rs"]
mod tests;
