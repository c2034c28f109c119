//! The runs.

use super::super::disk::Duty;
use super::play;

/// Runs of the test that always runs.
const RUNS: u64 = 300;

/// Within how many runs a duty that is left undone must be noticed.
const FOUND_WITHIN: u64 = 300;

/// `TIDELOG_FILE_SEEDS=5000..9000` plays these instead.
fn seeds() -> std::ops::Range<u64> {
    let Ok(range) = std::env::var("TIDELOG_FILE_SEEDS") else { return 0..RUNS };
    let (from, to) = range.split_once("..").expect("two numbers, as in 5000..9000");
    from.parse().expect("a number")..to.parse().expect("a number")
}

#[test]
fn what_was_acknowledged_survives() {
    let (mut lost, mut slow, mut full, mut failed, mut refused, mut acknowledged) = (0, 0, 0, 0, 0, 0);
    for seed in seeds() {
        match play(seed, None) {
            Ok(outcome) => {
                lost += outcome.counts.lost_names;
                slow += outcome.counts.slow_syncs;
                full += outcome.counts.full_writes;
                failed += outcome.counts.failed_syncs;
                refused += outcome.refused;
                acknowledged += outcome.acknowledged;
            }
            Err(violation) => panic!(
                "{violation}; again: TIDELOG_FILE_SEEDS={seed}..{} cargo test -p tiering --lib small_world",
                seed + 1
            ),
        }
    }
    println!(
        "{acknowledged} slots acknowledged, {refused} sessions ended by a sync error; {failed} syncs failed, {slow} \
         were slow, {full} writes found no room, {lost} names were lost"
    );
    assert!(acknowledged > 0 && (seeds() != (0..RUNS) || (lost.min(slow).min(full).min(failed) > 100)));
}

#[test]
fn a_run_repeats() {
    for seed in 0..10 {
        assert_eq!(play(seed, None), play(seed, None), "seed {seed}");
    }
}

#[test]
fn every_duty_left_undone_is_noticed() {
    for duty in
        [Duty::Settle, Duty::Renew, Duty::SyncFile, Duty::GiveUp, Duty::OpenFirst, Duty::Replace, Duty::Mark]
    {
        let found = (0..FOUND_WITHIN).find_map(|seed| play(seed, Some(duty)).err().map(|what| (seed, what)));
        let (seed, violation) = found.unwrap_or_else(|| panic!("nobody missed {duty:?}"));
        println!("{duty:?}, seed {seed}: {violation}");
    }
}
