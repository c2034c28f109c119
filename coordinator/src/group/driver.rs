//! Drives a shard in tests: time that only goes where it is set, every write and every reply kept.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::classic::{Caller, Heartbeat, Join, JoinReject, Joined, Leave, Sync, Synced};
use super::offsets::{Commit, DeleteOffsets, Offset};
use super::*;
use crate::cluster::{Cluster, FORMAT_LEVEL, Format, Op};
use crate::{ClusterId, PartitionId, Shards, TopicId};

/// The group of most tests.
pub(super) const GROUP: &str = "g";

pub(super) const SESSION: Duration = Duration::from_secs(10);
pub(super) const REBALANCE: Duration = Duration::from_secs(60);
pub(super) const DELAY: Duration = Duration::from_secs(3);
pub(super) const MS: Duration = Duration::from_millis(1);

/// A member's metadata is the names of its topics, with commas between them; `?` cannot be read.
pub(super) const CODEC: ConsumerProtocol = ConsumerProtocol {
    read_subscription: |bytes| {
        let text = std::str::from_utf8(bytes).ok().filter(|text| *text != "?")?;
        let topics = text.split(',').filter(|topic| !topic.is_empty()).map(str::to_owned).collect();
        Some(Subscription { topics, ..Subscription::default() })
    },
    read_assignment: |_| None,
    write_assignment: |_, _| Bytes::new(),
};

pub(super) struct Driver {
    pub(super) shard: Shard,
    pub(super) now: Now,
    pub(super) cluster: Cluster,
    pub(super) settings: Settings,
    /// What is durable, built from the writes alone.
    pub(super) written: BTreeMap<GroupId, Group>,
    pub(super) writes: usize,
    pub(super) replies: BTreeMap<Token, Reply>,
    tokens: Token,
    fresh: u32,
}

impl Driver {
    pub(super) fn new() -> Self {
        let shards = Shards::new(4).expect("4 shards");
        let format = Format { cluster: ClusterId([9; 16]), shards, level: FORMAT_LEVEL };
        Self {
            shard: Shard::default(),
            now: Now { since_start: Duration::from_secs(1000), wall: 1_700_000_000_000, is_settled: true },
            cluster: Cluster::new(format),
            settings: Settings::default(),
            written: BTreeMap::new(),
            writes: 0,
            replies: BTreeMap::new(),
            tokens: 0,
            fresh: 0,
        }
    }

    /// Creates a topic that is named by its number.
    pub(super) fn create_topic(&mut self, n: u8) -> TopicId {
        let (topic, name, overrides) = (TopicId([n; 16]), format!("t{n}"), BTreeMap::new());
        self.entry(Op::CreateTopic { topic, name, partitions: 4, replication_factor: 1, overrides });
        topic
    }

    pub(super) fn delete_topic(&mut self, topic: TopicId) {
        self.entry(Op::DeleteTopic { topic });
    }

    fn entry(&mut self, op: Op) {
        self.cluster.apply(self.cluster.next(), &[op]).expect("the next entry");
    }

    pub(super) fn step(&mut self, act: impl FnOnce(&mut Shard, Now, &World<'_>, &mut Vec<Effect>)) {
        let settings = |_: &str| self.settings.clone();
        let world = World { cluster: &self.cluster, settings: &settings, consumer_protocol: CODEC };
        let mut effects = Vec::new();
        act(&mut self.shard, self.now, &world, &mut effects);
        self.take(effects);
    }

    fn take(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Write { group, changes } => {
                    self.writes += 1;
                    Group::replay(&mut self.written, &group, &changes);
                }
                Effect::Reply { token, reply, .. } => {
                    assert!(token <= self.tokens, "nobody asked {token}");
                    assert!(self.replies.insert(token, reply).is_none(), "{token} is answered twice");
                }
            }
        }
    }

    pub(super) fn send_to(&mut self, group: &str, request: Request) -> Token {
        self.tokens += 1;
        let (token, id) = (self.tokens, GroupId::from(group));
        self.step(|shard, now, world, effects| shard.request(now, world, (&id, token), request, effects));
        token
    }

    pub(super) fn send(&mut self, request: Request) -> Token {
        self.send_to(GROUP, request)
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

    pub(super) fn classic(&self) -> &ClassicGroup {
        self.group().classic().expect("a classic group")
    }

    pub(super) fn members(&self) -> Vec<&str> {
        self.group().members.keys().map(|id| &**id).collect()
    }

    pub(super) fn is_parked(&self, token: Token) -> bool {
        !self.replies.contains_key(&token)
    }

    fn reply(&mut self, token: Token) -> Reply {
        self.replies.remove(&token).unwrap_or_else(|| panic!("{token} is not answered"))
    }

    pub(super) fn joined(&mut self, token: Token) -> Result<Joined, JoinReject> {
        let Reply::Join(reply) = self.reply(token) else { panic!("{token} was no join") };
        reply
    }

    pub(super) fn join_reject(&mut self, token: Token) -> Reject {
        self.joined(token).expect_err("refused").reject
    }

    pub(super) fn synced(&mut self, token: Token) -> Result<Synced, Reject> {
        let Reply::Sync(reply) = self.reply(token) else { panic!("{token} was no sync") };
        reply
    }

    pub(super) fn done(&mut self, token: Token) -> Result<(), Reject> {
        let Reply::Done(reply) = self.reply(token) else { panic!("{token} was no heartbeat") };
        reply
    }

    /// What a client of JoinGroup 3 sends: no answer makes it come back with an id.
    pub(super) fn join_of(
        &mut self,
        member: &str,
        instance: Option<&str>,
        protocols: &[(&str, &str)],
    ) -> Join {
        self.fresh += 1;
        Join {
            member: member.into(),
            fresh: format!("m{}", self.fresh).into(),
            requires_known_id: false,
            instance: instance.map(str::to_owned),
            client_id: "c".to_owned(),
            client_host: "h".to_owned(),
            session_timeout_ms: SESSION.as_millis() as i32,
            rebalance_timeout_ms: REBALANCE.as_millis() as i32,
            protocol_type: "consumer".to_owned(),
            protocols: protocols
                .iter()
                .map(|(n, m)| ((*n).to_owned(), Bytes::copy_from_slice(m.as_bytes())))
                .collect(),
            supports_skipping: true,
        }
    }

    /// Joins with one assignor, `range`, and one topic, `t1`.
    pub(super) fn join(&mut self, member: &str, instance: Option<&str>) -> Token {
        let join = self.join_of(member, instance, &[("range", "t1")]);
        self.send(Request::Join(join))
    }

    pub(super) fn sync(&mut self, member: &str, generation: i32, assignments: &[(&str, &str)]) -> Token {
        let assignments =
            assignments.iter().map(|(m, a)| ((*m).into(), Bytes::copy_from_slice(a.as_bytes())));
        let caller = caller(member, None, generation);
        let (protocol_type, protocol) = (Some("consumer".to_owned()), Some("range".to_owned()));
        self.send(Request::Sync(Sync { caller, protocol_type, protocol, assignments: assignments.collect() }))
    }

    pub(super) fn beat(&mut self, member: &str, generation: i32) -> Result<(), Reject> {
        self.beat_as(caller(member, None, generation))
    }

    pub(super) fn beat_as(&mut self, caller: Caller) -> Result<(), Reject> {
        let token = self.send(Request::Heartbeat(Heartbeat { caller }));
        self.done(token)
    }

    pub(super) fn leave(&mut self, members: &[(&str, Option<&str>)]) -> Vec<Result<(), Reject>> {
        let members =
            members.iter().map(|(id, instance)| ((*id).into(), instance.map(str::to_owned))).collect();
        let token = self.send(Request::Leave(Leave { members }));
        let Reply::Left(reply) = self.reply(token) else { panic!("{token} was no leave") };
        reply.expect("each member has its own outcome")
    }

    pub(super) fn commit(&mut self, commit: Commit) -> Result<Vec<Result<(), Reject>>, Reject> {
        let token = self.send(Request::Commit(commit));
        let Reply::Offsets(reply) = self.reply(token) else { panic!("{token} was no commit") };
        reply
    }

    pub(super) fn delete_offsets(
        &mut self,
        partitions: &[PartitionId],
    ) -> Result<Vec<Result<(), Reject>>, Reject> {
        let token = self.send(Request::DeleteOffsets(DeleteOffsets { partitions: partitions.to_vec() }));
        let Reply::Offsets(reply) = self.reply(token) else { panic!("{token} was no deletion of offsets") };
        reply
    }

    pub(super) fn delete(&mut self) -> Result<(), Reject> {
        let token = self.send(Request::Delete);
        self.done(token)
    }

    /// A Stable group of members that have joined with these instances, each assigned its own id. The first
    /// leads.
    pub(super) fn stable(&mut self, instances: &[Option<&str>]) -> Vec<MemberId> {
        let tokens: Vec<_> = instances.iter().map(|instance| self.join("", *instance)).collect();
        self.pass(DELAY * 3);
        let joined: Vec<_> = tokens.into_iter().map(|token| self.joined(token).expect("joined")).collect();
        let members: Vec<_> = joined.iter().map(|joined| MemberId::clone(&joined.member)).collect();
        let assignments: Vec<(&str, &str)> = members.iter().map(|m| (&**m, &**m)).collect();
        for joined in &joined {
            let assignments = if joined.leader == joined.member { assignments.as_slice() } else { &[] };
            self.sync(&joined.member, joined.generation, assignments);
        }
        self.replies.clear();
        assert_eq!(self.classic().state, ClassicState::Stable);
        members
    }
}

pub(super) fn caller(member: &str, instance: Option<&str>, generation: i32) -> Caller {
    Caller { member: member.into(), instance: instance.map(str::to_owned), generation }
}

/// A commit of one offset by a member.
pub(super) fn commit_of(caller: Caller, partition: PartitionId, offset: i64) -> Commit {
    let offset = Offset { offset, leader_epoch: 0, metadata: String::new() };
    Commit { caller, retention_ms: None, knows_group_not_found: true, offsets: vec![(partition, offset)] }
}
