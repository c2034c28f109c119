use proptest::prelude::*;

use super::*;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const START: i64 = 1_700_000_000_000;

/// A machine with both clocks.
struct Machine {
    steady: Steady,
    monotonic: i64,
    wall: i64,
}

impl Machine {
    fn new() -> Self {
        let mut machine = Self { steady: Steady::default(), monotonic: 5_000, wall: START };
        assert_eq!(machine.look(), Ok(()));
        machine
    }

    fn look(&mut self) -> Result<(), Doubt> {
        self.steady.look(Duration::from_millis(self.monotonic as u64), self.wall)
    }

    /// Time passes, the wall clock is set by so much, and the clocks are compared.
    fn pass(&mut self, ms: i64, step: i64) -> Result<(), Doubt> {
        self.monotonic += ms;
        self.wall += ms + step;
        self.look()
    }

    /// An hour, with a look every five minutes.
    fn an_hour(&mut self) -> Vec<bool> {
        (0..12).map(|_| self.pass(5 * MINUTE, 0).is_ok()).collect()
    }
}

#[test]
fn a_clock_that_goes_as_time_does_is_believed() {
    let mut machine = Machine::new();
    for ms in [0, 1, 5 * MINUTE, HOUR, 40 * DAY] {
        assert_eq!(machine.pass(ms, 0), Ok(()), "{ms}");
    }
}

#[test]
fn a_clock_that_is_days_ahead_for_a_while_is_not_believed() {
    let mut machine = Machine::new();
    assert_eq!(machine.pass(5 * MINUTE, 8 * DAY), Err(Doubt { ahead_ms: 8 * DAY }));
    assert!(machine.steady.is_in_doubt());
    assert!(machine.pass(10, 0).is_err());
    assert!(machine.pass(HOUR - 11, 0).is_err());
    assert_eq!(machine.pass(5 * MINUTE, -8 * DAY), Ok(()), "it was set right");
    assert!(!machine.steady.is_in_doubt());
}

#[test]
fn a_clock_that_was_set_forward_for_good_is_believed_after_an_hour() {
    let mut machine = Machine::new();
    assert!(machine.pass(5 * MINUTE, 8 * DAY).is_err());
    let mut expected = vec![false; 11];
    expected.push(true);
    assert_eq!(machine.an_hour(), expected);
    assert_eq!(machine.an_hour(), [true; 12]);
}

/// A suspended machine: its monotonic clock stood still, which can't be distinguished from a step.
#[test]
fn a_machine_that_slept_waits_for_an_hour() {
    let mut machine = Machine::new();
    assert!(machine.pass(0, 9 * HOUR).is_err());
    assert_eq!(machine.an_hour().last(), Some(&true));
}

#[test]
fn each_further_step_begins_the_hour_anew() {
    let mut machine = Machine::new();
    assert!(machine.pass(0, DAY).is_err());
    for _ in 0..5 {
        assert!(machine.pass(HOUR - 1, DAY).is_err());
    }
    assert!(machine.pass(HOUR - 1, -2 * HOUR).is_err(), "nor is a step back within it a proof");
    assert_eq!(machine.pass(HOUR, 0), Ok(()));
}

#[test]
fn a_step_back_is_believed_and_the_way_forward_is_not() {
    let mut machine = Machine::new();
    assert_eq!(machine.pass(MINUTE, -8 * DAY), Ok(()));
    assert_eq!(machine.pass(MINUTE, 8 * DAY), Err(Doubt { ahead_ms: 8 * DAY }));
    assert_eq!(machine.pass(HOUR, 0), Ok(()));
}

#[test]
fn a_clock_that_is_corrected_slowly_is_believed() {
    for slew in [-300, 150, 300, 2_900] {
        let mut machine = Machine::new();
        for _ in 0..2_000 {
            assert_eq!(machine.pass(5 * MINUTE, slew), Ok(()), "{slew} ms in five minutes");
        }
    }
}

#[test]
fn small_steps_are_believed_but_do_not_add_up() {
    let mut machine = Machine::new();
    assert_eq!(machine.pass(10, 1_000), Ok(()), "a leap second");
    assert_eq!(machine.pass(10, 58_000), Ok(()));
    assert!(machine.pass(10, 2_000).is_err());
    let mut machine = Machine::new();
    let steps = (0..).find(|_| machine.pass(5 * MINUTE, 30_000).is_err());
    assert_eq!(steps, Some(2), "3 s of every 30 are believed for good");
}

#[test]
fn a_clock_that_never_goes_as_time_does_is_never_believed() {
    let mut machine = Machine::new();
    let believed = (0..10_000).filter(|_| machine.pass(MINUTE, MINUTE).is_ok()).count();
    assert!(machine.wall - machine.monotonic > 6 * DAY);
    assert_eq!(believed, 1);
}

#[test]
fn a_first_reading_is_compared_with_what_others_wrote() {
    for (known, is_believed) in [(0, true), (-HOUR, true), (DAY, true), (-HOUR - 1, false), (-8 * DAY, false)]
    {
        let mut machine = Machine { steady: Steady::default(), monotonic: 0, wall: START };
        machine.steady.compare(Duration::ZERO, START, START + known);
        assert_eq!(machine.look().is_ok(), is_believed, "known: {known}");
        assert_eq!(machine.an_hour().last(), Some(&true), "known: {known}");
    }
    let mut machine = Machine { steady: Steady::default(), monotonic: 0, wall: START + 8 * DAY };
    machine.steady.compare(Duration::ZERO, START + 8 * DAY, START - MINUTE);
    assert!(machine.look().is_err());
    assert_eq!(machine.pass(5 * MINUTE, -8 * DAY), Ok(()), "it was set right after the start");
}

#[test]
fn readings_of_no_meaning_are_survived() {
    let mut steady = Steady::default();
    let times = [Duration::ZERO, Duration::MAX, Duration::from_secs(1)];
    for wall in [i64::MIN, i64::MAX, 0, i64::MAX, i64::MIN] {
        for monotonic in times {
            let _ = steady.look(monotonic, wall);
            steady.compare(monotonic, wall, i64::MIN);
            steady.compare(monotonic, wall, i64::MAX);
        }
    }
}

/// What happens until the next look: time passes, the clock slews, and is this much ahead of the truth from
/// then on, if that changes.
fn story() -> impl Strategy<Value = Vec<(i64, i64, Option<i64>)>> {
    let gap = prop_oneof![0..10i64, 0..MINUTE, 4 * MINUTE..6 * MINUTE, 0..20 * MINUTE];
    let error = prop_oneof![3 => Just(0), 1 => -10 * DAY..0, 1 => 0..2 * MINUTE, 2 => 0..10 * DAY];
    prop::collection::vec((gap, -5..=5i64, prop::option::weighted(0.15, error)), 1..200)
}

proptest! {
    /// Whatever a clock does: as long as it is right again within an hour, it is never believed when it is far ahead.
    #[test]
    fn errors_shorter_than_an_hour_delete_nothing(story in story()) {
        let mut machine = Machine::new();
        let (mut drift, mut error, mut wrong_since) = (0, 0, None);
        for (gap, slew, change) in story {
            machine.monotonic += gap;
            error = change.unwrap_or(error);
            drift += gap * slew / 1_000;
            // A clock that has been wrong for long is right now.
            let since = *wrong_since.get_or_insert(machine.monotonic);
            if machine.monotonic - since >= HOUR {
                error = 0;
            }
            if error <= 0 {
                wrong_since = None;
            }
            let right = START - 5_000 + machine.monotonic + drift;
            machine.wall = right + error;
            if machine.look().is_ok() {
                prop_assert!(error <= 3 * SLACK, "believed {error} ms ahead of the truth");
            }
        }
    }

    /// Whatever a clock did: an hour after it was last set, it is believed.
    #[test]
    fn a_clock_that_goes_right_is_believed_in_the_end(story in story()) {
        let mut machine = Machine::new();
        let mut before = 0;
        for (gap, _, change) in story {
            let error = change.unwrap_or(before);
            let _ = machine.pass(gap, error - before);
            before = error;
        }
        machine.an_hour();
        prop_assert_eq!(machine.pass(5 * MINUTE, 0), Ok(()));
    }
}
