//! The share partitions of one shard, stepped by requests and by time.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use super::change::Change;
use super::part::{NextFetch, Part};
use super::request::{Effect, Reject, Reply, Request, Token};
use super::settings::Settings;
use super::state::{SharePartitionId, State};
use crate::group::GroupId;
use crate::{PartitionId, TopicId};

/// The share partitions of one shard.
#[derive(Debug, Default)]
pub struct Shard {
    parts: BTreeMap<SharePartitionId, Part>,
    due: BTreeSet<(Duration, SharePartitionId)>,
}

impl Shard {
    /// Begins with what earlier owners made durable. What was acquired with them is available now.
    pub fn new(parts: BTreeMap<SharePartitionId, Arc<State>>) -> Self {
        let parts = parts.into_iter().map(|(id, state)| (id, Part::new(state))).collect();
        Self { parts, due: BTreeSet::new() }
    }

    /// What is durable of each share partition, or about to be.
    pub fn parts(&self) -> impl Iterator<Item = (&SharePartitionId, &Arc<State>)> {
        self.parts.iter().map(|(id, part)| (id, &part.state))
    }

    /// What is durable of a share partition, or about to be.
    pub fn part(&self, id: &SharePartitionId) -> Option<&Arc<State>> {
        self.parts.get(id).map(|part| &part.state)
    }

    /// The share partitions of a group.
    pub fn of_group(&self, group: &GroupId) -> impl Iterator<Item = &SharePartitionId> {
        let first = SharePartitionId {
            group: GroupId::clone(group),
            partition: PartitionId { topic: TopicId([0; 16]), index: i32::MIN },
        };
        let from = self.parts.range((Bound::Included(first), Bound::Unbounded)).map(|(id, _)| id);
        from.take_while(move |id| id.group == *group)
    }

    /// Forgets share partitions whose topics were deleted. Nothing is written: the topics' deletion is.
    pub fn forget(&mut self, gone: impl Fn(&SharePartitionId) -> bool) {
        self.parts.retain(|id, _| !gone(id));
        self.due.retain(|(_, id)| !gone(id));
    }

    /// When [`Shard::tick`] is due next.
    pub fn next_tick(&self) -> Option<Duration> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Where a share partition is to be read next, of which the log begins at `log_start`.
    pub fn next_fetch(&mut self, settings: &Settings, id: &SharePartitionId, log_start: i64) -> NextFetch {
        let Some(part) = self.parts.get_mut(id) else { return NextFetch::NotBegun };
        match part.next_fetch(settings) {
            // What lies before the log's start is settled by the next request.
            NextFetch::At(offset) => NextFetch::At(offset.max(log_start)),
            NextFetch::Full if log_start > part.begin => NextFetch::At(part.end.max(log_start)),
            other => other,
        }
    }

    /// Handles a request, and answers it in the same step. Records before `log_start` are not in the log.
    pub fn request(
        &mut self,
        (now, log_start): (Duration, i64),
        settings: &Settings,
        (id, token): (&SharePartitionId, Token),
        request: Request,
        effects: &mut Vec<Effect>,
    ) {
        let mut step = Step { part: self.parts.remove(id), changes: Vec::new(), wake: false };
        let due = step.due();
        step.advance(log_start);
        let reply = step.handle(now, settings, request);
        let Step { part, changes, wake } = step;
        self.keep(id, due, part);
        end_step(id, changes, wake, effects);
        effects.push(Effect::Reply { id: id.clone(), token, reply });
    }

    /// Releases records whose acquisition lock has expired.
    pub fn tick(&mut self, now: Duration, settings: &dyn Fn(&str) -> Settings, effects: &mut Vec<Effect>) {
        while let Some((at, id)) = self.due.first().filter(|(at, _)| *at <= now).cloned() {
            let mut step = Step { part: self.parts.remove(&id), changes: Vec::new(), wake: false };
            if let Some(part) = &mut step.part {
                let changes = part.expire(now, &settings(&id.group));
                step.change(changes);
            }
            let Step { part, changes, wake } = step;
            self.keep(&id, Some(at), part);
            end_step(&id, changes, wake, effects);
        }
    }

    /// A share partition with all that is soft of it.
    #[cfg(test)]
    pub(super) fn look(&self, id: &SharePartitionId) -> &Part {
        &self.parts[id]
    }

    fn keep(&mut self, id: &SharePartitionId, due: Option<Duration>, part: Option<Part>) {
        let now_due = part.as_ref().and_then(|part| part.due);
        if due != now_due {
            due.map(|at| self.due.remove(&(at, id.clone())));
            now_due.map(|at| self.due.insert((at, id.clone())));
        }
        if let Some(part) = part {
            self.parts.insert(id.clone(), part);
        }
    }
}

/// A step of one share partition.
struct Step {
    part: Option<Part>,
    changes: Vec<Change>,
    wake: bool,
}

impl Step {
    fn due(&self) -> Option<Duration> {
        self.part.as_ref().and_then(|part| part.due)
    }

    /// The log begins at `log_start`.
    fn advance(&mut self, log_start: i64) {
        if self.part.as_ref().is_some_and(|part| log_start > part.begin) {
            self.change(vec![Change::Start(log_start)]);
        }
    }

    fn change(&mut self, changes: Vec<Change>) {
        for change in changes {
            let part = self.part.get_or_insert_with(|| Part::new(Arc::default()));
            part.change(&change);
            self.wake = true;
            if change == Change::Deleted {
                self.part = None;
            }
            self.changes.push(change);
        }
    }

    fn handle(&mut self, now: Duration, settings: &Settings, request: Request) -> Reply {
        const NOT_BEGUN: Reject = Reject::InvalidRecordState("The share partition has no records in flight.");
        match (request, &mut self.part) {
            (Request::Begin(start), None) => self.change(vec![Change::Begin { epoch: 0, start }]),
            (Request::Begin(_), Some(_)) => {}
            (Request::Acquire(wanted), Some(part)) => {
                return Reply::Acquired(part.acquire(now, settings, &wanted));
            }
            (Request::Acquire(_), None) => return Reply::Acquired(Vec::new()),
            (Request::Acknowledge(said), Some(part)) => match part.acknowledge(now, settings, &said) {
                Ok(changes) => self.change(changes),
                Err(reject) => return Reply::Done(Err(reject)),
            },
            (Request::Acknowledge(_), None) => return Reply::Done(Err(NOT_BEGUN)),
            (Request::Release(member), Some(part)) => {
                let changes = part.release(now, settings, &member);
                self.change(changes);
            }
            (Request::Alter { epoch, start }, _) => self.change(vec![Change::Begin { epoch, start }]),
            (Request::Delete, Some(_)) => self.change(vec![Change::Deleted]),
            (Request::Release(_) | Request::Delete, None) => {}
        }
        Reply::Done(Ok(()))
    }
}

fn end_step(id: &SharePartitionId, changes: Vec<Change>, wake: bool, effects: &mut Vec<Effect>) {
    if !changes.is_empty() {
        effects.push(Effect::Write { id: id.clone(), changes: changes.into() });
    }
    if wake {
        effects.push(Effect::Wake(id.clone()));
    }
}

#[cfg(test)]
#[path = "shard_test.rs"]
mod tests;
