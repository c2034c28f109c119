//! Shards that are assigned to this node and not served, because their state can't be rebuilt.
//!
//! They stay assigned: they are tried again, with growing pauses, by the same session and those that follow it, and
//! no metadata entry is needed for that. Meanwhile all other shards are served.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use coordinator::cluster::Cluster;
use coordinator::{PartitionId, ShardId};
use parking_lot::Mutex;
use tiering::recover::{Rebuilt, RecoverError};
use tokio::time::Instant;

use super::Broker;

/// The pause after a first failure. It doubles with each that follows.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// The longest pause: so long after an object has been restored its shards are served again, at most.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The same is not logged again before this has passed.
const QUIET: Duration = Duration::from_secs(10);

/// What was logged is remembered for no more than so many different errors.
const REMEMBERED: usize = 1000;

/// The shards, and what was logged of them.
#[derive(Debug, Default)]
pub struct Unserved(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    shards: BTreeMap<ShardId, Broken>,
    /// When each line was logged last.
    logged: BTreeMap<String, Instant>,
}

/// A shard that can't be rebuilt.
#[derive(Debug)]
struct Broken {
    error: Arc<RecoverError>,
    /// The pause after the last attempt.
    pause: Duration,
    /// When it is tried again.
    again: Instant,
}

impl Unserved {
    /// Takes what became of an attempt, and says so in the log: a line for each error and damaged object.
    pub(super) fn note(&self, rebuilt: &Rebuilt) {
        let now = Instant::now();
        let mut state = self.0.lock();
        for error in &rebuilt.damaged {
            if state.is_news(error, now) {
                tracing::warn!(%error, "a damaged object is passed over; an older one serves in its place");
            }
        }
        let mut errors: BTreeMap<String, Vec<ShardId>> = BTreeMap::new();
        for (shard, error) in &rebuilt.failed {
            errors.entry(error.to_string()).or_default().push(*shard);
            let before = state.shards.get(shard).map(|broken| broken.pause * 2);
            let pause = before.unwrap_or(FIRST_PAUSE).min(LONGEST_PAUSE);
            let broken = Broken { error: Arc::clone(error), pause, again: now + pause };
            state.shards.insert(*shard, broken);
        }
        for (error, shards) in errors {
            if state.is_news(&error, now) {
                let (count, first) = (shards.len(), shards.first().map_or(0, |shard| shard.0));
                tracing::error!(%error, shards = count, first, "shards can't be rebuilt and are not served; they are tried again");
            }
        }
    }

    /// Forgets shards that `is_so` does not hold for: they are served, or another session's.
    pub(super) fn retain(&self, is_so: impl Fn(ShardId) -> bool) {
        self.0.lock().shards.retain(|shard, _| is_so(*shard));
    }

    /// Whether a shard has to wait before it is tried again.
    pub(super) fn waits(&self, shard: ShardId) -> bool {
        self.0.lock().shards.get(&shard).is_some_and(|broken| Instant::now() < broken.again)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.lock().shards.len()
    }

    /// The shards, and why each is not served: the first so many.
    pub fn list(&self, most: usize) -> Vec<(ShardId, String)> {
        let state = self.0.lock();
        state.shards.iter().take(most).map(|(shard, broken)| (*shard, broken.error.to_string())).collect()
    }

    /// Whether an error with an object has not been logged for a while: clients try again and again.
    pub fn is_news(&self, error: impl Display) -> bool {
        self.0.lock().is_news(error, Instant::now())
    }

    fn has(&self, shard: ShardId) -> bool {
        self.0.lock().shards.contains_key(&shard)
    }
}

impl State {
    /// Whether something has not been logged for a while.
    fn is_news(&mut self, line: impl Display, now: Instant) -> bool {
        if self.logged.len() >= REMEMBERED {
            self.logged.clear();
        }
        let line = line.to_string();
        let before = self.logged.get(&line).copied();
        let news = before.is_none_or(|at| now.duration_since(at) >= QUIET);
        if news {
            self.logged.insert(line, now);
        }
        news
    }
}

impl Broker {
    /// The shards that this node has and can't rebuild.
    pub fn unserved(&self) -> &Unserved {
        &self.unserved
    }

    /// Whether a partition is this node's, and can't be rebuilt.
    pub fn is_unserved(&self, id: PartitionId) -> bool {
        let is_own = |cluster: &Cluster| cluster.leader(id).is_some_and(|(s, _)| s.process == self.process);
        let has = |cluster: &Cluster| self.unserved.has(cluster.shards().of_partition(id));
        self.unserved.count() > 0 && self.cluster().is_some_and(|cluster| has(&cluster) && is_own(&cluster))
    }

    /// Takes what became of an attempt to rebuild shards.
    pub(super) fn note_rebuilt(&self, rebuilt: &Rebuilt) {
        self.unserved.note(rebuilt);
        self.count_unserved();
    }

    /// Forgets unserved shards for which `is_so` does not hold.
    pub(super) fn retain_unserved(&self, is_so: impl Fn(ShardId) -> bool) {
        if self.unserved.count() > 0 {
            self.unserved.retain(is_so);
            self.count_unserved();
        }
    }

    fn count_unserved(&self) {
        self.parts.metrics.shards_unserved(self.unserved.count());
    }
}

#[cfg(test)]
mod tests {
    use tiering::session::SessionError;

    use super::*;

    fn failed(shards: &[u32]) -> Rebuilt {
        let path = tiering::format::keys::slot(coordinator::SessionId([1; 16]), 3);
        let error = Arc::new(RecoverError::Session(SessionError::Missing { path }));
        let failed = shards.iter().map(|shard| (ShardId(*shard), Arc::clone(&error))).collect();
        Rebuilt { failed, ..Rebuilt::default() }
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_and_end_when_a_shard_is_served() {
        let unserved = Unserved::default();
        let mut pauses = Vec::new();
        for _ in 0..9 {
            unserved.note(&failed(&[4, 7]));
            let began = Instant::now();
            while unserved.waits(ShardId(4)) {
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            pauses.push(began.elapsed().as_millis());
        }
        assert_eq!(pauses, [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
        assert_eq!((unserved.count(), unserved.list(1).len()), (2, 1));
        assert!(unserved.list(9)[1].1.contains("0000000003: the slot is missing"), "{:?}", unserved.list(9));
        unserved.retain(|shard| shard != ShardId(4));
        assert!(!unserved.waits(ShardId(4)) && !unserved.has(ShardId(4)) && unserved.has(ShardId(7)));
        unserved.note(&failed(&[4]));
        tokio::time::sleep(FIRST_PAUSE).await;
        assert!(!unserved.waits(ShardId(4)), "it begins anew");
    }

    #[tokio::test(start_paused = true)]
    async fn the_same_is_told_once_in_a_while() {
        let mut state = State::default();
        let told = |state: &mut State, line: &str| state.is_news(line, Instant::now());
        assert_eq!(
            [told(&mut state, "a"), told(&mut state, "a"), told(&mut state, "b")],
            [true, false, true]
        );
        tokio::time::sleep(QUIET).await;
        assert!(told(&mut state, "a"));
    }
}
