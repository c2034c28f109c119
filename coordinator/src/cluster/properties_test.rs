//! Random entries, many of them planned on a state that is no longer the last: whatever is proposed, the
//! rules of ownership hold after each entry.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

/// What somebody proposes. `lag` is how many entries ago it read the log.
#[derive(Clone, Debug)]
enum Proposal {
    Open {
        process: u8,
        node: Option<i32>,
        take: bool,
        lag: usize,
    },
    End {
        session: Index,
        closed: bool,
        cut: u64,
        checkpoint: Option<(u64, Index)>,
    },
    TakeOver {
        session: Index,
        lag: usize,
    },
    Release {
        session: Index,
        to: Index,
        shards: Vec<u8>,
        end: u64,
        lag: usize,
    },
    Drain {
        session: Index,
        draining: bool,
    },
    Reach {
        session: Index,
        reached: bool,
    },
    Rotate {
        session: Index,
        cut: u64,
        lag: usize,
    },
    Create {
        name: &'static str,
        lag: usize,
    },
    Delete {
        topic: Index,
    },
    Grow {
        topic: Index,
        partitions: i32,
        lag: usize,
    },
    Configure {
        resource: Configured,
        setting: usize,
        value: &'static str,
        lag: usize,
    },
    ProducerBlock {
        session: Index,
    },
    /// An earlier entry once more, all but its OPENs and CREATE_TOPICs: their ids are drawn once.
    Again {
        entry: Index,
    },
}

/// Whose settings change.
#[derive(Clone, Debug)]
enum Configured {
    Topic(Index),
    Broker(i32),
    AllBrokers,
    Group(&'static str),
}

/// Of a topic, all nodes and a group: a setting, and one that gives the first its default.
const SETTINGS: [&str; 4] =
    ["max.message.bytes", "message.max.bytes", "num.io.threads", "consumer.session.timeout.ms"];

fn configures() -> impl Strategy<Value = Proposal> {
    let resource = prop_oneof![
        3 => any::<Index>().prop_map(Configured::Topic),
        1 => (0..3i32).prop_map(Configured::Broker),
        2 => Just(Configured::AllBrokers),
        1 => prop_oneof![Just("g"), Just("h")].prop_map(Configured::Group),
    ];
    let value = prop_oneof![Just(""), Just("50000"), Just("50001"), Just("x")];
    let lag = prop_oneof![3 => Just(0usize), 1 => 0..6usize];
    (resource, 0..SETTINGS.len(), value, lag)
        .prop_map(|(resource, setting, value, lag)| Proposal::Configure { resource, setting, value, lag })
}

fn proposals() -> impl Strategy<Value = Vec<Proposal>> {
    use Proposal::*;
    let (index, lag) = (any::<Index>, || prop_oneof![3 => Just(0usize), 1 => 0..6usize]);
    let node = proptest::option::of(0..3i32);
    let checkpoint = proptest::option::of((0..20u64, index()));
    let name = prop_oneof![Just("a"), Just("a.b"), Just("a_b"), Just("c")];
    let proposal = prop_oneof![
        3 => (0..4u8, node, any::<bool>(), lag()).prop_map(|(process, node, take, lag)| {
            Open { process, node, take, lag }
        }),
        3 => (index(), any::<bool>(), 0..20u64, checkpoint).prop_map(|(session, closed, cut, checkpoint)| {
            End { session, closed, cut, checkpoint }
        }),
        4 => (index(), lag()).prop_map(|(session, lag)| TakeOver { session, lag }),
        3 => (index(), index(), proptest::collection::vec(0..5u8, 1..4), 0..20u64, lag())
            .prop_map(|(session, to, shards, end, lag)| Release { session, to, shards, end, lag }),
        1 => (index(), any::<bool>()).prop_map(|(session, draining)| Drain { session, draining }),
        2 => (index(), any::<bool>()).prop_map(|(session, reached)| Reach { session, reached }),
        1 => (index(), 0..20u64, lag()).prop_map(|(session, cut, lag)| Rotate { session, cut, lag }),
        2 => (name, lag()).prop_map(|(name, lag)| Create { name, lag }),
        1 => index().prop_map(|topic| Delete { topic }),
        2 => (index(), 0..5i32, lag()).prop_map(|(topic, partitions, lag)| Grow { topic, partitions, lag }),
        4 => configures(),
        1 => index().prop_map(|session| ProducerBlock { session }),
        2 => index().prop_map(|entry| Again { entry }),
    ];
    proptest::collection::vec(proposal, 0..60)
}

/// The log, and what was seen in it.
struct World {
    /// The state before each entry, and the last one.
    states: Vec<Cluster>,
    entries: Vec<Vec<Op>>,
    outcomes: Vec<Vec<Outcome>>,
    /// Every session that an OPEN named.
    sessions: Vec<(SessionId, ProcessId)>,
    topics: Vec<TopicId>,
    drawn: u8,
    ends: BTreeMap<SessionId, SessionEnd>,
    leaders: BTreeMap<(ShardId, i32), ProcessId>,
}

impl World {
    fn new() -> Self {
        let shards = Shards::new(5).expect("5 shards");
        let format = Format { cluster: ClusterId([9; 16]), shards, level: FORMAT_LEVEL };
        Self {
            states: vec![Cluster::new(format)],
            entries: Vec::new(),
            outcomes: Vec::new(),
            sessions: Vec::new(),
            topics: Vec::new(),
            drawn: 0,
            ends: BTreeMap::new(),
            leaders: BTreeMap::new(),
        }
    }

    fn last(&self) -> &Cluster {
        &self.states[self.states.len() - 1]
    }

    fn seen(&self, lag: usize) -> Cluster {
        self.states[self.states.len().saturating_sub(1 + lag)].clone()
    }

    fn draw(&mut self) -> [u8; 16] {
        self.drawn += 1;
        [self.drawn; 16]
    }

    fn open(&mut self, process: ProcessId, node: Option<i32>) -> Op {
        let session = SessionId(self.draw());
        self.sessions.push((session, process));
        Op::Open { session, process, node: node.map(NodeId), rack: None, addresses: vec![] }
    }

    /// The entry that a proposal becomes; none where its author sees that there is nothing to propose.
    fn plan(&mut self, proposal: &Proposal) -> Vec<Op> {
        let some_session = |world: &Self, pick: &Index| {
            (!world.sessions.is_empty()).then(|| world.sessions[pick.index(world.sessions.len())])
        };
        let with_takeover = |mut seen: Cluster, mut ops: Vec<Op>| {
            seen.apply(seen.next(), &ops).expect("the next entry");
            ops.extend(seen.plan_takeover());
            ops
        };
        match proposal {
            Proposal::Open { process, node, take, lag } => {
                let process = ProcessId([*process; 16]);
                let ops = vec![self.open(process, *node)];
                if *take { with_takeover(self.seen(*lag), ops) } else { ops }
            }
            Proposal::End { session, closed, cut, checkpoint } => {
                let Some((session, _)) = some_session(self, session) else { return vec![] };
                let next = self.last().next().0;
                let checkpoint = checkpoint.map(|(n, as_of)| {
                    let as_of = Epoch(as_of.index(next as usize + 1) as u64);
                    CheckpointRef { n: n.min(*cut), as_of }
                });
                let end = SessionEnd { cut: *cut, checkpoint };
                vec![if *closed { Op::Closed { session, end } } else { Op::Dead { session, end } }]
            }
            Proposal::TakeOver { session, lag } => match some_session(self, session) {
                Some(_) => self.seen(*lag).plan_takeover(),
                None => vec![],
            },
            Proposal::Release { session, to, shards, end, lag } => {
                let (Some((from, _)), Some((to, _))) = (some_session(self, session), some_session(self, to))
                else {
                    return vec![];
                };
                let shards: Vec<_> = shards.iter().map(|s| (ShardId(u32::from(*s)), to)).collect();
                self.seen(*lag).plan_released(from, *end, &shards)
            }
            Proposal::Drain { session, draining } => match some_session(self, session) {
                Some((session, _)) => vec![Op::Drain { session, draining: *draining }],
                None => vec![],
            },
            Proposal::Reach { session, reached } => match some_session(self, session) {
                Some((session, _)) => vec![Op::Reached { session, reached: *reached }],
                None => vec![],
            },
            Proposal::Rotate { session, cut, lag } => {
                let Some((old, process)) = some_session(self, session) else { return vec![] };
                let end = SessionEnd { cut: *cut, checkpoint: None };
                let ops = vec![Op::Closed { session: old, end }, self.open(process, None)];
                with_takeover(self.seen(*lag), ops)
            }
            Proposal::Create { name, lag } => {
                let id = TopicId(self.draw());
                self.topics.push(id);
                let overrides = BTreeMap::new();
                let plan =
                    TopicPlan { name: (*name).into(), partitions: 1, replication_factor: 1, overrides };
                self.seen(*lag).planner(Limits::default()).create_topic(id, &plan).into_iter().collect()
            }
            Proposal::Delete { topic } if !self.topics.is_empty() => {
                vec![Op::DeleteTopic { topic: self.topics[topic.index(self.topics.len())] }]
            }
            Proposal::Delete { .. } => vec![],
            Proposal::Grow { topic, partitions, lag } if !self.topics.is_empty() => {
                let topic = self.topics[topic.index(self.topics.len())];
                self.seen(*lag)
                    .planner(Limits::default())
                    .create_partitions(topic, *partitions, None)
                    .into_iter()
                    .collect()
            }
            Proposal::Grow { .. } => vec![],
            Proposal::Configure { resource, setting, value, lag } => {
                let resource = match resource {
                    Configured::Topic(_) if self.topics.is_empty() => return vec![],
                    Configured::Topic(topic) => Resource::Topic(self.topics[topic.index(self.topics.len())]),
                    Configured::Broker(node) => Resource::Broker(NodeId(*node)),
                    Configured::AllBrokers => Resource::AllBrokers,
                    Configured::Group(group) => Resource::Group((*group).to_owned()),
                };
                let change = if value.is_empty() { Change::Delete } else { Change::Set((*value).to_owned()) };
                let asked = Asked::Changes([(SETTINGS[*setting].to_owned(), change)].into());
                let planned = self.seen(*lag).planner(Limits::default()).alter_config(
                    &resource,
                    &asked,
                    NodeId(1),
                    &Default::default(),
                );
                planned.into_iter().flatten().collect()
            }
            Proposal::ProducerBlock { session } => match some_session(self, session) {
                Some((session, _)) => vec![Op::ProducerBlock { session }],
                None => vec![],
            },
            Proposal::Again { entry } if !self.entries.is_empty() => {
                let ops = self.entries[entry.index(self.entries.len())].iter();
                ops.filter(|op| !matches!(op, Op::Open { .. } | Op::CreateTopic { .. })).cloned().collect()
            }
            Proposal::Again { .. } => vec![],
        }
    }

    fn append(&mut self, ops: Vec<Op>) -> Result<(), TestCaseError> {
        let before = self.last().clone();
        let mut after = before.clone();
        let outcomes = after.apply(before.next(), &ops).expect("the next entry");
        prop_assert_eq!(outcomes.len(), ops.len());
        if outcomes.iter().all(|o| *o == Outcome::Void) {
            let mut unchanged = after.clone();
            unchanged.next = before.next;
            prop_assert_eq!(&unchanged, &before, "void operations change nothing");
        }
        for (op, outcome) in ops.iter().zip(&outcomes) {
            if let (Op::Dead { session, end } | Op::Closed { session, end }, Outcome::Applied) = (op, outcome)
            {
                prop_assert_eq!(self.ends.insert(*session, *end), None, "{} ended twice", session);
            }
        }
        self.states.push(after);
        self.entries.push(ops);
        self.outcomes.push(outcomes);
        self.check(&before)
    }

    fn check(&mut self, before: &Cluster) -> Result<(), TestCaseError> {
        let after = self.last().clone();
        for shard in after.shards().all() {
            self.check_holdings(&after, shard, before.grants(shard))?;
        }
        for session in after.sessions() {
            prop_assert_eq!(session.state.end(), self.ends.get(&session.id).copied());
        }
        let mut nodes = BTreeMap::new();
        for session in after.open_sessions() {
            let process = *nodes.entry(session.node).or_insert(session.process);
            prop_assert_eq!(process, session.process, "node {} is two processes", session.node);
        }
        prop_assert_eq!(after.topics().count(), after.topics_by_name().count());
        prop_assert_eq!(after.topics().count(), after.topic_count());
        let partitions: i64 = after.topics().map(|topic| i64::from(topic.partitions)).sum();
        prop_assert_eq!(partitions, after.partition_count());
        for topic in after.topics() {
            prop_assert_eq!(after.topic_named(&topic.name).map(|t| t.id), Some(topic.id));
            prop_assert!(before.topic(topic.id).is_none_or(|t| t.partitions <= topic.partitions));
            let config = after.topic_config(&topic.overrides).expect("each was checked");
            prop_assert_eq!(&config, &topic.config);
            let own = topic.overrides.get("max.message.bytes");
            let bytes = own.or(after.configs().all_brokers.get("message.max.bytes"));
            let bytes = bytes.map_or(1_048_588, |text| text.parse().expect("only numbers are set"));
            prop_assert_eq!(topic.config.max_message_bytes, bytes);
        }
        let configs = after.configs();
        prop_assert!(configs.brokers.values().chain(configs.groups.values()).all(|own| !own.is_empty()));
        Ok(())
    }

    fn check_holdings(
        &mut self,
        after: &Cluster,
        shard: ShardId,
        before: &[Grant],
    ) -> Result<(), TestCaseError> {
        let grants = after.grants(shard);
        let mut earlier: Option<&Grant> = None;
        for (at, grant) in grants.iter().enumerate() {
            let Some(session) = after.session(grant.session) else {
                return Err(TestCaseError::fail(format!("{} is held by a forgotten session", shard.0)));
            };
            let is_open = session.state == SessionState::Open;
            let last = at + 1 == grants.len();
            match grant.end {
                Some(HoldingEnd::Released(_)) => prop_assert!(at == 0 && !last, "a RELEASE is a beginning"),
                end => {
                    prop_assert_eq!(is_open, end.is_none(), "a holding ends with its session");
                    prop_assert!(!is_open || last, "only the last holding may go on");
                    prop_assert_eq!(end.map(HoldingEnd::slot), session.state.end().map(|end| end.cut));
                }
            }
            if let Some(earlier) = earlier {
                prop_assert!(earlier.epoch < grant.epoch);
                prop_assert!(earlier.leader_epoch <= grant.leader_epoch);
            }
            prop_assert!(grant.epoch < after.next());
            let process = *self.leaders.entry((shard, grant.leader_epoch)).or_insert(session.process);
            prop_assert_eq!(process, session.process, "one leader epoch, two processes");
            earlier = Some(grant);
        }
        let last = |grants: &[Grant]| grants.last().map(|g| (g.epoch, g.leader_epoch));
        prop_assert!(last(before) <= last(grants), "leader epochs go back");
        self.check_forgotten(after, before, grants)
    }

    /// A holding is forgotten only if a later one's checkpoint holds the shard.
    fn check_forgotten(
        &self,
        after: &Cluster,
        before: &[Grant],
        grants: &[Grant],
    ) -> Result<(), TestCaseError> {
        let Some(first) = grants.first() else {
            prop_assert!(before.is_empty());
            return Ok(());
        };
        if before.first().is_some_and(|b| b.epoch < first.epoch) {
            let end = after.session(first.session).and_then(|s| s.state.end());
            let covers = end.and_then(|e| e.checkpoint).is_some_and(|c| first.epoch < c.as_of);
            let released = matches!(first.end, Some(HoldingEnd::Released(_)));
            prop_assert!(covers || released, "holdings before {:?} were forgotten", first);
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn ownership_holds_whatever_is_proposed(proposals in proposals()) {
        let mut world = World::new();
        for proposal in &proposals {
            let ops = world.plan(proposal);
            world.append(ops)?;
        }
        // I11: the state is a function of the entries.
        let mut again = world.states[0].clone();
        for (ops, outcomes) in world.entries.iter().zip(&world.outcomes) {
            prop_assert_eq!(&again.apply(again.next(), ops).expect("the next entry"), outcomes);
        }
        prop_assert_eq!(&again, world.last());
    }

    /// Whoever opens a session and reads the log's end gets every shard that is free, and serves it.
    #[test]
    fn what_is_free_can_be_taken(proposals in proposals(), process in 0..6u8) {
        let mut world = World::new();
        for proposal in &proposals {
            let ops = world.plan(proposal);
            world.append(ops)?;
        }
        let process = ProcessId([process; 16]);
        let open = world.open(process, None);
        world.append(vec![open])?;
        let (session, _) = world.sessions[world.sessions.len() - 1];
        if world.last().session(session).is_none() {
            // Its node id is another process's.
            return Ok(());
        }
        let ops = world.last().plan_takeover();
        let all_applied = vec![Outcome::Applied; ops.len()];
        world.append(ops)?;
        prop_assert_eq!(world.outcomes.last(), Some(&all_applied));
        let cluster = world.last();
        prop_assert_eq!(cluster.plan_takeover(), vec![]);
        for shard in cluster.shards().all() {
            let holder = cluster.assigned(shard).and_then(|g| cluster.session(g.session));
            prop_assert!(holder.is_some_and(|s| s.state == SessionState::Open));
        }
    }

    /// Whatever is free goes at once to a node that others reach, if there is any; one that is not reached gets nothing
    /// that another node holds; and no member gives back what it was given.
    #[test]
    fn who_is_not_reached_gets_nothing(proposals in proposals()) {
        let mut world = World::new();
        for proposal in &proposals {
            let ops = world.plan(proposal);
            world.append(ops)?;
        }
        let mut cluster = world.last().clone();
        let reached: Vec<_> = cluster.takers().into_iter().filter(|s| s.reached).map(|s| s.id).collect();
        if !reached.is_empty() {
            for (shard, to) in cluster.placement() {
                let holds = cluster.assigned(shard).is_some_and(|g| g.session == to && g.end.is_none());
                prop_assert!(reached.contains(&to) || holds, "shard {} to {}", shard.0, to);
            }
        }
        let took = cluster.plan_takeover();
        cluster.apply(cluster.next(), &took).expect("the next entry");
        let open = cluster.open_sessions().count();
        prop_assert!(open == 0 || cluster.plan_takeover().is_empty());
        // In one round of moves all is as it should be.
        let givers: Vec<_> = cluster.open_sessions().map(|s| s.id).collect();
        let moves: Vec<_> = givers.iter().map(|from| (*from, cluster.surplus(*from))).collect();
        for (from, moves) in moves {
            let released = cluster.plan_released(from, 3, &moves);
            cluster.apply(cluster.next(), &released).expect("the next entry");
        }
        for session in givers {
            prop_assert_eq!(cluster.surplus(session), vec![]);
        }
    }

    #[test]
    fn only_the_next_entry_is_applied(k in 0..5u64) {
        let mut world = World::new();
        let open = world.open(ProcessId([1; 16]), None);
        world.append(vec![open])?;
        let mut cluster = world.last().clone();
        if k != 2 {
            let not_next = ApplyError::NotNext { found: Epoch(k), expected: Epoch(2) };
            prop_assert_eq!(cluster.apply(Epoch(k), &[]), Err(not_next));
            prop_assert_eq!(&cluster, world.last());
        }
    }
}

#[test]
fn settings_of_a_newer_build_stop_a_node_and_change_nothing() {
    let mut cluster = World::new().states.remove(0);
    let overrides = [("no.such".to_owned(), "1".to_owned())].into();
    let (topic, name) = (TopicId([1; 16]), "t".to_owned());
    let create = Op::CreateTopic { topic, name, partitions: 1, replication_factor: 1, overrides };
    let (session, process) = (SessionId([1; 16]), ProcessId([1; 16]));
    let open = Op::Open { session, process, node: None, rack: None, addresses: vec![] };
    let before = cluster.clone();
    assert!(matches!(cluster.apply(Epoch(1), &[open.clone(), create]), Err(ApplyError::NewerSetting(_))));
    for resource in [
        Resource::Topic(TopicId([1; 16])),
        Resource::Broker(NodeId(1)),
        Resource::AllBrokers,
        Resource::Group("g".to_owned()),
    ] {
        let changes = [("no.such".to_owned(), Some("1".to_owned()))].into();
        let alter = Op::AlterConfig { resource, changes };
        assert!(matches!(cluster.apply(Epoch(1), &[open.clone(), alter]), Err(ApplyError::NewerSetting(_))));
    }
    assert_eq!(cluster, before);
}

#[test]
fn a_move_presumes_the_holding_and_its_end() {
    let mut world = World::new();
    let put = |world: &mut World, ops: Vec<Op>| {
        world.append(ops).expect("the rules hold");
        world.outcomes[world.outcomes.len() - 1].clone()
    };
    let [one, two] = [1, 2].map(|n| world.open(ProcessId([n; 16]), None));
    put(&mut world, vec![one]);
    let open_two = two;
    let [(one, _), (two, _)] = [world.sessions[0], world.sessions[1]];
    let ended = |session, cut| MoveFrom::Ended { session, cut };
    let take = world.last().plan_takeover();
    put(&mut world, take);
    put(&mut world, vec![open_two]);
    let take = |from, epoch, leader_epoch| {
        let run = ShardRun { first: 0, count: 5, from_epoch: Some(Epoch(epoch)), leader_epoch };
        vec![Op::Move { from, to: two, runs: vec![run] }]
    };
    assert_eq!(put(&mut world, take(ended(one, 9), 2, 1)), [Outcome::Void], "the session is open");
    assert_eq!(put(&mut world, take(MoveFrom::Nobody, 2, 1)), [Outcome::Void], "the shards were granted");
    let end = SessionEnd { cut: 9, checkpoint: None };
    put(&mut world, vec![Op::Dead { session: one, end }]);
    assert_eq!(put(&mut world, take(ended(one, 8), 2, 1)), [Outcome::Void], "another end");
    assert_eq!(put(&mut world, take(ended(two, 9), 2, 1)), [Outcome::Void], "another holder");
    assert_eq!(put(&mut world, take(ended(one, 9), 3, 1)), [Outcome::Void], "another holding");
    assert_eq!(world.last().plan_takeover(), take(ended(one, 9), 2, 1));
    assert_eq!(put(&mut world, take(ended(one, 9), 2, 1)), [Outcome::Applied]);
}

#[test]
fn a_run_outside_the_shards_is_void() {
    let mut world = World::new();
    let open = world.open(ProcessId([1; 16]), None);
    world.append(vec![open]).expect("the rules hold");
    let to = world.sessions[0].0;
    for (first, count) in [(5, 1), (0, 6), (u32::MAX, u32::MAX), (3, 0)] {
        let run = ShardRun { first, count, from_epoch: None, leader_epoch: 0 };
        world.append(vec![Op::Move { from: MoveFrom::Nobody, to, runs: vec![run] }]).expect("the rules hold");
        assert_eq!(world.outcomes[world.outcomes.len() - 1], [Outcome::Void], "{first} + {count}");
    }
}
