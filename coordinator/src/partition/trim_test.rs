use proptest::prelude::*;

use super::*;
use crate::partition::{BatchSummary, Decision, EpochStart, ProducerBatch};

fn batch(leader_epoch: i32, base_sequence: i32, count: i32) -> BatchSummary {
    BatchSummary {
        last_offset_delta: count - 1,
        max_timestamp: 1_000,
        leader_epoch,
        now: 5_000,
        producer: Some(ProducerBatch { id: 7, epoch: 0, base_sequence }),
    }
}

fn append(state: &mut Partition, batch: &BatchSummary) {
    match state.decide(batch) {
        Ok(Decision::Append(event)) => state.apply(&event),
        other => panic!("not appended: {other:?}"),
    }
}

fn trim(state: &mut Partition, to: i64) {
    let event = state.decide_trim(to, state.log_end).expect("within the log").expect("forward");
    state.apply_trim(&event);
}

/// A log with records 0 to 8, three of each of the leader epochs 2, 3 and 5.
fn log() -> Partition {
    let mut state = Partition::default();
    for (at, epoch) in [2, 3, 5].into_iter().enumerate() {
        append(&mut state, &batch(epoch, at as i32 * 3, 3));
    }
    state
}

fn epochs(state: &Partition) -> Vec<(i32, i64)> {
    state.leader_epochs.entries().iter().map(|e| (e.leader_epoch, e.first_offset)).collect()
}

#[test]
fn a_log_is_trimmed_forward_and_never_beyond_what_is_committed() {
    let mut state = log();
    assert_eq!(state.decide_trim(4, 9), Ok(Some(Trimmed { log_start: 4 })));
    assert_eq!(state.decide_trim(9, 9), Ok(Some(Trimmed { log_start: 9 })));
    assert_eq!(state.decide_trim(0, 9), Ok(None));
    assert_eq!(state.decide_trim(7, 6), Err(TrimReject { wanted: 7, end: 6 }), "in flight");
    assert_eq!(state.decide_trim(10, 20), Err(TrimReject { wanted: 10, end: 9 }));
    assert_eq!(state.decide_trim(-2, 9), Err(TrimReject { wanted: -2, end: 9 }));
    trim(&mut state, 4);
    assert_eq!((state.log_start, state.log_end), (4, 9));
    assert_eq!(state.decide_trim(4, 9), Ok(None));
    assert_eq!(state.decide_trim(3, 9), Ok(None));
}

#[test]
fn the_epoch_that_holds_the_log_start_begins_there() {
    let mut state = log();
    trim(&mut state, 2);
    assert_eq!(epochs(&state), [(2, 2), (3, 3), (5, 6)]);
    trim(&mut state, 3);
    assert_eq!(epochs(&state), [(3, 3), (5, 6)]);
    trim(&mut state, 9);
    assert_eq!(epochs(&state), [(5, 9)]);
    // Of epochs that are gone, their followers' beginning is told.
    assert_eq!(state.leader_epochs.end_offset(3, 5, 9), Some((3, 9)));
    append(&mut state, &batch(5, 9, 1));
    assert_eq!(epochs(&state), [(5, 9)]);
}

#[test]
fn an_epoch_without_a_record_gives_way_to_the_next() {
    let mut state = log();
    trim(&mut state, 9);
    append(&mut state, &batch(6, 9, 1));
    assert_eq!(epochs(&state), [(6, 9)]);
}

#[test]
fn producers_are_remembered_beyond_their_records() {
    let mut state = log();
    trim(&mut state, 9);
    let duplicate = Decision::Duplicate { base_offset: 0, last_offset: 2, append_time: 5_000 };
    assert_eq!(state.decide(&batch(2, 0, 3)), Ok(duplicate));
    append(&mut state, &batch(5, 9, 1));
}

#[derive(Clone, Debug)]
enum Step {
    Append { count: i32, next_epoch: bool },
    Trim { share: u8 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (1..5i32, any::<bool>()).prop_map(|(count, next_epoch)| Step::Append { count, next_epoch }),
        1 => any::<u8>().prop_map(|share| Step::Trim { share }),
    ]
}

/// Either event, as replay meets it.
enum Event {
    Appended(crate::partition::Appended),
    Trimmed(Trimmed),
}

proptest! {
    /// Whoever replays the events, from the beginning or from any state on the way, comes to the same state. The
    /// log start only goes forward, and each record's leader epoch stays what it was.
    #[test]
    fn replay_comes_to_the_same_state(steps in proptest::collection::vec(step(), 1..40)) {
        let mut state = Partition::default();
        let (mut epoch, mut sequence) = (0, 0);
        let mut events = Vec::new();
        let mut states = vec![state.clone()];
        let mut epoch_of: Vec<i32> = Vec::new();
        for step in steps {
            let before = state.log_start;
            match step {
                Step::Append { count, next_epoch } => {
                    epoch += i32::from(next_epoch);
                    let batch = batch(epoch, sequence, count);
                    sequence += count;
                    let Ok(Decision::Append(event)) = state.decide(&batch) else { panic!("not appended") };
                    state.apply(&event);
                    events.push(Event::Appended(event));
                    epoch_of.extend((0..count).map(|_| epoch));
                }
                Step::Trim { share } => {
                    let wanted = (state.log_end * i64::from(share)) / 200;
                    match state.decide_trim(wanted, state.log_end) {
                        Ok(Some(event)) => {
                            prop_assert!(wanted > before);
                            state.apply_trim(&event);
                            events.push(Event::Trimmed(event));
                        }
                        Ok(None) => { prop_assert!(wanted <= before); continue }
                        Err(reject) => { prop_assert!(wanted > state.log_end, "{}", reject); continue }
                    }
                }
            }
            states.push(state.clone());
            prop_assert!(state.log_start >= before && state.log_start <= state.log_end);
            let entries = state.leader_epochs.entries();
            prop_assert!(entries.first().is_none_or(|e| e.first_offset >= state.log_start));
            prop_assert!(crate::partition::LeaderEpochs::from_entries(entries.to_vec()).is_some());
            for offset in state.log_start..state.log_end {
                let after = entries.partition_point(|e: &EpochStart| e.first_offset <= offset);
                prop_assert_eq!(entries[after - 1].leader_epoch, epoch_of[offset as usize]);
            }
        }
        for (from, replayed) in states.iter().enumerate() {
            let mut replayed = replayed.clone();
            for event in &events[from..] {
                match event {
                    Event::Appended(event) => replayed.apply(event),
                    Event::Trimmed(event) => replayed.apply_trim(event),
                }
            }
            prop_assert_eq!(&replayed, &state);
        }
    }
}
