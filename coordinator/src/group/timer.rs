//! When something is due, per group. Soft: a new owner starts every timer at full length.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::state::{GroupId, MemberId};

/// What becomes due.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// A member has been silent for too long.
    Session(MemberId),
    /// A member that was given an id has not come back with it.
    Pending(MemberId),
    /// Members have had long enough to join.
    Join,
    /// Members have had long enough to sync.
    Sync,
    /// A member of a consumer group has had long enough to give partitions back.
    Revoke(MemberId),
    /// A classic member of a consumer group was told to rejoin and has not.
    Rejoin(MemberId),
    /// A classic member of a consumer group has joined and not asked for its assignment.
    Resync(MemberId),
    /// Offsets may have expired.
    Expiry,
}

/// Every timer of a shard's groups.
#[derive(Debug, Default)]
pub(super) struct Timers {
    due: BTreeSet<(Duration, GroupId, Timer)>,
    when: BTreeMap<(GroupId, Timer), Duration>,
}

impl Timers {
    /// The time at which the first is due.
    pub(super) fn first(&self) -> Option<Duration> {
        self.due.first().map(|(at, ..)| *at)
    }

    /// Sets a timer, or sets it anew.
    pub(super) fn set(&mut self, group: &GroupId, timer: Timer, at: Duration) {
        self.cancel(group, &timer);
        self.when.insert((GroupId::clone(group), timer.clone()), at);
        self.due.insert((at, GroupId::clone(group), timer));
    }

    /// Whether a timer is set.
    pub(super) fn is_set(&self, group: &GroupId, timer: &Timer) -> bool {
        self.when.contains_key(&(GroupId::clone(group), timer.clone()))
    }

    /// Forgets a timer.
    pub(super) fn cancel(&mut self, group: &GroupId, timer: &Timer) {
        if let Some(((group, timer), at)) = self.when.remove_entry(&(GroupId::clone(group), timer.clone())) {
            self.due.remove(&(at, group, timer));
        }
    }

    /// Every timer that is set.
    #[cfg(test)]
    pub(super) fn all(&self) -> impl Iterator<Item = (&GroupId, &Timer, Duration)> {
        self.when.iter().map(|((group, timer), at)| (group, timer, *at))
    }

    /// Forgets every timer of a group.
    pub(super) fn cancel_all(&mut self, group: &GroupId) {
        let first = (GroupId::clone(group), Timer::Session("".into()));
        let of_group: Vec<_> = self
            .when
            .range(first..)
            .take_while(|((g, _), _)| g == group)
            .map(|((_, t), _)| t.clone())
            .collect();
        of_group.iter().for_each(|timer| self.cancel(group, timer));
    }

    /// Takes one timer that is due.
    pub(super) fn take_due(&mut self, now: Duration) -> Option<(GroupId, Timer)> {
        let (at, group, timer) = self.due.first().filter(|(at, ..)| *at <= now).cloned()?;
        self.when.remove(&(GroupId::clone(&group), timer.clone()));
        self.due.remove(&(at, GroupId::clone(&group), timer.clone()));
        Some((group, timer))
    }
}
