//! What groups of different sizes cost: `cargo run --release -p coordinator --example groups`.
//!
//! Members of a consumer group read 100 topics of 100 partitions, those of a thousand small groups one topic, and a reader holds the group while it changes, as a
//! checkpoint does. Times are of one thread, without store and network.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use coordinator::cluster::{Cluster, FORMAT_LEVEL, Format, Op};
use coordinator::group::consumer::{ConsumerGroup, ConsumerHeartbeat, ConsumerMember};
use coordinator::group::{
    Assignment, ConsumerProtocol, Effect, Group, GroupId, Member, MemberId, Membership, Now, Request,
    Settings, Shard, World,
};
use coordinator::{ClusterId, Shards, TopicId};

const TOPICS: u8 = 100;
const PARTITIONS: i32 = 100;
const CODEC: ConsumerProtocol = ConsumerProtocol {
    read_subscription: |_| None,
    read_assignment: |_| None,
    write_assignment: |_, _| Bytes::new(),
};

struct Bench {
    cluster: Cluster,
    shard: Shard,
    now: Now,
    changes: usize,
}

impl Bench {
    /// So many groups of so many members, all of them settled.
    fn new(groups: usize, members: usize, assignor: &str, topics: u8) -> Self {
        let shards = Shards::new(1).expect("a shard");
        let mut cluster = Cluster::new(Format { cluster: ClusterId([9; 16]), shards, level: FORMAT_LEVEL });
        for n in 0..TOPICS {
            let (topic, name, overrides) = (TopicId([n; 16]), format!("topic-{n:03}"), BTreeMap::new());
            let op =
                Op::CreateTopic { topic, name, partitions: PARTITIONS, replication_factor: 1, overrides };
            cluster.apply(cluster.next(), &[op]).expect("the next entry");
        }
        let now = Now { since_start: Duration::from_secs(1), wall: 1_700_000_000_000, is_settled: true };
        let group = Arc::new(group(members, assignor, topics));
        let held = (0..groups).map(|n| (GroupId::from(format!("g{n}")), Arc::clone(&group))).collect();
        let shard = Shard::new(held, now, &world(&cluster));
        Self { cluster, shard, now, changes: 0 }
    }

    /// Steps the shard, and tells what that took.
    fn step(&mut self, act: impl FnOnce(&mut Shard, Now, &World<'_>, &mut Vec<Effect>)) -> Duration {
        let mut effects = Vec::new();
        let reader: Vec<_> = self.shard.groups().map(|(_, group)| Arc::clone(group)).collect();
        let begun = clock();
        act(&mut self.shard, self.now, &world(&self.cluster), &mut effects);
        let took = begun.elapsed();
        drop(reader);
        self.changes = effects
            .iter()
            .map(|effect| if let Effect::Write { changes, .. } = effect { changes.len() } else { 0 })
            .sum();
        took
    }

    fn ask(&mut self, group: usize, request: ConsumerHeartbeat) -> Duration {
        let id = GroupId::from(format!("g{group}"));
        let request = Request::ConsumerHeartbeat(request);
        self.step(|shard, now, world, effects| shard.request(now, world, (&id, 1), request, effects))
    }
}

#[allow(clippy::disallowed_methods, reason = "it measures time")]
fn clock() -> Instant {
    Instant::now()
}

fn settings(_: &str) -> Settings {
    Settings::default()
}

fn world(cluster: &Cluster) -> World<'_> {
    World { cluster, settings: &settings, consumer_protocol: CODEC }
}

fn member_id(n: usize) -> MemberId {
    format!("member-{n:05}").into()
}

fn names(topics: u8) -> BTreeSet<String> {
    (0..topics).map(|n| format!("topic-{n:03}")).collect()
}

fn group(members: usize, assignor: &str, topics: u8) -> Group {
    let mut group = Group {
        membership: Membership::Consumer(ConsumerGroup {
            group_epoch: 2,
            assignment_epoch: 2,
            ..ConsumerGroup::default()
        }),
        ..Group::default()
    };
    let mut targets = vec![Assignment::new(); members];
    for n in 0..usize::from(topics) * PARTITIONS as usize {
        let topic = TopicId([(n / PARTITIONS as usize) as u8; 16]);
        targets[n % members].entry(topic).or_default().insert(n as i32 % PARTITIONS);
    }
    for (n, target) in targets.into_iter().enumerate() {
        let held = |all: &BTreeSet<i32>| all.iter().map(|index| (*index, 2)).collect();
        let assigned = target.iter().map(|(topic, all)| (*topic, held(all))).collect();
        let member = ConsumerMember {
            rebalance_timeout_ms: 60_000,
            topics: names(topics),
            assignor: Some(assignor.to_owned()),
            epoch: 2,
            previous_epoch: 2,
            assigned,
            ..ConsumerMember::default()
        };
        group.members.insert(member_id(n), Member::Consumer(member));
        if !target.is_empty() {
            group.targets.insert(member_id(n), target);
        }
    }
    group
}

fn beat(n: usize, epoch: i32, topics: u8) -> ConsumerHeartbeat {
    let joins = epoch == 0;
    ConsumerHeartbeat {
        member: member_id(n),
        fresh: "fresh".into(),
        makes_own_id: true,
        epoch,
        instance: None,
        rack: None,
        client_id: String::new(),
        client_host: String::new(),
        rebalance_timeout_ms: joins.then_some(60_000),
        topics: joins.then(|| names(topics)),
        regex: None,
        assignor: None,
        owned: joins.then(Assignment::new),
    }
}

fn main() {
    for assignor in ["uniform", "range"] {
        for members in [1, 100, 1_000, 10_000] {
            let mut bench = Bench::new(1, members, assignor, TOPICS);
            let first = bench.ask(0, beat(members, 0, TOPICS));
            let (join, joined) = (bench.ask(0, beat(members + 1, 0, TOPICS)), bench.changes);
            let leave = bench.ask(0, beat(members + 1, -1, TOPICS));
            let heartbeat = bench.ask(0, beat(members, 3, TOPICS));
            let silent = members.min(1_000);
            bench.now.since_start += Duration::from_secs(40);
            for n in silent..members {
                bench.ask(0, beat(n, 2, TOPICS));
            }
            bench.now.since_start += Duration::from_secs(6);
            let expiry = bench.step(|shard, now, world, effects| {
                shard.tick(now, world, usize::MAX, effects);
            });
            println!(
                "{assignor}, {members} members: join {join:?} ({joined} changes), the first with targets {first:?}, \
                 leave {leave:?}, heartbeat {heartbeat:?}, expiry of {silent} {expiry:?}"
            );
        }
    }
    let mut bench = Bench::new(1_000, 1, "uniform", 1);
    let beats: Duration = (0..1_000).map(|n| bench.ask(n, beat(0, 2, 1))).sum();
    let joins: Duration = (0..1_000).map(|n| bench.ask(n, beat(1, 0, 1))).sum();
    bench.now.since_start += Duration::from_secs(60);
    let expiry = bench.step(|shard, now, world, effects| {
        shard.tick(now, world, usize::MAX, effects);
    });
    println!(
        "1000 groups of one member: 1000 heartbeats {beats:?}, 1000 joins {joins:?}, expiry of all {expiry:?}"
    );
}
