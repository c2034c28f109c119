//! Lets events happen to a group, and looks at it after each step.

use std::collections::BTreeSet;

use super::client::Client;
use super::event::{CLIENTS, Event};
use super::invariants::{self, Cause};
use super::{classic, client};
use crate::group::consumer::lab::{Fate, GROUP, Lab, SECOND, commit_of};
use crate::group::state::{Group, MemberId};
use crate::group::{Migration, Reply, Request, Token};

const TOPICS: [&str; 4] = ["a", "b", "c1", "c2"];

pub(super) struct Run {
    pub(super) lab: Lab,
    pub(super) clients: Vec<Client>,
    /// What has happened, of what is wanted to.
    pub(super) reached: BTreeSet<&'static str>,
    fresh: u32,
}

impl Run {
    pub(super) fn new() -> Self {
        let mut lab = Lab::new(&[("a", 3), ("c1", 2)]);
        lab.settings.offsets_retention = SECOND * 60;
        lab.settings.offsets_retention_check = SECOND * 10;
        let clients = (0..CLIENTS).map(Client::new).collect();
        Self { lab, clients, reached: BTreeSet::new(), fresh: 0 }
    }

    pub(super) fn fresh(&mut self) -> MemberId {
        self.fresh += 1;
        // In an order that has nothing to do with when.
        format!("m{:03}", self.fresh * 37 % 1000).into()
    }

    pub(super) fn written(&self) -> Option<&Group> {
        self.lab.written.get(GROUP)
    }

    /// Sends a request; answers the reply, or the token if there is none yet.
    pub(super) fn ask(&mut self, request: Request, fate: Fate) -> Result<Reply, Token> {
        let before = self.written().cloned();
        let cause = Cause::of(&request);
        self.lab.fate = fate;
        let token = self.lab.send(request);
        match fate {
            Fate::Done => {}
            Fate::WriteLost => self.crashed("write lost"),
            Fate::ReplyLost => self.crashed("reply lost"),
        }
        let reply = self.lab.replies.remove(&token);
        self.check(before.as_ref(), cause);
        reply.ok_or(token)
    }

    /// Whoever waits for a reply asks again.
    fn crashed(&mut self, how: &'static str) {
        self.reached.insert(how);
        for client in &mut self.clients {
            if let classic::Step::Wait(token) = client.step
                && !self.lab.replies.contains_key(&token)
            {
                client.step = classic::Step::Join;
            }
        }
    }

    fn check(&mut self, before: Option<&Group>, cause: Cause) {
        let reached = invariants::check(self, before, cause);
        self.reached.extend(reached);
    }

    pub(super) fn act(&mut self, who: usize, fate: Fate) {
        if !self.clients[who].alive {
            return;
        }
        if self.clients[who].classic {
            classic::act(self, who, fate);
        } else {
            client::act(self, who, fate);
        }
    }

    pub(super) fn pass(&mut self, seconds: u32) {
        let until = self.lab.now.since_start + SECOND * seconds;
        while let Some(at) = self.lab.shard.next_tick().filter(|at| *at <= until) {
            let before = self.written().cloned();
            self.lab.pass(at.saturating_sub(self.lab.now.since_start));
            self.check(before.as_ref(), Cause::Time);
        }
        self.lab.pass(until - self.lab.now.since_start);
    }

    pub(super) fn happen(&mut self, event: &Event) {
        match *event {
            Event::Act { who, fate } => self.act(who, fate),
            Event::Live { who, rounds } => {
                for _ in 0..rounds {
                    self.act(who, Fate::Done);
                    self.pass(1);
                }
            }
            Event::Astray { who, by } => client::astray(self, who, by),
            Event::Leave { who, .. } if self.clients[who].classic => classic::leave(self, who),
            Event::Leave { who, away } => client::leave(self, who, away),
            Event::Restart { who, classic } => {
                let client = &mut self.clients[who];
                client.lose();
                client.id = "".into();
                client.classic = classic;
                if client.instance.is_some() {
                    self.reached.insert("came back");
                }
            }
            Event::Reads { who, what } => {
                let client = &mut self.clients[who];
                client.reads = what;
                client.told = false;
                if client.classic && matches!(client.step, classic::Step::Heartbeat) {
                    client.step = classic::Step::Join;
                }
            }
            Event::Lazy { who, lazy } => self.clients[who].lazy = lazy,
            Event::Alive { who, alive } => self.clients[who].alive = alive,
            Event::Commit { who, topic, index, by, fate } => {
                let client = &self.clients[who];
                if let Some(topic) = self.lab.cluster.topic_named(TOPICS[topic]).map(|topic| topic.id) {
                    let commit = commit_of(&client.id, client.epoch + by, topic, index);
                    drop(self.ask(Request::Commit(commit), fate));
                }
            }
            Event::Pass { seconds } => self.pass(seconds),
            Event::Create { topic, partitions } => {
                if self.lab.cluster.topic_named(TOPICS[topic]).is_none() {
                    self.lab.create(TOPICS[topic], partitions);
                }
            }
            Event::DeleteTopic { topic } => {
                if self.lab.cluster.topic_named(TOPICS[topic]).is_some() {
                    self.lab.delete(TOPICS[topic]);
                }
            }
            Event::Grow { topic } => {
                if let Some(topic) = self.lab.cluster.topic_named(TOPICS[topic]).cloned() {
                    self.lab.grow(&topic.name, topic.partitions + 1);
                }
            }
            Event::DeleteGroup => drop(self.ask(Request::Delete, Fate::Done)),
            Event::Crash => {
                self.lab.crash();
                self.crashed("crash");
            }
            Event::Migration(policy) => self.lab.settings.consumer_migration = policy,
        }
    }

    /// Everything is allowed that is by default.
    pub(super) fn allow_all(&mut self) {
        self.lab.settings.consumer_migration = Migration::Bidirectional;
    }
}
