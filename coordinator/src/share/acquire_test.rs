use super::super::{Ack, AckBatch, Acknowledge, Change, State};
use super::*;
use std::sync::Arc;

const NOW: Duration = Duration::from_secs(100);

fn begun(start: i64) -> Part {
    let mut part = Part::new(Arc::new(State::default()));
    part.change(&Change::Begin { epoch: 0, start });
    part
}

fn wanted(max_records: u32, batches: &[(i64, i64)]) -> Acquire {
    Acquire {
        member: "m".into(),
        mode: AcquireMode::BatchOptimized,
        max_records,
        batch_size: 1000,
        fetch_offset: batches[0].0,
        batches: batches.to_vec(),
    }
}

fn got(ranges: &[(i64, i64, u16)]) -> Vec<Acquired> {
    ranges.iter().map(|&(first, last, deliveries)| Acquired { first, last, deliveries }).collect()
}

fn acknowledge(part: &mut Part, settings: &Settings, (first, last): (i64, i64), ack: Ack) {
    let batches = vec![AckBatch { first, last, acks: vec![ack] }];
    let said = Acknowledge { member: "m".into(), batches };
    for change in part.acknowledge(NOW, settings, &said).expect("the member has them in hand") {
        part.change(&change);
    }
}

#[test]
fn the_last_batch_is_given_whole_unless_the_limit_is_strict() {
    let settings = Settings::default();
    let batches = [(0, 9), (10, 19), (20, 29)];
    assert_eq!(begun(0).acquire(NOW, &settings, &wanted(12, &batches)), got(&[(0, 19, 1)]));
    let strict = Acquire { mode: AcquireMode::RecordLimit, ..wanted(12, &batches) };
    let mut part = begun(0);
    assert_eq!(part.acquire(NOW, &settings, &strict), got(&[(0, 11, 1)]));
    let rest = Acquire { fetch_offset: 12, ..wanted(5, &batches[1..]) };
    assert_eq!(part.acquire(NOW, &settings, &rest), got(&[(12, 19, 1)]));
}

#[test]
fn new_records_are_given_in_ranges_of_whole_batches() {
    let batches = [(0, 3), (4, 5), (6, 12), (13, 13)];
    let wanted = Acquire { batch_size: 5, ..wanted(100, &batches) };
    let given = begun(0).acquire(NOW, &Settings::default(), &wanted);
    assert_eq!(given, got(&[(0, 5, 1), (6, 12, 1), (13, 13, 1)]));
}

#[test]
fn a_batch_that_began_before_the_start_is_given_in_part() {
    let given = begun(7).acquire(NOW, &Settings::default(), &wanted(100, &[(0, 9), (10, 11)]));
    assert_eq!(given, got(&[(7, 11, 1)]));
    assert_eq!(begun(12).acquire(NOW, &Settings::default(), &wanted(100, &[(0, 9)])), []);
}

#[test]
fn no_more_records_are_in_flight_than_may_be() {
    let settings = Settings { max_record_locks: 20, ..Settings::default() };
    let mut part = begun(0);
    assert_eq!(part.acquire(NOW, &settings, &wanted(100, &[(0, 9), (10, 19)])), got(&[(0, 19, 1)]));
    assert_eq!(part.next_fetch(&settings), super::super::NextFetch::Full);
    assert_eq!(part.acquire(NOW, &settings, &wanted(100, &[(20, 29)])), []);
    acknowledge(&mut part, &settings, (5, 9), Ack::Release);
    assert_eq!(part.next_fetch(&settings), super::super::NextFetch::At(5));
    let again = Acquire { fetch_offset: 5, ..wanted(100, &[(0, 9), (10, 19), (20, 29)]) };
    assert_eq!(part.acquire(NOW, &settings, &again), got(&[(5, 9, 2)]));
    acknowledge(&mut part, &settings, (0, 4), Ack::Accept);
    assert_eq!(part.next_fetch(&settings), super::super::NextFetch::At(20));
}

/// Kafka delivers what came back often in ever smaller parts (`SharePartition.throttleRecordsDeliveryLimit`).
#[test]
fn records_that_come_back_are_given_few_at_a_time() {
    let settings = Settings::default();
    let mut part = begun(0);
    let batches = [(0, 15)];
    for deliveries in 1..=3 {
        assert_eq!(part.acquire(NOW, &settings, &wanted(100, &batches)), got(&[(0, 15, deliveries)]));
        acknowledge(&mut part, &settings, (0, 15), Ack::Release);
    }
    assert_eq!(part.acquire(NOW, &settings, &wanted(100, &batches)), got(&[(0, 7, 4)]), "half of the batch");
    assert_eq!(part.acquire(NOW, &settings, &wanted(100, &batches)), got(&[(8, 15, 4)]), "the other half");
    acknowledge(&mut part, &settings, (0, 15), Ack::Release);
    assert_eq!(part.acquire(NOW, &settings, &wanted(100, &batches)), got(&[(0, 0, 5)]), "one by one");
    acknowledge(&mut part, &settings, (0, 0), Ack::Release);
    assert_eq!(part.state.start, 1, "it is given up after five deliveries");
    assert_eq!(part.acquire(NOW, &settings, &wanted(100, &batches)), got(&[(1, 1, 5)]));
    let more = [(0, 15), (16, 17)];
    acknowledge(&mut part, &settings, (1, 1), Ack::Accept);
    for offset in 2..=15 {
        assert_eq!(part.acquire(NOW, &settings, &wanted(100, &more)), got(&[(offset, offset, 5)]));
    }
    assert_eq!(part.acquire(NOW, &settings, &wanted(100, &more)), got(&[(16, 17, 1)]));
}

#[test]
fn good_records_are_not_given_together_with_suspicious_ones() {
    let settings = Settings { delivery_count_limit: 3, ..Settings::default() };
    let mut part = begun(0);
    assert_eq!(part.acquire(NOW, &settings, &wanted(100, &[(0, 7)])), got(&[(0, 7, 1)]));
    acknowledge(&mut part, &settings, (0, 7), Ack::Release);
    let four = Acquire { mode: AcquireMode::RecordLimit, fetch_offset: 4, ..wanted(100, &[(4, 7)]) };
    assert_eq!(part.acquire(NOW, &settings, &four), got(&[(4, 7, 2)]));
    acknowledge(&mut part, &settings, (4, 7), Ack::Release);
    assert_eq!(part.acquire(NOW, &settings, &wanted(100, &[(0, 7)])), got(&[(0, 3, 2)]));
    assert_eq!(part.acquire(NOW, &settings, &wanted(100, &[(0, 7)])), got(&[(4, 4, 3)]));
}
