//! Which shards a node gives away because of load.
//!
//! Busy shards go from the busiest node to the idlest, as many as even them out, and as the numbers of shards allow:
//! where these are less even than [`Cluster::placement`] leaves alone, it would move as many back, whatever they
//! carry. So that there is room for more, idle shards go from the node that has most shards to the one that has fewest:
//! over some rounds, busy shards are swapped for idle ones.
//!
//! It settles: a busy shard that moves lowers the sum of the squares of the loads, and by more than an idle shard
//! that moves can raise it; idle ones by themselves only bring the numbers of shards together.

use std::collections::BTreeMap;

use super::{Cluster, balance};
use crate::{SessionId, ShardId};

/// A node is left alone unless it has so much more to do than the mean.
const TOLERATED: f64 = 1.25;

/// What a shard must carry at least to be moved as a busy one, and at most to be moved as an idle one, as a part of
/// what shards carry in the mean.
const BUSY: f64 = 0.1;
const IDLE: f64 = 0.01;

/// A node that may get shards.
#[derive(Clone, Copy, Debug)]
struct Node {
    /// How many it holds.
    shards: usize,
    /// Its load (bytes per second); `None` if that is not known.
    load: Option<f64>,
}

impl Cluster {
    /// The shards that a session should give away because of load, and to whom; none while numbers of shards are being
    /// evened out. `loads` is the load of those sessions of which it is known (bytes per second), and `rates` what
    /// shards of this one carry of that. Less than `least` bytes per second over the mean is left alone.
    pub fn relief(
        &self,
        session: SessionId,
        loads: &BTreeMap<SessionId, f64>,
        rates: &BTreeMap<ShardId, f64>,
        least: f64,
    ) -> Vec<(ShardId, SessionId)> {
        let takers = self.takers();
        let Some(own) = takers.iter().position(|s| s.id == session) else { return Vec::new() };
        let mut held: BTreeMap<SessionId, Vec<ShardId>> = BTreeMap::new();
        for (shard, to) in self.placement() {
            match self.assigned(shard) {
                Some(grant) if grant.session == to => held.entry(to).or_default().push(shard),
                _ => return Vec::new(),
            }
        }
        let nodes: Vec<Node> = takers
            .iter()
            .map(|s| Node { shards: held.get(&s.id).map_or(0, Vec::len), load: loads.get(&s.id).copied() })
            .collect();
        let rate = |shard: &ShardId| (*shard, rates.get(shard).copied().unwrap_or(0.0));
        let rates: Vec<(ShardId, f64)> = held.get(&session).into_iter().flatten().map(rate).collect();
        // A node that may not get more counts as far as it holds some.
        let others = held.keys().filter(|id| takers.iter().all(|s| s.id != **id)).count();
        let even = self.shards().count() as usize / (takers.len() + others);
        let given = Relief { nodes: &nodes, even, least }.of(own, &rates);
        given.into_iter().map(|(shard, to)| (shard, takers[to].id)).collect()
    }
}

/// Evening out load, from one node's point of view: all nodes have the same.
struct Relief<'a> {
    nodes: &'a [Node],
    /// The shards of a node where all have as many.
    even: usize,
    /// See [`Cluster::relief`].
    least: f64,
}

impl Relief<'_> {
    /// What node `own` gives away of its shards, and to which node.
    fn of(&self, own: usize, rates: &[(ShardId, f64)]) -> Vec<(ShardId, usize)> {
        let known = || self.nodes.iter().enumerate().filter_map(|(at, node)| Some((node.load?, at)));
        let by_load = |a: &(f64, usize), b: &(f64, usize)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
        let (Some(busiest), Some(idlest)) = (known().max_by(by_load), known().min_by(by_load)) else {
            return Vec::new();
        };
        let total: f64 = known().map(|(load, _)| load).sum();
        let mean = total / known().count() as f64;
        let over = busiest.0 - mean;
        if busiest.0 <= mean * TOLERATED || over < self.least {
            return Vec::new();
        }
        let mut rates = rates.to_vec();
        rates.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let per_shard = total / self.nodes.iter().map(|node| node.shards).sum::<usize>() as f64;
        let mut given = Vec::new();
        if own == busiest.1 {
            let mut missing = over.min(mean - idlest.0);
            let room = self.room(own, idlest.1);
            for (shard, rate) in rates.iter().take_while(|(_, rate)| *rate >= per_shard * BUSY) {
                // A little too much is better than nothing, but a busy shard must not just change places.
                if given.len() < room && *rate <= missing * 1.1 {
                    missing -= rate;
                    given.push((*shard, idlest.1));
                }
            }
        }
        let idle = rates.iter().rev().take_while(|(_, rate)| *rate <= per_shard * IDLE);
        if let Some((count, to)) = self.spare(own) {
            given.extend(idle.take(count).map(|(shard, _)| (*shard, to)));
        }
        given
    }

    /// How many shards may go from one node to another without the numbers becoming too uneven, whichever idle ones
    /// move at the same time.
    fn room(&self, from: usize, to: usize) -> usize {
        let slack = balance::slack(self.even);
        let (from, to) = (self.nodes[from].shards, self.nodes[to].shards);
        let spare = (from.min(self.even) + slack).saturating_sub(self.even);
        spare.min((self.even + slack).saturating_sub(to.max(self.even)))
    }

    /// How many idle shards a node should give away, and to which node, if it has most of all and another one has far
    /// fewer.
    fn spare(&self, own: usize) -> Option<(usize, usize)> {
        let by_shards = |at: &usize| (self.nodes[*at].shards, *at);
        let most = (0..self.nodes.len()).max_by_key(by_shards)?;
        let fewest = (0..self.nodes.len()).min_by_key(by_shards)?;
        let (over, under) = (self.nodes[most].shards, self.nodes[fewest].shards);
        if own != most || self.nodes[fewest].load.is_none() || over - under <= balance::slack(self.even) {
            return None;
        }
        let count = ((over - under) / 2).min(over.saturating_sub(self.even));
        Some((count.min(self.even.saturating_sub(under)), fewest))
    }
}

#[cfg(test)]
#[path = "relief_test.rs"]
mod tests;
