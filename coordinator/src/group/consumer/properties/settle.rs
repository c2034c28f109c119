//! When nothing more happens, everyone gets to its target (KIP-848, "Rebalance Process").

use std::collections::BTreeSet;

use super::run::Run;
use crate::group::consumer::ConsumerState;
use crate::group::consumer::lab::Fate;
use crate::group::{Kind, MemberId};

/// Rounds of five seconds: a session of those who are gone, a rebalance timeout, and some for everyone else.
const ROUNDS: usize = 40;

impl Run {
    /// Lets the clients that live do what they have to do until nothing changes.
    pub(super) fn settle(&mut self) {
        self.allow_all();
        self.clients.iter_mut().for_each(|client| client.lazy = false);
        // The other one with this instance id.
        self.clients[5].alive = false;
        let mut quiet = 0;
        for _ in 0..ROUNDS {
            if quiet == 4 {
                return self.settled();
            }
            quiet = if self.round() { 0 } else { quiet + 1 };
        }
        panic!("nothing settles: {:#?}", self.written());
    }

    /// Whether anything changes in a round.
    fn round(&mut self) -> bool {
        let before = self.lab.written.clone();
        for who in 0..self.clients.len() {
            self.act(who, Fate::Done);
        }
        self.pass(2);
        for who in (0..self.clients.len()).filter(|&who| self.clients[who].classic).collect::<Vec<_>>() {
            self.act(who, Fate::Done);
            self.act(who, Fate::Done);
        }
        self.pass(3);
        self.lab.written != before || !self.everyone_is_there()
    }

    fn everyone_is_there(&self) -> bool {
        let members: BTreeSet<&MemberId> =
            self.written().into_iter().flat_map(|group| group.members.keys()).collect();
        let living: BTreeSet<&MemberId> = self.clients.iter().filter(|c| c.alive).map(|c| &c.id).collect();
        members == living && self.clients.iter().all(|client| !client.alive || client.epoch > 0)
    }

    fn settled(&mut self) {
        let Some(group) = self.written().cloned() else {
            return assert!(self.clients.iter().all(|client| !client.alive));
        };
        if group.kind() == Kind::Classic {
            self.reached.insert("settled as a classic group");
            return assert!(self.clients.iter().all(|client| client.classic || !client.alive));
        }
        if group.members.is_empty() {
            return;
        }
        self.reached.insert("settled as a consumer group");
        if self.clients.iter().any(|client| client.alive && client.classic) {
            self.reached.insert("settled mixed");
        }
        assert_eq!(group.consumer_state(), Some(ConsumerState::Stable), "{group:#?}");
        let mut owned = BTreeSet::new();
        for client in self.clients.iter().filter(|client| client.alive) {
            let target = group.targets.get(&client.id).cloned().unwrap_or_default();
            assert_eq!(client.owned, target, "{} of {group:#?}", client.id);
            owned.extend(
                client.owned.iter().flat_map(|(topic, all)| all.iter().map(move |index| (*topic, *index))),
            );
        }
        let read = |name: &str| {
            let reads = |client: &super::client::Client| {
                let (names, regex) = super::client::READS[client.reads];
                let matched = !client.classic && regex.is_some() && name.starts_with('c');
                names.contains(&name) || matched
            };
            self.clients.iter().any(|client| client.alive && reads(client))
        };
        let topics = self.lab.cluster.topics().filter(|topic| read(&topic.name));
        let all = topics.flat_map(|topic| (0..topic.partitions).map(|index| (topic.id, index))).collect();
        assert_eq!(owned, all, "every partition that is read is owned: {group:#?}");
    }
}
