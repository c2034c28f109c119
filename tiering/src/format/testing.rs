//! What the formats' tests share: strategies, damage, and golden bytes.

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;
use coordinator::cluster::{Address, CheckpointRef, Cluster, MoveFrom, Op, Resource, SessionEnd, ShardRun};
use coordinator::partition::{Appended, BatchSummary, ProducerBatch};
use coordinator::{Epoch, NodeId, PartitionId, ProcessId, SessionId, TopicId};
use proptest::prelude::*;

use super::codec::{Result, Writer};
use super::envelope::{self, Nonce};
use super::{FormatError, Kind};

pub(super) const NONCE: Nonce = *b"nonce-of-a-test!";

/// Compares `bytes` with `testdata/<name>.bin`. With `TIDELOG_BLESS=1` in the environment it writes the file
/// instead: that changes the format, and needs a new format level once there are clusters.
pub(super) fn golden(name: &str, bytes: &[u8]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(format!("{name}.bin"));
    if std::env::var_os("TIDELOG_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().expect("testdata")).expect("testdata can be made");
        std::fs::write(&path, bytes).expect("golden bytes can be written");
    }
    let golden = std::fs::read(&path).expect("golden bytes");
    assert!(golden == bytes, "{name} is no longer encoded as in {}", path.display());
}

/// Every shorter object and every object with one byte changed is refused.
pub(super) fn assert_damage_is_noticed<T>(good: &[u8], decode: impl Fn(&[u8]) -> Result<T>) {
    assert!(decode(good).is_ok(), "the object is whole to begin with");
    for at in 0..good.len() {
        assert!(decode(&good[..at]).is_err(), "cut at {at}");
        for flip in [0x01, 0x80, 0xff] {
            let mut bad = good.to_vec();
            bad[at] ^= flip;
            assert!(decode(&bad).is_err(), "byte {at} xor {flip:#x}");
        }
    }
    assert!(decode(&[good, b"x"].concat()).is_err(), "a byte too many");
}

/// An object of `kind` with this payload and right checksums.
pub(super) fn enveloped(kind: Kind, payload: &[u8]) -> Bytes {
    envelope::seal(kind, NONCE, payload)
}

/// What [`enveloped`] wraps.
pub(super) fn payload(object: &[u8]) -> &[u8] {
    &object[40..]
}

/// A payload that was written field by field.
pub(super) fn written(write: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut w = Writer::default();
    write(&mut w);
    w.bytes().to_vec()
}

/// One to three changes to a byte string: what a bug, not the weather, does to a payload.
#[derive(Clone, Debug)]
pub(super) enum Damage {
    Set(prop::sample::Index, u8),
    Remove(prop::sample::Index),
    Insert(prop::sample::Index, u8),
    Cut(prop::sample::Index),
}

pub(super) fn changes() -> impl Strategy<Value = Vec<Damage>> {
    let byte = prop_oneof![Just(0u8), Just(1), Just(0x7f), Just(0xff), any::<u8>()];
    let change = prop_oneof![
        (any::<prop::sample::Index>(), byte.clone()).prop_map(|(at, to)| Damage::Set(at, to)),
        any::<prop::sample::Index>().prop_map(Damage::Remove),
        (any::<prop::sample::Index>(), byte).prop_map(|(at, byte)| Damage::Insert(at, byte)),
        any::<prop::sample::Index>().prop_map(Damage::Cut),
    ];
    proptest::collection::vec(change, 1..4)
}

pub(super) fn changed(bytes: &[u8], changes: &[Damage]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for change in changes {
        if bytes.is_empty() {
            break;
        }
        match change {
            Damage::Set(at, to) => {
                let at = at.index(bytes.len());
                bytes[at] = *to;
            }
            Damage::Remove(at) => {
                bytes.remove(at.index(bytes.len()));
            }
            Damage::Insert(at, byte) => bytes.insert(at.index(bytes.len()), *byte),
            Damage::Cut(at) => bytes.truncate(at.index(bytes.len())),
        }
    }
    bytes
}

/// A count that no object can hold fails before anything is reserved for it.
pub(super) fn assert_hostile_count_fails<T: std::fmt::Debug>(result: Result<T>) {
    assert!(matches!(result, Err(FormatError::Truncated { .. })), "{result:?}");
}

pub(super) fn session_id() -> impl Strategy<Value = SessionId> {
    (0..4u8).prop_map(|n| SessionId([n; 16]))
}

pub(super) fn process_id() -> impl Strategy<Value = ProcessId> {
    (0..3u8).prop_map(|n| ProcessId([n; 16]))
}

pub(super) fn topic_id() -> impl Strategy<Value = TopicId> {
    (0..3u8).prop_map(|n| TopicId([n; 16]))
}

pub(super) fn partition_id() -> impl Strategy<Value = PartitionId> {
    (topic_id(), 0..3i32).prop_map(|(topic, index)| PartitionId { topic, index })
}

pub(super) fn epoch() -> impl Strategy<Value = Epoch> {
    prop_oneof![1..20u64, any::<u64>()].prop_map(Epoch)
}

/// What a batch may do to a partition.
pub(super) fn appended() -> impl Strategy<Value = Appended> {
    let producer = (any::<i64>(), any::<i16>(), any::<i32>());
    let producer = producer.prop_map(|(id, epoch, base_sequence)| ProducerBatch { id, epoch, base_sequence });
    let batch = (0..=i32::MAX, any::<i64>(), any::<i32>(), any::<i64>(), proptest::option::of(producer));
    (0..i64::MAX - (1 << 31), batch).prop_map(|(base_offset, batch)| {
        let (last_offset_delta, max_timestamp, leader_epoch, now, producer) = batch;
        Appended {
            base_offset,
            batch: BatchSummary { last_offset_delta, max_timestamp, leader_epoch, now, producer },
        }
    })
}

fn shard_run() -> impl Strategy<Value = ShardRun> {
    let from_epoch = proptest::option::of(epoch());
    (0..8u32, 0..9u32, from_epoch, 0..4i32).prop_map(|(first, count, from_epoch, leader_epoch)| ShardRun {
        first,
        count,
        from_epoch,
        leader_epoch,
    })
}

fn session_end() -> impl Strategy<Value = SessionEnd> {
    let checkpoint = (any::<u64>(), epoch()).prop_map(|(n, as_of)| CheckpointRef { n, as_of });
    let checkpoint = proptest::option::of(checkpoint);
    (any::<u64>(), checkpoint).prop_map(|(cut, checkpoint)| SessionEnd { cut, checkpoint })
}

fn address() -> impl Strategy<Value = Address> {
    let text = "\\PC{0,12}";
    (text, text, any::<u16>()).prop_map(|(listener, host, port)| Address { listener, host, port })
}

/// Settings that may be a topic's.
fn overrides() -> impl Strategy<Value = BTreeMap<String, String>> {
    let settings = [
        ("cleanup.policy", "compact"),
        ("max.message.bytes", " 77 "),
        ("message.timestamp.type", "LogAppendTime"),
        ("retention.ms", "-1"),
    ];
    proptest::sample::subsequence(settings.to_vec(), 0..=4)
        .prop_map(|some| some.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

/// Changes to settings that whatever has them may have.
fn alter_config() -> impl Strategy<Value = Op> {
    let of_nodes = [("log.retention.ms", "7000"), ("message.max.bytes", " 9"), ("num.io.threads", "3")];
    let of_groups = [("consumer.session.timeout.ms", "50000"), ("share.isolation.level", "read_committed")];
    let of_topics = [("cleanup.policy", ""), ("max.message.bytes", "78"), ("retention.ms", "-1")];
    let changes = |settings: Vec<(&'static str, &'static str)>| {
        let change = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let some = proptest::sample::subsequence(settings.clone(), 0..=settings.len());
        (some, any::<u8>()).prop_map(move |(some, deleted)| {
            let deleted = |at: usize| deleted >> at & 1 == 1;
            let some = some.into_iter().map(change).enumerate();
            some.map(|(at, (name, value))| (name, (!deleted(at)).then_some(value))).collect()
        })
    };
    let resource = prop_oneof![
        (topic_id().prop_map(Resource::Topic), changes(of_topics.to_vec())),
        ((0..3i32).prop_map(|node| Resource::Broker(NodeId(node))), changes(of_nodes.to_vec())),
        (Just(Resource::AllBrokers), changes(of_nodes.to_vec())),
        ("[a-c]{0,2}".prop_map(Resource::Group), changes(of_groups.to_vec())),
    ];
    resource.prop_map(|(resource, changes)| Op::AlterConfig { resource, changes })
}

/// Any operation. Ids come from small sets, so that a sequence of them also makes sense now and then.
pub(super) fn op() -> impl Strategy<Value = Op> {
    let node = proptest::option::of((0..3i32).prop_map(NodeId));
    let rack = proptest::option::of("[a-z]{0,3}");
    let addresses = proptest::collection::vec(address(), 0..3);
    let from = prop_oneof![
        Just(MoveFrom::Nobody),
        (session_id(), any::<u64>()).prop_map(|(session, cut)| MoveFrom::Ended { session, cut }),
        (session_id(), any::<u64>()).prop_map(|(session, end)| MoveFrom::Released { session, end }),
    ];
    let runs = proptest::collection::vec(shard_run(), 0..3);
    let shape = (1..=Cluster::MAX_PARTITIONS, 1..4i16);
    prop_oneof![
        4 => (session_id(), process_id(), node, rack, addresses).prop_map(
            |(session, process, node, rack, addresses)| Op::Open { session, process, node, rack, addresses }
        ),
        2 => (session_id(), session_end()).prop_map(|(session, end)| Op::Dead { session, end }),
        1 => (session_id(), session_end()).prop_map(|(session, end)| Op::Closed { session, end }),
        2 => (from, session_id(), runs).prop_map(|(from, to, runs)| Op::Move { from, to, runs }),
        3 => (topic_id(), "[a-c._]{1,2}", shape, overrides()).prop_map(|(topic, name, shape, overrides)| {
            let (partitions, replication_factor) = shape;
            Op::CreateTopic { topic, name, partitions, replication_factor, overrides }
        }),
        1 => topic_id().prop_map(|topic| Op::DeleteTopic { topic }),
        1 => (topic_id(), 1..=Cluster::MAX_PARTITIONS)
            .prop_map(|(topic, partitions)| Op::CreatePartitions { topic, partitions }),
        3 => alter_config(),
        1 => session_id().prop_map(|session| Op::ProducerBlock { session }),
        1 => session_id().prop_map(|session| Op::Suspect { session }),
        1 => session_id().prop_map(|session| Op::Alive { session }),
        1 => (session_id(), any::<bool>()).prop_map(|(session, draining)| Op::Drain { session, draining }),
        1 => (session_id(), any::<bool>()).prop_map(|(session, reached)| Op::Reached { session, reached }),
    ]
}
