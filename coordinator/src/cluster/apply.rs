//! Applying an entry.

use std::collections::BTreeSet;
use std::sync::Arc;

use thiserror::Error;

use super::{
    Cluster, FORMAT_LEVEL, Grant, HoldingEnd, MoveFrom, Op, Session, SessionEnd, SessionState, ShardRun,
    config,
};
use crate::{Epoch, SessionId, topic::Topic, topic::config::ConfigError, topic::config::TopicConfig};

/// What became of one op.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It changed the state.
    Applied,
    /// What it presumed no longer held.
    Void,
}

/// Why an entry can't be applied at all. The node must stop: it does not understand its cluster.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ApplyError {
    /// The entry is not the next one.
    #[error("metadata entry {found} where {expected} must come")]
    NotNext {
        /// What came.
        found: Epoch,
        /// What had to.
        expected: Epoch,
    },
    /// A newer build wrote it.
    #[error(
        "the cluster's format level is {0}, and this build reads up to {FORMAT_LEVEL}: use a newer build"
    )]
    NewerLevel(u16),
    /// A newer build wrote settings. To go on without them would be another state than the other nodes have.
    #[error("settings are not known to this build, use a newer one: {0}")]
    NewerSetting(#[from] ConfigError),
}

impl Cluster {
    /// Applies entry `k`; one outcome for each op. If it fails, nothing has changed.
    pub fn apply(&mut self, k: Epoch, ops: &[Op]) -> Result<Vec<Outcome>, ApplyError> {
        if k != self.next {
            return Err(ApplyError::NotNext { found: k, expected: self.next });
        }
        for op in ops {
            match op {
                Op::CreateTopic { overrides, .. } => TopicConfig::read(overrides).map(|_| ())?,
                Op::AlterConfig { resource, changes } => {
                    for (name, value) in changes.iter().filter_map(|(name, v)| Some((name, v.as_ref()?))) {
                        config::check(resource, name, value)?;
                    }
                }
                _ => {}
            }
        }
        let outcomes = ops.iter().map(|op| self.apply_op(k, op)).collect();
        self.next = Epoch(k.0 + 1);
        Ok(outcomes)
    }

    fn apply_op(&mut self, k: Epoch, op: &Op) -> Outcome {
        let holds = match op {
            Op::Open { .. } => self.open(k, op),
            Op::Dead { session, end } => self.end(*session, *end, SessionState::Dead(*end)),
            Op::Closed { session, end } => self.end(*session, *end, SessionState::Closed(*end)),
            Op::Move { from, to, runs } => self.move_shards(k, *from, *to, runs),
            Op::CreateTopic { .. } => self.create_topic(op),
            Op::DeleteTopic { topic } => Arc::make_mut(&mut self.topics).remove(*topic),
            Op::CreatePartitions { topic, partitions } => {
                Arc::make_mut(&mut self.topics).grow(*topic, *partitions)
            }
            Op::AlterConfig { resource, changes } => self.alter_config(resource, changes),
            Op::ProducerBlock { session } => self.is_open(*session),
            Op::Suspect { session } => self.change(*session, |s| {
                let news = s.suspected.is_none();
                s.suspected.get_or_insert(k);
                news
            }),
            Op::Alive { session } => self.change(*session, |s| s.suspected.take().is_some()),
            Op::Drain { session, draining } => {
                self.change(*session, |s| std::mem::replace(&mut s.draining, *draining) != *draining)
            }
            Op::Reached { session, reached } => {
                self.change(*session, |s| std::mem::replace(&mut s.reached, *reached) != *reached)
            }
        };
        if holds { Outcome::Applied } else { Outcome::Void }
    }

    /// Changes an open session; `change` says whether it did.
    fn change(&mut self, session: SessionId, change: impl FnOnce(&mut Session) -> bool) -> bool {
        self.is_open(session) && self.sessions.get_mut(&session).is_some_and(change)
    }

    fn is_open(&self, session: SessionId) -> bool {
        self.session(session).is_some_and(|s| s.state == SessionState::Open)
    }

    fn open(&mut self, k: Epoch, op: &Op) -> bool {
        let Op::Open { session, process, node, rack, addresses } = op else { return false };
        let node = (*node).or(self.node_of(*process)).unwrap_or(crate::NodeId(k.0 as i32));
        let taken = self.open_sessions().any(|s| s.node == node && s.process != *process);
        if taken || self.sessions.contains_key(session) {
            return false;
        }
        let opened = Session {
            id: *session,
            process: *process,
            node,
            rack: rack.clone(),
            addresses: addresses.clone(),
            opened: k,
            state: SessionState::Open,
            suspected: None,
            draining: false,
            reached: true,
        };
        self.sessions.insert(*session, opened);
        true
    }

    /// Ends a session, and with it every holding of its shards. What a checkpoint covers is forgotten.
    fn end(&mut self, session: SessionId, end: SessionEnd, state: SessionState) -> bool {
        if !self.is_open(session) {
            return false;
        }
        if let Some(s) = self.sessions.get_mut(&session) {
            s.state = state;
        }
        for grants in &mut self.grants {
            if !grants.last().is_some_and(|g| g.session == session && g.end.is_none()) {
                continue;
            }
            let grants = Arc::make_mut(grants);
            let Some(last) = grants.last_mut() else { continue };
            last.end = Some(HoldingEnd::Cut(end.cut));
            if end.checkpoint.is_some_and(|c| last.epoch < c.as_of) {
                grants.drain(..grants.len() - 1);
            }
        }
        self.forget_sessions();
        true
    }

    /// Drops the closed and dead sessions that no holding names. Open ones stay.
    fn forget_sessions(&mut self) {
        let named: BTreeSet<_> = self.grants.iter().flat_map(|g| g.iter()).map(|g| g.session).collect();
        self.sessions.retain(|id, s| s.state == SessionState::Open || named.contains(id));
    }

    fn move_shards(&mut self, k: Epoch, from: MoveFrom, to: SessionId, runs: &[ShardRun]) -> bool {
        let releases = matches!(from, MoveFrom::Released { session, .. } if self.is_open(session));
        if !self.is_open(to) {
            return false;
        }
        let mut moved = false;
        for run in runs {
            let shards = run.first as usize..run.first.saturating_add(run.count) as usize;
            let Some(shards) = self.grants.get_mut(shards) else { continue };
            for grants in shards {
                let presumed = match (grants.last(), from) {
                    (None, MoveFrom::Nobody) => true,
                    (Some(last), MoveFrom::Ended { session, cut }) => {
                        let assigned = last.session == session && Some(last.epoch) == run.from_epoch;
                        assigned && last.end == Some(HoldingEnd::Cut(cut))
                    }
                    (Some(last), MoveFrom::Released { session, .. }) => {
                        releases && last.session == session && Some(last.epoch) == run.from_epoch
                    }
                    _ => false,
                };
                if !presumed {
                    continue;
                }
                let grants = Arc::make_mut(grants);
                if let MoveFrom::Released { end, .. } = from {
                    // The RELEASE holds what came before.
                    grants.drain(..grants.len() - 1);
                    grants.iter_mut().for_each(|g| g.end = Some(HoldingEnd::Released(end)));
                }
                grants.push(Grant { epoch: k, session: to, leader_epoch: run.leader_epoch, end: None });
                moved = true;
            }
        }
        if moved && releases {
            self.forget_sessions();
        }
        moved
    }

    fn create_topic(&mut self, op: &Op) -> bool {
        let Op::CreateTopic { topic, name, partitions, replication_factor, overrides } = op else {
            return false;
        };
        let Ok(config) = self.topic_config(overrides) else { return false };
        let created = Topic {
            id: *topic,
            name: name.clone(),
            partitions: *partitions,
            replication_factor: *replication_factor,
            overrides: overrides.clone(),
            config,
        };
        Arc::make_mut(&mut self.topics).insert(created)
    }
}
