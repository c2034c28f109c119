//! A shard with consumer groups, for tests: time that goes only where it is set, every write replayed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::cluster::{Cluster, FORMAT_LEVEL, Format, Op};
use crate::group::classic::{Caller, Heartbeat, Join, JoinReject, Joined, Leave, Sync, Synced};
use crate::group::offsets::{Commit, DeleteOffsets, Offset};
use crate::group::*;
use crate::{ClusterId, PartitionId, Shards, TopicId};

pub(super) const GROUP: &str = "g";
pub(super) const SECOND: Duration = Duration::from_secs(1);

/// `version|topic,topic|topic:0 1,topic:2|user data`: any part may be missing at the end.
pub(super) const CODEC: ConsumerProtocol = ConsumerProtocol {
    read_subscription: |bytes| {
        let text = std::str::from_utf8(bytes).ok()?;
        let mut parts = text.split('|');
        let version = parts.next()?.parse().ok()?;
        let topics = words(parts.next().unwrap_or_default()).map(str::to_owned).collect();
        let owned = read_partitions(parts.next().unwrap_or_default())?;
        let rack = parts.next().map(str::to_owned);
        Some(Subscription { version, topics, owned, rack, user_data: None, generation: -1 })
    },
    read_assignment: |bytes| {
        let text = std::str::from_utf8(bytes).ok()?;
        let (_version, rest) = text.split_once('|')?;
        let (partitions, data) = rest.split_once('|').unwrap_or((rest, ""));
        let user_data = Some(Bytes::copy_from_slice(data.as_bytes()));
        Some(Assigned { partitions: read_partitions(partitions)?, user_data })
    },
    write_assignment: |version, partitions| {
        let topic = |(name, all): &(String, Vec<i32>)| {
            let all: Vec<String> = all.iter().map(i32::to_string).collect();
            format!("{name}:{}", all.join(" "))
        };
        let topics: Vec<String> = partitions.iter().map(topic).collect();
        Bytes::from(format!("{version}|{}", topics.join(",")))
    },
};

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').filter(|word| !word.is_empty())
}

fn read_partitions(text: &str) -> Option<TopicPartitions> {
    let topic = |word: &str| {
        let (name, all) = word.split_once(':')?;
        let all = all.split(' ').map(|index| index.parse().ok()).collect::<Option<Vec<i32>>>()?;
        Some((name.to_owned(), all))
    };
    words(text).map(topic).collect()
}

/// What becomes of a step's effects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Fate {
    /// Everything that was asked for.
    #[default]
    Done,
    /// The owner dies before anything is durable.
    WriteLost,
    /// It dies once all is durable, and before any request is answered.
    ReplyLost,
}

pub(super) struct Lab {
    pub(super) shard: Shard,
    pub(super) now: Now,
    pub(super) cluster: Cluster,
    pub(super) settings: Settings,
    /// What is durable, built from the writes alone.
    pub(super) written: BTreeMap<GroupId, Group>,
    /// The changes of the last step.
    pub(super) changes: Vec<Change>,
    pub(super) replies: BTreeMap<Token, Reply>,
    pub(super) tokens: Token,
    /// Of the next step.
    pub(super) fate: Fate,
    topics: u8,
    fresh: u32,
}

impl Lab {
    /// With topics of these sizes.
    pub(super) fn new(topics: &[(&str, i32)]) -> Self {
        Self::at_level(FORMAT_LEVEL, topics)
    }

    /// The same in a cluster of this format level.
    pub(super) fn at_level(level: u16, topics: &[(&str, i32)]) -> Self {
        let shards = Shards::new(4).expect("4 shards");
        let mut lab = Self {
            shard: Shard::default(),
            now: Now { since_start: Duration::from_secs(1000), wall: 1_700_000_000_000, is_settled: true },
            cluster: Cluster::new(Format { cluster: ClusterId([9; 16]), shards, level }),
            settings: Settings::default(),
            written: BTreeMap::new(),
            changes: Vec::new(),
            replies: BTreeMap::new(),
            tokens: 0,
            fate: Fate::Done,
            topics: 0,
            fresh: 0,
        };
        for (name, partitions) in topics {
            lab.create(name, *partitions);
        }
        lab
    }

    pub(super) fn create(&mut self, name: &str, partitions: i32) -> TopicId {
        self.topics += 1;
        let (topic, overrides) = (TopicId([self.topics; 16]), BTreeMap::new());
        self.log(Op::CreateTopic {
            topic,
            name: name.to_owned(),
            partitions,
            replication_factor: 1,
            overrides,
        });
        topic
    }

    pub(super) fn delete(&mut self, name: &str) {
        let topic = self.topic(name);
        self.log(Op::DeleteTopic { topic });
    }

    pub(super) fn grow(&mut self, name: &str, partitions: i32) {
        let topic = self.topic(name);
        self.log(Op::CreatePartitions { topic, partitions });
    }

    /// Another entry of the metadata log that has nothing to do with topics.
    pub(super) fn log(&mut self, op: Op) {
        self.cluster.apply(self.cluster.next(), &[op]).expect("the next entry");
    }

    pub(super) fn topic(&self, name: &str) -> TopicId {
        self.cluster.topic_named(name).expect("the topic exists").id
    }

    /// Partitions as `name: indexes`.
    pub(super) fn parts(&self, parts: &[(&str, &[i32])]) -> Assignment {
        parts.iter().map(|(name, all)| (self.topic(name), all.iter().copied().collect())).collect()
    }

    pub(super) fn step(&mut self, act: impl FnOnce(&mut Shard, Now, &World<'_>, &mut Vec<Effect>)) {
        let settings = |_: &str| self.settings.clone();
        let world = World { cluster: &self.cluster, settings: &settings, consumer_protocol: CODEC };
        let mut effects = Vec::new();
        act(&mut self.shard, self.now, &world, &mut effects);
        self.changes.clear();
        let fate = std::mem::take(&mut self.fate);
        for effect in effects {
            match effect {
                Effect::Write { .. } if fate == Fate::WriteLost => {}
                Effect::Reply { .. } if fate != Fate::Done => {}
                Effect::Write { group, changes } => {
                    Group::replay(&mut self.written, &group, &changes);
                    self.changes.extend(changes.iter().cloned());
                }
                Effect::Reply { token, reply, .. } => {
                    assert!((1..=self.tokens).contains(&token), "nobody asked {token}");
                    assert!(self.replies.insert(token, reply).is_none(), "{token} is answered twice");
                }
            }
        }
        if fate != Fate::Done {
            self.crash();
        }
    }

    pub(super) fn send(&mut self, request: Request) -> Token {
        self.tokens += 1;
        let (token, id) = (self.tokens, GroupId::from(GROUP));
        self.step(|shard, now, world, effects| shard.request(now, world, (&id, token), request, effects));
        token
    }

    pub(super) fn take(&mut self, token: Token) -> Reply {
        self.replies.remove(&token).unwrap_or_else(|| panic!("{token} is not answered"))
    }

    /// Lets time pass, with a tick whenever one is due.
    pub(super) fn pass(&mut self, time: Duration) {
        let until = self.now.since_start + time;
        while let Some(at) = self.shard.next_tick().filter(|at| *at <= until) {
            self.set_time(at);
            self.step(|shard, now, world, effects| {
                shard.tick(now, world, usize::MAX, effects);
            });
        }
        self.set_time(until);
    }

    fn set_time(&mut self, at: Duration) {
        let at = at.max(self.now.since_start);
        self.now.wall += i64::try_from((at - self.now.since_start).as_millis()).expect("a short time");
        self.now.since_start = at;
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

    pub(super) fn described(&self) -> Described<'_> {
        describe(GROUP, self.shard.group(GROUP).map(|group| &**group)).expect("a consumer group")
    }

    pub(super) fn member(&self, id: &str) -> &ConsumerMember {
        self.group().consumer_member(id).expect("a member")
    }

    /// Group epoch, assignment epoch.
    pub(super) fn epochs(&self) -> (i32, i32) {
        let described = self.described();
        (described.group_epoch, described.assignment_epoch)
    }

    pub(super) fn beat(&mut self, heartbeat: ConsumerHeartbeat) -> Result<Beat, HeartbeatReject> {
        let token = self.send(Request::ConsumerHeartbeat(heartbeat));
        let Reply::ConsumerHeartbeat(reply) = self.take(token) else { panic!("another reply") };
        reply
    }

    pub(super) fn ok(&mut self, heartbeat: ConsumerHeartbeat) -> Beat {
        self.beat(heartbeat).expect("accepted")
    }

    /// Why a heartbeat is refused. What is refused changes nothing.
    pub(super) fn refused(&mut self, heartbeat: ConsumerHeartbeat) -> (Reject, String) {
        let before = self.written.clone();
        let HeartbeatReject { reject, message } = self.beat(heartbeat).expect_err("refused");
        assert!(self.changes.is_empty() && self.written == before, "{reject:?}: {:?}", self.changes);
        (reject, message)
    }

    pub(super) fn classic_join(&mut self, join: Join) -> Token {
        self.send(Request::Join(join))
    }

    pub(super) fn joined(&mut self, token: Token) -> Result<Joined, JoinReject> {
        let Reply::Join(reply) = self.take(token) else { panic!("another reply") };
        reply
    }

    pub(super) fn join_of(&mut self, member: &str, metadata: &str) -> Join {
        self.fresh += 1;
        Join {
            member: member.into(),
            fresh: format!("f{}", self.fresh).into(),
            requires_known_id: false,
            instance: None,
            client_id: "classic".to_owned(),
            client_host: "h".to_owned(),
            session_timeout_ms: 10_000,
            rebalance_timeout_ms: 60_000,
            protocol_type: "consumer".to_owned(),
            protocols: vec![("range".to_owned(), Bytes::copy_from_slice(metadata.as_bytes()))],
            supports_skipping: true,
        }
    }

    pub(super) fn sync(
        &mut self,
        member: &str,
        generation: i32,
        assignments: &[(&str, &str)],
    ) -> Result<Synced, Reject> {
        let caller = caller(member, generation);
        let assignments = assignments.iter();
        let assignments = assignments.map(|(m, a)| ((*m).into(), Bytes::copy_from_slice(a.as_bytes())));
        let (protocol_type, protocol) = (Some("consumer".to_owned()), Some("range".to_owned()));
        let sync = Sync { caller, protocol_type, protocol, assignments: assignments.collect() };
        let token = self.send(Request::Sync(sync));
        let Reply::Sync(reply) = self.take(token) else { panic!("another reply") };
        reply
    }

    pub(super) fn classic_beat(&mut self, member: &str, generation: i32) -> Result<(), Reject> {
        let token = self.send(Request::Heartbeat(Heartbeat { caller: caller(member, generation) }));
        let Reply::Done(reply) = self.take(token) else { panic!("another reply") };
        reply
    }

    pub(super) fn classic_leave(&mut self, members: &[(&str, Option<&str>)]) -> Vec<Result<(), Reject>> {
        let members = members.iter().map(|(id, instance)| ((*id).into(), instance.map(str::to_owned)));
        let token = self.send(Request::Leave(Leave { members: members.collect() }));
        let Reply::Left(reply) = self.take(token) else { panic!("another reply") };
        reply.expect("each member has its own outcome")
    }

    pub(super) fn commit(&mut self, commit: Commit) -> Result<Vec<Result<(), Reject>>, Reject> {
        let token = self.send(Request::Commit(commit));
        let Reply::Offsets(reply) = self.take(token) else { panic!("another reply") };
        reply
    }

    pub(super) fn delete_offsets(&mut self, topic: TopicId) -> Result<Vec<Result<(), Reject>>, Reject> {
        let partitions = vec![PartitionId { topic, index: 0 }];
        let token = self.send(Request::DeleteOffsets(DeleteOffsets { partitions }));
        let Reply::Offsets(reply) = self.take(token) else { panic!("another reply") };
        reply
    }

    pub(super) fn delete_group(&mut self) -> Result<(), Reject> {
        let token = self.send(Request::Delete);
        let Reply::Done(reply) = self.take(token) else { panic!("another reply") };
        reply
    }

    /// A Stable classic group of one member for each assignment, the first of which leads; answers their ids.
    pub(super) fn classic_group(&mut self, metadata: &str, assignments: &[&str]) -> Vec<MemberId> {
        let tokens: Vec<Token> = assignments
            .iter()
            .map(|_| {
                let join = self.join_of("", metadata);
                self.classic_join(join)
            })
            .collect();
        self.pass(SECOND * 10);
        let joined: Vec<Joined> =
            tokens.into_iter().map(|token| self.joined(token).expect("joined")).collect();
        let ids: Vec<MemberId> = joined.iter().map(|joined| MemberId::clone(&joined.member)).collect();
        let all: Vec<(&str, &str)> = ids.iter().map(|id| &**id).zip(assignments.iter().copied()).collect();
        let leader = MemberId::clone(&joined[0].leader);
        self.sync(&leader, joined[0].generation, &all).expect("synced");
        for id in ids.iter().filter(|id| **id != leader) {
            self.sync(id, joined[0].generation, &[]).expect("synced");
        }
        ids
    }
}

pub(super) fn caller(member: &str, generation: i32) -> Caller {
    Caller { member: member.into(), instance: None, generation }
}

pub(super) fn commit_of(member: &str, epoch: i32, topic: TopicId, index: i32) -> Commit {
    let offset = Offset { offset: 7, leader_epoch: 0, metadata: String::new() };
    let offsets = vec![(PartitionId { topic, index }, offset)];
    Commit { caller: caller(member, epoch), retention_ms: None, knows_group_not_found: true, offsets }
}

/// A heartbeat that says nothing new.
pub(super) fn at(member: &str, epoch: i32) -> ConsumerHeartbeat {
    ConsumerHeartbeat {
        member: member.into(),
        fresh: "fresh".into(),
        makes_own_id: true,
        epoch,
        instance: None,
        rack: None,
        client_id: "c".to_owned(),
        client_host: "h".to_owned(),
        rebalance_timeout_ms: None,
        topics: None,
        regex: None,
        assignor: None,
        owned: None,
    }
}

/// The first heartbeat of a member that reads these topics.
pub(super) fn join(member: &str, topics: &[&str]) -> ConsumerHeartbeat {
    ConsumerHeartbeat {
        rebalance_timeout_ms: Some(30_000),
        topics: Some(topics.iter().map(|name| (*name).to_owned()).collect()),
        owned: Some(Assignment::new()),
        ..at(member, 0)
    }
}

impl ConsumerHeartbeat {
    pub(super) fn owns(mut self, owned: &Assignment) -> Self {
        self.owned = Some(owned.clone());
        self
    }

    pub(super) fn reads(mut self, topics: &[&str]) -> Self {
        self.topics = Some(topics.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<String>>());
        self
    }

    pub(super) fn timeout(mut self) -> Self {
        self.rebalance_timeout_ms = Some(30_000);
        self
    }

    pub(super) fn fixed(mut self, instance: &str) -> Self {
        self.instance = Some(instance.to_owned());
        self
    }
}
