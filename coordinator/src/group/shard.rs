//! The groups of one shard, stepped by requests and by time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::consumer::{self, bridge};
use super::consumer_protocol::ConsumerProtocol;
use super::index::Index;
use super::request::{Effect, Reject, Request, Token};
use super::settings::Settings;
use super::state::{Group, GroupId, Kind, MemberId};
use super::timer::{Timer, Timers};
use super::work::{Entry, Work};
use super::{classic, delete, offsets, share};
use crate::TopicId;
use crate::cluster::Cluster;

/// When a step happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// A clock that only goes forward, for timers.
    pub since_start: Duration,
    /// The wall clock (ms since 1970), for what is stored and for nothing else.
    pub wall: i64,
    /// Whether that is believed ([`crate::steady`]). What was stored does not expire while it is not.
    pub is_settled: bool,
}

/// What a step may look at besides its group.
pub struct World<'a> {
    /// Topics, and how many partitions they have.
    pub cluster: &'a Cluster,
    /// The settings that hold for a group.
    pub settings: &'a dyn Fn(&str) -> Settings,
    /// How to read what classic consumers say of themselves.
    pub consumer_protocol: ConsumerProtocol,
}

/// The groups of one shard.
#[derive(Debug, Default)]
pub struct Shard {
    pub(super) groups: BTreeMap<GroupId, Entry>,
    pub(super) timers: Timers,
    /// The number of the last step. What another shard with the same groups did before, by the same clock, has lower
    /// ones.
    steps: u64,
}

impl Shard {
    /// Begins with what earlier owners made durable. Every timer starts at full length.
    pub fn new(groups: BTreeMap<GroupId, Arc<Group>>, now: Now, world: &World<'_>) -> Self {
        let entry = |(id, group): (GroupId, Arc<Group>)| {
            let index = Index::of(&group);
            (id, Entry { group, exists: true, index, ..Entry::default() })
        };
        let groups = groups.into_iter().map(entry).collect();
        let mut shard = Self { groups, steps: nanoseconds(now), ..Self::default() };
        for (id, entry) in &mut shard.groups {
            let settings = (world.settings)(id);
            let mut work = Work::new((id, entry), shard.steps, now, world, &settings, &mut shard.timers);
            classic::begin(&mut work);
            consumer::begin(&mut work);
            share::begin(&mut work);
            // Nothing is decided by beginning: there is nothing to write and no request to answer.
            work.finish(&mut Vec::new());
        }
        shard
    }

    /// What is durable of each group, or about to be.
    pub fn groups(&self) -> impl Iterator<Item = (&GroupId, &Arc<Group>)> {
        self.groups.iter().filter(|(_, entry)| entry.exists).map(|(id, entry)| (id, &entry.group))
    }

    /// A group.
    pub fn group(&self, id: &str) -> Option<&Arc<Group>> {
        self.groups.get(id).filter(|entry| entry.exists).map(|entry| &entry.group)
    }

    /// When [`Shard::tick`] is due next, by [`Now::since_start`].
    pub fn next_tick(&self) -> Option<Duration> {
        self.timers.first()
    }

    /// Handles a request, whose reply may come in this step or in a later one.
    pub fn request(
        &mut self,
        now: Now,
        world: &World<'_>,
        (id, token): (&GroupId, Token),
        request: Request,
        effects: &mut Vec<Effect>,
    ) {
        self.step(now, world, id, effects, |work| match request {
            Request::Join(join) if bridge::joins(work, &join) => bridge::join(work, token, &join),
            Request::Join(join) => classic::join(work, token, &join),
            Request::Sync(sync) if work.group().consumer().is_some() => bridge::sync(work, token, &sync),
            Request::Sync(sync) => classic::sync(work, token, &sync),
            Request::Heartbeat(beat) if work.group().consumer().is_some() => {
                bridge::heartbeat(work, token, &beat)
            }
            Request::Heartbeat(heartbeat) => classic::heartbeat(work, token, &heartbeat),
            Request::Leave(leave) if work.group().consumer().is_some() => bridge::leave(work, token, &leave),
            Request::Leave(leave) => classic::leave(work, token, &leave),
            Request::ConsumerHeartbeat(heartbeat) => consumer::heartbeat(work, token, &heartbeat),
            Request::ShareHeartbeat(heartbeat) => share::heartbeat(work, token, &heartbeat),
            Request::ShareTopics(topics) => share::topics(work, token, &topics),
            Request::ShareGrant(wanted) => share::grant(work, token, &wanted),
            Request::Commit(commit) => offsets::commit(work, token, commit),
            Request::DeleteOffsets(delete) => offsets::delete(work, token, &delete),
            Request::Delete => delete::delete(work, token),
        });
    }

    /// Does what is due, but no more than `most` of it: [`Shard::next_tick`] is not later than now then. Answers how
    /// much that was.
    pub fn tick(&mut self, now: Now, world: &World<'_>, most: usize, effects: &mut Vec<Effect>) -> usize {
        let due = self.timers.due(now.since_start, most);
        let count = due.values().map(Vec::len).sum();
        for (id, timers) in due {
            let protocol = self.groups.get(&id).map(|entry| entry.group.kind());
            match protocol {
                Some(Kind::Consumer) => self.tick_members(now, world, (&id, &timers), consumer::due, effects),
                Some(Kind::Share) => self.tick_members(now, world, (&id, &timers), share::due, effects),
                Some(Kind::Classic) | None => {}
            }
            // What is left was not for a member of such a group.
            for timer in timers {
                if self.timers.take_due(&id, &timer, now.since_start) {
                    self.step(now, world, &id, effects, |work| due_alone(work, timer));
                }
            }
        }
        count
    }

    /// All members of a group that have been waited for long enough go in one step.
    fn tick_members(
        &mut self,
        now: Now,
        world: &World<'_>,
        (id, timers): (&GroupId, &[Timer]),
        go: fn(&mut Work<'_>, BTreeSet<MemberId>),
        effects: &mut Vec<Effect>,
    ) {
        if timers.iter().all(|timer| timer.member().is_none()) {
            return;
        }
        self.step(now, world, id, effects, |work| {
            let mut due = BTreeSet::new();
            for timer in timers {
                if let Some(member) = timer.member().filter(|_| work.take_due(timer)) {
                    due.insert(MemberId::clone(member));
                }
            }
            go(work, due);
        });
    }

    /// Forgets the offsets of topics that were deleted.
    pub fn forget_topics(
        &mut self,
        now: Now,
        world: &World<'_>,
        topics: &BTreeSet<TopicId>,
        effects: &mut Vec<Effect>,
    ) {
        let of = |entry: &Entry| offsets::topics_among(&entry.group, topics);
        let found = self.groups.iter().map(|(id, entry)| (GroupId::clone(id), of(entry)));
        let found: Vec<_> = found.filter(|(_, topics)| !topics.is_empty()).collect();
        for (id, topics) in found {
            self.step(now, world, &id, effects, |work| {
                topics.iter().for_each(|topic| offsets::forget_topic(work, *topic));
            });
        }
    }

    /// Ends the shard here: requests that wait are refused, to be sent to the group's next owner.
    pub fn end(self, effects: &mut Vec<Effect>) {
        for (id, entry) in self.groups {
            for (token, reply) in entry.classic.refuse(&Reject::NotCoordinator) {
                effects.push(Effect::Reply { group: GroupId::clone(&id), token, reply });
            }
        }
    }

    fn step(
        &mut self,
        now: Now,
        world: &World<'_>,
        id: &GroupId,
        effects: &mut Vec<Effect>,
        act: impl FnOnce(&mut Work<'_>),
    ) {
        self.steps = self.steps.saturating_add(1).max(nanoseconds(now));
        let entry = self.groups.entry(GroupId::clone(id)).or_default();
        let settings = (world.settings)(id);
        let mut work = Work::new((id, entry), self.steps, now, world, &settings, &mut self.timers);
        act(&mut work);
        work.finish(effects);
        if entry.is_nothing() {
            self.groups.remove(id);
            self.timers.cancel_all(id);
        }
    }
}

/// Does what one timer of a group is for, other than that of a member of a consumer or share group.
fn due_alone(work: &mut Work<'_>, timer: Timer) {
    match timer {
        Timer::Expiry => offsets::expire(work),
        Timer::Session(member) => classic::session_expired(work, &member),
        Timer::Pending(member) => classic::pending_expired(work, &member),
        Timer::Join => classic::join_expired(work),
        Timer::Sync => classic::sync_expired(work),
        // A classic group has no such timers: those of a consumer group end with it.
        Timer::Revoke(_) | Timer::Rejoin(_) | Timer::Resync(_) => {}
    }
}

fn nanoseconds(now: Now) -> u64 {
    u64::try_from(now.since_start.as_nanos()).unwrap_or(u64::MAX)
}
