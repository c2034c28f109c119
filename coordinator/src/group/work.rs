//! One step of one group: what it sees, and what it does.

use std::sync::Arc;
use std::time::Duration;

use super::change::Change;
use super::index::Index;
use super::request::{Effect, Reply, Token};
use super::settings::Settings;
use super::shard::{Now, World};
use super::state::{Group, GroupId};
use super::timer::{Timer, Timers};
use super::{classic, consumer, offsets, share};

/// A group in memory.
#[derive(Debug, Default)]
pub(super) struct Entry {
    /// What is durable, or about to be. A checkpoint shares it until it changes.
    pub(super) group: Arc<Group>,
    /// Whether any change has made it durable: a group that was only asked for is forgotten again.
    pub(super) exists: bool,
    /// What is looked up of its members.
    pub(super) index: Index,
    /// What a new owner begins without: parked requests, pending members.
    pub(super) classic: classic::Soft,
    /// The same of a consumer group: what was last looked at.
    pub(super) consumer: consumer::Soft,
    /// The same of a share group.
    pub(super) share: share::Soft,
}

impl Entry {
    /// Whether clients may know of it: it is durable, or a client was given a member id.
    pub(super) fn is_known(&self) -> bool {
        !self.is_nothing()
    }

    /// Whether nothing is lost when it is forgotten.
    pub(super) fn is_nothing(&self) -> bool {
        !self.exists && self.classic.is_empty()
    }
}

/// A step under way. Changes go through [`Work::change`] alone.
pub(super) struct Work<'a> {
    pub(super) id: &'a GroupId,
    pub(super) entry: &'a mut Entry,
    /// The step's number in its shard: later ones have higher numbers.
    pub(super) number: u64,
    pub(super) now: Now,
    pub(super) world: &'a World<'a>,
    pub(super) settings: &'a Settings,
    timers: &'a mut Timers,
    changes: Vec<Change>,
    /// Where among the changes the header is.
    header: Option<usize>,
    replies: Vec<(Token, Reply)>,
}

impl<'a> Work<'a> {
    pub(super) fn new(
        (id, entry): (&'a GroupId, &'a mut Entry),
        number: u64,
        now: Now,
        world: &'a World<'a>,
        settings: &'a Settings,
        timers: &'a mut Timers,
    ) -> Self {
        Self {
            id,
            entry,
            number,
            now,
            world,
            settings,
            timers,
            changes: Vec::new(),
            header: None,
            replies: Vec::new(),
        }
    }

    /// The group as it is decided now.
    pub(super) fn group(&self) -> &Group {
        &self.entry.group
    }

    /// The look-ups of the group's members as they are decided now.
    pub(super) fn index(&self) -> &Index {
        &self.entry.index
    }

    /// Decides a change.
    pub(super) fn change(&mut self, change: Change) {
        let Entry { group, index, exists, .. } = &mut *self.entry;
        *exists = change != Change::Deleted;
        match &change {
            Change::Member(id, member) => index.replace(id, group.members.get(&**id), member.as_ref()),
            Change::Progress(id, progress) => {
                if let Some(member) = group.consumer_member(id) {
                    index.progress(member, progress);
                }
            }
            Change::Deleted => *index = Index::default(),
            Change::Header { .. } | Change::Target(..) | Change::Offset(..) => {}
        }
        Arc::make_mut(group).apply(&change);
        // A step is durable as a whole, so of several headers the last one is all that counts.
        match (&change, self.header.and_then(|at| self.changes.get_mut(at))) {
            (Change::Header { .. }, Some(earlier)) => *earlier = change,
            (Change::Header { .. }, None) => {
                self.header = Some(self.changes.len());
                self.changes.push(change);
            }
            _ => self.changes.push(change),
        }
    }

    /// Answers a request, this one or one that was parked.
    pub(super) fn reply(&mut self, token: Token, reply: Reply) {
        self.replies.push((token, reply));
    }

    /// Sets a timer, or sets it anew, for at least a millisecond from now: so a tick ends.
    pub(super) fn set(&mut self, timer: Timer, after: Duration) {
        let after = after.max(Duration::from_millis(1));
        self.timers.set(self.id, timer, self.now.since_start + after);
    }

    /// Forgets a timer.
    pub(super) fn cancel(&mut self, timer: &Timer) {
        self.timers.cancel(self.id, timer);
    }

    /// Forgets every timer of the group.
    pub(super) fn cancel_all(&mut self) {
        self.timers.cancel_all(self.id);
    }

    /// Whether a timer is due, which is then no longer set.
    pub(super) fn take_due(&mut self, timer: &Timer) -> bool {
        self.timers.take_due(self.id, timer, self.now.since_start)
    }

    /// Whether a timer is set.
    pub(super) fn is_set(&self, timer: &Timer) -> bool {
        self.timers.is_set(self.id, timer)
    }

    /// Ends the step: first what must be durable, then the replies that may leave once it is.
    pub(super) fn finish(mut self, effects: &mut Vec<Effect>) {
        offsets::plan_expiry(&mut self);
        let group = self.id;
        if !self.changes.is_empty() {
            effects.push(Effect::Write { group: GroupId::clone(group), changes: self.changes.into() });
        }
        let reply = |(token, reply)| Effect::Reply { group: GroupId::clone(group), token, reply };
        effects.extend(self.replies.into_iter().map(reply));
    }
}
