//! How much of the committed log stays in memory: the newest slots, up to a bound.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Partition;

/// What a batch takes beside its bytes.
const PER_BATCH: usize = 192;

struct Slot {
    /// Of records, and of what keeps them.
    bytes: usize,
    /// Partitions with batches in the slot, and how many.
    batches: Vec<(Arc<Partition>, usize)>,
}

/// The slots whose batches are in partitions' tails, oldest first.
pub(super) struct Tail {
    slots: VecDeque<Slot>,
    bytes: usize,
    capacity: usize,
}

impl Tail {
    pub(super) fn new(capacity: usize) -> Self {
        Self { slots: VecDeque::new(), bytes: 0, capacity }
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds a committed slot and lets go of the oldest ones over the bound.
    pub(super) fn push(&mut self, bytes: usize, batches: Vec<(Arc<Partition>, usize)>) {
        if batches.is_empty() {
            return;
        }
        let bytes = bytes + batches.iter().map(|(_, count)| count * PER_BATCH).sum::<usize>();
        self.bytes += bytes;
        self.slots.push_back(Slot { bytes, batches });
        while self.bytes > self.capacity {
            let Some(oldest) = self.slots.pop_front() else { break };
            self.bytes -= oldest.bytes;
            for (partition, count) in oldest.batches {
                partition.evict(count);
            }
        }
    }
}
