//! When a write without an answer is sent a second time: once it has taken longer than most others of its size took
//! of late, and no more often than a budget allows.
//!
//! Every write earns a twentieth of a second PUT, and one that is sent costs a whole one. The fewer are left, the
//! longer a write is waited for: so the budget is used up, and goes to the slowest. What hangs is sent again after
//! a fixed time even if nothing is left, because only its time-out would help otherwise, which costs a second PUT,
//! too; that is owed. No clock is read here.

use std::time::Duration;

use parking_lot::Mutex;

/// When a conditional write without an answer is sent a second time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hedge {
    /// Never.
    Off,
    /// After this long.
    After(Duration),
    /// Once it takes longer than 95 of 100 writes of its size did of late, and for at most 5 % more PUTs; and after
    /// 2 s in any case, or twice as long as those 95 took where that is more.
    Auto,
}

impl Hedge {
    /// How long a write without an answer may be on its way at most until it is sent again, as far as that is fixed.
    pub fn patience(self) -> Option<Duration> {
        match self {
            Self::Off => None,
            Self::After(patience) => Some(patience),
            Self::Auto => Some(PATIENCE),
        }
    }
}

/// What is no answer on any network, until more is known of this one.
const PATIENCE: Duration = Duration::from_secs(2);

/// Writes that earn a second PUT.
const PRICE: i64 = 20;

/// Second PUTs that can be saved up, and owed.
const MOST: i64 = 32;

/// At this many saved up, the trigger is the 95th percentile; it is lower with more, and higher with fewer.
const MIDDLE: i64 = MOST / 2;

/// How many answers of each size are kept: enough for what is taken for the 95th percentile to be between the 94th
/// and the 96th mostly.
const KEPT: usize = 512;

/// How many answers of a size are needed before anything follows from them.
const ENOUGH: usize = 64;

/// Percentiles follow the answers in steps of so many.
const STEP: usize = 32;

/// Bodies of up to 16 KiB are of one size; each further size has four times as many bytes, and the last has no
/// bound.
const SIZES: usize = 8;
const SMALLEST: u64 = 16 << 10;

/// Answers that come sooner are waited for: less is within what timers and a busy process are off by.
const LEAST: Duration = Duration::from_millis(5);

/// Timers are no finer, and a write that takes exactly as long as others is not slow.
const TICK: Duration = Duration::from_millis(1);

/// How long a write is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Triggers {
    /// Until it is sent again if the budget allows it.
    pub(super) early: Option<Duration>,
    /// Until it is sent again at all events.
    pub(super) late: Duration,
}

/// What is known of a store's writes, and the budget.
#[derive(Debug, Default)]
pub(super) struct Hedging {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// In parts of a second PUT, of which [`PRICE`] make one.
    saved: i64,
    sizes: [Recent; SIZES],
}

/// How long writes of one size took.
#[derive(Debug, Default)]
struct Recent {
    /// In microseconds; the oldest is overwritten.
    took: Vec<u32>,
    answers: usize,
    /// The same in order, as of the last step.
    sorted: Vec<u32>,
}

impl Recent {
    fn add(&mut self, took: Duration) {
        let took = u32::try_from(took.as_micros()).unwrap_or(u32::MAX);
        if self.took.len() < KEPT {
            self.took.push(took);
        } else {
            self.took[self.answers % KEPT] = took;
        }
        self.answers += 1;
        if self.answers.is_multiple_of(STEP) && self.took.len() >= ENOUGH {
            self.sorted.clone_from(&self.took);
            self.sorted.sort_unstable();
        }
    }

    /// The percentile that suits what is saved up, if enough is known: what one write in [`PRICE`] exceeds where
    /// that is [`MIDDLE`] second PUTs, and a share of the writes in proportion where it is more or less.
    fn trigger(&self, saved: i64) -> Option<Duration> {
        if self.sorted.is_empty() {
            return None;
        }
        let all = self.sorted.len();
        let share = saved as f64 / (MIDDLE * PRICE * PRICE) as f64;
        let above = (((all + 1) as f64 * share) as usize).clamp(1, all);
        let took = self.sorted[all - above];
        Some(Duration::from_micros(took.into()).max(LEAST) + TICK)
    }
}

fn size(bytes: u64) -> usize {
    let smallest = bytes.div_ceil(SMALLEST).max(1).next_power_of_two();
    (smallest.ilog2().div_ceil(2) as usize).min(SIZES - 1)
}

impl Hedging {
    /// How long a write that begins now is waited for. `grace` is what its bytes may take by themselves.
    pub(super) fn begin(&self, bytes: u64, grace: Duration) -> Triggers {
        let mut state = self.state.lock();
        state.saved = (state.saved + 1).min(MOST * PRICE);
        let recent = &state.sizes[size(bytes)];
        let usual = recent.trigger(MIDDLE * PRICE);
        let late = (PATIENCE + grace).max(usual.unwrap_or_default() * 2);
        let early = recent.trigger(state.saved.max(PRICE)).filter(|early| *early < late);
        Triggers { early, late }
    }

    /// Whether the budget has a second PUT left; it is spent.
    pub(super) fn spend(&self) -> bool {
        let mut state = self.state.lock();
        let has = state.saved >= PRICE;
        state.saved -= if has { PRICE } else { 0 };
        has
    }

    /// A second PUT is sent at all events.
    pub(super) fn owe(&self) {
        let mut state = self.state.lock();
        state.saved = (state.saved - PRICE).max(-MOST * PRICE);
    }

    /// A write of so many bytes was answered after so long, or took longer and was sent again.
    pub(super) fn took(&self, bytes: u64, took: Duration) {
        self.state.lock().sizes[size(bytes)].add(took);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn early(hedging: &Hedging, bytes: u64) -> Option<Duration> {
        hedging.begin(bytes, Duration::ZERO).early
    }

    /// So many writes of 1 to 100 ms, evenly, and what a second PUT of each would cost.
    fn after(writes: u32, bytes: u64) -> Hedging {
        let hedging = Hedging::default();
        for n in 0..writes {
            hedging.begin(bytes, Duration::ZERO);
            hedging.took(bytes, MS * (n * 37 % 100 + 1));
        }
        hedging
    }

    #[test]
    fn sizes_are_powers_of_four() {
        for (bytes, of) in [
            (0, 0),
            (1, 0),
            (16 << 10, 0),
            ((16 << 10) + 1, 1),
            (64 << 10, 1),
            (65 << 10, 2),
            (1 << 20, 3),
            (4 << 20, 4),
            (8 << 20, 5),
            (100 << 20, 7),
            (u64::MAX >> 1, 7),
        ] {
            assert_eq!(size(bytes), of, "{bytes}");
        }
    }

    #[test]
    fn nothing_follows_from_a_few_answers_or_from_those_of_other_sizes() {
        assert_eq!(early(&after(63, 100), 100), None);
        assert!(early(&after(64, 100), 100).is_some());
        let hedging = after(512, 100);
        assert_eq!(early(&hedging, 1 << 20), None);
        assert!(early(&hedging, 16 << 10).is_some());
    }

    #[test]
    fn the_fewer_are_left_the_longer_a_write_is_waited_for() {
        // 512 writes have earned 25.6 second PUTs: more than the middle, so that 8 % may be sent.
        let hedging = after(512, 100);
        let mut waited = Vec::new();
        for _ in 0..25 {
            waited.extend(early(&hedging, 100));
            assert!(hedging.spend());
        }
        assert!(waited.is_sorted(), "{waited:?}");
        assert_eq!(waited.first(), Some(&(94 * MS)));
        assert_eq!(waited[9], 96 * MS);
        assert_eq!(waited.last(), Some(&(101 * MS)));
        // 25 further ones have begun, which makes another second PUT.
        assert!(hedging.spend() && !hedging.spend());
        assert!(early(&hedging, 100).is_some(), "by then one may be left");
    }

    #[test]
    fn what_is_owed_is_earned_first() {
        let hedging = Hedging::default();
        assert!(!hedging.spend(), "nothing is there to begin with");
        (0..3).for_each(|_| hedging.owe());
        let until = (1..).find(|_| {
            hedging.begin(100, Duration::ZERO);
            hedging.spend()
        });
        assert_eq!(until, Some(80));
        // Neither debts nor savings grow without end.
        (0..1000).for_each(|_| hedging.owe());
        (0..100_000).for_each(|_| _ = hedging.begin(100, Duration::ZERO));
        assert_eq!((0..100).filter(|_| hedging.spend()).count(), 32);
    }

    #[test]
    fn a_slow_store_is_not_one_that_hangs() {
        let hedging = Hedging::default();
        let late = |hedging: &Hedging| hedging.begin(100, 3 * PATIENCE).late;
        assert_eq!(late(&hedging), 4 * PATIENCE);
        (0..64).for_each(|_| hedging.took(100, 10 * PATIENCE));
        assert_eq!(late(&hedging), 20 * PATIENCE + 2 * TICK);
        // Old answers are forgotten.
        (0..512).for_each(|_| hedging.took(100, MS));
        assert_eq!(late(&hedging), 4 * PATIENCE);
        assert_eq!(early(&hedging, 100), Some(LEAST + TICK));
    }
}
