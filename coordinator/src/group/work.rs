//! One step of one group: what it sees, and what it does.

use std::sync::Arc;
use std::time::Duration;

use super::change::Change;
use super::classic;
use super::request::{Effect, Reply, Token};
use super::settings::Settings;
use super::shard::{Now, World};
use super::state::{Group, GroupId};
use super::timer::{Timer, Timers};

/// A group in memory.
#[derive(Debug, Default)]
pub(super) struct Entry {
    /// What is durable, or about to be. A checkpoint shares it until it changes.
    pub(super) group: Arc<Group>,
    /// Whether any change has made it durable: a group that was only asked for is forgotten again.
    pub(super) exists: bool,
    /// What a new owner begins without: parked requests, pending members.
    pub(super) classic: classic::Soft,
}

impl Entry {
    /// Whether nothing is lost when it is forgotten.
    pub(super) fn is_nothing(&self) -> bool {
        !self.exists && self.classic.is_empty()
    }
}

/// A step under way. Changes go through [`Work::change`] alone.
pub(super) struct Work<'a> {
    pub(super) id: &'a GroupId,
    pub(super) entry: &'a mut Entry,
    pub(super) now: Now,
    pub(super) world: &'a World<'a>,
    pub(super) settings: &'a Settings,
    timers: &'a mut Timers,
    changes: Vec<Change>,
    replies: Vec<(Token, Reply)>,
}

impl<'a> Work<'a> {
    pub(super) fn new(
        id: &'a GroupId,
        entry: &'a mut Entry,
        now: Now,
        world: &'a World<'a>,
        settings: &'a Settings,
        timers: &'a mut Timers,
    ) -> Self {
        Self { id, entry, now, world, settings, timers, changes: Vec::new(), replies: Vec::new() }
    }

    /// The group as decided so far.
    pub(super) fn group(&self) -> &Group {
        &self.entry.group
    }

    /// Decides a change.
    pub(super) fn change(&mut self, change: Change) {
        self.entry.exists = change != Change::Deleted;
        Arc::make_mut(&mut self.entry.group).apply(&change);
        self.changes.push(change);
    }

    /// Answers a request, this one or one that was parked.
    pub(super) fn reply(&mut self, token: Token, reply: Reply) {
        self.replies.push((token, reply));
    }

    /// Sets a timer, or sets it anew.
    pub(super) fn set(&mut self, timer: Timer, after: Duration) {
        self.timers.set(self.id, timer, self.now.since_start + after);
    }

    /// Forgets a timer.
    pub(super) fn cancel(&mut self, timer: &Timer) {
        self.timers.cancel(self.id, timer);
    }

    /// Whether a timer is set.
    pub(super) fn is_set(&self, timer: &Timer) -> bool {
        self.timers.is_set(self.id, timer)
    }

    /// Ends the step: first what must be durable, then what may be told once it is.
    pub(super) fn finish(self, effects: &mut Vec<Effect>) {
        let group = self.id;
        if !self.changes.is_empty() {
            effects.push(Effect::Write { group: GroupId::clone(group), changes: self.changes.into() });
        }
        let reply = |(token, reply)| Effect::Reply { group: GroupId::clone(group), token, reply };
        effects.extend(self.replies.into_iter().map(reply));
    }
}
