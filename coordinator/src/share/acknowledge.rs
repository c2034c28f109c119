//! Taking records back: acknowledgements, closed sessions, and locks that have expired.

use std::time::Duration;

use super::change::Change;
use super::part::{Holding, Part};
use super::request::Reject;
use super::settings::Settings;
use super::state::Delivery;
use crate::group::MemberId;

/// What a member says of a record, by its number in ShareFetch and ShareAcknowledge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i8)]
pub enum Ack {
    /// There was no such record among those that it got.
    Gap = 0,
    /// It has processed it.
    Accept = 1,
    /// It has not; it may be delivered again, to any member.
    Release = 2,
    /// It cannot be processed.
    Reject = 3,
    /// It needs more time (ShareAcknowledge 2, KIP-1222).
    Renew = 4,
}

impl Ack {
    /// The acknowledgement with a number.
    pub fn from_number(number: i8) -> Option<Self> {
        [Self::Gap, Self::Accept, Self::Release, Self::Reject, Self::Renew]
            .into_iter()
            .find(|ack| *ack as i8 == number)
    }
}

/// What a member says of successive records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AckBatch {
    /// The first record's offset.
    pub first: i64,
    /// The last one's.
    pub last: i64,
    /// Of each record in turn, or one for all.
    pub acks: Vec<Ack>,
}

/// A member says what became of records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledge {
    /// Who.
    pub member: MemberId,
    /// Ascending. Either all of it is done or none.
    pub batches: Vec<AckBatch>,
}

/// Acquired records that are acknowledged alike.
struct Settled {
    first: i64,
    last: i64,
    ack: Ack,
    /// With this delivery.
    deliveries: u16,
}

impl Part {
    /// Checks and carries out an acknowledgement, as Kafka's `SharePartition.acknowledge` does.
    pub(super) fn acknowledge(
        &mut self,
        now: Duration,
        settings: &Settings,
        said: &Acknowledge,
    ) -> Result<Vec<Change>, Reject> {
        let mut settled = Vec::new();
        let mut next = i64::MIN;
        for batch in &said.batches {
            if batch.first < next {
                return Err(Reject::InvalidRequest(
                    "The acknowledgement batches overlap or are not in order.",
                ));
            }
            self.check(&said.member, batch, settings, &mut settled)?;
            next = batch.last.saturating_add(1);
        }
        Ok(self.settle(now, settings, settled))
    }

    /// Releases everything that a member has acquired.
    pub(super) fn release(&mut self, now: Duration, settings: &Settings, member: &MemberId) -> Vec<Change> {
        self.give_back(now, settings, |_, holder| holder == member)
    }

    /// Releases records whose acquisition lock has expired.
    pub(super) fn expire(&mut self, now: Duration, settings: &Settings) -> Vec<Change> {
        let changes = self.give_back(now, settings, |until, _| until <= now);
        self.due = self.locks.values().map(|lock| lock.until).min();
        changes
    }

    fn give_back(
        &mut self,
        now: Duration,
        settings: &Settings,
        whose: impl Fn(Duration, &MemberId) -> bool,
    ) -> Vec<Change> {
        let returned = self.locks.iter().filter(|(_, lock)| whose(lock.until, &lock.member));
        let settled = returned.map(|(&first, lock)| {
            let deliveries = self.run_at(first, first).deliveries + 1;
            Settled { first, last: lock.last, ack: Ack::Release, deliveries }
        });
        let settled = settled.collect();
        self.settle(now, settings, settled)
    }

    fn check(
        &self,
        member: &MemberId,
        batch: &AckBatch,
        settings: &Settings,
        settled: &mut Vec<Settled>,
    ) -> Result<(), Reject> {
        let whole = batch.acks.len() == 1;
        let records = batch.last.checked_sub(batch.first).filter(|more| *more >= 0);
        let records =
            records.ok_or(Reject::InvalidRequest("The acknowledgement batch ends before it begins."))?;
        if !whole && batch.acks.len() as u64 != records as u64 + 1 {
            return Err(Reject::InvalidRequest("There are not as many acknowledgements as records."));
        }
        if batch.last < self.begin {
            return Ok(());
        }
        if self.end == self.begin {
            return Err(Reject::InvalidRecordState("The batch's records are not in flight."));
        }
        if batch.last >= self.end {
            return Err(Reject::InvalidRequest("The batch ends after the last acquired record."));
        }
        for run in self.runs(batch.first.max(self.begin), batch.last) {
            match &run.holding {
                Holding::Held(holder) if holder == member => {}
                Holding::Held(_) => {
                    return Err(Reject::InvalidRecordState("The member did not acquire the record."));
                }
                Holding::Is(_) => return Err(Reject::InvalidRecordState("The record is not acquired.")),
            }
            let deliveries = run.deliveries + 1;
            let mut first = run.first;
            while first <= run.last {
                let said = |offset: i64| batch.acks[if whole { 0 } else { (offset - batch.first) as usize }];
                let ack = said(first);
                let last = if whole {
                    run.last
                } else {
                    (first..=run.last).take_while(|offset| said(*offset) == ack).last().unwrap_or(first)
                };
                if ack == Ack::Renew && !settings.renew_enabled {
                    return Err(Reject::InvalidRecordState(
                        "Renewing acquisition locks is not enabled for the group.",
                    ));
                }
                settled.push(Settled { first, last, ack, deliveries });
                first = last + 1;
            }
        }
        Ok(())
    }

    fn settle(&mut self, now: Duration, settings: &Settings, settled: Vec<Settled>) -> Vec<Change> {
        let mut changes: Vec<Change> = Vec::new();
        for Settled { first, last, ack, deliveries } in settled {
            let delivery = match ack {
                Ack::Renew => {
                    self.renew(first, last, now + settings.record_lock_duration);
                    continue;
                }
                Ack::Accept => Delivery::Acknowledged,
                Ack::Release => Self::returned(deliveries, settings),
                Ack::Gap | Ack::Reject => Delivery::Archived,
            };
            self.unlock(first, last);
            if delivery == Delivery::Available {
                self.first_available = self.first_available.min(first);
            }
            add(&mut changes, (first, last), delivery, deliveries);
        }
        if !changes.is_empty() {
            for (first, last) in std::mem::take(&mut self.holes) {
                add(&mut changes, (first, last), Delivery::Archived, 0);
            }
        }
        changes
    }
}

/// Adds a change, or makes the one before reach further.
fn add(changes: &mut Vec<Change>, (first, last): (i64, i64), delivery: Delivery, deliveries: u16) {
    match changes.last_mut() {
        Some(Change::Records { last: end, delivery: d, deliveries: n, .. })
            if (*end + 1, *d, *n) == (first, delivery, deliveries) =>
        {
            *end = last;
        }
        _ => changes.push(Change::Records { first, last, delivery, deliveries }),
    }
}
