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
    /// A classic member of a consumer group was to rejoin and has not.
    Rejoin(MemberId),
    /// A classic member of a consumer group has joined and not asked for its assignment.
    Resync(MemberId),
    /// Offsets may have expired.
    Expiry,
}

impl Timer {
    /// The member of a consumer or share group that goes when this is due.
    pub(super) fn member(&self) -> Option<&MemberId> {
        match self {
            Self::Session(member) | Self::Revoke(member) | Self::Rejoin(member) | Self::Resync(member) => {
                Some(member)
            }
            Self::Pending(_) | Self::Join | Self::Sync | Self::Expiry => None,
        }
    }
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

    /// What is due: of each group, the earliest first. No more than `most`, so that a step ends.
    pub(super) fn due(&self, now: Duration, most: usize) -> BTreeMap<GroupId, Vec<Timer>> {
        let mut due = BTreeMap::<GroupId, Vec<Timer>>::new();
        for (_, group, timer) in self.due.iter().take_while(|(at, ..)| *at <= now).take(most) {
            due.entry(GroupId::clone(group)).or_default().push(timer.clone());
        }
        due
    }

    /// Whether a timer is due, which is then no longer set.
    pub(super) fn take_due(&mut self, group: &GroupId, timer: &Timer, now: Duration) -> bool {
        let key = (GroupId::clone(group), timer.clone());
        let is_due = self.when.get(&key).is_some_and(|at| *at <= now);
        if is_due {
            self.cancel(group, timer);
        }
        is_due
    }
}
