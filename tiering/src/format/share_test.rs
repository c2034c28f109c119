use proptest::collection::vec;
use proptest::prelude::*;

use super::super::testing::{partition_id, written};
use super::*;

fn deliveries() -> impl Strategy<Value = Delivery> {
    prop_oneof![Just(Delivery::Available), Just(Delivery::Acknowledged), Just(Delivery::Archived)]
}

pub(in crate::format) fn share_ids() -> impl Strategy<Value = SharePartitionId> {
    ("[a-z]{0,3}", partition_id())
        .prop_map(|(group, partition)| SharePartitionId { group: group.into(), partition })
}

pub(in crate::format) fn share_changes() -> impl Strategy<Value = Change> {
    let records = (0..i64::MAX - 9, 0..9i64, deliveries(), any::<u16>());
    prop_oneof![
        (any::<i32>(), 0..i64::MAX).prop_map(|(epoch, start)| Change::Begin { epoch, start }),
        (0..i64::MAX).prop_map(Change::Start),
        records.prop_map(|(first, more, delivery, deliveries)| {
            Change::Records { first, last: first + more, delivery, deliveries }
        }),
        Just(Change::Deleted),
    ]
}

/// Share partitions that have come to be by changes that lie close together.
pub(in crate::format) fn shares() -> impl Strategy<Value = Shares> {
    let change =
        (0..30i64, 0..5i64, deliveries(), 0..3u16).prop_map(|(first, more, delivery, deliveries)| {
            Change::Records { first, last: first + more, delivery, deliveries }
        });
    let one = (share_ids(), any::<i32>(), 0..9i64, vec(change, 0..9));
    vec(one, 0..4).prop_map(|all| {
        let mut shares = Shares::new();
        for (id, epoch, start, changes) in all {
            replay(&mut shares, &id, &[Change::Begin { epoch, start }]);
            replay(&mut shares, &id, &changes);
        }
        shares
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read(change in share_changes(), shares in shares()) {
        let bytes = written(|w| encode_change(w, &change));
        let mut r = Reader::new("test", &bytes);
        prop_assert_eq!(decode_change(&mut r), Ok(change));
        prop_assert_eq!(r.end(), Ok(()));
        for (id, state) in &shares {
            let bytes = written(|w| encode(w, (id, state)));
            let mut r = Reader::new("test", &bytes);
            prop_assert_eq!(decode(&mut r), Ok((id.clone(), Arc::clone(state))));
            prop_assert_eq!(r.end(), Ok(()));
        }
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    let id =
        SharePartitionId { group: "g".into(), partition: PartitionId { topic: TopicId([1; 16]), index: 0 } };
    let made_of = |changes: &[Change]| {
        let bytes = written(|w| {
            encode_id(w, &id);
            w.list(changes.iter(), encode_change);
        });
        decode(&mut Reader::new("test", &bytes))
    };
    let begin = Change::Begin { epoch: 1, start: 5 };
    let records =
        |first, last, deliveries| Change::Records { first, last, delivery: Delivery::Available, deliveries };
    assert!(made_of(&[begin.clone(), records(7, 9, 1)]).is_ok());
    let not_in_one_way = Err(FormatError::Invalid("a share partition is not made in its one way"));
    for changes in [
        vec![begin.clone(), records(2, 9, 1)],
        vec![begin.clone(), records(7, 9, 0)],
        vec![begin.clone(), records(7, 8, 1), records(9, 9, 1)],
        vec![begin.clone(), Change::Start(9)],
        vec![records(7, 9, 1)],
    ] {
        assert_eq!(made_of(&changes), not_in_one_way, "{changes:?}");
    }
    assert_eq!(made_of(&[]), Err(FormatError::Invalid("a share partition is made of nothing")));
    let out_of_range = Err(FormatError::Invalid("a share partition's offsets are out of range"));
    for change in [records(-1, 9, 1), records(9, 8, 1), records(9, i64::MAX, 1), Change::Start(-1)] {
        assert_eq!(made_of(&[begin.clone(), change]), out_of_range);
    }
    let newer = written(|w| {
        w.u8(9).nested(|_| ());
    });
    assert!(matches!(decode_change(&mut Reader::new("test", &newer)), Err(FormatError::Newer { .. })));
    let unknown = written(|w| {
        w.u8(RECORDS).nested(|w| {
            w.i64(1).i64(2).u8(1).u16(1);
        });
    });
    assert!(matches!(decode_change(&mut Reader::new("test", &unknown)), Err(FormatError::Newer { .. })));
}
