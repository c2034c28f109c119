use coordinator::cluster::{Address, CheckpointRef, Format, Op, Resource, SessionEnd};
use coordinator::{ClusterId, ShardId, Shards};
use proptest::prelude::*;

use super::super::testing::*;
use super::*;

fn new(shards: u32) -> Cluster {
    let shards = Shards::new(shards).expect("a number of shards");
    Cluster::new(Format { cluster: ClusterId(*b"cluster-of-tests"), shards, level: 1 })
}

/// One entry's worth of change.
#[derive(Clone, Debug)]
enum Step {
    Ops(Vec<Op>),
    TakeOver,
    Release(SessionId, SessionId),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => proptest::collection::vec(op(), 0..4).prop_map(Step::Ops),
        1 => Just(Step::TakeOver),
        1 => (session_id(), session_id()).prop_map(|(from, to)| Step::Release(from, to)),
    ];
    proptest::collection::vec(step, 0..30)
}

fn run(cluster: &mut Cluster, steps: &[Step]) {
    for step in steps {
        let ops = match step {
            Step::Ops(ops) => ops.clone(),
            Step::TakeOver => cluster.plan_takeover(),
            Step::Release(from, to) => {
                let shards: Vec<_> = [1, 4, 5].map(|shard| (ShardId(shard), *to)).into();
                cluster.plan_released(*from, 7, &shards)
            }
        };
        cluster.apply(cluster.next(), &ops).expect("the next entry");
    }
}

fn alter(resource: Resource, name: &str, value: &str) -> Op {
    Op::AlterConfig { resource, changes: [(name.to_owned(), Some(value.to_owned()))].into() }
}

fn sample() -> Cluster {
    let [one, two, three] = [1, 2, 3].map(|n| SessionId([n; 16]));
    let open = |session, process: u8| Op::Open {
        session,
        process: ProcessId([process; 16]),
        node: (process == 8).then_some(NodeId(3)),
        rack: (process == 8).then(|| "eu-1a".to_owned()),
        addresses: vec![Address { listener: "PLAINTEXT".into(), host: "node-1".into(), port: 9092 }],
    };
    let mut cluster = new(8);
    let topic = Op::CreateTopic {
        topic: TopicId([9; 16]),
        name: "orders".into(),
        partitions: 12,
        replication_factor: 3,
        overrides: [("cleanup.policy".to_owned(), "compact".to_owned())].into(),
    };
    let end = SessionEnd { cut: 90, checkpoint: Some(CheckpointRef { n: 64, as_of: Epoch(2) }) };
    let steps = [
        Step::Ops(vec![open(one, 7), topic]),
        Step::TakeOver,
        Step::Ops(vec![Op::Dead { session: one, end }, open(two, 8)]),
        Step::TakeOver,
        Step::Ops(vec![open(three, 9), Op::Suspect { session: two }]),
        Step::Release(two, three),
        Step::Ops(vec![Op::Drain { session: three, draining: true }]),
        Step::Ops(vec![
            Op::CreatePartitions { topic: TopicId([9; 16]), partitions: 24 },
            alter(Resource::Topic(TopicId([9; 16])), "retention.ms", "5"),
            alter(Resource::Broker(NodeId(5)), "num.io.threads", "9"),
            alter(Resource::AllBrokers, "message.max.bytes", "7000"),
            alter(Resource::Group("readers".to_owned()), "consumer.session.timeout.ms", "50000"),
        ]),
    ];
    run(&mut cluster, &steps);
    cluster
}

/// What came with format level 2.
fn sample_2() -> Cluster {
    let mut cluster = sample();
    let [two, three] = [2, 3].map(|n| Op::Reached { session: SessionId([n; 16]), reached: false });
    run(&mut cluster, &[Step::Ops(vec![two, three])]);
    let unreached = |session: &&Session| !session.reached;
    assert_eq!(cluster.open_sessions().filter(unreached).count(), 2, "a draining one, and one that is not");
    cluster
}

/// A snapshot of one shard's cluster without sessions and topics, with these holdings.
fn with_grants(shards: u32, write: impl FnOnce(&mut Writer)) -> Result<Cluster> {
    cut_after(shards, |w| {
        write(w);
        w.u32(0).u32(0).u32(0);
    })
}

/// The same, without what comes after the holdings.
fn cut_after(shards: u32, write: impl FnOnce(&mut Writer)) -> Result<Cluster> {
    let written = written(|w| {
        w.u64(5);
        entry::encode_format(w, new(shards).format());
        w.u32(0).u32(0);
        write(w);
    });
    decode(Epoch(5), &enveloped(Kind::Snapshot, &written))
}

#[test]
fn golden_bytes() {
    golden("snapshot", &encode(&sample(), NONCE));
    golden("snapshot-2", &encode(&sample_2(), NONCE));
    assert_eq!(decode(sample_2().next(), &encode(&sample_2(), NONCE)), Ok(sample_2()));
}

#[test]
fn each_damaged_byte_is_noticed() {
    let cluster = sample();
    assert_damage_is_noticed(&encode(&cluster, NONCE), |object| decode(cluster.next(), object));
}

#[test]
fn a_snapshot_under_another_key_is_refused() {
    assert!(decode(Epoch(1), &encode(&sample(), NONCE)).is_err());
}

#[test]
fn what_is_unknown_is_newer() {
    let mut state = written(|w| {
        w.u64(5);
        entry::encode_format(w, new(1).format());
        w.u32(1).raw(&[0; 32]).i32(1).u64(1).u8(0).u32(0).u8(9);
    });
    state.extend([0; 8]);
    let newer = FormatError::Newer { what: "a session's state", found: 9 };
    assert_eq!(decode(Epoch(5), &enveloped(Kind::Snapshot, &state)), Err(newer));
    let flags = written(|w| {
        w.u64(5);
        entry::encode_format(w, new(1).format());
        w.u32(1).raw(&[0; 32]).i32(1).u64(1).u8(0).u32(0).u8(OPEN).u8(0).u8(4);
        w.u32(0).u32(1).u32(1).u32(0).u32(0).u32(0).u32(0);
    });
    let newer = FormatError::Newer { what: "a session's flags", found: 4 };
    assert_eq!(decode(Epoch(5), &enveloped(Kind::Snapshot, &flags)), Err(newer));
    let setting = written(|w| {
        w.u64(5);
        entry::encode_format(w, new(1).format());
        w.u32(0).u32(1).raw(&[0; 16]).string("t").i32(1).i16(1).u32(1).string("no.such").string("1");
    });
    assert!(decode(Epoch(5), &enveloped(Kind::Snapshot, &setting)).is_err());
}

#[test]
fn hostile_counts_fail_at_once() {
    let head = written(|w| {
        w.u64(5);
        entry::encode_format(w, new(1).format());
    });
    for zeros in [0, 4] {
        let lists = [&head[..], &vec![0; zeros], &u32::MAX.to_be_bytes()].concat();
        assert_hostile_count_fails(decode(Epoch(5), &enveloped(Kind::Snapshot, &lists)));
    }
    let count = |w: &mut Writer| {
        w.u32(u32::MAX);
    };
    assert_hostile_count_fails(cut_after(1, count));
    assert_hostile_count_fails(cut_after(1, |w| count(w.u32(1).u32(1))));
}

/// A run of a million shards with many holdings is a few bytes, and stays a few bytes.
#[test]
fn a_long_run_is_held_once() {
    let grants = 30_000;
    let decoded = with_grants(1 << 20, |w| {
        w.u32(1).u32(1 << 20).u32(grants);
        for k in 0..grants {
            w.u64(u64::from(k)).raw(&[0; 16]).i32(0).u8(1).u64(0);
        }
    });
    let cluster = decoded.expect("legal");
    assert_eq!(cluster.grants(coordinator::ShardId(77)).len(), grants as usize);
}

#[test]
fn holdings_cover_the_shards() {
    let run = |counts: &'static [u32]| {
        with_grants(4, |w| {
            w.list(counts.iter(), |w, count| {
                w.u32(*count).u32(0);
            });
        })
    };
    assert!(run(&[4]).is_ok() && run(&[1, 3]).is_ok());
    for bad in [&[][..], &[3], &[5], &[4, 0], &[0, 4], &[2, u32::MAX]] {
        assert!(matches!(run(bad), Err(FormatError::Invalid(_))), "{bad:?}");
    }
}

#[test]
fn two_topics_of_one_name_are_refused() {
    let topics = written(|w| {
        w.u64(5);
        entry::encode_format(w, new(1).format());
        w.u32(0).u32(2);
        for id in [1, 2] {
            w.raw(&[id; 16]).string("t").i32(1).i16(1).u32(0);
        }
        w.u32(1).u32(1).u32(0);
        w.u32(0).u32(0).u32(0);
    });
    let twice = FormatError::Invalid("two topics of the snapshot have one name");
    assert_eq!(decode(Epoch(5), &enveloped(Kind::Snapshot, &topics)), Err(twice));
}

/// A snapshot of one shard's cluster with nothing but these settings.
fn with_configs(write: impl FnOnce(&mut Writer)) -> Result<Cluster> {
    let written = written(|w| {
        w.u64(5);
        entry::encode_format(w, new(1).format());
        w.u32(0).u32(0).u32(1).u32(1).u32(0);
        write(w);
    });
    decode(Epoch(5), &enveloped(Kind::Snapshot, &written))
}

#[test]
fn settings_of_nodes_and_groups_are_known_ones() {
    assert!(
        with_configs(|w| {
            w.u32(0).u32(0).u32(0);
        })
        .is_ok()
    );
    let one = |name: &'static str| {
        move |w: &mut Writer| {
            w.u32(1).string(name).string("50000");
        }
    };
    let all = with_configs(|w| {
        one("message.max.bytes")(w);
        w.u32(0).u32(0);
    });
    assert_eq!(all.map(|c| c.configs().all_brokers.len()), Ok(1));
    let newer = Err(FormatError::Invalid(NEWER_SETTING));
    assert_eq!(
        with_configs(|w| {
            one("no.such")(w);
            w.u32(0).u32(0);
        }),
        newer
    );
    assert_eq!(
        with_configs(|w| {
            w.u32(0).u32(1).i32(5);
            one("no.such")(w);
            w.u32(0);
        }),
        newer
    );
    assert_eq!(
        with_configs(|w| {
            w.u32(0).u32(0).u32(1).string("g");
            one("no.such")(w);
        }),
        newer
    );
    let empty = with_configs(|w| {
        w.u32(0).u32(0).u32(1).string("g").u32(0);
    });
    assert!(matches!(empty, Err(FormatError::Invalid(_))));
    assert_hostile_count_fails(with_configs(|w| {
        w.u32(u32::MAX);
    }));
    assert_hostile_count_fails(with_configs(|w| {
        w.u32(0).u32(u32::MAX);
    }));
    assert_hostile_count_fails(with_configs(|w| {
        w.u32(0).u32(0).u32(u32::MAX);
    }));
}

proptest! {
    /// Whatever entries came before: a snapshot is the state, and the state goes on as it would have.
    #[test]
    fn a_snapshot_is_the_state(before in steps(), after in steps()) {
        let mut cluster = new(8);
        run(&mut cluster, &before);
        let mut restored = decode(cluster.next(), &encode(&cluster, NONCE)).expect("whole");
        prop_assert_eq!(&restored, &cluster);
        run(&mut cluster, &after);
        run(&mut restored, &after);
        prop_assert_eq!(restored, cluster);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = decode(Epoch(5), &bytes);
        let _ = decode(Epoch(5), &enveloped(Kind::Snapshot, &bytes));
    }

    #[test]
    fn a_changed_snapshot_never_panics(steps in steps(), changes in changes()) {
        let mut cluster = new(8);
        run(&mut cluster, &steps);
        let object = encode(&cluster, NONCE);
        let object = enveloped(Kind::Snapshot, &changed(payload(&object), &changes));
        if let Ok(cluster) = decode(cluster.next(), &object) {
            prop_assert_eq!(decode(cluster.next(), &encode(&cluster, NONCE)), Ok(cluster));
        }
    }
}
