//! Moving a partition's log start: records below it are gone, though their bytes may still be in the bucket.
//!
//! DeleteRecords and retention do the same. Only how far to go is asked of them; that it is forward, and not
//! beyond the log, is decided here. What producers wrote below the log start stays known (KIP-360): a batch that
//! is sent again is a duplicate, trimmed or not.

use thiserror::Error;

use super::Partition;

/// The event: the log begins here from now on. It is durable as a TRIM record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trimmed {
    /// The first offset that may be read.
    pub log_start: i64,
}

/// Why a partition is not trimmed: OFFSET_OUT_OF_RANGE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the log can't begin at {wanted}: its committed records end at {end}")]
pub struct TrimReject {
    /// Where the log was to begin.
    pub wanted: i64,
    /// The offset after the last committed record.
    pub end: i64,
}

/// What trimming to `wanted` would do; `None` where the log begins there or later already. `end` is the high
/// watermark, which a trim must not pass.
pub(super) fn decide(state: &Partition, wanted: i64, end: i64) -> Result<Option<Trimmed>, TrimReject> {
    let end = end.min(state.log_end);
    if wanted < 0 || wanted > end {
        return Err(TrimReject { wanted, end });
    }
    Ok((wanted > state.log_start).then_some(Trimmed { log_start: wanted }))
}

pub(super) fn apply(state: &mut Partition, event: &Trimmed) {
    if event.log_start > state.log_start {
        state.log_start = event.log_start;
        state.leader_epochs.trim(event.log_start);
    }
}

#[cfg(test)]
#[path = "trim_test.rs"]
mod tests;
