use proptest::prelude::*;

use super::*;

fn batch(id: i64, epoch: i16, base_sequence: i32, count: i32) -> BatchSummary {
    BatchSummary {
        last_offset_delta: count - 1,
        max_timestamp: 1_000,
        leader_epoch: 3,
        now: 5_000,
        producer: Some(ProducerBatch { id, epoch, base_sequence }),
    }
}

fn append(state: &mut Partition, batch: &BatchSummary) -> i64 {
    match state.decide(batch) {
        Ok(Decision::Append(event)) => {
            state.apply(&event);
            event.base_offset
        }
        other => panic!("not appended: {other:?}"),
    }
}

#[test]
fn offsets_and_sequences_advance_together() {
    let mut state = Partition::default();
    assert_eq!(append(&mut state, &batch(7, 0, 0, 3)), 0);
    assert_eq!(append(&mut state, &batch(7, 0, 3, 2)), 3);
    assert_eq!(state.log_end, 5);
    assert_eq!(state.leader_epochs.entries().len(), 1);
}

#[test]
fn each_of_the_last_five_batches_is_a_duplicate_and_the_sixth_is_out_of_order() {
    let mut state = Partition::default();
    for n in 0..6 {
        append(&mut state, &batch(7, 0, n, 1));
    }
    for n in 1..6 {
        let expected = Decision::Duplicate { base_offset: n, last_offset: n, append_time: 5_000 };
        assert_eq!(state.decide(&batch(7, 0, n as i32, 1)), Ok(expected));
    }
    let reject = AppendReject::OutOfOrderSequence { id: 7, sequence: 0, expected: 6 };
    assert_eq!(state.decide(&batch(7, 0, 0, 1)), Err(reject));
    let reject = AppendReject::OutOfOrderSequence { id: 7, sequence: 5, expected: 6 };
    assert_eq!(state.decide(&batch(7, 0, 5, 2)), Err(reject), "a batch of another length is no duplicate");
}

#[test]
fn an_older_epoch_is_fenced_and_a_newer_one_begins_at_zero() {
    let mut state = Partition::default();
    append(&mut state, &batch(7, 4, 9, 1));
    let reject = AppendReject::FencedProducer { id: 7, epoch: 3, current: 4 };
    assert_eq!(state.decide(&batch(7, 3, 10, 1)), Err(reject));
    let reject = AppendReject::OutOfOrderSequence { id: 7, sequence: 10, expected: 0 };
    assert_eq!(state.decide(&batch(7, 5, 10, 1)), Err(reject));
    append(&mut state, &batch(7, 5, 0, 1));
    assert_eq!(state.producers[&7].epoch, 5);
    assert_eq!(state.producers[&7].entries.len(), 1, "the older epoch's batches are forgotten");
}

#[test]
fn an_unknown_producer_may_begin_anywhere_and_an_expired_one_is_unknown() {
    let mut state = Partition::default();
    append(&mut state, &batch(7, 0, 1234, 1));
    assert_eq!(state.idle_producers(5_000), Vec::<i64>::new());
    assert_eq!(state.idle_producers(5_001), vec![7]);
    state.expire(&[7]);
    append(&mut state, &batch(7, 0, 99, 1));
}

#[test]
fn sequences_wrap_to_zero() {
    let mut state = Partition::default();
    append(&mut state, &batch(7, 0, i32::MAX - 1, 3));
    assert_eq!(append(&mut state, &batch(7, 0, 1, 1)), 3);
}

proptest! {
    /// A producer that sends any earlier batch again at any time (KIP-98): the log holds every sequence
    /// once, and whatever is answered is what was answered first.
    #[test]
    fn resending_changes_nothing(counts in proptest::collection::vec(1..9i32, 1..40),
                                 resend in proptest::collection::vec(0..40usize, 0..80)) {
        let mut state = Partition::default();
        let mut sent: Vec<(BatchSummary, i64)> = Vec::new();
        let mut sequence = 0;
        let mut resend = resend.into_iter();
        for count in counts {
            let next = batch(7, 0, sequence, count);
            let offset = append(&mut state, &next);
            sent.push((next, offset));
            sequence += count;
            for _ in 0..2 {
                let Some(pick) = resend.next() else { break };
                let (again, first_answer) = sent[pick % sent.len()];
                let before = state.clone();
                match state.decide(&again) {
                    Ok(Decision::Duplicate { base_offset, .. }) => prop_assert_eq!(base_offset, first_answer),
                    Ok(Decision::Append(event)) => prop_assert!(false, "appended again: {:?}", event),
                    Err(AppendReject::OutOfOrderSequence { .. }) => {
                        prop_assert!(pick % sent.len() + Producer::KEPT < sent.len());
                    }
                    Err(other) => prop_assert!(false, "{}", other),
                }
                prop_assert_eq!(&before, &state);
            }
        }
        prop_assert_eq!(state.log_end, i64::from(sequence));
    }
}
