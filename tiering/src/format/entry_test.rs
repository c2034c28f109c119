use std::collections::BTreeMap;

use coordinator::cluster::CheckpointRef;
use proptest::prelude::*;

use super::super::testing::*;
use super::*;

const K: Epoch = Epoch(41);

fn format() -> Format {
    Format { cluster: ClusterId(*b"cluster-of-tests"), shards: Shards::DEFAULT, level: 1 }
}

fn alter(resource: Resource, changes: &[(&str, Option<&str>)]) -> Op {
    let change = |(name, value): &(&str, Option<&str>)| ((*name).to_owned(), value.map(str::to_owned));
    Op::AlterConfig { resource, changes: changes.iter().map(change).collect() }
}

fn sample() -> Entry {
    let [one, two] = [1, 2].map(|n| SessionId([n; 16]));
    let end = SessionEnd { cut: 90, checkpoint: Some(CheckpointRef { n: 64, as_of: Epoch(12) }) };
    let run = |first, from_epoch| ShardRun { first, count: 512, from_epoch, leader_epoch: 3 };
    let address = Address { listener: "PLAINTEXT".into(), host: "node-1".into(), port: 9092 };
    let overrides = [("cleanup.policy", "compact"), ("retention.ms", "-1")];
    Entry::Ops(vec![
        Op::Dead { session: one, end },
        Op::Open {
            session: two,
            process: ProcessId([7; 16]),
            node: Some(NodeId(5)),
            rack: Some("eu-1a".into()),
            addresses: vec![address],
        },
        Op::Move {
            from: MoveFrom::Ended { session: one, cut: 90 },
            to: two,
            runs: vec![run(0, Some(Epoch(11)))],
        },
        Op::Move { from: MoveFrom::Nobody, to: two, runs: vec![run(512, None)] },
        Op::Move {
            from: MoveFrom::Released { session: two, end: 7 },
            to: one,
            runs: vec![run(3, Some(Epoch(12)))],
        },
        Op::Suspect { session: one },
        Op::Alive { session: two },
        Op::Drain { session: one, draining: true },
        Op::Drain { session: two, draining: false },
        Op::CreateTopic {
            topic: TopicId([9; 16]),
            name: "orders".into(),
            partitions: 12,
            replication_factor: 3,
            overrides: overrides.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        },
        Op::DeleteTopic { topic: TopicId([8; 16]) },
        Op::ProducerBlock { session: two },
        Op::CreatePartitions { topic: TopicId([9; 16]), partitions: 24 },
        alter(Resource::Topic(TopicId([9; 16])), &[("cleanup.policy", None), ("retention.ms", Some("5"))]),
        alter(Resource::Broker(NodeId(5)), &[("num.io.threads", Some("9"))]),
        alter(Resource::AllBrokers, &[("log.retention.ms", Some("7000"))]),
        alter(Resource::Group("readers".to_owned()), &[("consumer.session.timeout.ms", Some("50000"))]),
        Op::Closed { session: two, end: SessionEnd { cut: 0, checkpoint: None } },
    ])
}

/// What came with format level 2.
fn sample_2() -> Entry {
    let [one, two] = [1, 2].map(|n| SessionId([n; 16]));
    Entry::Ops(vec![
        Op::Reached { session: one, reached: false },
        Op::Reached { session: two, reached: true },
    ])
}

/// Entry [`K`] with one operation of this kind.
fn with_op(kind: u8, write: impl FnOnce(&mut Writer)) -> Bytes {
    let entry = written(|w| {
        w.u64(K.0).u32(1).u8(kind).nested(write);
    });
    enveloped(Kind::Entry, &entry)
}

#[test]
fn golden_bytes() {
    golden("entry-format", &encode(Epoch(0), &Entry::Format(format()), NONCE));
    golden("entry-ops", &encode(K, &sample(), NONCE));
    golden("entry-ops-2", &encode(K, &sample_2(), NONCE));
}

#[test]
fn each_damaged_byte_is_noticed() {
    for entry in [sample(), sample_2()] {
        assert_damage_is_noticed(&encode(K, &entry, NONCE), |object| decode(K, object));
    }
}

#[test]
fn entry_0_is_format_and_no_other_is() {
    let zero = encode(Epoch(0), &Entry::Format(format()), NONCE);
    assert_eq!(decode(Epoch(0), &zero), Ok(Entry::Format(format())));
    assert!(decode(Epoch(1), &zero).is_err(), "it says that it is entry 0");
    let later = with_op(FORMAT, |w| encode_format(w, &format()));
    assert_eq!(decode(K, &later), Err(FormatError::Invalid("FORMAT stands in another entry than 0")));
    let delete = Op::DeleteTopic { topic: TopicId([1; 16]) };
    for ops in [vec![delete.clone()], vec![delete.clone(), delete]] {
        let ops = encode(Epoch(0), &Entry::Ops(ops), NONCE);
        assert_eq!(decode(Epoch(0), &ops), Err(FormatError::Invalid("entry 0 is not FORMAT")));
    }
}

#[test]
fn what_is_unknown_is_newer() {
    let newer = |what, found| Err(FormatError::Newer { what, found });
    for kind in [0, LAST + 1, 255] {
        let object = with_op(kind, |w| {
            w.raw(b"whatever");
        });
        assert_eq!(decode(K, &object), newer("a metadata operation's kind", u64::from(kind)));
    }
    let mut above = format();
    above.level = coordinator::cluster::FORMAT_LEVEL + 1;
    let object = encode(Epoch(0), &Entry::Format(above), NONCE);
    let level = u64::from(above.level);
    assert_eq!(decode(Epoch(0), &object), newer("the cluster's format level", level));
    let released = with_op(MOVE, |w| {
        w.u8(3).raw(&[0; 16]);
    });
    assert_eq!(decode(K, &released), newer("a MOVE's kind", 3));
    let settings = with_op(ALTER_CONFIG, |w| {
        w.u8(4).u32(0);
    });
    assert_eq!(decode(K, &settings), newer("what has settings", 4));
    let first = enveloped(
        Kind::Entry,
        &written(|w| {
            w.u64(0).u32(1).u8(99).u32(0);
        }),
    );
    assert_eq!(decode(Epoch(0), &first), newer("a metadata operation's kind", 99));
}

#[test]
fn hostile_counts_fail_at_once() {
    let entry = written(|w| {
        w.u64(K.0).u32(u32::MAX);
    });
    assert_hostile_count_fails(decode(K, &enveloped(Kind::Entry, &entry)));
    let runs = with_op(MOVE, |w| {
        w.u8(NEVER_HELD).raw(&[0; 16]).u32(u32::MAX);
    });
    assert_hostile_count_fails(decode(K, &runs));
    let overrides = with_op(CREATE_TOPIC, |w| {
        w.raw(&[0; 16]).string("t").i32(1).i16(1).u32(u32::MAX);
    });
    assert_hostile_count_fails(decode(K, &overrides));
    let changes = with_op(ALTER_CONFIG, |w| {
        w.u8(OF_ALL_NODES).u32(u32::MAX);
    });
    assert_hostile_count_fails(decode(K, &changes));
    let addresses = with_op(OPEN, |w| {
        w.raw(&[0; 32]).u8(0).u8(0).u32(u32::MAX);
    });
    assert_hostile_count_fails(decode(K, &addresses));
}

#[test]
fn a_topic_has_a_sane_number_of_partitions() {
    let with = |partitions| {
        let overrides = BTreeMap::new();
        let (topic, name) = (TopicId([1; 16]), "t".to_owned());
        let op = Op::CreateTopic { topic, name, partitions, replication_factor: 1, overrides };
        decode(K, &encode(K, &Entry::Ops(vec![op]), NONCE))
    };
    assert!(with(1).is_ok() && with(Cluster::MAX_PARTITIONS).is_ok());
    assert_eq!(with(0), Err(FormatError::Invalid("a topic has no partitions")));
    assert!(matches!(with(i32::MAX), Err(FormatError::Newer { .. })));
    let grow = with_op(CREATE_PARTITIONS, |w| {
        w.raw(&[1; 16]).i32(0);
    });
    assert_eq!(decode(K, &grow), Err(FormatError::Invalid("a topic has no partitions")));
}

#[test]
fn settings_ascend() {
    let object = with_op(CREATE_TOPIC, |w| {
        w.raw(&[0; 16]).string("t").i32(1).i16(1).u32(2);
        w.string("b").string("1").string("a").string("2");
    });
    assert_eq!(decode(K, &object), Err(FormatError::Invalid("the keys of a list do not ascend")));
    let object = with_op(ALTER_CONFIG, |w| {
        w.u8(OF_ALL_NODES).u32(2);
        w.string("b").u8(0).string("b").u8(0);
    });
    assert_eq!(decode(K, &object), Err(FormatError::Invalid("the keys of a list do not ascend")));
}

proptest! {
    #[test]
    fn what_is_written_is_read(k in 1..u64::MAX, ops in proptest::collection::vec(op(), 0..6)) {
        let entry = Entry::Ops(ops);
        prop_assert_eq!(decode(Epoch(k), &encode(Epoch(k), &entry, NONCE)), Ok(entry));
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = decode(K, &bytes);
        let _ = decode(K, &enveloped(Kind::Entry, &bytes));
    }

    /// Wrong in itself under right checksums: refused, or another entry that is right.
    #[test]
    fn a_changed_entry_never_panics(ops in proptest::collection::vec(op(), 0..6), changes in changes()) {
        let object = encode(K, &Entry::Ops(ops), NONCE);
        let object = enveloped(Kind::Entry, &changed(payload(&object), &changes));
        if let Ok(entry) = decode(K, &object) {
            prop_assert_eq!(encode(K, &entry, NONCE), object, "one entry has one encoding");
        }
    }
}

/// What clients can cause is bounded by what the operations say that they take.
#[test]
fn operations_take_no_more_bytes_than_they_say() {
    let Entry::Ops(ops) = sample() else { panic!("operations") };
    let of_clients = |op: &Op| {
        matches!(
            op,
            Op::CreateTopic { .. }
                | Op::DeleteTopic { .. }
                | Op::CreatePartitions { .. }
                | Op::AlterConfig { .. }
        )
    };
    let empty = encode(K, &Entry::Ops(Vec::new()), NONCE).len();
    let mut seen = 0;
    for op in ops.into_iter().filter(of_clients) {
        let (said, shown) = (op.bytes(), format!("{op:?}"));
        let taken = encode(K, &Entry::Ops(vec![op]), NONCE).len() - empty;
        assert!((taken..taken + 32).contains(&said), "{taken} bytes, not {said}: {shown}");
        seen += 1;
    }
    assert_eq!(seen, 7);
}
