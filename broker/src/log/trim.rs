//! Moving log starts: DeleteRecords and retention. As everything else, a trim is decided at once and
//! acknowledged when its slot is committed; readers see it then.

use std::sync::Arc;

use coordinator::partition::{Retention, TrimReject};
use tiering::format::slot::Record;
use tiering::mutant::{self, Mutant};

use super::{Log, NotLeader, Partition, Ticket};

/// How far to trim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrimTo {
    /// Everything that is committed.
    HighWatermark,
    /// To this offset.
    Offset(i64),
}

/// What was decided of a trim, and the slot that it waits for (I10).
#[derive(Clone, Debug)]
pub struct TrimOutcome {
    /// The first offset of the log from then on, or why it stays.
    pub log_start: Result<i64, TrimReject>,
    /// When that may be reported.
    pub after: Ticket,
}

impl Log {
    /// Trims a partition. Fails if this log does not lead it.
    pub fn trim(&self, partition: &Arc<Partition>, to: TrimTo) -> Result<TrimOutcome, NotLeader> {
        let mut open = self.open.lock();
        if open.ended {
            return Err(NotLeader);
        }
        let end = partition.high_watermark();
        let wanted = match to {
            TrimTo::HighWatermark => end,
            TrimTo::Offset(offset) => offset,
        };
        let (decided, held) = open.decided(partition).filter(|(_, held)| !held.frozen).ok_or(NotLeader)?;
        let event = decided.state.decide_trim(wanted, end);
        if let Ok(Some(event)) = event {
            decided.state.apply_trim(&event);
        }
        let log_start = decided.state.log_start;
        if let Ok(Some(trimmed)) = event {
            let (id, epoch) = (partition.id(), held.epoch);
            open.touch(partition.index());
            open.make_room(0);
            open.builder.push(Record::Trim { partition: id, epoch, trimmed });
            if mutant::is(Mutant::ShowTrimsEarly) {
                partition.trim(trimmed);
            }
            open.trims.push((Arc::clone(partition), trimmed));
        }
        let outcome = TrimOutcome { log_start: event.map(|_| log_start), after: open.barrier() };
        drop(open);
        self.changed.notify_one();
        Ok(outcome)
    }

    /// Trims what this log leads and need not be kept any longer, by what `wanted` says of each partition; the
    /// others are left alone. `now` is in ms since 1970. Returns the partitions that were trimmed, with their new
    /// log starts.
    pub fn retain_records(
        &self,
        now: i64,
        wanted: impl Fn(&Partition) -> Option<Retention>,
    ) -> Vec<(Arc<Partition>, i64)> {
        let mut partitions: Vec<_> = self.partitions.read().values().cloned().collect();
        // Whatever the order in which a map has them.
        partitions.sort_by_key(|partition| partition.id());
        let mut trimmed = Vec::new();
        for partition in partitions {
            let Some(retention) = wanted(&partition) else { continue };
            let Some(log_start) = partition.breached(retention, now) else { continue };
            if let Ok(TrimOutcome { log_start: Ok(log_start), .. }) =
                self.trim(&partition, TrimTo::Offset(log_start))
            {
                trimmed.push((partition, log_start));
            }
        }
        trimmed
    }
}

#[cfg(test)]
#[path = "trim_test.rs"]
mod tests;
