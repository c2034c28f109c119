//! Records of a run: their values are the producer's number and its number for the record, and bytes of no meaning.

use anyhow::Context;
use bytes::Bytes;
use protocol::records::{BatchBuilder, Batches};

use crate::history::{Record, Stored};

/// The most bytes that a batch of a run unpacks to.
const LIMIT: usize = 1 << 20;

/// What a batch is made of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Recipe {
    /// The producer's number.
    pub(super) producer: i64,
    /// Its id and the batch's sequence number, if it is idempotent.
    pub(super) idempotent: Option<(i64, i32)>,
    /// The producer's number for the first record.
    pub(super) first: i32,
    /// How many records there are.
    pub(super) count: i32,
    /// The bytes that each has besides those that mean something.
    pub(super) padding: usize,
    /// When they were made (ms since 1970); if not given, it is of no meaning.
    pub(super) made_at: Option<i64>,
}

/// A batch of an idempotent producer: `count` records from `base` on.
pub fn encode(producer: i64, id: i64, base: i32, count: i32) -> anyhow::Result<Bytes> {
    make(Recipe { producer, idempotent: Some((id, base)), first: base, count, padding: 0, made_at: None })
}

/// A batch.
pub(super) fn make(recipe: Recipe) -> anyhow::Result<Bytes> {
    let Recipe { producer, idempotent, first, count, padding, made_at } = recipe;
    let mut builder = BatchBuilder::new();
    if let Some((id, base)) = idempotent {
        builder = builder.producer(id, 0, base);
    }
    let mut value = vec![0; 12 + padding];
    for sequence in first..first + count {
        value[..8].copy_from_slice(&producer.to_be_bytes());
        value[8..12].copy_from_slice(&sequence.to_be_bytes());
        builder.push(made_at.unwrap_or(sequence.into()), None, Some(&value), &[]);
    }
    Ok(builder.build()?)
}

/// The records of a response, from `offset` on.
pub fn read(bytes: Bytes, offset: i64) -> anyhow::Result<Vec<Stored>> {
    let mut records = Vec::new();
    for batch in Batches::new(bytes) {
        let batch = batch?;
        batch.verify_crc()?;
        let epoch = Some(batch.header().partition_leader_epoch);
        for record in batch.records(LIMIT)? {
            let record = record?;
            let value = record.value.clone().context("no value")?;
            let (producer, rest) = value.split_first_chunk::<8>().context("a short value")?;
            let (sequence, _) = rest.split_first_chunk::<4>().context("a short value")?;
            let sequence = i32::from_be_bytes(*sequence);
            let record_of = Record { producer: i64::from_be_bytes(*producer), sequence: sequence.into() };
            let at = batch.header().offset_of(&record);
            if at >= offset {
                records.push(Stored { offset: at, record: record_of, epoch });
            }
        }
    }
    Ok(records)
}
