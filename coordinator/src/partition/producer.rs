//! What is remembered of an idempotent producer (KIP-98): its epoch and its last five batches.

use std::collections::VecDeque;

/// One batch that a producer appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerEntry {
    /// The sequence of its first record.
    pub base_sequence: i32,
    /// Its last record's offset, less its first's. Offsets and sequences advance together.
    pub last_offset_delta: i32,
    /// The offset of its first record.
    pub base_offset: i64,
    /// The broker's time of the append (ms since 1970), which a duplicate's answer repeats under
    /// LogAppendTime.
    pub append_time: i64,
}

impl ProducerEntry {
    /// The sequence of its last record; sequences wrap from 2^31-1 to 0.
    pub fn last_sequence(&self) -> i32 {
        add_sequence(self.base_sequence, self.last_offset_delta)
    }
}

/// A producer's state in one partition. There is at least one entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Producer {
    /// The producer's epoch.
    pub epoch: i16,
    /// When it last appended (ms since 1970), for expiry.
    pub last_append: i64,
    /// Its last batches of this epoch, oldest first, at most [`Producer::KEPT`].
    pub entries: VecDeque<ProducerEntry>,
}

impl Producer {
    /// How many batches are remembered: what a producer may have in flight (KIP-98).
    pub const KEPT: usize = 5;

    /// The remembered batch with exactly these sequences.
    pub(super) fn find(&self, base_sequence: i32, last_offset_delta: i32) -> Option<&ProducerEntry> {
        self.entries
            .iter()
            .find(|e| e.base_sequence == base_sequence && e.last_offset_delta == last_offset_delta)
    }

    /// The sequence that must come next.
    pub(super) fn next_sequence(&self) -> Option<i32> {
        self.last_sequence().map(|last| add_sequence(last, 1))
    }

    /// The sequence of its last record in this epoch.
    pub fn last_sequence(&self) -> Option<i32> {
        self.entries.back().map(ProducerEntry::last_sequence)
    }

    pub(super) fn remember(&mut self, epoch: i16, entry: ProducerEntry) {
        if epoch != self.epoch {
            self.epoch = epoch;
            self.entries.clear();
        }
        if self.entries.len() == Self::KEPT {
            self.entries.pop_front();
        }
        self.last_append = entry.append_time;
        self.entries.push_back(entry);
    }
}

fn add_sequence(sequence: i32, delta: i32) -> i32 {
    ((i64::from(sequence) + i64::from(delta)) & 0x7fff_ffff) as i32
}
