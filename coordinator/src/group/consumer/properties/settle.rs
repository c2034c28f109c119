//! When nothing more happens, everyone gets to its target (KIP-848, "Rebalance Process").

use std::collections::BTreeSet;

use super::client::{Client, READS};
use super::run::Run;
use crate::group::consumer::ConsumerState;
use crate::group::consumer::lab::Fate;
use crate::group::{ClassicState, Group, Kind, MemberId};

/// Rounds of five seconds: a session of those who are gone, a rebalance timeout, and some for everyone else.
const ROUNDS: usize = 40;

/// Whose clients are left in the end.
#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    Both,
    Classic,
    Consumer,
}

impl Run {
    /// Lets the clients that live, of one protocol or of both, do what they have to do until nothing changes.
    pub(super) fn settle(&mut self, end: End) {
        self.allow_all();
        for client in &mut self.clients {
            client.lazy = false;
            client.alive &= match end {
                End::Both => true,
                End::Classic => client.classic,
                End::Consumer => !client.classic,
            };
        }
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
        let living: BTreeSet<&MemberId> = self.living().map(|client| &client.id).collect();
        members == living && self.living().all(|client| client.epoch > 0)
    }

    fn living(&self) -> impl Iterator<Item = &Client> {
        self.clients.iter().filter(|client| client.alive)
    }

    fn settled(&mut self) {
        let Some(group) = self.written().cloned().filter(|group| !group.members.is_empty()) else {
            return assert_eq!(self.living().count(), 0);
        };
        let is_mixed = self.living().any(|client| client.classic);
        if let Some(classic) = group.classic() {
            assert!(self.living().all(|client| client.classic));
            assert_eq!(classic.state, ClassicState::Stable, "{group:#?}");
        } else {
            assert_eq!(group.consumer_state(), Some(ConsumerState::Stable), "{group:#?}");
            for client in self.living() {
                let target = group.targets.get(&client.id).cloned().unwrap_or_default();
                assert_eq!(client.owned, target, "{} of {group:#?}", client.id);
            }
        }
        self.everything_is_owned_once(&group);
        self.reached.insert(match (group.kind(), is_mixed) {
            (Kind::Classic, _) => "settled as a classic group",
            (_, true) => "settled mixed",
            (_, false) => "settled as a consumer group",
        });
    }

    fn everything_is_owned_once(&self, group: &Group) {
        let mut owned = BTreeSet::new();
        for client in self.living() {
            for (topic, all) in &client.owned {
                for index in all {
                    assert!(owned.insert((*topic, *index)), "{topic}-{index} has two owners: {group:#?}");
                }
            }
        }
        if group.kind() == Kind::Classic {
            // Its leader would have to see that topics have changed.
            return;
        }
        let read = |name: &str| {
            self.living().any(|client| {
                let (names, regex) = READS[client.reads];
                names.contains(&name) || (!client.classic && regex.is_some() && name.starts_with('c'))
            })
        };
        let topics = self.lab.cluster.topics().filter(|topic| read(&topic.name));
        let all = topics.flat_map(|topic| (0..topic.partitions).map(|index| (topic.id, index))).collect();
        assert_eq!(owned, all, "every partition that is read is owned: {group:#?}");
    }
}
