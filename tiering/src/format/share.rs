//! Share partitions: what a SHARE record changes, and what a checkpoint or a RELEASE holds of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use coordinator::share::{Change, Delivery, SharePartitionId, State};
use coordinator::{PartitionId, TopicId};

use super::FormatError;
use super::codec::{Reader, Result, Writer};

const BEGIN: u8 = 1;
const START: u8 = 2;
const RECORDS: u8 = 3;
const DELETED: u8 = 4;

/// The fewest bytes of a change: its kind and its length.
pub(super) const CHANGE: usize = 5;

/// The fewest bytes of a share partition: its group's name, its partition, and the number of its changes.
pub(super) const SHARE: usize = 28;

/// The share partitions of a shard's partitions, or of many shards. A checkpoint that is being written shares them
/// with whoever goes on changing them.
pub type Shares = BTreeMap<SharePartitionId, Arc<State>>;

/// Applies what a SHARE record says.
pub fn replay(shares: &mut Shares, id: &SharePartitionId, changes: &[Change]) {
    for change in changes {
        match change {
            Change::Deleted => drop(shares.remove(id)),
            change => Arc::make_mut(shares.entry(id.clone()).or_default()).apply(change),
        }
    }
}

/// Whose it is.
pub(super) fn encode_id(w: &mut Writer, id: &SharePartitionId) {
    w.text(&id.group).raw(id.partition.topic.as_bytes()).i32(id.partition.index);
}

/// Reads what [`encode_id`] wrote.
pub(super) fn decode_id(r: &mut Reader<'_>) -> Result<SharePartitionId> {
    let group = r.text()?.into();
    let partition = PartitionId { topic: TopicId(r.array()?), index: r.i32()? };
    Ok(SharePartitionId { group, partition })
}

/// A share partition as a list of the changes that make it.
pub(super) fn encode(w: &mut Writer, (id, state): (&SharePartitionId, &Arc<State>)) {
    let changes: Vec<_> = state.changes().collect();
    encode_id(w, id);
    w.list(changes.iter(), encode_change);
}

/// Reads what [`encode`] wrote.
pub(super) fn decode(r: &mut Reader<'_>) -> Result<(SharePartitionId, Arc<State>)> {
    let id = decode_id(r)?;
    let changes = r.list(CHANGE, decode_change)?;
    let mut shares = Shares::new();
    replay(&mut shares, &id, &changes);
    let state = shares.remove(&id).ok_or(FormatError::Invalid("a share partition is made of nothing"))?;
    if !state.changes().eq(changes) {
        return Err(FormatError::Invalid("a share partition is not made in its one way"));
    }
    Ok((id, state))
}

/// One change.
pub(super) fn encode_change(w: &mut Writer, change: &Change) {
    match *change {
        Change::Begin { epoch, start } => w.u8(BEGIN).nested(|w| {
            w.i32(epoch).i64(start);
        }),
        Change::Start(start) => w.u8(START).nested(|w| {
            w.i64(start);
        }),
        Change::Records { first, last, delivery, deliveries } => w.u8(RECORDS).nested(|w| {
            w.i64(first).i64(last).u8(delivery as u8).u16(deliveries);
        }),
        Change::Deleted => w.u8(DELETED).nested(|_| ()),
    };
}

/// Reads what [`encode_change`] wrote.
pub(super) fn decode_change(r: &mut Reader<'_>) -> Result<Change> {
    const OUT_OF_RANGE: FormatError = FormatError::Invalid("a share partition's offsets are out of range");
    let kind = r.u8()?;
    let mut r = r.nested("a share partition's change")?;
    let start = |r: &mut Reader<'_>| Some(r.i64()?).filter(|start| *start >= 0).ok_or(OUT_OF_RANGE);
    let change = match kind {
        BEGIN => Change::Begin { epoch: r.i32()?, start: start(&mut r)? },
        START => Change::Start(start(&mut r)?),
        RECORDS => {
            let (first, last, delivery, deliveries) = (start(&mut r)?, r.i64()?, r.u8()?, r.u16()?);
            if last < first || last == i64::MAX {
                return Err(OUT_OF_RANGE);
            }
            let delivery = Delivery::from_number(delivery)
                .ok_or(FormatError::Newer { what: "a record's delivery", found: u64::from(delivery) })?;
            Change::Records { first, last, delivery, deliveries }
        }
        DELETED => Change::Deleted,
        found => {
            return Err(FormatError::Newer {
                what: "a share partition change's kind",
                found: u64::from(found),
            });
        }
    };
    r.end()?;
    Ok(change)
}

#[cfg(test)]
#[path = "share_test.rs"]
pub(super) mod tests;
