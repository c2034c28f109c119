//! What is durable of a share partition.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::PartitionId;
use crate::group::GroupId;

/// A partition as one share group sees it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SharePartitionId {
    /// The group.
    pub group: GroupId,
    /// The partition.
    pub partition: PartitionId,
}

/// What became of a record, by its number in Kafka's share-group state. That it is acquired (1) is not
/// durable: an acquired record is as it was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Delivery {
    /// It may be delivered.
    Available = 0,
    /// It was processed.
    Acknowledged = 2,
    /// It is not delivered again: it was rejected, came back too often, or is not in the log.
    Archived = 4,
}

impl Delivery {
    /// The delivery with a number.
    pub fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Available),
            2 => Some(Self::Acknowledged),
            4 => Some(Self::Archived),
            _ => None,
        }
    }

    /// Whether it never changes again.
    pub fn is_final(self) -> bool {
        self != Self::Available
    }
}

/// Successive records of which the same is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The last record's offset.
    pub last: i64,
    /// What became of them.
    pub delivery: Delivery,
    /// How often they were delivered, as far as that was settled.
    pub deliveries: u16,
}

/// A share partition: all of it that outlives its owner.
///
/// Of records from `start` on that no batch names nothing is known: they are available and were never delivered.
/// The form is canonical: batches do not overlap, no two adjacent ones are alike, none says what is known without
/// it, and the record at `start` is not settled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// The group's epoch when its offsets were last set from outside; 0 if they never were.
    pub epoch: i32,
    /// The share-partition start offset: every record before it is settled.
    pub start: i64,
    /// By first offset.
    pub batches: BTreeMap<i64, Batch>,
}

impl State {
    /// One past the last record of which something is known.
    pub fn end(&self) -> i64 {
        self.batches.last_key_value().map_or(self.start, |(_, batch)| batch.last + 1)
    }

    /// The batch that holds a record, with its first offset.
    pub(super) fn batch_of(&self, offset: i64) -> Option<(i64, Batch)> {
        let (&first, &batch) = self.batches.range(..=offset).next_back()?;
        (batch.last >= offset).then_some((first, batch))
    }

    /// How many records of a log a group has yet to settle (KIP-1226): those from `start` on, and none below the log's
    /// start, that are not settled.
    pub fn lag(&self, log: Range<i64>) -> i64 {
        let from = self.start.max(log.start);
        let settled = self.batches.iter().filter(|(_, batch)| batch.delivery.is_final());
        let settled: i64 = settled.map(|(&first, batch)| (batch.last + 1 - first.max(from)).max(0)).sum();
        (log.end - from - settled).max(0)
    }

    /// Says something of the records from `first` on.
    pub(super) fn set(&mut self, first: i64, batch: Batch) {
        let first = first.max(self.start);
        if first > batch.last {
            return;
        }
        self.cut(first);
        self.cut(batch.last + 1);
        while let Some((&inside, _)) = self.batches.range(first..=batch.last).next() {
            self.batches.remove(&inside);
        }
        if batch.delivery.is_final() || batch.deliveries > 0 {
            self.batches.insert(first, batch);
            self.join(batch.last + 1);
        }
        self.join(first);
        self.pass_settled();
    }

    /// Forgets what lies before `start`.
    pub(super) fn advance(&mut self, start: i64) {
        if start <= self.start {
            return;
        }
        self.cut(start);
        self.batches = self.batches.split_off(&start);
        self.start = start;
        self.pass_settled();
    }

    fn pass_settled(&mut self) {
        while let Some(first) = self.batches.first_entry()
            && *first.key() == self.start
            && first.get().delivery.is_final()
        {
            self.start = first.remove().last + 1;
        }
    }

    /// Makes a batch begin at `offset`, if one holds it.
    fn cut(&mut self, offset: i64) {
        if let Some((first, batch)) = self.batch_of(offset)
            && first < offset
        {
            self.batches.insert(first, Batch { last: offset - 1, ..batch });
            self.batches.insert(offset, batch);
        }
    }

    /// Joins the batch that begins at `offset` with the one before, if they are alike.
    fn join(&mut self, offset: i64) {
        let Some(&batch) = self.batches.get(&offset) else { return };
        let Some((_, before)) = self.batches.range_mut(..offset).next_back() else { return };
        if (before.last + 1, before.delivery, before.deliveries) == (offset, batch.delivery, batch.deliveries)
        {
            before.last = batch.last;
            self.batches.remove(&offset);
        }
    }
}
