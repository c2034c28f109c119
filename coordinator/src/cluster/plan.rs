//! Planning who holds which shard.

use std::collections::BTreeMap;

use super::{Cluster, Grant, HoldingEnd, MoveFrom, Op, REACHED_LEVEL, SessionState, ShardRun};
use crate::{SessionId, ShardId};

impl Cluster {
    /// The MOVEs that give every shard that is free to take (I4: assigned to no session, or to a closed or dead
    /// one) to an open session, spread as [`Cluster::placement`] says. None if no session is open.
    pub fn plan_takeover(&self) -> Vec<Op> {
        let free = |shard: &ShardId| {
            let holder = self.assigned(*shard).and_then(|g| self.session(g.session));
            holder.is_none_or(|s| s.state != SessionState::Open)
        };
        if !self.shards().all().any(|shard| free(&shard)) {
            return Vec::new();
        }
        self.plan_moves(self.placement().into_iter().filter(|(shard, _)| free(shard)), |grant| match grant {
            None => Some(MoveFrom::Nobody),
            Some(Grant { session, end: Some(HoldingEnd::Cut(cut)), .. }) => {
                Some(MoveFrom::Ended { session: *session, cut: *cut })
            }
            Some(_) => None,
        })
    }

    /// The MOVEs that a session proposes once its RELEASEs in the slot before `end` are acknowledged.
    pub fn plan_released(&self, from: SessionId, end: u64, to: &[(ShardId, SessionId)]) -> Vec<Op> {
        let from = |grant: Option<&Grant>| {
            let holds = grant.is_some_and(|g| g.session == from && g.end.is_none());
            holds.then_some(MoveFrom::Released { session: from, end })
        };
        self.plan_moves(to.iter().copied(), from)
    }

    /// What to propose where a session's node was reached, or has yet to be; none if that is no news, or if older
    /// builds may be in the cluster.
    pub fn plan_reached(&self, session: SessionId, reached: bool) -> Option<Op> {
        let s = self.session(session).filter(|s| s.state == SessionState::Open && s.reached != reached)?;
        (self.format.level >= REACHED_LEVEL).then_some(Op::Reached { session: s.id, reached })
    }

    /// MOVEs of shards, in order, to open sessions; `from` says how a shard's last holding ended, and `None`
    /// leaves it where it is.
    pub fn plan_moves(
        &self,
        shards: impl IntoIterator<Item = (ShardId, SessionId)>,
        from: impl Fn(Option<&Grant>) -> Option<MoveFrom>,
    ) -> Vec<Op> {
        let mut moves: BTreeMap<(MoveFrom, SessionId), Vec<ShardRun>> = BTreeMap::new();
        for (shard, to) in shards {
            let last = self.assigned(shard);
            let (Some(from), Some(taker)) = (from(last), self.session(to)) else { continue };
            let holder = last.and_then(|g| self.session(g.session));
            let same_process = holder.is_some_and(|s| s.process == taker.process);
            let leader_epoch = last.map_or(0, |g| g.leader_epoch + i32::from(!same_process));
            let from_epoch = last.map(|g| g.epoch);
            let runs = moves.entry((from, to)).or_default();
            match runs.last_mut() {
                Some(r)
                    if r.first + r.count == shard.0
                        && r.from_epoch == from_epoch
                        && r.leader_epoch == leader_epoch =>
                {
                    r.count += 1;
                }
                _ => runs.push(ShardRun { first: shard.0, count: 1, from_epoch, leader_epoch }),
            }
        }
        moves.into_iter().map(|((from, to), runs)| Op::Move { from, to, runs }).collect()
    }
}
