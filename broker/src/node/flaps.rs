//! The pause after a session that did not live for long. What ended it may well end the next one, too, and each
//! costs entries in the metadata log, which are never deleted.

use std::time::Duration;

/// A session that lived for so long was a good one.
const LIVED: Duration = Duration::from_secs(60);

/// The first pause, and the longest.
const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(60);

/// How many short-lived sessions there were, one after the other.
#[derive(Debug, Default)]
pub(super) struct Flaps(u32);

impl Flaps {
    /// The pause after a session that lived for so long: twice as long after each short-lived one, up to
    /// [`LONGEST`], and less by up to a half as `draw` has it, so that nodes do not keep in step.
    pub(super) fn pause(&mut self, lived: Duration, draw: u64) -> Duration {
        if lived >= LIVED {
            self.0 = 0;
            return Duration::ZERO;
        }
        let whole = FIRST.saturating_mul(1 << self.0.min(16)).min(LONGEST);
        self.0 = self.0.saturating_add(1);
        whole / 2 + (whole / 2).mul_f64(draw as f64 / u64::MAX as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_until_a_session_has_lived() {
        let (mut flaps, short) = (Flaps::default(), Duration::from_secs(5));
        let longest: Vec<_> = (0..10).map(|_| flaps.pause(short, u64::MAX).as_millis()).collect();
        assert_eq!(longest, [500, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000]);
        assert_eq!(flaps.pause(short, 0).as_millis(), 30_000);
        assert_eq!(flaps.pause(LIVED, 0), Duration::ZERO);
        assert_eq!(flaps.pause(short, 0).as_millis(), 250);
        let mut old = Flaps(u32::MAX);
        assert_eq!(old.pause(short, u64::MAX), LONGEST);
    }
}
