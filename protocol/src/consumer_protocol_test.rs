use std::fmt::Debug;

use bytes::{Buf, BytesMut};
use kafka_protocol::messages as theirs;
use kafka_protocol::protocol::{Decodable, Encodable};
use proptest::prelude::*;

use super::*;
use crate::tests::{Sample, Source, Tree, hex};

trait Embedded: Wire + Sample + Debug + PartialEq + Clone {}

impl Embedded for ConsumerProtocolSubscription {}
impl Embedded for ConsumerProtocolAssignment {}

fn bytes_of<T: Wire>(value: &T, version: i16) -> Bytes {
    encode(value, version).expect("the sample fits its version")
}

/// The value without what the version lacks.
fn as_version<T: Wire>(value: &T, version: i16) -> T {
    decode(bytes_of(value, version)).expect("it was written")
}

fn check<Ours: Embedded, Theirs: Decodable + Encodable + Debug>() {
    for version in 0..=NEWEST {
        for seed in 0..200 {
            let value = Ours::sample(&mut Source::new(seed));
            let bytes = bytes_of(&value, version);
            let place = format!("version {version}, seed {seed}: {value:?}");
            assert_eq!(super::version(&bytes), Ok(version));
            let read: Ours = decode(bytes.clone()).unwrap_or_else(|e| panic!("{e} in {place}"));
            assert_eq!(bytes_of(&read, version), bytes, "{place}");

            let mut left = bytes.slice(2..);
            let theirs = Theirs::decode(&mut left, version).unwrap_or_else(|e| panic!("{e} in {place}"));
            assert_eq!(left.remaining(), 0, "they read all of {place}");
            let mut written = BytesMut::new();
            theirs.encode(&mut written, version).unwrap_or_else(|e| panic!("{e} in {place}"));
            assert_eq!(written, bytes[2..], "they write the same: {place}");
            assert_eq!(Tree::of(&read), Tree::of(&theirs), "fields are the same: {place}");

            let longer = [&bytes[..], b"?"].concat().into();
            assert_eq!(decode::<Ours>(longer).as_ref(), Ok(&read), "{place}");
            for length in 0..if seed < 10 { bytes.len() } else { 0 } {
                let cut = decode::<Ours>(bytes.slice(..length));
                assert!(cut.is_err(), "{length} of {} bytes: {place}", bytes.len());
            }
        }
    }
    let value = Ours::sample(&mut Source::new(1));
    let newest = bytes_of(&value, NEWEST);
    for newer in [NEWEST + 1, 100, i16::MAX] {
        assert_eq!(bytes_of(&value, newer), newest);
        let stated = Bytes::from([&newer.to_be_bytes(), &newest[2..], b"a field of later"].concat());
        assert_eq!(super::version(&stated), Ok(newer));
        assert_eq!(decode(stated), Ok(as_version(&value, NEWEST)));
    }
    for negative in [-1, i16::MIN] {
        assert_eq!(encode(&value, negative), Err(EncodeError::NegativeVersion(negative)));
        let stated = [&negative.to_be_bytes(), &newest[2..]].concat().into();
        assert_eq!(decode::<Ours>(stated), Err(Problem::NegativeVersion(negative).into()));
    }
    for short in [&b""[..], b"\0"] {
        let error = decode::<Ours>(Bytes::from_static(short)).expect_err("it is short");
        assert_eq!(error.field, "ConsumerProtocol.version");
    }
}

#[test]
fn subscriptions() {
    check::<ConsumerProtocolSubscription, theirs::ConsumerProtocolSubscription>();
}

#[test]
fn assignments() {
    check::<ConsumerProtocolAssignment, theirs::ConsumerProtocolAssignment>();
}

fn partitions() -> Vec<TopicPartition> {
    vec![
        TopicPartition { topic: "t".into(), partitions: vec![0, 7] },
        TopicPartition { topic: "u".into(), partitions: vec![1] },
    ]
}

/// The bytes are those of Apache Kafka 4.3.1's `ConsumerProtocol`.
#[test]
fn a_version_without_a_field_has_its_default() {
    let topics = "00000002000174000175000000020102";
    let owned = "000000020001740000000200000000000000070001750000000100000001";
    let mut subscription = ConsumerProtocolSubscription {
        topics: vec!["t".into(), "u".into()],
        user_data: Some(Bytes::from_static(&[1, 2])),
        owned_partitions: partitions(),
        generation_id: 5,
        rack_id: Some("r".into()),
    };
    let all = subscription.clone();
    let check = |version, expected: &ConsumerProtocolSubscription, digits: String| {
        let bytes = hex(&digits);
        assert_eq!(all.encode(version).as_ref(), Ok(&bytes));
        assert_eq!(ConsumerProtocolSubscription::decode(bytes).as_ref(), Ok(expected));
    };
    check(3, &subscription, format!("0003{topics}{owned}00000005000172"));
    subscription.rack_id = None;
    check(2, &subscription, format!("0002{topics}{owned}00000005"));
    subscription.generation_id = -1;
    check(1, &subscription, format!("0001{topics}{owned}"));
    subscription.owned_partitions.clear();
    check(0, &subscription, format!("0000{topics}"));
}

/// The bytes are those of Apache Kafka 4.3.1's `ConsumerProtocol`.
#[test]
fn assignments_differ_by_version_alone() {
    let user_data = Some(Bytes::from_static(&[9]));
    let assignment = ConsumerProtocolAssignment { assigned_partitions: partitions(), user_data };
    for version in 0..=3 {
        let body = "0000000200017400000002000000000000000700017500000001000000010000000109";
        let bytes = hex(&format!("{version:04}{body}"));
        assert_eq!(assignment.encode(version).as_ref(), Ok(&bytes));
        assert_eq!(ConsumerProtocolAssignment::decode(bytes).as_ref(), Ok(&assignment));
    }
}

#[test]
fn an_empty_assignment_is_a_valid_one() {
    let nothing = ConsumerProtocolAssignment::default();
    let bytes = nothing.encode(1).expect("it is written");
    assert_eq!(bytes[..], [0, 1, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]);
    assert_eq!(ConsumerProtocolAssignment::decode(bytes), Ok(nothing));
}

/// `testdata/consumer_protocol.txt`: what Apache Kafka 4.3.1's own classes wrote.
#[test]
fn written_by_kafka() {
    fn check<T: Wire>(version: i16, bytes: Bytes) {
        let value: T = decode(bytes.clone()).unwrap_or_else(|e| panic!("version {version}: {e}"));
        assert_eq!(bytes_of(&value, version), bytes);
    }
    let mut checked = [0; 2];
    for line in
        include_str!("../testdata/consumer_protocol.txt").lines().filter(|line| !line.starts_with('#'))
    {
        let words: Vec<_> = line.split(' ').collect();
        let (version, bytes) = (words[1].parse().expect("a version"), hex(words[2]));
        match words[0] {
            "ConsumerProtocolSubscription" => check::<ConsumerProtocolSubscription>(version, bytes),
            "ConsumerProtocolAssignment" => check::<ConsumerProtocolAssignment>(version, bytes),
            name => panic!("{name} is no message"),
        }
        checked[usize::from(words[0].ends_with("Assignment"))] += 1;
    }
    assert!(checked.iter().all(|checked| *checked >= 8), "{checked:?}");
}

/// Decodes as both, within the memory that the bytes allow.
fn decode_both(bytes: &Bytes) {
    let limit = bytes.len() as u64 * 16 + 64 * 1024 + 1024;
    let used = allocation_counter::measure(|| drop(ConsumerProtocolSubscription::decode(bytes.clone())));
    assert!(used.bytes_max <= limit, "{} of {limit} bytes: {bytes:?}", used.bytes_max);
    let used = allocation_counter::measure(|| drop(ConsumerProtocolAssignment::decode(bytes.clone())));
    assert!(used.bytes_max <= limit, "{} of {limit} bytes: {bytes:?}", used.bytes_max);
}

#[test]
fn damaged() {
    for seed in 0..5_000 {
        let mut source = Source::new(seed);
        let version = source.below(4) as i16;
        let bytes = match source.below(2) {
            0 => bytes_of(&ConsumerProtocolSubscription::sample(&mut source), version),
            _ => bytes_of(&ConsumerProtocolAssignment::sample(&mut source), version),
        };
        let mut bytes = bytes.to_vec();
        for _ in 0..=source.below(4) {
            let place = source.below(bytes.len());
            bytes[place] = if source.below(2) == 0 { 0xff } else { source.next() as u8 };
        }
        decode_both(&bytes.into());
    }
}

#[test]
fn a_length_is_compared_with_what_is_left() {
    // Two billion topics.
    let bytes = Bytes::from_static(&[0, 3, 0x7f, 0xff, 0xff, 0xff, 0, 0]);
    let used = allocation_counter::measure(|| {
        let error = ConsumerProtocolSubscription::decode(bytes).expect_err("it is short");
        assert_eq!(error.field, "ConsumerProtocolSubscription.topics");
        assert_eq!(error.problem, Problem::Truncated { needed: 0x7fff_ffff, remaining: 2 });
    });
    assert_eq!(used.bytes_total, 0);
}

proptest! {
    #[test]
    fn any_bytes(bytes: Vec<u8>) {
        decode_both(&bytes.into());
    }

    /// Small numbers make short lengths, so that decoding gets further.
    #[test]
    fn small_bytes(bytes in prop::collection::vec(0u8..4, 0..500), version in 0u8..5) {
        decode_both(&[&[0, version], &bytes[..]].concat().into());
    }
}
