//! How much a node has to do, in bytes, and evening that out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::Duration;

use coordinator::cluster::{Cluster, Session};
use coordinator::{Epoch, SessionId, ShardId};
use futures::future::join_all;
use parking_lot::Mutex;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::Broker;
use crate::log::Log;

/// How often load is measured.
const EVERY: Duration = Duration::from_secs(5);

/// How much of a new measurement counts against the ones before: a half after some 15 s.
const WEIGHT: f64 = 0.2;

/// How often a node that has more to do than others looks for a shard to give away.
const MOVE_EVERY: Duration = Duration::from_secs(60);

/// A node is left alone unless it takes so much more than the mean, and at least this many bytes per second.
const TOLERATED: f64 = 1.25;
const WORTH: f64 = 1024.0 * 1024.0;

/// What a node knows of its load.
#[derive(Debug, Default)]
pub(super) struct Load {
    bytes_per_second: AtomicI64,
    /// Shards to give away, and to whom, when next shards are moved.
    wanted: Mutex<Vec<(ShardId, SessionId)>>,
    /// Somebody asked to even out now.
    asked: tokio::sync::Notify,
}

impl Load {
    /// What should be moved because of load, once.
    pub(super) fn surplus(&self, cluster: &Cluster, log: &Log) -> Vec<(ShardId, SessionId)> {
        let held = log.held();
        let mut wanted = std::mem::take(&mut *self.wanted.lock());
        wanted.retain(|(shard, to)| {
            held.contains_key(shard) && cluster.takers().iter().any(|s| s.id == *to && s.suspected.is_none())
        });
        wanted
    }
}

impl Broker {
    /// Bytes of records taken and given per second, of late.
    pub fn bytes_per_second(&self) -> i64 {
        self.load.bytes_per_second.load(Relaxed)
    }

    /// Evens out load now, if this node has more to do than others.
    pub fn rebalance(&self) {
        self.load.asked.notify_one();
    }

    /// Measures the load of this node and its shards, and now and then gives a busy shard away. Never ends.
    pub(super) async fn measure(&self, log: &Arc<Log>) {
        let mut every = interval(EVERY);
        every.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut rates: BTreeMap<ShardId, f64> = BTreeMap::new();
        let (mut before, mut at) = (log.shard_bytes(), Instant::now());
        let mut moved = Instant::now();
        loop {
            let asked = tokio::select! {
                biased;
                () = self.load.asked.notified() => true,
                _ = every.tick() => false,
            };
            let (now, seconds) = (log.shard_bytes(), at.elapsed().as_secs_f64());
            if seconds > 0.1 {
                for (shard, bytes) in &now {
                    let rate = bytes.saturating_sub(before.get(shard).copied().unwrap_or(0)) as f64 / seconds;
                    let known = rates.entry(*shard).or_insert(rate);
                    *known += (rate - *known) * WEIGHT;
                }
                rates.retain(|shard, _| now.contains_key(shard));
                (before, at) = (now, Instant::now());
            }
            self.load.bytes_per_second.store(rates.values().sum::<f64>() as i64, Relaxed);
            if asked || moved.elapsed() >= MOVE_EVERY {
                moved = Instant::now();
                let least = if asked { 0.0 } else { WORTH };
                *self.load.wanted.lock() = self.relief(&rates, least).await;
            }
        }
    }

    /// The shards that the busiest node should give to the idlest one: nothing, if this is another node.
    async fn relief(&self, rates: &BTreeMap<ShardId, f64>, least: f64) -> Vec<(ShardId, SessionId)> {
        let Some(cluster) = self.cluster() else { return Vec::new() };
        let ask = async |session: &Session| {
            if session.process == self.process {
                return Some((session.id, rates.values().sum::<f64>()));
            }
            let answer = self.ping(session, Epoch(0)).await.ok()?;
            Some((session.id, answer.bytes_per_second.max(0) as f64))
        };
        let takers = cluster.takers();
        let loads: Vec<_> = join_all(takers.iter().map(|s| ask(s))).await.into_iter().flatten().collect();
        let own = takers.iter().find(|s| s.process == self.process).map(|s| s.id);
        plan(own, &loads, rates, least)
    }
}

/// Chooses shards whose rates together come closest to half the difference between the two, the largest first.
fn plan(
    own: Option<SessionId>,
    loads: &[(SessionId, f64)],
    rates: &BTreeMap<ShardId, f64>,
    least: f64,
) -> Vec<(ShardId, SessionId)> {
    let by_load = |a: &&(SessionId, f64), b: &&(SessionId, f64)| a.1.total_cmp(&b.1);
    let (Some(busiest), Some(idlest)) = (loads.iter().max_by(by_load), loads.iter().min_by(by_load)) else {
        return Vec::new();
    };
    let mean = loads.iter().map(|(_, load)| load).sum::<f64>() / loads.len() as f64;
    if Some(busiest.0) != own || busiest.1 <= mean * TOLERATED || busiest.1 - mean < least {
        return Vec::new();
    }
    let mut missing = (mean - idlest.1).min(busiest.1 - mean);
    let mut shards: Vec<_> = rates.iter().filter(|(_, rate)| **rate > 0.0).collect();
    shards.sort_by(|a, b| b.1.total_cmp(a.1).then(a.0.cmp(b.0)));
    let mut moved = Vec::new();
    for (shard, rate) in shards {
        // A little too much is better than nothing, but a busy shard must not just change places.
        if *rate <= missing * 1.1 {
            missing -= rate;
            moved.push((*shard, idlest.0));
        }
    }
    moved
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: SessionId = SessionId([1; 16]);
    const TWO: SessionId = SessionId([2; 16]);

    fn rates(rates: &[f64]) -> BTreeMap<ShardId, f64> {
        (0..).map(ShardId).zip(rates.iter().copied()).collect()
    }

    #[test]
    fn the_busiest_gives_to_the_idlest_what_evens_them_out() {
        let rates = rates(&[50.0, 20.0, 20.0, 10.0, 0.0]);
        let moved = plan(Some(ONE), &[(ONE, 100.0), (TWO, 0.0)], &rates, 0.0);
        assert_eq!(moved, [(ShardId(0), TWO)], "half of it, in one move");
    }

    #[test]
    fn others_do_nothing_and_nor_does_anybody_where_it_is_even() {
        let rates = rates(&[50.0, 50.0]);
        assert_eq!(plan(Some(TWO), &[(ONE, 100.0), (TWO, 0.0)], &rates, 0.0), []);
        assert_eq!(plan(Some(ONE), &[(ONE, 100.0), (TWO, 80.0)], &rates, 0.0), []);
        assert_eq!(plan(Some(ONE), &[(ONE, 100.0), (TWO, 0.0)], &rates, 1000.0), [], "not worth it");
        assert_eq!(plan(None, &[], &rates, 0.0), []);
    }

    #[test]
    fn one_busy_shard_does_not_change_places() {
        assert_eq!(plan(Some(ONE), &[(ONE, 100.0), (TWO, 0.0)], &rates(&[100.0]), 0.0), []);
    }
}
