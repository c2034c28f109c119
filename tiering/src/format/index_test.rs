use proptest::prelude::*;

use super::super::testing::*;
use super::*;

fn sample() -> Positions {
    let position = |session: u8, epoch, slot, base_offset| Position {
        session: SessionId([session; 16]),
        epoch: Epoch(epoch),
        slot,
        position: 100,
        length: 200,
        base_offset,
        last_offset_delta: 9,
        max_timestamp: 1_700_000_000_000,
    };
    let partition = |index| PartitionId { topic: TopicId([3; 16]), index };
    [
        (partition(0), vec![position(1, 5, 7, 0), position(1, 6, 8, 10), position(2, 9, 0, 20)]),
        (partition(1), vec![position(2, 9, 1, 40)]),
    ]
    .into()
}

fn positions() -> impl Strategy<Value = Positions> {
    let rest = (0..=u64::MAX / 2, any::<u32>(), any::<u32>(), 0..1000i64, 0..1000i32, any::<i64>());
    let position = ((session_id(), epoch()), rest);
    let of_partition = proptest::collection::vec(position, 0..8).prop_map(|list| {
        let mut next = 0;
        let in_order = list.into_iter().map(|((session, epoch), rest)| {
            let (slot, position, length, gap, last_offset_delta, max_timestamp) = rest;
            let base_offset = next + gap;
            next = base_offset + i64::from(last_offset_delta) + 1;
            Position { session, epoch, slot, position, length, base_offset, last_offset_delta, max_timestamp }
        });
        in_order.collect()
    });
    proptest::collection::btree_map(partition_id(), of_partition, 0..4)
}

#[test]
fn golden_bytes() {
    golden("index", &encode(NONCE, &sample()));
}

#[test]
fn each_damaged_byte_is_noticed() {
    assert_damage_is_noticed(&encode(NONCE, &sample()), decode);
}

#[test]
fn hostile_counts_fail_at_once() {
    let with = |write: &dyn Fn(&mut Writer)| decode(&enveloped(Kind::Index, &written(|w| write(w))));
    assert_hostile_count_fails(with(&|w| {
        w.u32(u32::MAX);
    }));
    assert_hostile_count_fails(with(&|w| {
        w.u32(0).u32(u32::MAX);
    }));
    assert_hostile_count_fails(with(&|w| {
        w.u32(0).u32(1).raw(&[0; 20]).u32(u32::MAX);
    }));
}

#[test]
fn what_cannot_be_is_refused() {
    let refused = |change: &dyn Fn(&mut Vec<Position>)| {
        let mut positions = sample();
        positions.values_mut().take(1).for_each(change);
        assert!(decode(&encode(NONCE, &positions)).is_err(), "{positions:?}");
    };
    refused(&|list| list.swap(0, 1));
    refused(&|list| list[1].base_offset = 9);
    refused(&|list| list[2].base_offset = i64::MAX);
    refused(&|list| list[0].last_offset_delta = -1);
    refused(&|list| list[0].base_offset = -1);
    let unlisted = written(|w| {
        w.u32(0).u32(1).raw(&[0; 20]).u32(1).raw(&[0; 4 + PLACE]);
    });
    let names = FormatError::Invalid("a batch index names a holding that it does not list");
    assert_eq!(decode(&enveloped(Kind::Index, &unlisted)), Err(names));
}

/// More holdings than 16 bits count.
#[test]
fn many_holdings_are_told_apart() {
    let mut positions = sample();
    let list = positions.values_mut().next().expect("a partition");
    let first = list[0];
    let holding = |n: u64| Position { epoch: Epoch(n), base_offset: 10 * n as i64, ..first };
    *list = (0..70_000).map(holding).collect();
    assert_eq!(decode(&encode(NONCE, &positions)), Ok(positions));
}

proptest! {
    #[test]
    fn what_is_written_is_read(positions in positions()) {
        prop_assert_eq!(decode(&encode(NONCE, &positions)), Ok(positions));
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = decode(&bytes);
        let _ = decode(&enveloped(Kind::Index, &bytes));
    }

    #[test]
    fn a_changed_index_never_panics(positions in positions(), changes in changes()) {
        let object = encode(NONCE, &positions);
        if let Ok(positions) = decode(&enveloped(Kind::Index, &changed(payload(&object), &changes))) {
            prop_assert_eq!(decode(&encode(NONCE, &positions)), Ok(positions));
        }
    }
}
