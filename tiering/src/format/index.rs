//! Where batches lie: the positions of the batches between two checkpoints.

use std::collections::BTreeMap;

use bytes::Bytes;
use coordinator::{Epoch, PartitionId, SessionId, TopicId};

use super::codec::{Reader, Result, Writer};
use super::envelope::{self, Nonce};
use super::{FormatError, Kind};

/// Where one batch lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The session whose slot holds it.
    pub session: SessionId,
    /// The holding of the partition's shard under which it was written.
    pub epoch: Epoch,
    /// The slot.
    pub slot: u64,
    /// Where it begins in the slot's body, in bytes.
    pub position: u32,
    /// Its length in bytes.
    pub length: u32,
    /// The offset of its first record.
    pub base_offset: i64,
    /// The offset of its last record, less `base_offset`.
    pub last_offset_delta: i32,
    /// The largest timestamp in it (ms since 1970).
    pub max_timestamp: i64,
}

impl Position {
    /// The offset of its last record.
    pub fn last_offset(&self) -> i64 {
        self.base_offset + i64::from(self.last_offset_delta)
    }
}

/// Per partition the positions of its batches, by offset.
pub type Positions = BTreeMap<PartitionId, Vec<Position>>;

/// The bytes of a position without its holding.
pub(super) const PLACE: usize = 8 + 4 + 4 + 8 + 4 + 8;

/// Where a batch lies in its holding's slots.
pub(super) fn encode_place(w: &mut Writer, p: &Position) {
    w.u64(p.slot).u32(p.position).u32(p.length).i64(p.base_offset);
    w.i32(p.last_offset_delta).i64(p.max_timestamp);
}

/// Reads what [`encode_place`] wrote.
pub(super) fn decode_place(r: &mut Reader<'_>, (session, epoch): (SessionId, Epoch)) -> Result<Position> {
    let position = Position {
        session,
        epoch,
        slot: r.u64()?,
        position: r.u32()?,
        length: r.u32()?,
        base_offset: r.i64()?,
        last_offset_delta: r.i32()?,
        max_timestamp: r.i64()?,
    };
    if position.slot > u64::MAX / 2 {
        return Err(FormatError::Invalid("a slot's number is out of range"));
    }
    match position.base_offset.checked_add(i64::from(position.last_offset_delta) + 1) {
        Some(_) if position.base_offset >= 0 && position.last_offset_delta >= 0 => Ok(position),
        _ => Err(FormatError::Invalid("a batch's offsets are out of range")),
    }
}

/// Positions of one partition are in the order of offsets.
pub(super) fn check_order(positions: &[Position]) -> Result<()> {
    match positions.windows(2).all(|w| w[0].last_offset() < w[1].base_offset) {
        true => Ok(()),
        false => Err(FormatError::Invalid("a batch index is not in the order of offsets")),
    }
}

/// Encodes an index object. Holdings (session and epoch) are named once and then by number.
pub fn encode(nonce: Nonce, positions: &Positions) -> Bytes {
    let mut holdings: Vec<_> = positions.values().flatten().map(|p| (p.session, p.epoch)).collect();
    holdings.sort_unstable();
    holdings.dedup();
    let mut w = Writer::default();
    w.list(holdings.iter(), |w, (session, epoch)| {
        w.raw(session.as_bytes()).u64(epoch.0);
    });
    w.list(positions.iter(), |w, (partition, positions)| {
        w.raw(partition.topic.as_bytes()).i32(partition.index);
        w.list(positions.iter(), |w, p| {
            let holding = holdings.partition_point(|h| *h < (p.session, p.epoch)) as u32;
            encode_place(w.u32(holding), p);
        });
    });
    envelope::seal(Kind::Index, nonce, w.bytes())
}

/// Decodes an index object.
pub fn decode(object: &[u8]) -> Result<Positions> {
    let mut r = Reader::new("batch index", envelope::open(Kind::Index, "batch index", object)?);
    let holdings = r.list(24, |r| Ok((SessionId(r.array()?), Epoch(r.u64()?))))?;
    let partitions = r.map(24, |r| {
        let partition = PartitionId { topic: TopicId(r.array()?), index: r.i32()? };
        let positions = r.list(4 + PLACE, |r| {
            let holding = *holdings
                .get(r.u32()? as usize)
                .ok_or(FormatError::Invalid("a batch index names a holding that it does not list"))?;
            decode_place(r, holding)
        })?;
        check_order(&positions)?;
        Ok((partition, positions))
    })?;
    r.end()?;
    Ok(partitions)
}

#[cfg(test)]
#[path = "index_test.rs"]
mod tests;
