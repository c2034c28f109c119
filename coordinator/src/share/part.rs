//! One share partition in memory: what is durable of it, and who holds which record.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::change::Change;
use super::settings::Settings;
use super::state::{Batch, Delivery, State};
use crate::group::MemberId;

/// Where a share partition is to be read next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextFetch {
    /// It has no start yet: [`Request::Begin`](super::Request::Begin) gives it one.
    NotBegun,
    /// From this record on, which is available.
    At(i64),
    /// Nowhere: as many records are in flight as may be, and none of them is available.
    Full,
}

/// Records that a member has acquired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lock {
    /// The last record's offset.
    pub(super) last: i64,
    pub(super) member: MemberId,
    /// When the acquisition lock expires.
    pub(super) until: Duration,
}

/// What is the case with a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Holding {
    Is(Delivery),
    Held(MemberId),
}

/// Successive records with which the same is the case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) first: i64,
    pub(super) last: i64,
    pub(super) holding: Holding,
    /// How often they were delivered; of acquired records, before this time.
    pub(super) deliveries: u16,
}

/// A share partition. Offsets from `begin` to `end` are in flight: each is available, acquired, or settled.
#[derive(Debug)]
pub(super) struct Part {
    /// What is durable, or about to be. A checkpoint shares it until it changes.
    pub(super) state: Arc<State>,
    /// The first record in flight. From [`State::start`] up to it there are holes and settled records only.
    pub(super) begin: i64,
    /// One past the last record that anyone was given.
    pub(super) end: i64,
    /// By first offset. Acquired records are available in `state`, and all in one lock were delivered equally often.
    pub(super) locks: BTreeMap<i64, Lock>,
    /// Offsets, first to last, that the log does not hold. They are archived with the next change.
    pub(super) holes: BTreeMap<i64, i64>,
    /// The batches, first to last, in which records were given out first.
    pub(super) given: BTreeMap<i64, i64>,
    /// No record before this one is available.
    pub(super) first_available: i64,
    /// No lock expires before.
    pub(super) due: Option<Duration>,
}

impl Part {
    pub(super) fn new(state: Arc<State>) -> Self {
        let (begin, end) = (state.start, state.end());
        let (locks, holes, given) = Default::default();
        Self { state, begin, end, locks, holes, given, first_available: begin, due: None }
    }

    /// Takes a change, which the caller makes durable.
    pub(super) fn change(&mut self, change: &Change) {
        Arc::make_mut(&mut self.state).apply(change);
        if let Change::Begin { .. } | Change::Deleted = change {
            *self = Self::new(Arc::clone(&self.state));
        }
        let start = self.state.start;
        self.end = self.end.max(start);
        drop_before(&mut self.locks, start, |lock| &mut lock.last);
        drop_before(&mut self.holes, start, |last| last);
        while let Some((&first, &last)) = self.given.first_key_value()
            && last < start
        {
            self.given.remove(&first);
        }
        self.pass_settled();
    }

    /// Moves `begin` to the first record that is not settled.
    pub(super) fn pass_settled(&mut self) {
        self.begin = self.begin.max(self.state.start);
        while self.begin < self.end {
            let run = self.run_at(self.begin, self.end - 1);
            match run.holding {
                Holding::Is(delivery) if delivery.is_final() => self.begin = run.last + 1,
                _ => break,
            }
        }
        self.first_available = self.first_available.max(self.begin);
    }

    /// How many records are in flight.
    pub(super) fn in_flight(&self) -> i64 {
        self.end - self.begin
    }

    /// The first available record, which may be the one after the last in flight.
    pub(super) fn next_available(&mut self) -> i64 {
        while self.first_available < self.end {
            let run = self.run_at(self.first_available, self.end - 1);
            if run.holding == Holding::Is(Delivery::Available) {
                break;
            }
            self.first_available = run.last + 1;
        }
        self.first_available
    }

    pub(super) fn next_fetch(&mut self, settings: &Settings) -> NextFetch {
        let next = self.next_available();
        if next == self.end && self.in_flight() >= i64::from(settings.max_record_locks) {
            return NextFetch::Full;
        }
        NextFetch::At(next)
    }

    /// What is the case with the record at `offset` and those after it, up to `to`. Both are in flight.
    pub(super) fn run_at(&self, offset: i64, to: i64) -> Run {
        let run =
            |last: i64, holding, deliveries| Run { first: offset, last: last.min(to), holding, deliveries };
        let known = self.state.batch_of(offset).map(|(_, batch)| batch);
        if let Some(lock) = at(&self.locks, offset, |lock| lock.last) {
            let deliveries = known.map_or(0, |batch| batch.deliveries);
            return run(lock.last, Holding::Held(MemberId::clone(&lock.member)), deliveries);
        }
        if let Some(&last) = at(&self.holes, offset, |last| *last) {
            return run(last, Holding::Is(Delivery::Archived), 0);
        }
        let next = |first: Option<i64>| first.map_or(i64::MAX, |first| first - 1);
        let after = offset + 1..;
        let clear = next(self.locks.range(after.clone()).next().map(|(&first, _)| first))
            .min(next(self.holes.range(after.clone()).next().map(|(&first, _)| first)));
        match known {
            Some(Batch { last, delivery, deliveries }) => {
                run(clear.min(last), Holding::Is(delivery), deliveries)
            }
            None => {
                let known = next(self.state.batches.range(after).next().map(|(&first, _)| first));
                run(clear.min(known), Holding::Is(Delivery::Available), 0)
            }
        }
    }

    /// The records from `from` to `to`, which are in flight, as runs that leave out none.
    pub(super) fn runs(&self, from: i64, to: i64) -> impl Iterator<Item = Run> {
        let mut offset = from;
        std::iter::from_fn(move || {
            (offset <= to).then(|| {
                let run = self.run_at(offset, to);
                offset = run.last + 1;
                run
            })
        })
    }

    /// Makes records acquired.
    pub(super) fn lock(&mut self, first: i64, lock: Lock) {
        self.due = Some(self.due.map_or(lock.until, |due| due.min(lock.until)));
        self.locks.insert(first, lock);
    }

    /// Ends the acquisition of records, which are all acquired.
    pub(super) fn unlock(&mut self, first: i64, last: i64) {
        self.cut_lock(first);
        self.cut_lock(last + 1);
        while let Some((&inside, _)) = self.locks.range(first..=last).next() {
            self.locks.remove(&inside);
        }
    }

    /// Gives records longer to those who have them.
    pub(super) fn renew(&mut self, first: i64, last: i64, until: Duration) {
        self.cut_lock(first);
        self.cut_lock(last + 1);
        for (_, lock) in self.locks.range_mut(first..=last) {
            lock.until = until;
        }
    }

    fn cut_lock(&mut self, offset: i64) {
        let Some((_, lock)) = self.locks.range_mut(..offset).next_back() else { return };
        if lock.last >= offset {
            let rest = lock.clone();
            lock.last = offset - 1;
            self.locks.insert(offset, rest);
        }
    }

    /// What is to become of records that come back unprocessed after one more delivery.
    pub(super) fn returned(deliveries: u16, settings: &Settings) -> Delivery {
        if deliveries >= settings.delivery_count_limit { Delivery::Archived } else { Delivery::Available }
    }
}

/// The range that holds an offset.
fn at<T>(ranges: &BTreeMap<i64, T>, offset: i64, last: impl Fn(&T) -> i64) -> Option<&T> {
    ranges.range(..=offset).next_back().map(|(_, range)| range).filter(|range| last(range) >= offset)
}

/// Leaves of each range what is not before `start`.
fn drop_before<T>(ranges: &mut BTreeMap<i64, T>, start: i64, last: impl Fn(&mut T) -> &mut i64) {
    while let Some(entry) = ranges.first_entry()
        && *entry.key() < start
    {
        let mut range = entry.remove();
        if *last(&mut range) >= start {
            ranges.insert(start, range);
            return;
        }
    }
}
