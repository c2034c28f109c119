//! When something of what the session serves is due.

use std::collections::BTreeSet;
use std::time::Duration;

use coordinator::ShardId;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::log::flush::at;

/// What has timers: the groups of a shard, or the share partitions of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timed {
    Groups(ShardId),
    Shares(ShardId),
}

/// The time that was noted last for something; it is kept with it, behind its lock.
#[derive(Debug, Default)]
pub(super) struct Noted(Option<Duration>);

impl Noted {
    /// That time has come.
    pub(super) fn clear(&mut self) {
        self.0 = None;
    }
}

/// The times at which something is to be looked at, by a clock that only goes forward.
pub(super) struct Due {
    times: Mutex<BTreeSet<(Duration, Timed)>>,
    /// Something is due earlier than anything was.
    earlier: Notify,
    start: Instant,
}

impl Due {
    pub(super) fn new() -> Self {
        Self { times: Mutex::default(), earlier: Notify::new(), start: Instant::now() }
    }

    /// The time now.
    pub(super) fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// Notes that something is due at `next`, if that is earlier than what was noted: what is due later than that is
    /// looked at in vain once, which costs less than to note each time.
    pub(super) fn note(&self, noted: &mut Noted, what: Timed, next: Option<Duration>) {
        let Some(next) = next.filter(|next| noted.0.is_none_or(|noted| *next < noted)) else { return };
        let before = noted.0.replace(next);
        if let Some(before) = before {
            self.times.lock().remove(&(before, what));
        }
        self.insert((next, what));
    }

    /// Has something looked at now, whatever was noted.
    pub(super) fn look(&self, what: Timed) {
        self.insert((self.now(), what));
    }

    fn insert(&self, entry: (Duration, Timed)) {
        let mut times = self.times.lock();
        times.insert(entry);
        let is_first = times.first() == Some(&entry);
        drop(times);
        if is_first {
            self.earlier.notify_one();
        }
    }

    /// Takes what is due first, once it is.
    pub(super) async fn next(&self) -> Timed {
        loop {
            let first = self.times.lock().first().copied();
            if let Some((time, what)) = first
                && time <= self.now()
                && self.times.lock().remove(&(time, what))
            {
                return what;
            }
            tokio::select! {
                biased;
                () = self.earlier.notified() => {}
                () = at(first.map(|(time, _)| self.start + time)) => {}
            }
        }
    }
}

#[cfg(test)]
#[path = "due_test.rs"]
mod tests;
