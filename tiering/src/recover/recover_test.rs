use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use coordinator::cluster::{Cluster, Format, Limits, Op, TopicPlan};
use coordinator::partition::{Appended, BatchSummary};
use coordinator::{ClusterId, Epoch, PartitionId, ProcessId, SessionId, ShardId, Shards, TopicId};

use super::*;
use crate::format::checkpoint::{Checkpoint, PartitionState, ShardState};
use crate::format::keys;
use crate::format::slot::{self, BatchRecord, Builder, Record};
use crate::session::seal;

const TOPIC: TopicId = TopicId([7; 16]);
const SHARDS: u32 = 8;

fn partition(index: i32) -> PartitionId {
    PartitionId { topic: TOPIC, index }
}

fn sid(n: u8) -> SessionId {
    SessionId([n; 16])
}

/// A cluster on a store, and the slots that its sessions put.
struct World {
    store: Store,
    cluster: Cluster,
    /// Per session: its next slot, and the hash of the one before.
    ends: BTreeMap<u8, (u64, u128)>,
    /// By partition: the next offset.
    offsets: BTreeMap<i32, i64>,
}

impl World {
    fn new() -> Self {
        let shards = Shards::new(SHARDS).expect("a number");
        let mut cluster = Cluster::new(Format { cluster: ClusterId([1; 16]), shards, level: 1 });
        let (name, partitions) = ("t".to_owned(), SHARDS as i32);
        let plan = TopicPlan { name, partitions, replication_factor: 1, overrides: BTreeMap::new() };
        let create = cluster.planner(Limits::default()).create_topic(TOPIC, &plan).expect("a topic");
        cluster.apply(Epoch(1), &[create]).expect("sound");
        Self { store: Store::memory(), cluster, ends: BTreeMap::new(), offsets: BTreeMap::new() }
    }

    fn apply(&mut self, ops: Vec<Op>) {
        let k = self.cluster.next();
        self.cluster.apply(k, &ops).expect("sound");
    }

    fn open(&mut self, n: u8) {
        let (session, process) = (sid(n), ProcessId([n; 16]));
        let node = Some(coordinator::NodeId(n.into()));
        self.apply(vec![Op::Open { session, process, node, rack: None, addresses: Vec::new() }]);
    }

    /// Ends a session, and gives its shards and what else is free to those that are open.
    async fn end(&mut self, n: u8) {
        let sealed = seal(&self.store, sid(n), ProcessId([99; 16])).await.expect("it can be ended");
        self.apply(vec![sealed.op(sid(n))]);
        self.share();
    }

    fn share(&mut self) {
        let moves = self.cluster.plan_takeover();
        self.apply(moves);
    }

    /// The partitions whose shards a session holds.
    fn held(&self, n: u8) -> Vec<i32> {
        let holds = |index: &i32| {
            let grant = self.cluster.assigned(self.cluster.shards().of_partition(partition(*index)));
            grant.is_some_and(|grant| grant.session == sid(n))
        };
        (0..SHARDS as i32).filter(holds).collect()
    }

    fn shard(&self, index: i32) -> ShardId {
        self.cluster.shards().of_partition(partition(index))
    }

    /// A slot with a batch of one record for each of these partitions.
    async fn put(&mut self, n: u8, partitions: &[i32]) {
        let (slot, previous) = self.ends.get(&n).copied().unwrap_or_default();
        let mut builder = Builder::default();
        for index in partitions {
            let base_offset = *self.offsets.entry(*index).and_modify(|offset| *offset += 1).or_default();
            let grant = *self.cluster.assigned(self.shard(*index)).expect("a grant");
            let mut batch = BytesMut::zeroed(70);
            batch[..8].copy_from_slice(&base_offset.to_be_bytes());
            batch[8..12].copy_from_slice(&58i32.to_be_bytes());
            let batch = batch.freeze();
            let position = builder.push_batch(batch.slice(..16), batch.slice(16..)).expect("room");
            let summary = BatchSummary {
                last_offset_delta: 0,
                max_timestamp: 5,
                leader_epoch: grant.leader_epoch,
                now: 5,
                producer: None,
            };
            builder.push(Record::Batch(BatchRecord {
                partition: partition(*index),
                epoch: grant.epoch,
                position,
                length: 70,
                attributes: 0,
                appended: Appended { base_offset, batch: summary },
            }));
        }
        let frozen = builder.freeze(sid(n), slot, previous, [n; 16]);
        self.ends.insert(n, (slot + 1, frozen.header.hash()));
        let object: Bytes = frozen.object.concat().into();
        self.store.put(&keys::slot(sid(n), slot), object.into()).await.expect("it is stored");
    }

    /// A checkpoint of a session over all of its slots so far.
    async fn checkpoint(&self, n: u8) {
        let (slot, previous) = self.ends.get(&n).copied().unwrap_or_default();
        let mut shards = BTreeMap::new();
        for index in self.held(n) {
            let shard = self.shard(index);
            let epoch = self.cluster.assigned(shard).expect("a grant").epoch;
            let mut state = PartitionState::default();
            state.partition.log_end = self.offsets.get(&index).map_or(0, |last| last + 1);
            let partitions = BTreeMap::from([(partition(index), state)]);
            shards.insert(shard, ShardState { epoch, partitions, ..ShardState::default() });
        }
        let as_of = self.cluster.next();
        let checkpoint = Checkpoint { session: sid(n), n: slot, as_of, previous, shards };
        let object = checkpoint.encode([3; 16]);
        self.store.put(&keys::checkpoint(sid(n), slot), object.into()).await.expect("it is stored");
    }

    async fn damage(&self, path: &Path, byte: usize) {
        let mut object = self.store.get(path).await.expect("an object").to_vec();
        object[byte] ^= 0x04;
        self.store.put(path, object.into()).await.expect("it is stored");
    }

    async fn recover(&self, n: u8) -> Rebuilt {
        recover(&self.store, &self.cluster, sid(n), self.cluster.shards().all(), BTreeMap::new()).await
    }

    /// The log end of each partition that was rebuilt.
    fn log_ends(&self, rebuilt: &Rebuilt) -> BTreeMap<i32, i64> {
        let ends = rebuilt.recovered.partitions.iter();
        ends.map(|(id, owned)| (id.index, owned.state.partition.log_end)).collect()
    }
}

/// Two sessions of four shards each that wrote three slots and have ended, and a third that has taken all.
async fn two_and_one() -> (World, [Vec<i32>; 2]) {
    let mut world = World::new();
    world.open(1);
    world.open(2);
    world.share();
    let held = [world.held(1), world.held(2)];
    for _ in 0..3 {
        for (n, held) in (1..).zip(&held) {
            world.put(n, held).await;
        }
    }
    world.open(3);
    (world, held)
}

async fn take_all(world: &mut World) {
    for n in [1, 2] {
        world.end(n).await;
    }
    // The second session got some of the first one's shards, and so did the third.
    assert_eq!(world.held(3).len(), SHARDS as usize);
}

#[tokio::test]
async fn a_damaged_slot_is_an_error_of_the_shards_that_need_it() {
    let (mut world, held) = two_and_one().await;
    let path = keys::slot(sid(1), 1);
    let whole = world.store.get(&path).await.expect("a slot");
    let index = whole.len() - 200;
    world.damage(&path, index).await;
    take_all(&mut world).await;
    let rebuilt = world.recover(3).await;
    let broken: BTreeSet<_> = held[0].iter().map(|index| world.shard(*index)).collect();
    assert_eq!(rebuilt.recovered.missing, broken);
    assert_eq!(rebuilt.failed.keys().copied().collect::<BTreeSet<_>>(), broken);
    for error in rebuilt.failed.values() {
        assert!(error.to_string().starts_with(path.as_ref()), "{error}");
    }
    assert_eq!(world.log_ends(&rebuilt), held[1].iter().map(|index| (*index, 3)).collect());
    // Nothing was forgotten: once the object is as it was, all of them are.
    world.store.put(&path, whole.into()).await.expect("it is stored");
    let rebuilt = world.recover(3).await;
    assert!(rebuilt.failed.is_empty() && rebuilt.damaged.is_empty());
    assert_eq!(world.log_ends(&rebuilt).into_values().collect::<Vec<_>>(), [3; SHARDS as usize]);
}

#[tokio::test]
async fn damage_to_a_body_or_to_one_header_is_met_by_nobody() {
    for byte in [3, 120, usize::MAX] {
        let (mut world, _) = two_and_one().await;
        let path = keys::slot(sid(1), 1);
        let last = world.store.get(&path).await.expect("a slot").len() - 1;
        world.damage(&path, byte.min(last)).await;
        take_all(&mut world).await;
        let rebuilt = world.recover(3).await;
        assert!(rebuilt.failed.is_empty(), "byte {byte}: {:?}", rebuilt.failed);
    }
}

#[tokio::test]
async fn a_missing_slot_is_an_error_of_the_shards_that_need_it() {
    let (mut world, held) = two_and_one().await;
    take_all(&mut world).await;
    world.store.delete(&keys::slot(sid(1), 0)).await.expect("it can be deleted");
    let rebuilt = world.recover(3).await;
    assert_eq!(rebuilt.failed.len(), held[0].len());
    let error = rebuilt.failed.values().next().expect("an error").to_string();
    assert!(error.contains("0000000000: the slot is missing"), "{error}");
    // As is one where a seal came late.
    let seal = slot::seal(sid(1), 0, ProcessId([8; 16]));
    world.store.put(&keys::slot(sid(1), 0), seal.into()).await.expect("it is stored");
    assert_eq!(world.recover(3).await.failed.into_values().next().expect("an error").to_string(), error);
    assert_eq!(world.log_ends(&rebuilt).len(), held[1].len());
}

/// The newest checkpoint is damaged before and after the session's end is recorded.
#[tokio::test]
async fn an_older_checkpoint_and_more_slots_serve_as_well() {
    for before in [true, false] {
        let mut world = World::new();
        world.open(1);
        world.share();
        let all = world.held(1);
        world.checkpoint(1).await;
        world.put(1, &all).await;
        world.checkpoint(1).await;
        world.put(1, &all).await;
        world.checkpoint(1).await;
        world.put(1, &all).await;
        world.open(2);
        let newest = keys::checkpoint(sid(1), 2);
        if before {
            world.damage(&newest, 50).await;
        }
        world.end(1).await;
        if !before {
            world.damage(&newest, 50).await;
        }
        let rebuilt = world.recover(2).await;
        assert_eq!(world.log_ends(&rebuilt).into_values().collect::<Vec<_>>(), [3; SHARDS as usize]);
        let [damaged] = &rebuilt.damaged[..] else { panic!("{:?}", rebuilt.damaged) };
        assert!(damaged.to_string().starts_with(newest.as_ref()), "{damaged}");
        let positions = rebuilt.recovered.partitions.values().map(|owned| owned.positions.len());
        assert_eq!(positions.collect::<Vec<_>>(), [2; SHARDS as usize], "of slots 1 and 2");
    }
}

/// The only checkpoint that has what came before can't be read, and the metadata has forgotten that.
#[tokio::test]
async fn a_shard_never_begins_empty_where_something_was_forgotten() {
    let (mut world, _) = two_and_one().await;
    take_all(&mut world).await;
    world.checkpoint(3).await;
    world.open(4);
    world.end(3).await;
    let path = keys::checkpoint(sid(3), 0);
    world.damage(&path, 77).await;
    let rebuilt = world.recover(4).await;
    assert_eq!(rebuilt.failed.len(), SHARDS as usize);
    assert!(rebuilt.failed.values().all(|error| error.to_string().starts_with(path.as_ref())));
    assert!(rebuilt.recovered.partitions.is_empty());
}

/// A session that could not rebuild a shard says in its checkpoints how far it has all of them. What it lacks is not
/// forgotten when it ends, however many sessions hold the shard in vain.
#[tokio::test]
async fn sessions_that_hold_a_broken_shard_keep_its_history() {
    let (mut world, held) = two_and_one().await;
    let path = keys::slot(sid(1), 1);
    let whole = world.store.get(&path).await.expect("a slot");
    let index = whole.len() - 200;
    world.damage(&path, index).await;
    take_all(&mut world).await;
    for n in 3..6 {
        let rebuilt = world.recover(n).await;
        assert_eq!(rebuilt.failed.len(), held[0].len(), "session {n}");
        // As the log does it: as of the grant of what is missing, with what is there.
        let grants = rebuilt.failed.keys().filter_map(|shard| world.cluster.assigned(*shard));
        let as_of = grants.map(|grant| grant.epoch).min().expect("some are missing");
        let mut shards = BTreeMap::new();
        for index in &held[1] {
            let (shard, mut state) = (world.shard(*index), PartitionState::default());
            state.partition.log_end = 3;
            let partitions = BTreeMap::from([(partition(*index), state)]);
            let epoch = world.cluster.assigned(shard).expect("a grant").epoch;
            shards.insert(shard, ShardState { epoch, partitions, ..ShardState::default() });
        }
        let checkpoint = Checkpoint { session: sid(n), n: 0, as_of, previous: 0, shards };
        let object = checkpoint.encode([3; 16]);
        world.store.put(&keys::checkpoint(sid(n), 0), object.into()).await.expect("it is stored");
        world.open(n + 1);
        world.end(n).await;
    }
    assert_eq!(world.recover(6).await.failed.len(), held[0].len());
    world.store.put(&path, whole.into()).await.expect("it is stored");
    let rebuilt = world.recover(6).await;
    assert!(rebuilt.failed.is_empty(), "{:?}", rebuilt.failed);
    assert_eq!(world.log_ends(&rebuilt).into_values().collect::<Vec<_>>(), [3; SHARDS as usize]);
}
