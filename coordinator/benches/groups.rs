//! What a step of a consumer group costs, by the size of the group and by the number of groups.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use coordinator::cluster::{Cluster, FORMAT_LEVEL, Format, Op};
use coordinator::group::consumer::ConsumerHeartbeat;
use coordinator::group::{
    ConsumerProtocol, Effect, GroupId, Member, Now, Reply, Request, Settings, Shard, World,
};
use coordinator::{ClusterId, Shards, TopicId};
use divan::Bencher;

const MEMBERS: [usize; 4] = [1, 100, 1_000, 10_000];
const TOPICS: [&str; 3] = ["orders", "payments", "returns"];

const CODEC: ConsumerProtocol = ConsumerProtocol {
    read_subscription: |_| None,
    read_assignment: |_| None,
    write_assignment: |_, _| Bytes::new(),
};

fn main() {
    divan::main();
}

struct Coordinator {
    shard: Shard,
    now: Now,
    cluster: Cluster,
    settings: Settings,
    effects: Vec<Effect>,
}

impl Coordinator {
    /// Groups of so many members, which read topics with a partition for each of them.
    fn new(groups: usize, members: usize) -> Self {
        let shards = Shards::new(1024).expect("1,024 shards");
        let mut cluster = Cluster::new(Format { cluster: ClusterId([1; 16]), shards, level: FORMAT_LEVEL });
        let create = |(n, name): (u8, &str)| Op::CreateTopic {
            topic: TopicId([n; 16]),
            name: name.to_owned(),
            partitions: members.div_ceil(TOPICS.len()) as i32,
            replication_factor: 1,
            overrides: BTreeMap::new(),
        };
        let ops: Vec<_> = (1..).zip(TOPICS).map(create).collect();
        cluster.apply(cluster.next(), &ops).expect("topics");
        let now = Now { since_start: Duration::from_secs(1), wall: 1_700_000_000_000, is_settled: true };
        let mut coordinator = Self {
            shard: Shard::default(),
            now,
            cluster,
            settings: Settings::default(),
            effects: Vec::new(),
        };
        for group in 0..groups {
            (0..members).for_each(|member| coordinator.beat(group, member, 0));
        }
        coordinator.pass(Duration::from_secs(5));
        coordinator.settle()
    }

    fn settle(mut self) -> Self {
        self.effects = Vec::with_capacity(16);
        self
    }

    fn act(&mut self, act: impl FnOnce(&mut Shard, Now, &World<'_>, &mut Vec<Effect>)) {
        let settings = |_: &str| self.settings.clone();
        let world = World { cluster: &self.cluster, settings: &settings, consumer_protocol: CODEC };
        act(&mut self.shard, self.now, &world, &mut self.effects);
    }

    fn pass(&mut self, time: Duration) {
        self.now.since_start += time;
    }

    /// A heartbeat; at epoch 0 it joins. What earlier steps decided goes with [`Coordinator::settle`].
    fn beat(&mut self, group: usize, member: usize, epoch: i32) {
        let request = Request::ConsumerHeartbeat(ConsumerHeartbeat {
            member: format!("m{member:05}").into(),
            fresh: "".into(),
            makes_own_id: true,
            epoch,
            instance: None,
            rack: None,
            client_id: "c".to_owned(),
            client_host: "h".to_owned(),
            rebalance_timeout_ms: (epoch == 0).then_some(60_000),
            topics: (epoch == 0).then(|| TOPICS.iter().map(|name| (*name).to_owned()).collect()),
            regex: None,
            assignor: None,
            owned: (epoch == 0).then(BTreeMap::new),
        });
        let id = GroupId::from(format!("g{group}"));
        self.act(|shard, now, world, effects| shard.request(now, world, (&id, 0), request, effects));
        let taken =
            |effect: &Effect| matches!(effect, Effect::Reply { reply: Reply::ConsumerHeartbeat(Ok(_)), .. });
        assert!(self.effects.iter().any(taken), "{:?}", self.effects);
    }

    /// The epoch of a member.
    fn epoch(&self, group: usize, member: usize) -> i32 {
        let group = self.shard.group(&format!("g{group}")).expect("a group");
        match group.members.get(format!("m{member:05}").as_str()) {
            Some(Member::Consumer(member)) => member.epoch,
            found => panic!("{found:?}"),
        }
    }
}

/// A member joins while targets were computed less than a second ago.
#[divan::bench(args = MEMBERS, sample_count = 20)]
fn join(bencher: Bencher<'_, '_>, members: usize) {
    let made = || {
        let mut coordinator = Coordinator::new(1, members);
        coordinator.beat(0, members, 0);
        let mut coordinator = coordinator.settle();
        // What the allocator has to tidy up after that is not what is measured.
        coordinator.beat(0, members + 1, 0);
        coordinator
    };
    bencher.with_inputs(made).bench_local_values(|mut coordinator| {
        coordinator.beat(0, members + 2, 0);
        coordinator
    });
}

/// A member joins, and the targets of all members are computed.
#[divan::bench(args = MEMBERS, sample_count = 20)]
fn join_with_targets(bencher: Bencher<'_, '_>, members: usize) {
    bencher.with_inputs(|| Coordinator::new(1, members)).bench_local_values(|mut coordinator| {
        coordinator.beat(0, members, 0);
        coordinator
    });
}

/// A member of a group of so many says that it is there.
#[divan::bench(args = MEMBERS, sample_count = 20)]
fn heartbeat(bencher: Bencher<'_, '_>, members: usize) {
    let mut coordinator = Coordinator::new(1, members);
    coordinator.beat(0, 0, 0);
    let epoch = coordinator.epoch(0, 0);
    let mut coordinator = coordinator.settle();
    bencher.bench_local(|| {
        coordinator.beat(0, 0, epoch);
        coordinator.effects.clear();
    });
}

/// A member of one of so many groups of ten, all of one shard, says that it is there.
#[divan::bench(args = [1, 1_000], sample_count = 20)]
fn heartbeat_among_groups(bencher: Bencher<'_, '_>, groups: usize) {
    let mut coordinator = Coordinator::new(groups, 10);
    let last = groups - 1;
    coordinator.beat(last, 0, 0);
    let epoch = coordinator.epoch(last, 0);
    let mut coordinator = coordinator.settle();
    bencher.bench_local(|| {
        coordinator.beat(last, 0, epoch);
        coordinator.effects.clear();
    });
}

/// All members but one have been silent for too long.
#[divan::bench(args = MEMBERS, sample_count = 20)]
fn expire(bencher: Bencher<'_, '_>, members: usize) {
    let made = || {
        let mut coordinator = Coordinator::new(1, members);
        coordinator.pass(Duration::from_secs(30));
        coordinator.beat(0, members, 0);
        coordinator.pass(Duration::from_secs(30));
        coordinator.settle()
    };
    bencher.with_inputs(made).bench_local_values(|mut coordinator| {
        coordinator.act(|shard, now, world, effects| {
            shard.tick(now, world, usize::MAX, effects);
        });
        coordinator
    });
}
