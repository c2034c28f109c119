//! What a log tells of itself.

use super::Log;

impl Log {
    /// The slots that the session has begun.
    pub fn slots(&self) -> u64 {
        self.open.lock().n
    }

    /// The slots that no checkpoint covers: what somebody who recovers the session reads.
    pub fn checkpoint_lag(&self) -> u64 {
        self.slots().saturating_sub(self.last_checkpoint().map_or(0, |checkpoint| checkpoint.n))
    }

    /// The partitions that it has met: those with records, and those that somebody asked for.
    pub fn partitions(&self) -> usize {
        self.partitions.read().len()
    }
}
