//! A shard with share groups, for tests: time that goes only where it is set, every write replayed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::cluster::{Cluster, FORMAT_LEVEL, Format, Op};
use crate::group::consumer::{Beat, HeartbeatReject};
use crate::group::*;
use crate::{ClusterId, Shards, TopicId};

pub(super) const GROUP: &str = "g";

const CODEC: ConsumerProtocol = ConsumerProtocol {
    read_subscription: |_| None,
    read_assignment: |_| None,
    write_assignment: |_, _| Bytes::new(),
};

pub(super) struct Lab {
    pub(super) shard: Shard,
    pub(super) now: Now,
    pub(super) cluster: Cluster,
    pub(super) settings: Settings,
    /// What is durable, built from the writes alone.
    pub(super) written: BTreeMap<GroupId, Group>,
    pub(super) writes: usize,
    topics: u8,
}

impl Lab {
    /// With topics of these sizes.
    pub(super) fn new(topics: &[(&str, i32)]) -> Self {
        let shards = Shards::new(4).expect("4 shards");
        let mut lab = Self {
            shard: Shard::default(),
            now: Now { since_start: Duration::from_secs(1000), wall: 1_700_000_000_000, is_settled: true },
            cluster: Cluster::new(Format { cluster: ClusterId([9; 16]), shards, level: FORMAT_LEVEL }),
            settings: Settings { share_assignment_interval: Duration::ZERO, ..Settings::default() },
            written: BTreeMap::new(),
            writes: 0,
            topics: 0,
        };
        topics.iter().for_each(|(name, partitions)| lab.create(name, *partitions));
        lab
    }

    pub(super) fn create(&mut self, name: &str, partitions: i32) {
        self.topics += 1;
        let (topic, name, overrides) = (TopicId([self.topics; 16]), name.to_owned(), BTreeMap::new());
        self.log(Op::CreateTopic { topic, name, partitions, replication_factor: 1, overrides });
    }

    pub(super) fn delete(&mut self, name: &str) {
        let topic = self.topic(name);
        self.log(Op::DeleteTopic { topic });
    }

    pub(super) fn grow(&mut self, name: &str, partitions: i32) {
        let topic = self.topic(name);
        self.log(Op::CreatePartitions { topic, partitions });
    }

    fn log(&mut self, op: Op) {
        self.cluster.apply(self.cluster.next(), &[op]).expect("the next entry");
    }

    pub(super) fn topic(&self, name: &str) -> TopicId {
        self.cluster.topic_named(name).expect("the topic exists").id
    }

    /// Partitions as `name: indexes`.
    pub(super) fn parts(&self, parts: &[(&str, &[i32])]) -> Assignment {
        parts.iter().map(|(name, all)| (self.topic(name), all.iter().copied().collect())).collect()
    }

    fn step(&mut self, act: impl FnOnce(&mut Shard, Now, &World<'_>, &mut Vec<Effect>)) -> Option<Reply> {
        let settings = |_: &str| self.settings.clone();
        let world = World { cluster: &self.cluster, settings: &settings, consumer_protocol: CODEC };
        let mut effects = Vec::new();
        act(&mut self.shard, self.now, &world, &mut effects);
        let mut answer = None;
        for effect in effects {
            match effect {
                Effect::Write { group, changes } => {
                    assert_eq!(answer, None, "what is written comes before the reply");
                    Group::replay(&mut self.written, &group, &changes);
                    self.writes += 1;
                }
                Effect::Reply { reply, .. } => assert_eq!(answer.replace(reply), None),
            }
        }
        let served: BTreeMap<_, _> =
            self.shard.groups().map(|(id, g)| (GroupId::clone(id), (**g).clone())).collect();
        assert_eq!(served, self.written, "replay rebuilds the state");
        answer
    }

    pub(super) fn send(&mut self, request: Request) -> Reply {
        let id = GroupId::from(GROUP);
        let reply =
            self.step(|shard, now, world, effects| shard.request(now, world, (&id, 1), request, effects));
        reply.expect("it is answered at once")
    }

    pub(super) fn heartbeat(&mut self, heartbeat: ShareHeartbeat) -> Result<Beat, HeartbeatReject> {
        match self.send(Request::ShareHeartbeat(heartbeat)) {
            Reply::ShareHeartbeat(reply) => reply,
            reply => panic!("{reply:?}"),
        }
    }

    /// A member joins and reads these topics.
    pub(super) fn join(&mut self, member: &str, topics: &[&str]) -> Beat {
        self.heartbeat(says(member, 0, Some(topics))).expect("it may join")
    }

    /// A member shows that it lives.
    pub(super) fn beat(&mut self, member: &str, epoch: i32) -> Result<Beat, HeartbeatReject> {
        self.heartbeat(says(member, epoch, None))
    }

    pub(super) fn topics(&mut self, request: ShareTopics) -> Result<Listed, Reject> {
        match self.send(Request::ShareTopics(request)) {
            Reply::ShareTopics(reply) => reply,
            reply => panic!("{reply:?}"),
        }
    }

    /// Lets time pass, with a tick whenever one is due.
    pub(super) fn pass(&mut self, time: Duration) {
        let until = self.now.since_start + time;
        while let Some(at) = self.shard.next_tick().filter(|at| *at <= until) {
            self.now.since_start = at.max(self.now.since_start);
            let answer = self.step(|shard, now, world, effects| {
                shard.tick(now, world, usize::MAX, effects);
            });
            assert_eq!(answer, None);
        }
        self.now.since_start = until;
    }

    /// The owner dies, and another begins with what was written.
    pub(super) fn crash(&mut self) {
        let groups = self.written.iter().map(|(id, g)| (GroupId::clone(id), Arc::new(g.clone()))).collect();
        let settings = |_: &str| self.settings.clone();
        let world = World { cluster: &self.cluster, settings: &settings, consumer_protocol: CODEC };
        self.shard = Shard::new(groups, self.now, &world);
    }

    pub(super) fn group(&self) -> &Group {
        self.shard.group(GROUP).expect("the group exists")
    }

    /// What each member reads.
    pub(super) fn read(&self) -> BTreeMap<String, Assignment> {
        self.group().share_members().map(|(id, member)| (id.to_string(), member.assigned.clone())).collect()
    }
}

/// What a member says.
pub(super) fn says(member: &str, epoch: i32, topics: Option<&[&str]>) -> ShareHeartbeat {
    ShareHeartbeat {
        member: member.into(),
        epoch,
        rack: None,
        client_id: "client".into(),
        client_host: "host".into(),
        topics: topics.map(|topics| topics.iter().map(|name| (*name).to_owned()).collect()),
    }
}
