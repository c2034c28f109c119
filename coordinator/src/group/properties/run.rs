//! Runs events against a shard, and keeps what the invariants speak of.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::client::{CLIENTS, Client, clients};
use super::event::Event;
use super::invariants::{Before, delivery, history::History, offsets::Offsets, replies, state, timers};
use super::seen::Seen;
use crate::cluster::{Cluster, FORMAT_LEVEL, Format, Op};
use crate::group::classic::{Heartbeat, Leave};
use crate::group::driver::{CODEC, MS, commit_of};
use crate::group::offsets::{Commit, DeleteOffsets};
use crate::group::{Effect, Group, GroupId, Now, Reply, Request, Settings, Shard, Token, World};
use crate::{ClusterId, PartitionId, Shards, TopicId};

pub(super) type Groups = BTreeMap<GroupId, Group>;

/// What made the shard step.
#[derive(Clone, Copy)]
pub(super) enum Cause<'a> {
    Request(&'a GroupId, &'a Request),
    Tick,
    TopicsDeleted,
}

pub(super) struct Run {
    pub(super) shard: Shard,
    pub(super) now: Now,
    pub(super) cluster: Cluster,
    pub(super) settings: Settings,
    pub(super) names: [GroupId; 2],
    /// What all writes make, and what those make that are durable.
    pub(super) decided: Groups,
    pub(super) durable: Groups,
    held: VecDeque<Effect>,
    holding: bool,
    clients: Vec<Client>,
    /// Whose request a token is.
    asked: BTreeMap<Token, (usize, Request)>,
    /// Requests to which the shard owes a reply.
    pub(super) owed: BTreeSet<Token>,
    tokens: Token,
    pub(super) history: History,
    pub(super) offsets: Offsets,
    pub(super) delivered: delivery::Delivered,
    pub(super) seen: Seen,
}

impl Run {
    pub(super) fn new() -> Self {
        let shards = Shards::new(1).expect("a shard");
        let format = Format { cluster: ClusterId([9; 16]), shards, level: FORMAT_LEVEL };
        let mut cluster = Cluster::new(format);
        for n in [1, 2] {
            let (topic, name, overrides) = (TopicId([n; 16]), format!("t{n}"), BTreeMap::new());
            let op = Op::CreateTopic { topic, name, partitions: 2, replication_factor: 1, overrides };
            cluster.apply(cluster.next(), &[op]).expect("the next entry");
        }
        let settings = Settings {
            offsets_retention: Duration::from_secs(24 * 3600),
            offsets_retention_check: Duration::from_secs(3600),
            ..Settings::default()
        };
        Self {
            shard: Shard::default(),
            now: Now { since_start: Duration::from_secs(1000), wall: 1_700_000_000_000, is_settled: true },
            cluster,
            settings,
            names: ["g0".into(), "g1".into()],
            decided: Groups::new(),
            durable: Groups::new(),
            held: VecDeque::new(),
            holding: false,
            clients: clients(),
            asked: BTreeMap::new(),
            owed: BTreeSet::new(),
            tokens: 0,
            history: History::default(),
            offsets: Offsets::default(),
            delivered: delivery::Delivered::default(),
            seen: Seen::default(),
        }
    }

    pub(super) fn happen(&mut self, event: &Event) {
        match *event {
            Event::Join { who, restart, list, patience } => {
                if restart {
                    self.clients[who].member = "".into();
                }
                let fresh = format!("m{}", self.tokens + 1);
                let join = self.clients[who].join(&fresh, list, patience);
                self.ask(who, Request::Join(join));
            }
            Event::Sync { who, stale, leave_out } => {
                let sync = self.clients[who].sync(stale, leave_out);
                self.ask(who, Request::Sync(sync));
            }
            Event::Heartbeat { who, stale } => {
                let caller = self.clients[who].caller(stale);
                self.ask(who, Request::Heartbeat(Heartbeat { caller }));
            }
            Event::Leave { who, by_instance } => {
                let client = &self.clients[who];
                let id = if by_instance { "".into() } else { client.member.clone() };
                let members = vec![(id, client.instance.map(str::to_owned))];
                self.ask(who, Request::Leave(Leave { members }));
            }
            Event::Commit { who, member, stale, partition, offset, retention } => {
                let nobody = crate::group::driver::caller("", None, -1);
                let caller = if member { self.clients[who].caller(stale) } else { nobody };
                let commit = commit_of(caller, partition_of(partition), offset);
                let commit = Commit { retention_ms: retention.then_some(3_600_000), ..commit };
                self.ask(who, Request::Commit(commit));
            }
            Event::DeleteOffsets { group, partition } => {
                let partitions = vec![partition_of(partition)];
                self.ask(group * CLIENTS, Request::DeleteOffsets(DeleteOffsets { partitions }));
            }
            Event::Delete { group } => self.ask(group * CLIENTS, Request::Delete),
            Event::DeleteTopic { topic, told } => {
                let topic = TopicId([topic; 16]);
                let op = Op::DeleteTopic { topic };
                self.cluster.apply(self.cluster.next(), &[op]).expect("the next entry");
                if told {
                    self.step(Cause::TopicsDeleted, |shard, now, world, effects| {
                        shard.forget_topics(now, world, &[topic].into(), effects);
                    });
                }
            }
            Event::MaxSize(max) => self.settings.max_size = max,
            Event::Pass(time) => self.pass(time),
            Event::Live { group, clients, time } => self.live(group, clients, time),
            Event::Settle { group, clients } => self.settle(group, clients),
            Event::Ignore { group } => {
                let who = group * CLIENTS + 2;
                self.happen(&Event::Join { who, restart: true, list: 0, patience: 2 });
                self.live(group, !(1 << 2), Duration::from_secs(310));
            }
            Event::Hold => self.holding = true,
            Event::Deliver(count) => self.deliver(count),
            Event::Crash => self.crash(),
        }
    }

    fn live(&mut self, group: usize, clients: u8, time: Duration) {
        let until = self.now.since_start + time;
        while self.now.since_start < until {
            some(group, clients).for_each(|who| self.happen(&Event::Heartbeat { who, stale: false }));
            self.pass(Duration::from_secs(5));
        }
    }

    fn settle(&mut self, group: usize, clients: u8) {
        self.holding = false;
        self.deliver(usize::MAX);
        for _ in 0..2 {
            for who in some(group, clients) {
                self.happen(&Event::Join { who, restart: false, list: 0, patience: 1 });
            }
        }
        (0..3).for_each(|_| self.pass(Duration::from_secs(3)));
        for who in some(group, clients) {
            self.happen(&Event::Sync { who, stale: false, leave_out: false });
        }
    }

    fn ask(&mut self, who: usize, request: Request) {
        self.tokens += 1;
        let token = self.tokens;
        self.owed.insert(token);
        self.asked.insert(token, (who, request.clone()));
        let group = GroupId::clone(&self.names[self.clients[who].group]);
        self.step(Cause::Request(&group, &request), |shard, now, world, effects| {
            shard.request(now, world, (&group, token), request.clone(), effects);
        });
    }

    fn pass(&mut self, time: Duration) {
        let until = self.now.since_start + time;
        let mut ticks = 0;
        while let Some(at) = self.shard.next_tick().filter(|at| *at <= until) {
            assert!(at > self.now.since_start || ticks == 0, "a timer was set for now");
            self.set_time(at);
            self.step(Cause::Tick, |shard, now, world, effects| {
                shard.tick(now, world, usize::MAX, effects);
            });
            ticks += 1;
            assert!(
                ticks < 2 + time.as_millis() / MS.as_millis().max(1) && ticks < 2_000,
                "timers without end"
            );
        }
        self.set_time(until);
    }

    fn set_time(&mut self, at: Duration) {
        let at = at.max(self.now.since_start);
        self.now.wall += i64::try_from((at - self.now.since_start).as_millis()).expect("a short time");
        self.now.since_start = at;
    }

    fn step(&mut self, cause: Cause<'_>, act: impl FnOnce(&mut Shard, Now, &World<'_>, &mut Vec<Effect>)) {
        let before = Before::new(&self.shard);
        let settings = |_: &str| self.settings.clone();
        let world = World { cluster: &self.cluster, settings: &settings, consumer_protocol: CODEC };
        let mut effects = Vec::new();
        act(&mut self.shard, self.now, &world, &mut effects);
        self.seen.effects(&effects);
        replies::check(self, &effects);
        state::check(self, &before, &effects);
        timers::check(self);
        History::check(self, &before, cause, &effects);
        Offsets::check(self, &before, cause, &effects);
        self.held.extend(effects);
        if !self.holding {
            self.deliver(usize::MAX);
        }
    }

    fn deliver(&mut self, count: usize) {
        for _ in 0..count.min(self.held.len()) {
            match self.held.pop_front() {
                Some(Effect::Write { group, changes }) => {
                    Group::replay(&mut self.durable, &group, &changes);
                    delivery::written(self, &group, &changes);
                }
                Some(Effect::Reply { group, token, reply }) => {
                    let (who, request) = self.asked.remove(&token).expect("a request");
                    delivery::told(self, &group, &request, &reply);
                    self.hear(who, &reply);
                }
                None => {}
            }
        }
        self.holding &= !self.held.is_empty();
    }

    fn hear(&mut self, who: usize, reply: &Reply) {
        let client = &mut self.clients[who];
        match reply {
            Reply::Join(Ok(joined)) => client.hear_joined(joined),
            Reply::Join(Err(refused)) => client.hear_reject(&refused.reject, Some(&refused.member)),
            Reply::Sync(Err(reject)) | Reply::Done(Err(reject)) => client.hear_reject(reject, None),
            _ => {}
        }
    }

    fn crash(&mut self) {
        self.durable.values().for_each(|group| self.seen.crashed(group));
        self.held.clear();
        self.asked.clear();
        self.owed.clear();
        self.holding = false;
        self.decided = self.durable.clone();
        let groups = self.durable.iter().map(|(id, group)| (GroupId::clone(id), Arc::new(group.clone())));
        let settings = |_: &str| self.settings.clone();
        let world = World { cluster: &self.cluster, settings: &settings, consumer_protocol: CODEC };
        self.shard = Shard::new(groups.collect(), self.now, &world);
        let held = self.shard.groups().map(|(id, group)| (GroupId::clone(id), Group::clone(group)));
        assert_eq!(held.collect::<Groups>(), self.durable, "a new owner changes nothing by beginning");
        History::crashed(self);
        Offsets::crashed(self);
        let before = Before::new(&self.shard);
        state::check(self, &before, &[]);
        timers::check(self);
    }

    /// Requests that still wait are refused in the end.
    pub(super) fn end(mut self) {
        let mut effects = Vec::new();
        std::mem::take(&mut self.shard).end(&mut effects);
        replies::check(&mut self, &effects);
        assert!(self.owed.is_empty(), "{:?} were never answered", self.owed);
    }
}

fn partition_of(n: usize) -> PartitionId {
    PartitionId { topic: TopicId([1 + (n / 2) as u8; 16]), index: (n % 2) as i32 }
}

/// The clients of a group whose bits are set.
fn some(group: usize, clients: u8) -> impl Iterator<Item = usize> {
    (0..CLIENTS).filter(move |n| clients & (1 << n) != 0).map(move |n| group * CLIENTS + n)
}
