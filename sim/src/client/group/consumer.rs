//! A member of a consumer group (KIP-848): it sends heartbeats, owns what it is assigned, gives back what it is not,
//! and commits for what it owns. As Kafka's consumer does, it says everything of itself after a heartbeat failed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use protocol::messages::ConsumerGroupHeartbeatRequest;
use protocol::messages::consumer_group_heartbeat::TopicPartitions;
use protocol::{ErrorCode, Str, Uuid};
use rand::Rng;
use tokio::time::{sleep, sleep_until};

use super::offsets::{commit, fetch, id};
use super::seat::Seat;
use crate::history::{Event, GroupReply, GroupRequest, Place};

struct Member {
    seat: Seat,
    id: Arc<str>,
    epoch: i32,
    owned: BTreeSet<Place>,
    /// What it said last that it owns.
    said: Option<BTreeSet<Place>>,
    /// The name that it has in all its lives, if it is a static member.
    instance: Option<Str>,
    /// Whether it names what it reads by a regular expression.
    by_regex: bool,
}

/// What matches the topics that are there from the beginning.
const TOPICS: &str = "t[0-9]+";

/// The epoch of a heartbeat by which a member leaves, and of one by which a static member leaves for a while.
const LEAVES: i32 = -1;
const AWAY: i32 = -2;

/// Is a member until the run says otherwise, and once more after that.
pub(super) async fn run(mut seat: Seat) {
    seat.client.pause(0..3000).await;
    let (id, owned, instance) = (fresh(&mut seat), BTreeSet::new(), seat.instance());
    let mut member = Member { seat, id, epoch: 0, owned, said: None, instance, by_regex: false };
    member.choose();
    let beat = member.seat.group.plan.session / 10;
    loop {
        let ends = !member.seat.client.is_running();
        if !member.heartbeat().await {
            member.seat.breathe().await;
            continue;
        }
        if member.said.as_ref() != Some(&member.owned) {
            continue;
        }
        if ends {
            return member.leave(LEAVES).await;
        }
        if let Some(back) = member.seat.rest() {
            member.leave(LEAVES).await;
            member.begin_anew();
            sleep_until(back).await;
            continue;
        }
        member.use_offsets().await;
        if member.seat.group.plan.restless {
            member.wander().await;
        }
        member.seat.client.pause(0..2 * beat.as_millis() as u64).await;
    }
}

fn fresh(seat: &mut Seat) -> Arc<str> {
    Arc::from(Uuid::from(seat.client.rng.random::<u128>()).to_string())
}

impl Member {
    /// Returns whether it was answered.
    async fn heartbeat(&mut self) -> bool {
        let plan = Arc::clone(&self.seat.group.plan);
        let says_all = self.said.is_none();
        let tells = self.said.as_ref() != Some(&self.owned);
        let names = self.seat.client.topics.iter().map(|topic| Str::from(&*topic.name));
        let request = ConsumerGroupHeartbeatRequest {
            group_id: Str::from(&*plan.name),
            member_id: Str::from(&*self.id),
            member_epoch: self.epoch,
            rebalance_timeout_ms: if says_all { plan.rebalance.as_millis() as i32 } else { -1 },
            instance_id: self.instance.clone(),
            subscribed_topic_names: (says_all && !self.by_regex).then(|| names.collect()),
            subscribed_topic_regex: (says_all && self.by_regex).then(|| TOPICS.into()),
            topic_partitions: tells.then(|| on_wire(&self.owned)),
            ..Default::default()
        };
        let owned = tells.then(|| self.owned.iter().cloned().collect());
        let saying = self.owned.clone();
        let what = GroupRequest::ConsumerHeartbeat { epoch: self.epoch, owned };
        match self.send(what, &request).await {
            Some(GroupReply::Beat { epoch, assignment }) => {
                self.epoch = epoch;
                self.said = Some(saying);
                if let Some(assignment) = assignment {
                    self.owned = assignment.into_iter().collect();
                }
                true
            }
            Some(GroupReply::Refused(code)) => {
                self.refused(code);
                false
            }
            _ => {
                self.said = None;
                false
            }
        }
    }

    async fn send(
        &mut self,
        what: GroupRequest,
        request: &ConsumerGroupHeartbeatRequest,
    ) -> Option<GroupReply> {
        let (id, patience) = (Arc::clone(&self.id), self.seat.patience());
        let reply = self.seat.ask(&id, what, (1, request), patience, |response| match response.error_code {
            0 => GroupReply::Beat {
                epoch: response.member_epoch,
                assignment: response.assignment.map(|a| from_wire(&a.topic_partitions)),
            },
            code => GroupReply::Refused(code),
        });
        reply.await
    }

    fn refused(&mut self, code: i16) {
        self.said = None;
        match ErrorCode::from_code(code) {
            Some(ErrorCode::UnknownMemberId | ErrorCode::FencedMemberEpoch) => {
                self.epoch = 0;
                self.owned.clear();
            }
            // A request of an earlier life may have been late, and have taken the place of this one.
            Some(ErrorCode::FencedInstanceId) if self.instance.is_some() => self.begin_anew(),
            Some(ErrorCode::GroupIdNotFound) if self.seat.group.plan.retention.is_some() => {
                self.epoch = 0;
                self.owned.clear();
            }
            // The leave of the life before this one was lost, or a reply was.
            Some(ErrorCode::UnreleasedInstanceId) if self.instance.is_some() => {}
            Some(code) if code.is_retriable() => {}
            // The reply with the next epoch is on its way, or was lost.
            Some(ErrorCode::StaleMemberEpoch) => {}
            code => {
                let name = Arc::clone(&self.seat.group.plan.name);
                self.seat.client.wrong(format!("{} of {name} was refused: {code:?}", self.id));
            }
        }
    }

    /// Commits for something that it owns, or reads.
    async fn use_offsets(&mut self) {
        let caller = (Arc::clone(&self.id), self.epoch);
        let at = self.seat.client.rng.random_range(0..self.owned.len().max(1));
        let reply = match (self.seat.client.rng.random_range(0..4), self.owned.iter().nth(at).cloned()) {
            (0, _) => fetch(&mut self.seat, &caller).await,
            (1, Some(place)) => commit(&mut self.seat, &caller, vec![place]).await,
            _ => None,
        };
        if let Some(GroupReply::Refused(code)) = reply {
            self.refused(code);
        }
    }

    /// Now and then it leaves, dies, or says nothing for a while.
    async fn wander(&mut self) {
        match self.seat.client.rng.random_range(0..60) {
            0 => {
                let is_away = self.instance.is_some() && self.seat.client.rng.random_bool(0.8);
                self.leave(if is_away { AWAY } else { LEAVES }).await;
                self.begin_anew();
                if is_away {
                    self.seat.client.pause(0..8000).await;
                }
            }
            1 => {
                let (group, member) = (Arc::clone(&self.seat.group.plan.name), Arc::clone(&self.id));
                let at_ms = self.seat.client.now_ms();
                self.seat.client.note(Event::GroupGone { group, member, at_ms });
                self.seat.hang_up();
                self.begin_anew();
                self.seat.client.pause(0..20_000).await;
            }
            2 => sleep(self.seat.group.plan.session * 3 / 2).await,
            _ => {}
        }
    }

    fn begin_anew(&mut self) {
        self.id = fresh(&mut self.seat);
        (self.epoch, self.said) = (0, None);
        self.owned.clear();
        self.choose();
    }

    fn choose(&mut self) {
        self.by_regex = self.seat.group.plan.regex && self.seat.client.rng.random_bool(0.5);
    }

    async fn leave(&mut self, epoch: i32) {
        self.owned.clear();
        let request = ConsumerGroupHeartbeatRequest {
            group_id: Str::from(&*self.seat.group.plan.name),
            member_id: Str::from(&*self.id),
            member_epoch: epoch,
            instance_id: self.instance.clone(),
            ..Default::default()
        };
        // Without an answer, it is removed when its session ends.
        let what = GroupRequest::ConsumerHeartbeat { epoch, owned: None };
        drop(self.send(what, &request).await);
    }
}

fn on_wire(owned: &BTreeSet<Place>) -> Vec<TopicPartitions> {
    let mut topics: BTreeMap<Uuid, Vec<i32>> = BTreeMap::new();
    for (topic, index) in owned {
        topics.entry(id(topic)).or_default().push(*index);
    }
    topics.into_iter().map(|(topic_id, partitions)| TopicPartitions { topic_id, partitions }).collect()
}

fn from_wire(topics: &[TopicPartitions]) -> Vec<Place> {
    let places = topics.iter().flat_map(|topic| {
        let label: Arc<str> = Arc::from(topic.topic_id.to_string());
        topic.partitions.iter().map(move |index| (Arc::clone(&label), *index))
    });
    places.collect()
}
