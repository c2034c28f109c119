//! Misfortunes of the process that uses a store, timed by its operations.

use std::time::Duration;

use object_store::path::Path;

use super::Operation;

/// What becomes of a process at one of its operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blow {
    /// It dies.
    Kill,
    /// It stops for so long.
    Pause(Duration),
    /// It goes on, and the operation takes so much longer.
    Hold(Duration),
}

/// When.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Before the operation is applied. A dead process has not sent it, a stopped one sends it later.
    Before,
    /// After it is applied, and before the process knows.
    After,
}

/// Which operations count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// All.
    Any,
    /// Writes.
    Writes,
    /// Writes below `meta`.
    Metadata,
    /// Writes below `wal`: slots, seals, checkpoints.
    Wal,
}

impl Target {
    pub(super) fn counts(self, operation: Operation, key: &Path) -> bool {
        match self {
            Self::Any => true,
            Self::Writes => operation.writes(),
            Self::Metadata => operation.writes() && key.as_ref().starts_with("meta/"),
            Self::Wal => operation.writes() && key.as_ref().starts_with("wal/"),
        }
    }
}

/// A blow that waits for its operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Strike {
    /// What happens.
    pub blow: Blow,
    /// When.
    pub moment: Moment,
    /// Which operations count.
    pub target: Target,
    /// How many of them are spared.
    pub after: u32,
}

impl Strike {
    /// Whether this operation is the one.
    pub(super) fn hits(&mut self, operation: Operation, key: &Path) -> bool {
        if !self.target.counts(operation, key) {
            return false;
        }
        let hits = self.after == 0;
        self.after = self.after.saturating_sub(1);
        hits
    }
}
