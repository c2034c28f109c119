//! A client of the consumer protocol, as the Java client behaves: it gives back before it takes, says everything
//! again when a reply is lost, and drops all it has when it is told that it is no member.

use std::collections::BTreeSet;

use super::classic::Step;
use super::run::Run;
use crate::group::consumer::lab::{Fate, at};
use crate::group::consumer::{ConsumerHeartbeat, HeartbeatReject};
use crate::group::state::{Assignment, MemberId};
use crate::group::{Reject, Reply, Request};

/// What clients may read: names, and an expression.
pub(super) const READS: [(&[&str], Option<&str>); 6] = [
    (&["a"], None),
    (&["a", "b"], None),
    (&["a", "b", "c1"], None),
    (&[], Some("c.*")),
    (&["a"], Some("c.*")),
    (&[], None),
];

pub(super) struct Client {
    pub(super) id: MemberId,
    pub(super) instance: Option<&'static str>,
    pub(super) assignor: Option<&'static str>,
    pub(super) classic: bool,
    /// Of a classic client: whether it keeps what it has while it joins again (KIP-429).
    pub(super) cooperative: bool,
    pub(super) reads: usize,
    pub(super) lazy: bool,
    pub(super) alive: bool,
    /// 0 while it is no member.
    pub(super) epoch: i32,
    pub(super) owned: Assignment,
    /// What it was told to have, if it has not looked at that yet.
    pub(super) given: Option<Assignment>,
    /// Whether the group has heard all that there is to say.
    pub(super) told: bool,
    /// Of a classic client: what it does next.
    pub(super) step: Step,
}

impl Client {
    pub(super) fn new(n: usize) -> Self {
        Self {
            id: "".into(),
            instance: [None, None, Some("i1"), None, Some("i2"), Some("i1")][n],
            assignor: [None, None, None, None, None, Some("range")][n],
            classic: n == 3 || n == 4,
            cooperative: n == 4,
            reads: [0, 4, 1, 0, 1, 2][n],
            lazy: false,
            alive: true,
            epoch: 0,
            owned: Assignment::new(),
            given: None,
            told: false,
            step: Step::Join,
        }
    }

    /// It is no member, or no longer.
    pub(super) fn lose(&mut self) {
        self.epoch = 0;
        self.owned.clear();
        self.given = None;
        self.told = false;
        self.step = Step::Join;
    }

    /// What it says. Whoever says everything is told everything, so that it forgets what it was told before: by
    /// what it says that it owns, the group may give the rest to others.
    fn heartbeat(&mut self) -> ConsumerHeartbeat {
        let (topics, regex) = READS[self.reads];
        let mut heartbeat =
            ConsumerHeartbeat { instance: self.instance.map(str::to_owned), ..at(&self.id, self.epoch) };
        if self.epoch == 0 || !self.told {
            heartbeat.rebalance_timeout_ms = Some(30_000);
            heartbeat.topics =
                Some(topics.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<String>>());
            heartbeat.regex = Some(regex.unwrap_or_default().to_owned());
            heartbeat.assignor = self.assignor.map(str::to_owned);
            heartbeat.owned = Some(self.owned.clone());
            self.given = None;
        }
        heartbeat
    }

    fn hear(&mut self, reply: Option<Reply>) {
        match reply {
            Some(Reply::ConsumerHeartbeat(Ok(beat))) => {
                self.epoch = beat.epoch;
                self.told = true;
                self.given = beat.assignment.or(self.given.take());
            }
            Some(Reply::ConsumerHeartbeat(Err(HeartbeatReject { reject, .. }))) => match reject {
                Reject::UnreleasedInstance | Reject::GroupNotFound(_) if self.epoch == 0 => {}
                Reject::UnknownMember
                | Reject::FencedMemberEpoch
                | Reject::FencedInstance
                | Reject::GroupNotFound(_) => self.lose(),
                reject => panic!("{} at {}: {reject:?}", self.id, self.epoch),
            },
            None => self.told = false,
            reply => panic!("{reply:?}"),
        }
    }
}

/// The next heartbeat of a client.
pub(super) fn act(run: &mut Run, who: usize, fate: Fate) {
    let fresh = run.fresh();
    let client = &mut run.clients[who];
    if client.id.is_empty() {
        client.id = fresh;
    }
    if !client.lazy
        && let Some(given) = client.given.take()
    {
        client.told = false;
        client.owned = given;
    }
    let heartbeat = client.heartbeat();
    let reply = run.ask(Request::ConsumerHeartbeat(heartbeat), fate).ok();
    run.clients[who].hear(reply);
}

/// A heartbeat of whose reply the client does not know.
pub(super) fn astray(run: &mut Run, who: usize, by: i32) {
    let client = &run.clients[who];
    // A member that says that it is away has given everything back.
    if client.classic || client.id.is_empty() || client.epoch + by == -2 {
        return;
    }
    let heartbeat = ConsumerHeartbeat {
        instance: client.instance.map(str::to_owned),
        ..at(&client.id, client.epoch + by)
    };
    drop(run.ask(Request::ConsumerHeartbeat(heartbeat), Fate::Done));
    run.clients[who].told = false;
}

/// A client gives up all that it has, and says that it goes.
pub(super) fn leave(run: &mut Run, who: usize, away: bool) {
    let client = &mut run.clients[who];
    let epoch = if away && client.instance.is_some() { -2 } else { -1 };
    let heartbeat =
        ConsumerHeartbeat { instance: client.instance.map(str::to_owned), ..at(&client.id, epoch) };
    client.lose();
    if !heartbeat.member.is_empty() {
        drop(run.ask(Request::ConsumerHeartbeat(heartbeat), Fate::Done));
    }
}
