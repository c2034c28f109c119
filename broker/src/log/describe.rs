//! Figures of a log, for metrics and the status of a node.

use super::Log;

impl Log {
    /// The slots that the session has begun.
    pub fn slots(&self) -> u64 {
        self.open.lock().n
    }

    /// The slots that no checkpoint covers: those that recovery of the session reads.
    pub fn checkpoint_lag(&self) -> u64 {
        self.slots().saturating_sub(self.last_checkpoint().map_or(0, |checkpoint| checkpoint.n))
    }

    /// The partitions in its map: those with records, and those that a request asked for.
    pub fn partitions(&self) -> usize {
        self.partitions.read().len()
    }
}
