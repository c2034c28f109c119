//! Each timer is for something, and whatever is waited for has a timer.

use super::super::run::Run;
use crate::group::ClassicState;
use crate::group::timer::Timer;
use crate::group::work::Entry;

/// All of them.
pub(in super::super) fn check(run: &Run) {
    for (id, timer, at) in run.shard.timers.all() {
        let entry = run.shard.groups.get(id);
        assert!(at > run.now.since_start, "{id} {timer:?} is overdue");
        assert!(
            entry.is_some_and(|entry| is_wanted(entry, timer)),
            "{id} {timer:?} is for nothing: {entry:?}"
        );
    }
    for (id, entry) in &run.shard.groups {
        for timer in wanted(entry) {
            assert!(run.shard.timers.is_set(id, &timer), "{id} has no {timer:?}: {entry:?}");
        }
    }
}

/// A session runs unless a request of the member is parked; but a new member has no other way to be missed.
fn is_wanted(entry: &Entry, timer: &Timer) -> bool {
    wanted(entry).contains(timer)
}

fn wanted(entry: &Entry) -> Vec<Timer> {
    let (group, soft) = (&entry.group, &entry.classic);
    let parked = |id| soft.joining.contains_key(id) || soft.syncing.contains_key(id);
    let sessions = group.members.keys().filter(|id| !parked(*id) || soft.new.contains(*id));
    let mut wanted: Vec<_> = sessions.cloned().map(Timer::Session).collect();
    wanted.extend(soft.pending.iter().cloned().map(Timer::Pending));
    if group.classic().is_some_and(|classic| classic.state == ClassicState::PreparingRebalance) {
        wanted.push(Timer::Join);
    }
    if !soft.unsynced.is_empty() {
        wanted.push(Timer::Sync);
    }
    if entry.exists {
        wanted.push(Timer::Expiry);
    }
    wanted
}
