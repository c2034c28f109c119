//! A checkpoint: the state of a session's shards after its slots `[0, n)`, organised by shard, so that a
//! shard can be taken out of it alone.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use coordinator::partition::{EpochStart, LeaderEpochs, Partition, Producer, ProducerEntry, Trimmed};
use coordinator::{Epoch, PartitionId, SessionId, ShardId, TopicId};

use super::codec::{Reader, Result, Writer};
use super::envelope::{self, Nonce};
use super::group::{self, Groups};
use super::index::{self, Position};
use super::share::{self, Shares};
use super::{FormatError, Kind};

/// The largest offset that is read: many batches fit between it and what can be counted.
const MOST_OFFSET: i64 = i64::MAX / 2;

/// Slots of one holding in which a partition has records that are in no segment yet, and where their
/// positions are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tenure {
    /// The holding's epoch.
    pub epoch: Epoch,
    /// The session whose slots they are.
    pub session: SessionId,
    /// The first slot.
    pub first_slot: u64,
    /// The slot after the last one.
    pub end_slot: u64,
    /// The first offset of the partition in them.
    pub first_offset: i64,
    /// The largest timestamp in them (ms since 1970).
    pub max_timestamp: i64,
    /// The bytes of its batches in them.
    pub bytes: u64,
    /// When their positions were listed (ms since 1970): for retention, the age of records without timestamps.
    pub listed_at: i64,
    /// The index object that lists the positions: its session and number.
    pub index: (SessionId, u64),
}

/// A partition's state, and where its records are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartitionState {
    /// What is decided on.
    pub partition: Partition,
    /// Where its records are, by offset.
    pub tenures: Vec<Tenure>,
}

/// A partition as an owner begins with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnedPartition {
    /// Its state, and where the records are that an index object lists.
    pub state: PartitionState,
    /// Where the records after those are, by offset.
    pub positions: Vec<Position>,
}

impl OwnedPartition {
    /// Takes a trim: what lies below the log start as a whole is no longer named.
    pub fn trim(&mut self, event: &Trimmed) {
        let PartitionState { partition, tenures } = &mut self.state;
        partition.apply_trim(event);
        let end = self.positions.first().map_or(partition.log_end, |first| first.base_offset);
        trim_tenures(tenures, end, partition.log_start);
        let gone = self.positions.partition_point(|position| position.last_offset() < partition.log_start);
        self.positions.drain(..gone);
    }
}

/// Forgets tenures that lie below `log_start` as a whole. The last one ends at offset `end`.
pub fn trim_tenures(tenures: &mut Vec<Tenure>, end: i64, log_start: i64) {
    let ends = tenures.iter().skip(1).map(|next| next.first_offset).chain([end]);
    let gone = ends.take(tenures.len()).take_while(|end| *end <= log_start).count();
    tenures.drain(..gone);
}

/// A shard's state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShardState {
    /// The epoch at which the session holds it.
    pub epoch: Epoch,
    /// Its partitions that have ever had a record.
    pub partitions: BTreeMap<PartitionId, PartitionState>,
    /// Its groups.
    pub groups: Groups,
    /// The share partitions of its partitions.
    pub shares: Shares,
}

/// A session's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The session.
    pub session: SessionId,
    /// The slots that it covers: `[0, n)`. Replay begins with slot n.
    pub n: u64,
    /// The next metadata entry when it was taken: every shard granted before that is here.
    pub as_of: Epoch,
    /// [`super::slot::Header::hash`] of slot n-1, so that replay can check the chain; zero for n = 0.
    pub previous: u128,
    /// The shards that the session holds.
    pub shards: BTreeMap<ShardId, ShardState>,
}

/// The section of a shard that holds partitions. An empty section is left out.
const PARTITIONS: u8 = 1;

/// The section that holds groups. Transactions get a section of their own.
const GROUPS: u8 = 2;

/// The section that holds share partitions.
const SHARES: u8 = 3;

/// Writes a checkpoint's object shard by shard.
pub struct Encoder(Writer);

impl Encoder {
    /// A checkpoint of so many shards; see the fields of [`Checkpoint`].
    pub fn new(session: SessionId, n: u64, as_of: Epoch, previous: u128, shards: usize) -> Self {
        let mut w = Writer::default();
        w.raw(session.as_bytes()).u64(n).u64(as_of.0).raw(&previous.to_be_bytes()).u32(shards as u32);
        Self(w)
    }

    /// Adds a shard. They ascend.
    pub fn push(&mut self, id: ShardId, shard: &ShardState) {
        self.0.u32(id.0).u64(shard.epoch.0);
        let sections = [
            (PARTITIONS, shard.partitions.is_empty()),
            (GROUPS, shard.groups.is_empty()),
            (SHARES, shard.shares.is_empty()),
        ];
        let sections: Vec<_> = sections.into_iter().filter(|(_, empty)| !empty).collect();
        self.0.list(sections.into_iter(), |w, (section, _)| {
            w.u8(section).nested(|w| {
                match section {
                    PARTITIONS => w.list(shard.partitions.iter(), encode_partition),
                    GROUPS => w.list(shard.groups.iter(), group::encode),
                    _ => w.list(shard.shares.iter(), share::encode),
                };
            });
        });
    }

    /// The object.
    pub fn finish(self, nonce: Nonce) -> Bytes {
        envelope::seal(Kind::Checkpoint, nonce, self.0.bytes())
    }
}

impl Checkpoint {
    /// The object.
    pub fn encode(&self, nonce: Nonce) -> Bytes {
        let mut encoder = Encoder::new(self.session, self.n, self.as_of, self.previous, self.shards.len());
        self.shards.iter().for_each(|(id, shard)| encoder.push(*id, shard));
        encoder.finish(nonce)
    }

    /// Reads an object.
    pub fn decode(object: &[u8]) -> Result<Self> {
        let mut r = Reader::new("checkpoint", envelope::open(Kind::Checkpoint, "checkpoint", object)?);
        let (session, n, as_of) = (SessionId(r.array()?), r.u64()?, Epoch(r.u64()?));
        let previous = u128::from_be_bytes(r.array()?);
        let shards = r.map(16, |r| {
            let (id, epoch) = (ShardId(r.u32()?), Epoch(r.u64()?));
            let mut shard = ShardState { epoch, ..ShardState::default() };
            let mut last = 0;
            for _ in 0..r.u32()? {
                let section = r.u8()?;
                if section <= std::mem::replace(&mut last, section) {
                    return Err(FormatError::Invalid("the sections of a checkpoint do not ascend"));
                }
                match section {
                    PARTITIONS => {
                        let mut r = r.nested("partitions of a checkpoint")?;
                        shard.partitions = r.map(48, decode_partition)?;
                        r.end()?;
                    }
                    GROUPS => {
                        let mut r = r.nested("groups of a checkpoint")?;
                        shard.groups = r.map(group::GROUP, group::decode)?;
                        r.end()?;
                    }
                    SHARES => {
                        let mut r = r.nested("share partitions of a checkpoint")?;
                        shard.shares = r.map(share::SHARE, share::decode)?;
                        r.end()?;
                    }
                    found => {
                        let what = "a checkpoint's section";
                        return Err(FormatError::Newer { what, found: u64::from(found) });
                    }
                }
            }
            Ok((id, shard))
        })?;
        r.end()?;
        Ok(Self { session, n, as_of, previous, shards })
    }
}

/// A partition as a RELEASE hands it over.
pub(super) fn encode_owned(w: &mut Writer, (id, owned): (&PartitionId, &OwnedPartition)) {
    encode_partition(w, (id, &owned.state));
    w.list(owned.positions.iter(), |w, p| {
        w.raw(p.session.as_bytes()).u64(p.epoch.0);
        index::encode_place(w, p);
    });
}

/// Reads what [`encode_owned`] wrote.
pub(super) fn decode_owned(r: &mut Reader<'_>) -> Result<(PartitionId, OwnedPartition)> {
    let (id, state) = decode_partition(r)?;
    let positions = r.list(24 + index::PLACE, |r| {
        let holding = (SessionId(r.array()?), Epoch(r.u64()?));
        index::decode_place(r, holding)
    })?;
    index::check_order(&positions)?;
    Ok((id, OwnedPartition { state, positions }))
}

fn encode_partition(w: &mut Writer, (id, state): (&PartitionId, &PartitionState)) {
    let p = &state.partition;
    w.raw(id.topic.as_bytes()).i32(id.index).i64(p.log_start).i64(p.log_end);
    w.list(p.leader_epochs.entries().iter(), |w, e| {
        w.i32(e.leader_epoch).i64(e.first_offset);
    });
    w.list(p.producers.iter(), |w, (id, producer)| {
        w.i64(*id).i16(producer.epoch).i64(producer.last_append);
        w.list(producer.entries.iter(), |w, e| {
            w.i32(e.base_sequence).i32(e.last_offset_delta).i64(e.base_offset).i64(e.append_time);
        });
    });
    w.list(state.tenures.iter(), |w, t| {
        w.u64(t.epoch.0).raw(t.session.as_bytes()).u64(t.first_slot).u64(t.end_slot).i64(t.first_offset);
        w.i64(t.max_timestamp).u64(t.bytes).i64(t.listed_at).raw(t.index.0.as_bytes()).u64(t.index.1);
    });
}

fn decode_partition(r: &mut Reader<'_>) -> Result<(PartitionId, PartitionState)> {
    let id = PartitionId { topic: TopicId(r.array()?), index: r.i32()? };
    let (log_start, log_end) = (r.i64()?, r.i64()?);
    let epochs = r.list(12, |r| Ok(EpochStart { leader_epoch: r.i32()?, first_offset: r.i64()? }))?;
    let leader_epochs =
        LeaderEpochs::from_entries(epochs).ok_or(FormatError::Invalid("leader epochs do not ascend"))?;
    let producers = r.map(22, |r| {
        let (id, epoch, last_append) = (r.i64()?, r.i16()?, r.i64()?);
        let entries: VecDeque<_> = r
            .list(24, |r| {
                let (base_sequence, last_offset_delta) = (r.i32()?, r.i32()?);
                let (base_offset, append_time) = (r.i64()?, r.i64()?);
                if base_offset < 0 || last_offset_delta < 0 || base_offset > i64::MAX - (1 << 31) {
                    return Err(FormatError::Invalid("a producer's offsets are out of range"));
                }
                Ok(ProducerEntry { base_sequence, last_offset_delta, base_offset, append_time })
            })?
            .into();
        if !(1..=Producer::KEPT).contains(&entries.len()) {
            return Err(FormatError::Invalid("a producer has no batches, or more than are kept"));
        }
        Ok((id, Producer { epoch, last_append, entries }))
    })?;
    let tenures = r.list(96, |r| {
        Ok(Tenure {
            epoch: Epoch(r.u64()?),
            session: SessionId(r.array()?),
            first_slot: r.u64()?,
            end_slot: r.u64()?,
            first_offset: r.i64()?,
            max_timestamp: r.i64()?,
            bytes: r.u64()?,
            listed_at: r.i64()?,
            index: (SessionId(r.array()?), r.u64()?),
        })
    })?;
    if tenures.iter().any(|t| t.end_slot < t.first_slot) {
        return Err(FormatError::Invalid("a tenure ends before it begins"));
    }
    if tenures.iter().try_fold(0u64, |sum, t| sum.checked_add(t.bytes)).is_none() {
        return Err(FormatError::Invalid("tenures have more bytes than there can be"));
    }
    if log_start < 0 || log_end < log_start || log_end > MOST_OFFSET {
        return Err(FormatError::Invalid("a partition's offsets are out of range"));
    }
    let partition = Partition { log_start, log_end, leader_epochs, producers };
    Ok((id, PartitionState { partition, tenures }))
}

#[cfg(test)]
#[path = "checkpoint_test.rs"]
mod tests;
