//! Who should hold which shard: evenly, with as few moves as possible, and with the partitions of a topic
//! spread. A function of the cluster's state, so that every node comes to the same answer.
//!
//! Bounded-load rendezvous hashing (Mirrokni, Thorup, Zadimoghaddam, "Consistent Hashing with Bounded Loads",
//! 2016), made sticky: a shard stays where it is while its session may keep it and the numbers are even enough.
//! A topic's partitions lie in successive shards, so a session should not hold many shards close to each other:
//! that decides before the hash does.

use std::collections::BTreeMap;

use xxhash_rust::xxh3::xxh3_64;

use super::{Cluster, Session};
use crate::{NodeId, SessionId, ShardId};

/// Shards nearer to each other than this are likely to hold partitions of one topic.
const NEAR: usize = 12;

impl Cluster {
    /// The sessions that may get shards: of each node the newest open one, unless it is draining. If all are,
    /// it is all of them. By node.
    pub fn takers(&self) -> Vec<&Session> {
        let mut takers: Vec<&Session> = self.open_sessions().collect();
        takers.sort_by_key(|s| (s.node, std::cmp::Reverse(s.opened)));
        takers.dedup_by_key(|s| s.node);
        if takers.iter().any(|s| !s.draining) {
            takers.retain(|s| !s.draining);
        }
        takers
    }

    /// Where every shard should be. Empty if no session may hold any.
    pub fn placement(&self) -> Vec<(ShardId, SessionId)> {
        let takers = self.takers();
        let nodes: Vec<NodeId> = takers.iter().map(|s| s.node).collect();
        let index: BTreeMap<SessionId, usize> = takers.iter().map(|s| s.id).zip(0..).collect();
        let holder = |shard| index.get(&self.assigned(shard)?.session).copied();
        let held: Vec<Option<usize>> = self.shards().all().map(holder).collect();
        let placed = Placement::of(&nodes, held).settle();
        self.shards().all().zip(placed).filter_map(|(shard, at)| Some((shard, takers[at?].id))).collect()
    }

    /// The shards that `session` should give away, and to whom. Where all are draining, none does.
    pub fn surplus(&self, session: SessionId) -> Vec<(ShardId, SessionId)> {
        if self.open_sessions().all(|s| s.draining) {
            return Vec::new();
        }
        let moves = |(shard, to): &(ShardId, SessionId)| {
            *to != session && self.assigned(*shard).is_some_and(|g| g.session == session && g.end.is_none())
        };
        self.placement().into_iter().filter(moves).collect()
    }
}

/// Shards on nodes, while they are being placed.
struct Placement<'a> {
    nodes: &'a [NodeId],
    /// By shard: the index of its node.
    held: Vec<Option<usize>>,
    /// By node: how many shards it has.
    loads: Vec<usize>,
}

impl<'a> Placement<'a> {
    fn of(nodes: &'a [NodeId], held: Vec<Option<usize>>) -> Self {
        let mut loads = vec![0; nodes.len()];
        held.iter().flatten().for_each(|&node| loads[node] += 1);
        Self { nodes, held, loads }
    }

    fn settle(mut self) -> Vec<Option<usize>> {
        if self.nodes.is_empty() {
            return vec![None; self.held.len()];
        }
        self.place_free();
        let even = self.held.len() / self.nodes.len();
        let slack = (even / 8).max(1);
        if self.most() > even + slack || self.least() + slack < even {
            self.even_out();
        }
        self.held
    }

    fn most(&self) -> usize {
        self.loads.iter().copied().max().unwrap_or(0)
    }

    fn least(&self) -> usize {
        self.loads.iter().copied().min().unwrap_or(0)
    }

    /// Gives every shard without a node to one that has room: where its neighbours are few.
    fn place_free(&mut self) {
        let room = self.held.len().div_ceil(self.nodes.len());
        for shard in 0..self.held.len() {
            if self.held[shard].is_some() {
                continue;
            }
            let near = self.near(shard);
            let open = (0..self.nodes.len()).filter(|&node| self.loads[node] < room);
            let best = open.min_by_key(|&node| {
                (near[node], self.loads[node], std::cmp::Reverse(weight(self.nodes[node], shard)))
            });
            self.held[shard] = best;
            self.loads.iter_mut().enumerate().filter(|(n, _)| Some(*n) == best).for_each(|(_, l)| *l += 1);
        }
    }

    /// Moves shards from the node that has most to the one that has least, until that is one apart.
    fn even_out(&mut self) {
        while self.most() > self.least() + 1 {
            let (most, least) = (self.most(), self.least());
            let find = |load| self.loads.iter().position(|&l| l == load).unwrap_or(0);
            let (from, to) = (find(most), find(least));
            let crowding = |shard| {
                let mut crowding = 0;
                self.neighbours(shard, |node, weight| {
                    if node == from {
                        crowding += weight as i64;
                    } else if node == to {
                        crowding -= weight as i64;
                    }
                });
                crowding
            };
            let best = (0..self.held.len())
                .filter(|&shard| self.held[shard] == Some(from))
                .max_by_key(|&s| (crowding(s), weight(self.nodes[to], s), s));
            let Some(shard) = best else { return };
            self.held[shard] = Some(to);
            self.loads[from] -= 1;
            self.loads[to] += 1;
        }
    }

    /// By node: how much of a shard's neighbourhood it holds. For a shard's own node and another, the difference is
    /// what moving it changes in the crowding of topics around it.
    fn near(&self, shard: usize) -> Vec<usize> {
        let mut near = vec![0; self.nodes.len()];
        self.neighbours(shard, |node, weight| near[node] += weight);
        near
    }

    /// The nodes that hold the shards around one, and how much each counts: nearer shards more.
    fn neighbours(&self, shard: usize, mut each: impl FnMut(usize, usize)) {
        let shards = self.held.len();
        for distance in 1..NEAR.min(shards) {
            // The shards are a ring: a topic's partitions go on at shard 0.
            for other in [shard + distance, shard + shards - distance] {
                let other = if other >= shards { other - shards } else { other };
                if let Some(node) = self.held[other] {
                    each(node, NEAR - distance);
                }
            }
        }
    }
}

/// How much a node wants a shard: rendezvous hashing.
fn weight(node: NodeId, shard: usize) -> u64 {
    let mut key = [0; 12];
    key[..4].copy_from_slice(&node.0.to_be_bytes());
    key[4..].copy_from_slice(&(shard as u64).to_be_bytes());
    xxh3_64(&key)
}

#[cfg(test)]
#[path = "balance_test.rs"]
mod tests;
