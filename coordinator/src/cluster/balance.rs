//! Who should hold which shard: evenly, with as few moves as possible, and with the partitions of a topic
//! spread. A function of the cluster's state, so that every node comes to the same answer.
//!
//! Bounded-load rendezvous hashing (Mirrokni, Thorup, Zadimoghaddam, "Consistent Hashing with Bounded Loads",
//! 2016), made sticky: a shard stays where it is while its session may keep it and the numbers are even enough.
//! A topic's partitions lie in successive shards, so a session should not hold many shards close to each other:
//! that decides before the hash does.
//!
//! A session whose node no other one has reached yet at its address gets no shards: others could not pass anything on
//! to it, and would soon end it.

use std::collections::{BTreeMap, BTreeSet};

use xxhash_rust::xxh3::xxh3_64;

use super::{Cluster, Session};
use crate::{NodeId, SessionId, ShardId};

/// Shards nearer to each other than this are likely to hold partitions of one topic.
const NEAR: usize = 12;

impl Cluster {
    /// The sessions that may get shards, by node: of each node the newest open one, unless it is draining (if all are,
    /// it is all of them), and if it is reached. Where none is reached, it is those that hold shards, and where none
    /// does, all: some session must.
    pub fn takers(&self) -> Vec<&Session> {
        let mut takers = self.newest();
        if takers.iter().any(|s| s.reached) {
            takers.retain(|s| s.reached);
            return takers;
        }
        let holders = self.holders();
        if takers.iter().any(|s| holders.contains(&s.id)) {
            takers.retain(|s| holders.contains(&s.id));
        }
        takers
    }

    fn newest(&self) -> Vec<&Session> {
        let mut newest: Vec<&Session> = self.open_sessions().collect();
        newest.sort_by_key(|s| (s.node, std::cmp::Reverse(s.opened)));
        newest.dedup_by_key(|s| s.node);
        if newest.iter().any(|s| !s.draining) {
            newest.retain(|s| !s.draining);
        }
        newest
    }

    /// The sessions that shards are assigned to.
    fn holders(&self) -> BTreeSet<SessionId> {
        self.shards().all().filter_map(|shard| self.assigned(shard)).map(|grant| grant.session).collect()
    }

    /// Where every shard should be. Empty if no session may hold any. A session that is not reached gets none that
    /// another one holds, and keeps what it has, as far as that is even: the nodes may not reach each other, while
    /// clients reach them all.
    pub fn placement(&self) -> Vec<(ShardId, SessionId)> {
        let (mut sessions, takers) = (self.newest(), self.takers());
        let takes = |s: &Session| takers.iter().any(|taker| taker.id == s.id);
        if takers.len() < sessions.len() {
            let holders = self.holders();
            sessions.retain(|s| takes(s) || holders.contains(&s.id));
        }
        let nodes: Vec<Place> = sessions.iter().map(|s| Place { node: s.node, takes: takes(s) }).collect();
        let index: BTreeMap<SessionId, usize> = sessions.iter().map(|s| s.id).zip(0..).collect();
        let holder = |shard| index.get(&self.assigned(shard)?.session).copied();
        let held: Vec<Option<usize>> = self.shards().all().map(holder).collect();
        let mut placement = Placement::of(&nodes, held);
        placement.place_free();
        if takers.iter().all(|s| s.reached) {
            placement.settle();
        }
        self.shards()
            .all()
            .zip(placement.held)
            .filter_map(|(shard, at)| Some((shard, sessions[at?].id)))
            .collect()
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

/// How far numbers of shards may be from even before any are moved for it.
pub(super) fn slack(even: usize) -> usize {
    (even / 8).max(1)
}

/// A node that holds shards, or may get some.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) node: NodeId,
    /// Whether it may get more.
    pub(super) takes: bool,
}

/// Shards on nodes, while they are being placed.
pub(super) struct Placement<'a> {
    nodes: &'a [Place],
    /// By shard: the index of its node.
    pub(super) held: Vec<Option<usize>>,
    /// By node: how many shards it has.
    loads: Vec<usize>,
}

impl<'a> Placement<'a> {
    pub(super) fn of(nodes: &'a [Place], held: Vec<Option<usize>>) -> Self {
        let mut loads = vec![0; nodes.len()];
        held.iter().flatten().for_each(|&node| loads[node] += 1);
        Self { nodes, held, loads }
    }

    /// Evens out the numbers of shards, if they are too far apart.
    pub(super) fn settle(&mut self) {
        let Some(even) = self.held.len().checked_div(self.nodes.len()) else { return };
        let slack = slack(even);
        if self.most() > even + slack || self.least() + slack < even {
            self.even_out();
        }
    }

    fn most(&self) -> usize {
        self.loads.iter().copied().max().unwrap_or(0)
    }

    /// Of the nodes that may get more.
    fn least(&self) -> usize {
        self.takers().map(|taker| self.loads[taker]).min().unwrap_or(0)
    }

    fn takers(&self) -> impl Iterator<Item = usize> {
        (0..self.nodes.len()).filter(|&node| self.nodes[node].takes)
    }

    /// Gives every shard without a node to one that has room: where its neighbours are few.
    pub(super) fn place_free(&mut self) {
        let free = self.held.iter().filter(|node| node.is_none()).count();
        let taken: usize = self.takers().map(|taker| self.loads[taker]).sum();
        let room = (free + taken).div_ceil(self.takers().count().max(1));
        for shard in 0..self.held.len() {
            if self.held[shard].is_some() {
                continue;
            }
            let near = self.near(shard);
            let open = self.takers().filter(|&node| self.loads[node] < room);
            let best = open.min_by_key(|&node| {
                (near[node], self.loads[node], std::cmp::Reverse(weight(self.nodes[node].node, shard)))
            });
            self.held[shard] = best;
            self.loads.iter_mut().enumerate().filter(|(n, _)| Some(*n) == best).for_each(|(_, l)| *l += 1);
        }
    }

    /// Moves shards from the node that has most to the one that has least, until that is one apart.
    fn even_out(&mut self) {
        while self.most() > self.least() + 1 {
            let (most, least) = (self.most(), self.least());
            let from = self.loads.iter().position(|&load| load == most).unwrap_or(0);
            let Some(to) = self.takers().find(|&taker| self.loads[taker] == least) else { return };
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
                .max_by_key(|&s| (crowding(s), weight(self.nodes[to].node, s), s));
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
