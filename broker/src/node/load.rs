//! How much a node has to do, in bytes, and evening that out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::Duration;

use coordinator::cluster::{Cluster, Session};
use coordinator::{Epoch, SessionId, ShardId};
use futures::future::join_all;
use parking_lot::Mutex;
use tiering::mutant::{self, Mutant};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::Broker;
use crate::log::Log;

/// How often load is measured.
const EVERY: Duration = Duration::from_secs(5);

/// How much of a new measurement counts against the ones before: a half after some 15 s.
const WEIGHT: f64 = 0.2;

/// How often a node that has more to do than others looks for a shard to give away.
const MOVE_EVERY: Duration = Duration::from_secs(60);

/// A node is left alone unless it has so many bytes per second more to do than the mean.
const WORTH: f64 = 1024.0 * 1024.0;

/// What a node knows of its load.
#[derive(Debug, Default)]
pub(super) struct Load {
    bytes_per_second: AtomicI64,
    /// Shards to give away, and to whom, when next shards are moved.
    wanted: Mutex<Vec<(ShardId, SessionId)>>,
    /// An operator asked to even out now.
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

    /// The shards that this node should give away because of load; see [`Cluster::relief`].
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
        let loads: BTreeMap<_, _> =
            join_all(takers.iter().map(|s| ask(s))).await.into_iter().flatten().collect();
        let own = takers.iter().find(|s| s.process == self.process).map(|s| s.id);
        own.map_or_else(Vec::new, |own| match mutant::is(Mutant::UnderrateShards) {
            true => {
                let less = rates.iter().map(|(shard, rate)| (*shard, rate / 4.0)).collect();
                cluster.relief(own, &loads, &less, least)
            }
            false => cluster.relief(own, &loads, rates, least),
        })
    }
}
