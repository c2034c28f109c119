use std::collections::BTreeMap;

use coordinator::group::{Change, ClassicGroup, ClassicMember, ClassicState, Committed, Member, Membership};
use coordinator::partition::{Appended, BatchSummary, ProducerBatch, Trimmed};
use coordinator::share::{self as shares, SharePartitionId};
use coordinator::{Epoch, PartitionId, ShardId, TopicId};
use proptest::prelude::*;

use super::super::checkpoint::{OwnedPartition, PartitionState};
use super::super::group;
use super::super::group::tests::{group_changes, groups};
use super::super::index::Position;
use super::super::share::tests::{share_changes, share_ids, shares as some_shares};
use super::super::share::{self, Shares};
use super::super::testing::*;
use super::record::{PRODUCERS_EXPIRED, TRIM, encode as encode_record};
use super::*;

const SESSION: SessionId = SessionId(*b"session-of-tests");

/// A record batch (v2) with `payload` where its records are, cut where the broker cuts it.
fn batch(payload: &[u8]) -> (Bytes, Bytes) {
    let mut rest = vec![0; BATCH_HEAD - 16];
    rest[0] = 2;
    rest.extend_from_slice(payload);
    let crc = crc32c::crc32c(payload);
    rest[1..5].copy_from_slice(&crc.to_be_bytes());
    let prefix = written(|w| {
        w.i64(70).i32((BATCH_HEAD + payload.len() - 12) as i32).i32(3);
    });
    (prefix.into(), rest.into())
}

/// A slot with these batches and other records.
fn slot(batches: &[(Vec<u8>, PartitionId, Epoch, i16, Appended)], others: &[Record]) -> Frozen {
    let mut builder = Builder::default();
    for (payload, partition, epoch, attributes, appended) in batches {
        let (prefix, rest) = batch(payload);
        let length = (prefix.len() + rest.len()) as u32;
        let position = builder.push_batch(prefix, rest).expect("room");
        let (partition, epoch, attributes, appended) = (*partition, *epoch, *attributes, *appended);
        builder.push(Record::Batch(BatchRecord { partition, epoch, position, length, attributes, appended }));
    }
    for other in others {
        builder.push(other.clone());
    }
    builder.freeze(SESSION, 7, 0xabcd, NONCE)
}

fn object(frozen: &Frozen) -> Bytes {
    frozen.object.concat().into()
}

/// An object with this index, whatever it says.
fn with_index(index: &[u8], change: impl FnOnce(&mut Header)) -> Vec<u8> {
    let mut header = Header {
        kind: Kind::Slot,
        nonce: NONCE,
        session: SESSION,
        n: 7,
        previous: 0,
        body_len: 0,
        index_len: index.len() as u32,
        body_crc: 0,
        index_crc: crc32c::crc32c(index),
    };
    change(&mut header);
    [&header.encode(), index, &header.encode()].concat()
}

fn whole(tail: &[u8]) -> Result<Footer> {
    match decode_tail(SESSION, 7, tail)? {
        Tail::Whole(footer) => Ok(footer),
        Tail::Needs(len) => Err(FormatError::Truncated { what: "slot", missing: len - tail.len() }),
    }
}

fn partition(n: u8) -> PartitionId {
    PartitionId { topic: TopicId([n; 16]), index: i32::from(n) }
}

fn sample_batches() -> Vec<(Vec<u8>, PartitionId, Epoch, i16, Appended)> {
    let summary = BatchSummary {
        last_offset_delta: 4,
        max_timestamp: 1_700_000_000_000,
        leader_epoch: 3,
        now: 1_700_000_000_123,
        producer: None,
    };
    let idempotent =
        BatchSummary { producer: Some(ProducerBatch { id: 5 << 20, epoch: 1, base_sequence: 9 }), ..summary };
    vec![
        (b"records".to_vec(), partition(1), Epoch(12), 4, Appended { base_offset: 70, batch: summary }),
        (b"more".to_vec(), partition(2), Epoch(13), 0, Appended { base_offset: 0, batch: idempotent }),
    ]
}

/// Changes of each kind but [`Change::Deleted`].
fn group_sample() -> Vec<Change> {
    let member = ClassicMember {
        instance: Some("i".to_owned()),
        client_id: "c".to_owned(),
        client_host: "/192.0.2.1".to_owned(),
        rebalance_timeout_ms: 300_000,
        session_timeout_ms: 45_000,
        protocols: vec![("range".to_owned(), Bytes::from_static(b"metadata"))],
        assignment: Bytes::from_static(b"assignment"),
    };
    let membership = Membership::Classic(ClassicGroup {
        state: ClassicState::Stable,
        generation: 4,
        protocol_type: Some("consumer".to_owned()),
        protocol: Some("range".to_owned()),
        leader: Some("m".into()),
    });
    let committed = Committed {
        offset: 70,
        leader_epoch: 3,
        metadata: "note".to_owned(),
        committed_at: 1_700_000_000_000,
        expires_at: None,
    };
    let target = [(TopicId([2; 16]), [0, 2].into())].into();
    vec![
        Change::Header { membership, empty_since: None },
        Change::Member("m".into(), Some(Member::Classic(member))),
        Change::Target("m".into(), Some(target)),
        Change::Offset(partition(2), Some(committed)),
    ]
}

/// Changes of each kind but [`shares::Change::Deleted`].
fn share_sample() -> Vec<shares::Change> {
    let delivery = shares::Delivery::Acknowledged;
    vec![
        shares::Change::Begin { epoch: 3, start: 4 },
        shares::Change::Start(5),
        shares::Change::Records { first: 7, last: 9, delivery, deliveries: 2 },
    ]
}

fn share_id() -> SharePartitionId {
    SharePartitionId { group: "g".into(), partition: partition(2) }
}

fn release() -> Record {
    let mut state = PartitionState::default();
    for (_, _, _, _, appended) in &sample_batches()[1..] {
        state.partition.apply(appended);
    }
    let at = Position {
        session: SESSION,
        epoch: Epoch(13),
        slot: 6,
        position: 100,
        length: 90,
        base_offset: 0,
        last_offset_delta: 4,
        max_timestamp: 1_700_000_000_000,
    };
    let owned = OwnedPartition { state, positions: vec![at] };
    let mut groups = BTreeMap::new();
    group::replay(&mut groups, &"g".into(), &group_sample());
    let mut shares = Shares::new();
    share::replay(&mut shares, &share_id(), &share_sample());
    Record::Release {
        shard: ShardId(5),
        epoch: Epoch(13),
        partitions: [(partition(2), owned)].into(),
        groups,
        shares,
    }
}

fn sample() -> Frozen {
    let expired =
        Record::ProducersExpired { partition: partition(2), epoch: Epoch(13), producers: vec![8, 9] };
    let (partitions, groups, shares) = Default::default();
    let empty = Record::Release { shard: ShardId(6), epoch: Epoch(12), partitions, groups, shares };
    let group = |changes: Vec<Change>| Record::Group {
        shard: ShardId(5),
        epoch: Epoch(13),
        group: "g".into(),
        changes: changes.into(),
    };
    let (changed, deleted) = (group(group_sample()), group(vec![Change::Deleted]));
    let share = |changes: Vec<shares::Change>| Record::Share {
        epoch: Epoch(13),
        id: share_id(),
        changes: changes.into(),
    };
    let (shared, unshared) = (share(share_sample()), share(vec![shares::Change::Deleted]));
    let trimmed = Trimmed { log_start: 41 };
    let trim = Record::Trim { partition: partition(2), epoch: Epoch(13), trimmed };
    slot(&sample_batches(), &[trim, expired, changed, deleted, shared, unshared, release(), empty])
}

#[test]
fn golden_bytes() {
    golden("slot", &object(&sample()));
    golden("slot-close", &object(&slot(&[], &[Record::Close])));
    golden("seal", &seal(SESSION, 7, ProcessId(NONCE)));
}

#[test]
fn each_damaged_byte_is_noticed() {
    let good = object(&sample());
    assert_damage_is_noticed(&good, |object| {
        // A reader of the tail alone relies on no more than that; the body's own reader checks the rest.
        whole(object)?;
        decode_body(SESSION, 7, &Bytes::copy_from_slice(object))
    });
    let tail = &good[good.len() - sample().header.index_len as usize - HEADER..];
    assert_damage_is_noticed(tail, whole);
    assert_damage_is_noticed(&seal(SESSION, 7, ProcessId(NONCE)), Header::decode_exactly);
}

impl Header {
    fn decode_exactly(bytes: &[u8]) -> Result<Self> {
        let header = Self::decode(bytes)?;
        if header.object_len() == bytes.len() as u64 {
            Ok(header)
        } else {
            Err(FormatError::Invalid("length"))
        }
    }
}

#[test]
fn a_slot_under_another_key_is_refused() {
    let good = object(&sample());
    assert!(decode_tail(SessionId([0; 16]), 7, &good).is_err());
    assert!(decode_tail(SESSION, 8, &good).is_err());
    assert!(decode_body(SESSION, 8, &good).is_err());
}

#[test]
fn seals_differ_in_their_nonce_only() {
    let (one, two) = (seal(SESSION, 7, ProcessId([1; 16])), seal(SESSION, 7, ProcessId([2; 16])));
    let differ: Vec<_> = (0..one.len()).filter(|&i| one[i] != two[i]).collect();
    assert!(differ.iter().all(|i| (8..24).contains(i) || (HEADER - 4..HEADER).contains(i)), "{differ:?}");
    let footer = whole(&one).expect("a seal");
    assert_eq!((footer.header.kind, footer.records.len()), (Kind::Seal, 0));
    assert!(decode_body(SESSION, 7, &one).is_err(), "a seal has no body");
    let bodied = Header { body_len: 1, ..footer.header }.encode();
    assert_eq!(whole(&bodied), Err(FormatError::Invalid("a seal has neither predecessor nor body")));
}

#[test]
fn unknown_kinds_are_newer() {
    for kind in [0, 1, 4, 5, 6, 10, 13, 255] {
        let index = written(|w| {
            w.u32(1).u8(kind).nested(|w| {
                w.raw(b"whatever");
            });
        });
        let newer = FormatError::Newer { what: "an index record's kind", found: u64::from(kind) };
        assert_eq!(whole(&with_index(&index, |_| ())), Err(newer));
    }
    let mut object = object(&sample()).to_vec();
    object[1] = 99;
    assert_eq!(Header::decode(&object), Err(FormatError::Newer { what: "an object's kind", found: 99 }));
}

#[test]
fn a_header_with_reserved_bytes_in_use_is_newer() {
    let good = object(&sample());
    for at in [2, 7, HEADER - 16, HEADER - 5] {
        let mut head = good[..HEADER].to_vec();
        head[at] = 5;
        let crc = crc32c::crc32c(&head[..HEADER - 4]);
        head[HEADER - 4..].copy_from_slice(&crc.to_be_bytes());
        let newer = FormatError::Newer { what: "a reserved byte", found: 5 };
        assert_eq!(Header::decode(&head), Err(newer), "byte {at}");
    }
}

#[test]
fn hostile_lengths_and_counts_fail_at_once() {
    let count = written(|w| {
        w.u32(u32::MAX);
    });
    assert_hostile_count_fails(whole(&with_index(&count, |_| ())));
    let producers = written(|w| {
        w.u32(1).u8(PRODUCERS_EXPIRED).nested(|w| {
            w.raw(&[0; 28]).u32(u32::MAX);
        });
    });
    assert_hostile_count_fails(whole(&with_index(&producers, |_| ())));
    for body_len in [MAX_BODY + 1, u64::MAX, u64::MAX - 2 * HEADER as u64 - 3] {
        let object: Bytes = with_index(&[0; 4], |h| h.body_len = body_len).into();
        assert!(decode_body(SESSION, 7, &object).is_err(), "a body of {body_len} bytes");
        assert!(whole(&object).is_err());
    }
    let object = with_index(&[0; 4], |h| h.index_len = u32::MAX);
    assert_eq!(decode_tail(SESSION, 7, &object), Ok(Tail::Needs(u32::MAX as usize + HEADER)));
}

#[test]
fn a_close_stands_alone() {
    assert_eq!(whole(&object(&slot(&[], &[Record::Close]))).map(|f| f.records), Ok(vec![Record::Close]));
    for records in [[Record::Close, Record::Close], [sample().records[0].clone(), Record::Close]] {
        let index = written(|w| {
            w.list(records.iter(), encode_record);
        });
        let beside = FormatError::Invalid("a CLOSE stands beside other records");
        assert_eq!(whole(&with_index(&index, |h| h.body_len = 1 << 20)), Err(beside));
    }
}

#[test]
fn a_batch_outside_the_body_is_refused() {
    let frozen = sample();
    let index = written(|w| {
        w.list(frozen.records.iter(), encode_record);
    });
    let len = frozen.header.body_len;
    assert!(whole(&with_index(&index, |h| h.body_len = len)).is_ok());
    let outside = FormatError::Invalid("the index names a batch outside the slot's body");
    assert_eq!(whole(&with_index(&index, |h| h.body_len = len - 1)), Err(outside));
}

#[test]
fn a_log_starts_at_an_offset() {
    let index = written(|w| {
        w.u32(1).u8(TRIM).nested(|w| {
            w.raw(&[0; 28]).i64(-1);
        });
    });
    assert_eq!(whole(&with_index(&index, |_| ())), Err(FormatError::Invalid("a log start is out of range")));
}

#[test]
fn the_hash_is_of_the_header() {
    let header = sample().header;
    let other = Header { index_crc: header.index_crc ^ 1, ..header.clone() };
    assert_ne!(header.hash(), other.hash());
    assert_eq!(header.hash(), xxh3_128(&object(&sample())[..HEADER]));
}

fn other_record() -> impl Strategy<Value = Record> {
    let shard = || (0..9u32).prop_map(ShardId);
    let expired = (partition_id(), epoch(), proptest::collection::vec(any::<i64>(), 0..5))
        .prop_map(|(partition, epoch, producers)| Record::ProducersExpired { partition, epoch, producers });
    let trim = (partition_id(), epoch(), 0..=i64::MAX).prop_map(|(partition, epoch, log_start)| {
        Record::Trim { partition, epoch, trimmed: Trimmed { log_start } }
    });
    let changes = proptest::collection::vec(group_changes(), 0..4);
    let group = (shard(), epoch(), "[a-z]{0,4}", changes).prop_map(|(shard, epoch, group, changes)| {
        Record::Group { shard, epoch, group: group.into(), changes: changes.into() }
    });
    let release = (shard(), epoch(), groups(), some_shares()).prop_map(|(shard, epoch, groups, shares)| {
        Record::Release { shard, epoch, partitions: BTreeMap::new(), groups, shares }
    });
    let share = (epoch(), share_ids(), proptest::collection::vec(share_changes(), 0..4))
        .prop_map(|(epoch, id, changes)| Record::Share { epoch, id, changes: changes.into() });
    prop_oneof![expired, trim, group, share, release]
}

fn slots() -> impl Strategy<Value = Frozen> {
    let payload = proptest::collection::vec(any::<u8>(), 0..60);
    let batch = (payload, partition_id(), epoch(), any::<i16>(), appended());
    let filled = (proptest::collection::vec(batch, 0..6), proptest::collection::vec(other_record(), 0..3));
    prop_oneof![
        9 => filled.prop_map(|(batches, others)| slot(&batches, &others)),
        1 => Just(slot(&[], &[Record::Close])),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read(frozen in slots()) {
        let object = object(&frozen);
        prop_assert_eq!(object.len() as u64, frozen.header.object_len());
        let read = whole(&object);
        prop_assert_eq!(&read, &Ok(Footer { header: frozen.header.clone(), records: frozen.records.clone() }));
        let body = decode_body(SESSION, 7, &object).expect("whole");
        let pushed = frozen.object[1..frozen.object.len() - 1].concat();
        prop_assert_eq!(&body[..], &pushed[..]);
        for record in &frozen.records {
            if let Record::Batch(b) = record {
                let bytes = &body[b.position as usize..][..b.length as usize];
                prop_assert_eq!(split_batch(bytes).map(|(_, _, rest)| bytes.len() - rest.len()), Ok(b.length as usize));
            }
        }
        // Any tail either suffices or says how much does.
        for start in 0..=object.len() {
            match decode_tail(SESSION, 7, &object[start..]) {
                Ok(Tail::Whole(footer)) => prop_assert_eq!(Ok(&footer), read.as_ref()),
                Ok(Tail::Needs(len)) => {
                    prop_assert!(object.len() - start < len);
                    prop_assert_eq!(&whole(&object[object.len() - len..]), &read);
                }
                Err(_) => prop_assert!(object.len() - start < HEADER),
            }
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = decode_tail(SESSION, 7, &bytes);
        let _ = decode_body(SESSION, 7, &bytes.into());
    }

    /// Wrong in itself under right checksums: refused, or another slot that is right.
    #[test]
    fn a_changed_index_never_panics(frozen in slots(), changes in changes()) {
        let object = object(&frozen);
        let end = object.len() - HEADER;
        let index = changed(&object[end - frozen.header.index_len as usize..end], &changes);
        let object = with_index(&index, |h| h.body_len = frozen.header.body_len);
        if let Ok(footer) = whole(&object) {
            let again = written(|w| {
                w.list(footer.records.iter(), encode_record);
            });
            prop_assert_eq!(again, index, "one index has one encoding");
        }
    }

    #[test]
    fn a_changed_body_is_noticed(frozen in slots(), changes in changes()) {
        let object = object(&frozen);
        let bad: Bytes = changed(&object, &changes).into();
        let read = whole(&bad).and_then(|_| decode_body(SESSION, 7, &bad));
        prop_assert!(bad == object || read.is_err());
    }
}
