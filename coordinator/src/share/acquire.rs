//! Handing records out.

use std::time::Duration;

use super::part::{Holding, Lock, Part};
use super::settings::Settings;
use super::state::Delivery;
use crate::group::MemberId;

/// How many records a fetch may get (ShareFetch 2, KIP-1206).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(i8)]
pub enum AcquireMode {
    /// As many as asked for, and the rest of the batch that the last of them is in.
    #[default]
    BatchOptimized = 0,
    /// No more than asked for.
    RecordLimit = 1,
}

/// Records were read, and a member wants those of them that it may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acquire {
    /// Who.
    pub member: MemberId,
    /// How strictly `max_records` holds.
    pub mode: AcquireMode,
    /// How many records it wants.
    pub max_records: u32,
    /// How many records should be in each range of the answer.
    pub batch_size: u32,
    /// From where the log was read.
    pub fetch_offset: i64,
    /// The batches that were read, first to last offset, ascending. The first may begin before `fetch_offset`.
    pub batches: Vec<(i64, i64)>,
}

/// Records that a member was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acquired {
    /// The first record's offset.
    pub first: i64,
    /// The last one's.
    pub last: i64,
    /// How often they were delivered, with this time.
    pub deliveries: u16,
}

impl Part {
    /// Gives a member what it may have, as Kafka's `SharePartition.acquire` does.
    pub(super) fn acquire(&mut self, now: Duration, settings: &Settings, wanted: &Acquire) -> Vec<Acquired> {
        let mut given = Vec::new();
        let Some((&(base, _), &(_, read_to))) = wanted.batches.first().zip(wanted.batches.last()) else {
            return given;
        };
        if read_to < self.begin || wanted.max_records == 0 {
            return given;
        }
        self.note_hole(wanted.fetch_offset.max(self.begin), base - 1);
        let (mut room, mut last) = (i64::from(settings.max_record_locks) - self.in_flight(), read_to);
        if room <= 0 {
            // Only what is in flight already may be given again.
            room = self.end - wanted.fetch_offset;
            last = last.min(self.end - 1);
        }
        let mut left = room.min(i64::from(wanted.max_records));
        let first = base.max(self.begin);
        let again: Vec<_> = self.runs(first, last.min(self.end - 1)).collect();
        for run in again.iter().filter(|run| run.holding == Holding::Is(Delivery::Available)) {
            if left <= 0 {
                return given;
            }
            let suspicious = self.suspicious(run.first, run.last, run.deliveries, settings);
            if suspicious.is_some() && !given.is_empty() {
                return given;
            }
            let to = match suspicious {
                Some(few) => run.first + few.min(left) - 1,
                None => wanted.reach(run.first, left, last),
            };
            let to = to.min(run.last);
            self.give(now, settings, wanted, (run.first, to), run.deliveries, &mut given);
            left -= to - run.first + 1;
            if suspicious.is_some() {
                return given;
            }
        }
        let first = first.max(self.end);
        if left > 0 && first <= last {
            let to = wanted.reach(first, left, last);
            self.end = to + 1;
            for (first, last) in wanted.split(first, to) {
                self.given.insert(first, last);
                self.give(now, settings, wanted, (first, last), 0, &mut given);
            }
        }
        given
    }

    fn give(
        &mut self,
        now: Duration,
        settings: &Settings,
        wanted: &Acquire,
        (first, last): (i64, i64),
        before: u16,
        given: &mut Vec<Acquired>,
    ) {
        let until = now + settings.record_lock_duration;
        self.lock(first, Lock { last, member: MemberId::clone(&wanted.member), until });
        let deliveries = before + 1;
        match given.last_mut() {
            Some(run) if before > 0 && (run.last + 1, run.deliveries) == (first, deliveries) => {
                run.last = last
            }
            _ => given.push(Acquired { first, last, deliveries }),
        }
    }

    /// Of records that came back often: how many may be given at once. On their last delivery they go one by one.
    fn suspicious(&self, first: i64, last: i64, deliveries: u16, settings: &Settings) -> Option<i64> {
        let beyond = deliveries.checked_sub(settings.suspicious_deliveries())?;
        if settings.delivery_count_limit > 2 && deliveries + 1 >= settings.delivery_count_limit {
            return Some(1);
        }
        let batch = self.given.range(..=first).next_back().filter(|(_, end)| **end >= first);
        let (batch_first, batch_last) = batch.map_or((first, last), |(first, last)| (*first, *last));
        let size = batch_last - batch_first + 1;
        Some(size.checked_shr(u32::from(beyond) + 1).unwrap_or(0).max(1))
    }

    /// The log was read from `from` on, and the first record it had was after `to`.
    fn note_hole(&mut self, from: i64, to: i64) {
        if from > to {
            return;
        }
        self.end = self.end.max(to + 1);
        let gone: Vec<_> = self.runs(from, to).collect();
        for run in gone.iter().filter(|run| run.holding == Holding::Is(Delivery::Available)) {
            self.holes.insert(run.first, run.last);
        }
        self.pass_settled();
    }
}

impl Acquire {
    /// Of `left` records from `first` on: the last one that is given, which is `most` at most.
    fn reach(&self, first: i64, left: i64, most: i64) -> i64 {
        let last = first + left - 1;
        if self.mode == AcquireMode::RecordLimit || last >= most {
            return last.min(most);
        }
        let batch = self.batches.iter().find(|(base, end)| (*base..=*end).contains(&last));
        batch.map_or(last, |(_, end)| (*end).min(most))
    }

    /// The ranges in which new records are given: whole batches, until there are `batch_size` records.
    fn split(&self, first: i64, last: i64) -> Vec<(i64, i64)> {
        let mut ranges = Vec::new();
        let mut begin = first;
        if self.mode == AcquireMode::BatchOptimized {
            for &(base, _) in self.batches.iter().filter(|(base, _)| *base <= last) {
                if base - begin >= i64::from(self.batch_size.max(1)) {
                    ranges.push((begin, base - 1));
                    begin = base;
                }
            }
        }
        ranges.push((begin, last));
        ranges
    }
}

#[cfg(test)]
#[path = "acquire_test.rs"]
mod tests;
