use coordinator::partition::{Appended, BatchSummary, ProducerBatch};
use proptest::prelude::*;

use coordinator::group::{Change, Committed, Membership};

use super::super::group::tests::groups;
use super::super::share::tests::shares;
use super::super::testing::*;
use super::*;

/// What a few appends make of a partition.
fn appended_to(mut partition: Partition, batches: &[(i64, i16, i32, i64, i32)]) -> Partition {
    for &(id, epoch, count, now, leader_epoch) in batches {
        let producer = (id >= 0).then_some(ProducerBatch { id, epoch, base_sequence: count });
        let last_offset_delta = count - 1;
        let batch = BatchSummary { last_offset_delta, max_timestamp: now / 2, leader_epoch, now, producer };
        partition.apply(&Appended { base_offset: partition.log_end, batch });
    }
    partition
}

fn trimmed_to(mut partition: Partition, log_start: i64) -> Partition {
    partition.apply_trim(&Trimmed { log_start });
    partition
}

fn tenure(n: u8) -> Tenure {
    let session = SessionId([n; 16]);
    Tenure {
        epoch: Epoch(u64::from(n)),
        session,
        first_slot: 4,
        end_slot: 9,
        first_offset: 30,
        max_timestamp: 1_700_000_000_000,
        bytes: 65_000,
        listed_at: 1_700_000_009_000,
        index: (session, 12),
    }
}

fn sample() -> Checkpoint {
    let batches = [(7, 0, 3, 1000, 0), (7, 0, 2, 1001, 0), (-1, 0, 5, 1002, 1), (9, 2, 1, 1003, 1)];
    let state = PartitionState {
        partition: trimmed_to(appended_to(Partition::default(), &batches), 4),
        tenures: vec![tenure(1), tenure(2)],
    };
    let partition = |index| PartitionId { topic: TopicId([3; 16]), index };
    let partitions = [(partition(0), state), (partition(4), PartitionState::default())].into();
    let mut groups = BTreeMap::new();
    let committed = |offset| Committed {
        offset,
        leader_epoch: 1,
        metadata: "note".to_owned(),
        committed_at: 1_700_000_000_000,
        expires_at: Some(1_700_000_900_000),
    };
    let header = Change::Header { membership: Membership::default(), empty_since: Some(1_700_000_000_001) };
    let changes = [header, Change::Offset(partition(0), Some(committed(7)))];
    group::replay(&mut groups, &"group".into(), &changes);
    let id = coordinator::share::SharePartitionId { group: "share".into(), partition: partition(0) };
    let delivery = coordinator::share::Delivery::Available;
    let known = [
        coordinator::share::Change::Begin { epoch: 3, start: 4 },
        coordinator::share::Change::Records { first: 6, last: 8, delivery, deliveries: 2 },
    ];
    let mut shares = Shares::new();
    share::replay(&mut shares, &id, &known);
    let filled = ShardState { epoch: Epoch(12), partitions, groups, shares };
    let empty = ShardState { epoch: Epoch(13), ..ShardState::default() };
    Checkpoint {
        session: SessionId(*b"session-of-tests"),
        n: 77,
        as_of: Epoch(14),
        previous: 0x0102_0304,
        shards: [(ShardId(0), filled), (ShardId(1023), empty)].into(),
    }
}

/// A checkpoint of one shard with these sections.
fn with_sections(write: impl FnOnce(&mut Writer)) -> Result<Checkpoint> {
    let written = written(|w| {
        w.raw(&[0; 16]).u64(1).u64(2).raw(&[0; 16]).u32(1).u32(0).u64(3);
        write(w);
    });
    Checkpoint::decode(&enveloped(Kind::Checkpoint, &written))
}

fn states() -> impl Strategy<Value = PartitionState> {
    let batch = (-1..3i64, 0..2i16, 1..9i32, 0..10_000i64, 0..5i32);
    let partition = (0..1000i64, proptest::collection::vec(batch, 0..12)).prop_map(|(start, batches)| {
        let empty = Partition { log_start: start, log_end: start, ..Partition::default() };
        appended_to(empty, &batches)
    });
    let slots = (any::<u64>(), any::<u64>()).prop_map(|(a, b)| (a.min(b), a.max(b)));
    let sizes = (0..1u64 << 48, any::<i64>());
    let rest = (any::<i64>(), any::<i64>(), sizes, (session_id(), any::<u64>()));
    let tenure = (epoch(), session_id(), slots, rest).prop_map(|(epoch, session, slots, rest)| {
        let ((first_slot, end_slot), (first_offset, max_timestamp, (bytes, listed_at), index)) =
            (slots, rest);
        Tenure { epoch, session, first_slot, end_slot, first_offset, max_timestamp, bytes, listed_at, index }
    });
    (partition, proptest::collection::vec(tenure, 0..3))
        .prop_map(|(partition, tenures)| PartitionState { partition, tenures })
}

fn checkpoints() -> impl Strategy<Value = Checkpoint> {
    let partitions = proptest::collection::btree_map(partition_id(), states(), 0..3);
    let shard = (epoch(), partitions, groups(), shares())
        .prop_map(|(epoch, partitions, groups, shares)| ShardState { epoch, partitions, groups, shares });
    let shards = proptest::collection::btree_map((0..9u32).prop_map(ShardId), shard, 0..4);
    (session_id(), any::<u64>(), epoch(), any::<u128>(), shards)
        .prop_map(|(session, n, as_of, previous, shards)| Checkpoint { session, n, as_of, previous, shards })
}

#[test]
fn golden_bytes() {
    golden("checkpoint", &sample().encode(NONCE));
}

/// A partition with tenures from 0, 10 and 20 on, and batches of five records from 30 and 35 on.
fn owned() -> OwnedPartition {
    let batches = (0..8).map(|_| (-1, 0, 5, 1000, 0)).collect::<Vec<_>>();
    let tenures = [0, 10, 20].map(|first_offset| Tenure { first_offset, ..tenure(1) }).to_vec();
    let position = |base_offset| Position {
        session: SessionId([1; 16]),
        epoch: Epoch(1),
        slot: 9,
        position: 0,
        length: 61,
        base_offset,
        last_offset_delta: 4,
        max_timestamp: 500,
    };
    let state = PartitionState { partition: appended_to(Partition::default(), &batches), tenures };
    OwnedPartition { state, positions: [30, 35].map(position).to_vec() }
}

#[test]
fn a_trim_drops_what_lies_below_it_as_a_whole() {
    for (log_start, tenures, positions) in [
        (0, &[0, 10, 20][..], &[30, 35][..]),
        (9, &[0, 10, 20], &[30, 35]),
        (10, &[10, 20], &[30, 35]),
        (29, &[20], &[30, 35]),
        (30, &[], &[30, 35]),
        (34, &[], &[30, 35]),
        (35, &[], &[35]),
        (39, &[], &[35]),
        (40, &[], &[]),
    ] {
        let mut owned = owned();
        owned.trim(&Trimmed { log_start });
        assert_eq!(owned.state.tenures.iter().map(|t| t.first_offset).collect::<Vec<_>>(), tenures);
        assert_eq!(owned.positions.iter().map(|p| p.base_offset).collect::<Vec<_>>(), positions);
        assert_eq!(owned.state.partition.log_start, log_start);
    }
    // With no positions, the last tenure goes to the log's end.
    for (log_start, tenures) in [(39, &[20][..]), (40, &[])] {
        let mut owned = OwnedPartition { positions: Vec::new(), ..owned() };
        owned.trim(&Trimmed { log_start });
        assert_eq!(owned.state.tenures.iter().map(|t| t.first_offset).collect::<Vec<_>>(), tenures);
    }
}

proptest! {
    /// In one step or in several, with the positions in a checkpoint or not: the same is left.
    #[test]
    fn trims_add_up(trims in proptest::collection::vec(0..=40i64, 1..6)) {
        let (mut stepwise, mut at_once) = (owned(), owned());
        for log_start in &trims {
            stepwise.trim(&Trimmed { log_start: *log_start });
        }
        at_once.trim(&Trimmed { log_start: trims.iter().copied().max().unwrap_or(0) });
        prop_assert_eq!(stepwise, at_once);
    }
}

#[test]
fn each_damaged_byte_is_noticed() {
    assert_damage_is_noticed(&sample().encode(NONCE), Checkpoint::decode);
}

#[test]
fn an_unknown_section_is_newer() {
    let transactions = with_sections(|w| {
        w.u32(1).u8(9).nested(|w| {
            w.raw(b"transactions");
        });
    });
    assert_eq!(transactions, Err(FormatError::Newer { what: "a checkpoint's section", found: 9 }));
}

#[test]
fn sections_ascend() {
    let twice = with_sections(|w| {
        w.u32(2).u8(PARTITIONS).u32(4).u32(0).u8(PARTITIONS).u32(4).u32(0);
    });
    assert_eq!(twice, Err(FormatError::Invalid("the sections of a checkpoint do not ascend")));
}

#[test]
fn hostile_counts_fail_at_once() {
    let shards = written(|w| {
        w.raw(&[0; 48]).u32(u32::MAX);
    });
    assert_hostile_count_fails(Checkpoint::decode(&enveloped(Kind::Checkpoint, &shards)));
    assert_hostile_count_fails(with_sections(|w| {
        w.u32(u32::MAX);
    }));
    // The lists of a partition: the partitions themselves, epochs, producers, their batches, tenures.
    let partition = |list: usize| {
        with_sections(|w| {
            w.u32(1).u8(PARTITIONS).nested(|w| {
                w.u32(if list == 0 { u32::MAX } else { 1 }).raw(&[0; 36]);
                w.u32(if list == 1 { u32::MAX } else { 0 });
                match list {
                    2 => w.u32(u32::MAX),
                    3 => w.u32(1).raw(&[0; 18]).u32(u32::MAX),
                    _ => w.u32(0),
                };
                w.u32(if list == 4 { u32::MAX } else { 0 });
            });
        })
    };
    for list in 0..5 {
        assert_hostile_count_fails(partition(list));
    }
    assert!(partition(5).is_ok());
}

#[test]
fn what_cannot_be_is_refused() {
    let refused = |why, change: &dyn Fn(&mut PartitionState)| {
        let mut checkpoint = sample();
        let shard = checkpoint.shards.values_mut().next().expect("a shard");
        shard.partitions.values_mut().take(1).for_each(change);
        assert_eq!(Checkpoint::decode(&checkpoint.encode(NONCE)), Err(FormatError::Invalid(why)));
    };
    let offsets = "a partition's offsets are out of range";
    refused(offsets, &|p| p.partition.log_start = -1);
    refused(offsets, &|p| p.partition.log_end = p.partition.log_start - 1);
    let batches = "a producer has no batches, or more than are kept";
    refused(batches, &|p| p.partition.producers.values_mut().for_each(|p| p.entries.clear()));
    refused(batches, &|p| {
        for producer in p.partition.producers.values_mut() {
            let entry = producer.entries[0];
            producer.entries.resize(Producer::KEPT + 1, entry);
        }
    });
    let entries = "a producer's offsets are out of range";
    refused(entries, &|p| {
        p.partition.producers.values_mut().for_each(|p| p.entries[0].base_offset = i64::MAX - 1);
    });
    refused(entries, &|p| {
        p.partition.producers.values_mut().for_each(|p| p.entries[0].last_offset_delta = -1);
    });
    refused("a tenure ends before it begins", &|p| p.tenures[0].end_slot = 3);
}

proptest! {
    #[test]
    fn what_is_written_is_read(checkpoint in checkpoints()) {
        prop_assert_eq!(Checkpoint::decode(&checkpoint.encode(NONCE)), Ok(checkpoint));
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = Checkpoint::decode(&bytes);
        let _ = Checkpoint::decode(&enveloped(Kind::Checkpoint, &bytes));
    }

    #[test]
    fn a_changed_checkpoint_never_panics(checkpoint in checkpoints(), changes in changes()) {
        let object = enveloped(Kind::Checkpoint, &changed(payload(&checkpoint.encode(NONCE)), &changes));
        if let Ok(checkpoint) = Checkpoint::decode(&object) {
            prop_assert_eq!(Checkpoint::decode(&checkpoint.encode(NONCE)), Ok(checkpoint));
        }
    }
}
