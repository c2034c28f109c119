//! What PUTs may cost: when the open slot may be put.

use std::time::Duration;

use tokio::time::Instant;

/// A PUT is paid for by a linger that has passed, or by so many bytes that it stores.
pub const PAID_BYTES: u64 = 1 << 20;

/// What has not been used for this long may be used at once, but for no more than [`MOST_SAVED`] PUTs.
const SAVED: Duration = Duration::from_secs(2);
const MOST_SAVED: u32 = 20;

/// What comes within this time of each other shares a slot, where PUTs are expensive enough to wait for it.
const QUIET: Duration = Duration::from_millis(1);

/// No slot waits longer for a quiet moment.
const MOST_QUIET: Duration = Duration::from_millis(5);

/// Lingers below this are not worth a quiet moment, which timers are too coarse for.
const WORTH_QUIET: Duration = Duration::from_millis(20);

/// Pays for PUTs: one for each linger, saved up while nothing is written, and one for each [`PAID_BYTES`].
///
/// A producer that waits for each acknowledgement thus runs at the store's latency if it sends enough at a time, and so
/// does what comes after a pause. In the long run there are no more PUTs than the linger and the bytes pay for; slots
/// that are full are put in any case.
#[derive(Debug)]
pub(super) struct Budget {
    linger: Duration,
    /// What had been saved, in time, at `at`.
    saved: Duration,
    at: Instant,
    /// When something was first put into the slot.
    wanted: Option<Instant>,
    /// When something was last put into it.
    changed: Instant,
    /// Whether it has to wait for want of anything to pay with, or had to.
    lingers: bool,
}

impl Budget {
    /// All that can be saved is.
    pub(super) fn new(linger: Duration) -> Self {
        let now = Instant::now();
        let mut budget =
            Self { linger, saved: Duration::ZERO, at: now, wanted: None, changed: now, lingers: false };
        budget.saved = budget.most();
        budget
    }

    /// The most that is saved: a PUT at least.
    fn most(&self) -> Duration {
        SAVED.max(self.linger).min(self.linger * MOST_SAVED)
    }

    fn saved_at(&self, now: Instant) -> Duration {
        (self.saved + now.saturating_duration_since(self.at)).min(self.most())
    }

    /// What `bytes` are worth, in time.
    fn worth(&self, bytes: usize) -> Duration {
        // A slot has 4 GiB at most, and the linger is a minute at most.
        let nanoseconds = self.linger.as_nanos() * bytes as u128 / u128::from(PAID_BYTES);
        Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
    }

    /// Something was put into the open slot.
    pub(super) fn note(&mut self, now: Instant) {
        self.changed = now;
    }

    /// When the open slot may be put that holds so many bytes and is wanted.
    pub(super) fn due(&mut self, now: Instant, bytes: usize) -> Instant {
        let wanted = *self.wanted.get_or_insert(now);
        let quiet = match self.linger >= WORTH_QUIET {
            true => (self.changed + QUIET).min(wanted + MOST_QUIET),
            false => wanted,
        };
        let missing = self.linger.saturating_sub(self.saved_at(now) + self.worth(bytes));
        let paid = now + missing;
        self.lingers |= !missing.is_zero() && paid > quiet;
        paid.max(quiet)
    }

    /// Whether the slot that is due had to wait for want of anything to pay with.
    pub(super) fn lingers(&self) -> bool {
        self.lingers
    }

    /// Pays for a slot of so many bytes, which is put now. What is put without enough to pay for it costs no more than
    /// there is.
    pub(super) fn pay(&mut self, now: Instant, bytes: usize) {
        let all = self.saved_at(now) + self.worth(bytes);
        self.saved = all.saturating_sub(self.linger).min(self.most());
        (self.at, self.wanted, self.lingers) = (now, None, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINGER: Duration = Duration::from_millis(100);
    const MIB: usize = PAID_BYTES as usize;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_saved_is_spent_and_then_lingers_pass() {
        let (mut budget, start) = (Budget::new(LINGER), Instant::now());
        let mut now = start;
        for put in 0..30 {
            budget.note(now);
            now = budget.due(now, 0);
            assert_eq!(budget.lingers(), put >= 20, "PUT {put}");
            budget.pay(now, 0);
        }
        // Twenty were saved up; all time is worth something but for that before the first.
        assert_eq!(now - start, ms(1 + 10 * 100));
        // Nothing more is saved than that.
        now += Duration::from_secs(3600);
        budget.note(now);
        let later = now;
        for _ in 0..30 {
            budget.note(now);
            now = budget.due(now, 0);
            budget.pay(now, 0);
        }
        assert_eq!(now - later, ms(1 + 10 * 100));
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_pay_for_puts() {
        let (mut budget, mut now) = (Budget::new(LINGER), Instant::now());
        for bytes in [MIB, 3 * MIB, MIB, MIB / 2] {
            budget.note(now);
            assert_eq!((budget.due(now, bytes), budget.lingers()), (now + QUIET, false));
            now += QUIET;
            budget.pay(now, bytes);
        }
        for _ in 0..MOST_SAVED {
            budget.pay(now, 0);
        }
        // A timer that is late is no reason to say that it lingered.
        budget.note(now);
        assert_eq!(
            (budget.due(now, MIB), budget.due(now + ms(9), MIB), budget.lingers()),
            (now + QUIET, now + ms(9), false)
        );
        budget.pay(now, MIB);
        assert_eq!((budget.due(now, MIB / 4), budget.lingers()), (now + ms(75), true));
        // What comes meanwhile makes it due earlier.
        assert_eq!(budget.due(now + ms(10), 2 * MIB), now + ms(10));
    }

    #[tokio::test(start_paused = true)]
    async fn a_slot_does_not_wait_for_ever_for_a_quiet_moment() {
        let (mut budget, start) = (Budget::new(LINGER), Instant::now());
        let mut due = start;
        for step in 0..10 {
            let now = start + ms(step) / 2;
            budget.note(now);
            due = budget.due(now, 0);
        }
        assert_eq!(due, start + MOST_QUIET);
    }

    #[tokio::test(start_paused = true)]
    async fn short_lingers_have_no_quiet_moment_and_long_ones_save_a_put() {
        let (mut short, mut long, now) = (Budget::new(ms(2)), Budget::new(ms(60_000)), Instant::now());
        assert_eq!((short.due(now, 0), long.due(now, 0)), (now, now + QUIET));
        long.pay(now, 0);
        assert_eq!((long.due(now, 0), long.lingers()), (now + ms(60_000), true));
    }
}
