//! The records of a slot's index.

use std::collections::BTreeMap;
use std::sync::Arc;

use coordinator::group::{Change, GroupId};
use coordinator::share::{self as shares, SharePartitionId};
use coordinator::{Epoch, PartitionId, ShardId, TopicId, partition};

use crate::format::FormatError;
use crate::format::checkpoint::{self, OwnedPartition};
use crate::format::codec::{Reader, Result, Writer};
use crate::format::group::{self, Groups};
use crate::format::share::{self, Shares};

/// What a slot's index says of one batch of its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchRecord {
    /// The partition.
    pub partition: PartitionId,
    /// The holding of the partition's shard under which it was written.
    pub epoch: Epoch,
    /// Where it begins in the body, in bytes.
    pub position: u32,
    /// Its length in bytes.
    pub length: u32,
    /// The batch's own attributes.
    pub attributes: i16,
    /// What it did to the partition.
    pub appended: partition::Appended,
}

/// One record of a slot's index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// A batch lies in the body.
    Batch(BatchRecord),
    /// A group changes.
    Group {
        /// The group's shard.
        shard: ShardId,
        /// The holding of the shard.
        epoch: Epoch,
        /// The group.
        group: GroupId,
        /// What changes, in order.
        changes: Arc<[Change]>,
    },
    /// A share partition changes.
    Share {
        /// The holding of the partition's shard.
        epoch: Epoch,
        /// The group and the partition.
        id: SharePartitionId,
        /// What changes, in order.
        changes: Arc<[shares::Change]>,
    },
    /// A partition begins at another offset: what lies below was deleted, or had been kept for long enough.
    Trim {
        /// The partition.
        partition: PartitionId,
        /// The holding of its shard.
        epoch: Epoch,
        /// What it does to the partition.
        trimmed: partition::Trimmed,
    },
    /// Producers of a partition wrote nothing for so long that they are forgotten.
    ProducersExpired {
        /// The partition.
        partition: PartitionId,
        /// The holding of its shard.
        epoch: Epoch,
        /// The producers' ids.
        producers: Vec<i64>,
    },
    /// The session writes nothing more of a shard, and this is all that is to know of it.
    Release {
        /// The shard.
        shard: ShardId,
        /// The holding that ends.
        epoch: Epoch,
        /// The shard's partitions that have ever had a record.
        partitions: BTreeMap<PartitionId, OwnedPartition>,
        /// The shard's groups.
        groups: Groups,
        /// The share partitions of the shard's partitions.
        shares: Shares,
    },
    /// The session ends here. It stands alone in its slot.
    Close,
}

impl Record {
    /// The partition that it is about, if it is about one.
    pub fn partition(&self) -> Option<&PartitionId> {
        match self {
            Self::Batch(batch) => Some(&batch.partition),
            Self::Share { id, .. } => Some(&id.partition),
            Self::Trim { partition, .. } | Self::ProducersExpired { partition, .. } => Some(partition),
            Self::Group { .. } | Self::Release { .. } | Self::Close => None,
        }
    }
}

// 4 TXN, 5 MARKER, 6 COMPACT and 10 OBSERVED are given away in docs/formats.md.
const BATCH: u8 = 2;
const GROUP: u8 = 3;
pub(super) const TRIM: u8 = 7;
pub(super) const PRODUCERS_EXPIRED: u8 = 8;
const RELEASE: u8 = 9;
const CLOSE: u8 = 11;
const SHARE: u8 = 12;

/// The fewest bytes of a record: its kind and its length.
pub(super) const LEAST: usize = 5;

pub(super) fn encode(w: &mut Writer, record: &Record) {
    let put_partition = |w: &mut Writer, partition: &PartitionId, epoch: Epoch| {
        w.raw(partition.topic.as_bytes()).i32(partition.index).u64(epoch.0);
    };
    match record {
        Record::Batch(b) => w.u8(BATCH).nested(|w| {
            put_partition(w, &b.partition, b.epoch);
            let batch = &b.appended.batch;
            w.u32(b.position).u32(b.length).i16(b.attributes).i64(b.appended.base_offset);
            w.i32(batch.last_offset_delta).i64(batch.max_timestamp).i32(batch.leader_epoch).i64(batch.now);
            w.optional(batch.producer, |w, p| {
                w.i64(p.id).i16(p.epoch).i32(p.base_sequence);
            });
        }),
        Record::Group { shard, epoch, group, changes } => w.u8(GROUP).nested(|w| {
            w.u32(shard.0).u64(epoch.0).text(group).list(changes.iter(), group::encode_change);
        }),
        Record::Share { epoch, id, changes } => w.u8(SHARE).nested(|w| {
            w.u64(epoch.0);
            share::encode_id(w, id);
            w.list(changes.iter(), share::encode_change);
        }),
        Record::Trim { partition, epoch, trimmed } => w.u8(TRIM).nested(|w| {
            put_partition(w, partition, *epoch);
            w.i64(trimmed.log_start);
        }),
        Record::ProducersExpired { partition, epoch, producers } => w.u8(PRODUCERS_EXPIRED).nested(|w| {
            put_partition(w, partition, *epoch);
            w.list(producers.iter(), |w, id| {
                w.i64(*id);
            });
        }),
        Record::Release { shard, epoch, partitions, groups, shares } => w.u8(RELEASE).nested(|w| {
            w.u32(shard.0).u64(epoch.0).list(partitions.iter(), checkpoint::encode_owned);
            w.list(groups.iter(), group::encode).list(shares.iter(), share::encode);
        }),
        Record::Close => w.u8(CLOSE).nested(|_| ()),
    };
}

pub(super) fn decode(r: &mut Reader<'_>) -> Result<Record> {
    let kind = r.u8()?;
    let mut r = r.nested("index record")?;
    let partition = |r: &mut Reader<'_>| -> Result<(PartitionId, Epoch)> {
        Ok((PartitionId { topic: TopicId(r.array()?), index: r.i32()? }, Epoch(r.u64()?)))
    };
    let record = match kind {
        BATCH => {
            let (partition, epoch) = partition(&mut r)?;
            let (position, length, attributes, base_offset) = (r.u32()?, r.u32()?, r.i16()?, r.i64()?);
            let batch = partition::BatchSummary {
                last_offset_delta: r.i32()?,
                max_timestamp: r.i64()?,
                leader_epoch: r.i32()?,
                now: r.i64()?,
                producer: r.optional(|r| {
                    Ok(partition::ProducerBatch { id: r.i64()?, epoch: r.i16()?, base_sequence: r.i32()? })
                })?,
            };
            let end = base_offset.checked_add(i64::from(batch.last_offset_delta) + 1);
            if base_offset < 0 || batch.last_offset_delta < 0 || end.is_none() {
                return Err(FormatError::Invalid("a batch's offsets are out of range"));
            }
            let appended = partition::Appended { base_offset, batch };
            Record::Batch(BatchRecord { partition, epoch, position, length, attributes, appended })
        }
        GROUP => Record::Group {
            shard: ShardId(r.u32()?),
            epoch: Epoch(r.u64()?),
            group: r.text()?.into(),
            changes: r.list(group::CHANGE, group::decode_change)?.into(),
        },
        SHARE => Record::Share {
            epoch: Epoch(r.u64()?),
            id: share::decode_id(&mut r)?,
            changes: r.list(share::CHANGE, share::decode_change)?.into(),
        },
        TRIM => {
            let ((partition, epoch), log_start) = (partition(&mut r)?, r.i64()?);
            if log_start < 0 {
                return Err(FormatError::Invalid("a log start is out of range"));
            }
            Record::Trim { partition, epoch, trimmed: partition::Trimmed { log_start } }
        }
        PRODUCERS_EXPIRED => {
            let (partition, epoch) = partition(&mut r)?;
            Record::ProducersExpired { partition, epoch, producers: r.list(8, |r| r.i64())? }
        }
        RELEASE => {
            let (shard, epoch) = (ShardId(r.u32()?), Epoch(r.u64()?));
            let partitions = r.map(52, checkpoint::decode_owned)?;
            let groups = r.map(group::GROUP, group::decode)?;
            Record::Release { shard, epoch, partitions, groups, shares: r.map(share::SHARE, share::decode)? }
        }
        CLOSE => Record::Close,
        found => return Err(FormatError::Newer { what: "an index record's kind", found: u64::from(found) }),
    };
    r.end()?;
    Ok(record)
}

/// The most bytes that a batch takes in the index.
pub const BATCH_RECORD: usize = 96;

/// The bytes of a record in the index, or a few more.
pub(super) fn weigh(record: &Record) -> usize {
    match record {
        Record::Batch(_) => BATCH_RECORD,
        // It must be in one slot, whatever it takes.
        Record::Release { partitions, .. } => partitions.len() * BATCH_RECORD,
        record => {
            let mut w = Writer::default();
            encode(&mut w, record);
            w.len()
        }
    }
}
