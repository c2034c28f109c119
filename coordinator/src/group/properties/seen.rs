//! What the random events got to: invariants say nothing of what never happened.

use std::collections::BTreeMap;

use crate::group::{ClassicState, Effect, Group, Reject, Reply};

/// How often each thing happened.
#[derive(Default)]
pub(super) struct Seen(BTreeMap<String, usize>);

/// What must have happened, besides every state.
const WANTED: [&str; 37] = [
    "join ok",
    "join ok, leads",
    "join ok, leads, skips",
    "join MemberIdRequired",
    "join UnknownMember",
    "join FencedInstance",
    "join InconsistentProtocol",
    "join GroupMaxSize",
    "join RebalanceInProgress",
    "sync ok",
    "sync UnknownMember",
    "sync FencedInstance",
    "sync IllegalGeneration",
    "sync RebalanceInProgress",
    "done ok",
    "done UnknownMember",
    "done FencedInstance",
    "done IllegalGeneration",
    "done RebalanceInProgress",
    "done NonEmptyGroup",
    "done GroupNotFound",
    "left ok",
    "left UnknownMember",
    "left FencedInstance",
    "offsets ok",
    "offsets UnknownMember",
    "offsets FencedInstance",
    "offsets IllegalGeneration",
    "offsets RebalanceInProgress",
    "offsets SubscribedToTopic",
    "offsets GroupNotFound",
    "removed: session",
    "removed: new",
    "removed: late",
    "removed: unsynced",
    "offset expired",
    "offset of no topic",
];

impl Seen {
    pub(super) fn note(&mut self, what: impl Into<String>) {
        *self.0.entry(what.into()).or_default() += 1;
    }

    pub(super) fn add(&mut self, other: &Self) {
        for (what, count) in &other.0 {
            *self.0.entry(what.clone()).or_default() += count;
        }
    }

    pub(super) fn effects(&mut self, effects: &[Effect]) {
        for effect in effects {
            if let Effect::Reply { reply, .. } = effect {
                self.reply(reply);
            }
        }
    }

    fn reply(&mut self, reply: &Reply) {
        let name = |reject: &Reject| {
            let debug = format!("{reject:?}");
            debug.split('(').next().unwrap_or_default().to_owned()
        };
        let of = |outcome: Option<&Reject>| outcome.map_or("ok".to_owned(), name);
        match reply {
            Reply::Join(Ok(joined)) => {
                let leads = if joined.leader == joined.member { ", leads" } else { "" };
                let skips = if joined.skip_assignment { ", skips" } else { "" };
                self.note(format!("join ok{leads}{skips}"));
            }
            Reply::Join(Err(refused)) => self.note(format!("join {}", of(Some(&refused.reject)))),
            Reply::Sync(outcome) => self.note(format!("sync {}", of(outcome.as_ref().err()))),
            // Nobody sends any.
            Reply::ConsumerHeartbeat(_)
            | Reply::ShareHeartbeat(_)
            | Reply::ShareTopics(_)
            | Reply::ShareGrant(_) => {}
            Reply::Done(outcome) => self.note(format!("done {}", of(outcome.as_ref().err()))),
            Reply::Left(outcome) | Reply::Offsets(outcome) => {
                let kind = if matches!(reply, Reply::Left(_)) { "left" } else { "offsets" };
                let first = outcome.as_ref().map(|parts| parts[0].as_ref().err());
                self.note(format!("{kind} {}", of(first.unwrap_or_else(Some))));
            }
        }
    }

    pub(super) fn crashed(&mut self, group: &Group) {
        let state: Option<ClassicState> = group.classic().map(|classic| classic.state);
        self.note(format!("crash: {:?}", state.unwrap_or_default()));
    }

    /// Fails unless everything happened.
    pub(super) fn check(&self) {
        let states = ["Empty", "PreparingRebalance", "CompletingRebalance", "Stable"];
        let wanted =
            WANTED.map(str::to_owned).into_iter().chain(states.map(|state| format!("crash: {state}")));
        let missing: Vec<_> = wanted.filter(|what| !self.0.contains_key(what)).collect();
        assert!(missing.is_empty(), "{missing:?} of {:#?}", self.0);
    }
}
