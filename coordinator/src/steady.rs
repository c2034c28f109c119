//! Whether the wall clock may be believed where what is old is deleted for good.
//!
//! A clock that is days ahead for some seconds makes everything old. So it is compared with the monotonic clock,
//! which can't be set: a wall clock that has advanced further than that one is in doubt until both have advanced
//! at the same pace for [`SETTLING`]. A clock that is behind only keeps things for longer, and is believed at once.
//!
//! Neither clock shows whether the first reading was right; [`Steady::compare`] takes another time to compare with.

use std::time::Duration;

/// How long the clocks must agree before the wall clock is believed where it is now.
pub const SETTLING: Duration = Duration::from_secs(3600);

/// How far the wall clock may be ahead of where it was believed to be, in ms: leap seconds, a clock that is set
/// right, a process that was stopped between reading one clock and the other.
const SLACK: i64 = 60_000;

/// One ms in so many: how much faster than the monotonic clock the wall clock may go. Those who correct clocks
/// slowly stay below that.
const PACE: i64 = 100;

/// What the wall clock was ahead of the monotonic one at some moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Lead {
    /// In ms.
    ahead: i64,
    /// The moment (ms of the monotonic clock).
    at: i64,
}

/// The wall clock may be wrong: nothing is to be deleted by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// How much further it has advanced than it should have, in ms.
    pub ahead_ms: i64,
}

/// Remembers how the two clocks went.
///
/// Invariant: a wall clock that is believed is at most one minute ahead of the monotonic clock's pace (1 % of
/// the time passed aside) since it was first looked at, or since the two last agreed for [`SETTLING`].
#[derive(Clone, Debug, Default)]
pub struct Steady {
    /// Where the wall clock is believed to be; `None` before the first look.
    believed: Option<Lead>,
    /// Where it is while it is in doubt, and since when.
    doubted: Option<Lead>,
}

impl Steady {
    /// Whether the wall clock (ms since 1970) may be believed now, `monotonic` after some zero. A monotonic time
    /// that goes back counts as one that stands still.
    pub fn look(&mut self, monotonic: Duration, wall: i64) -> Result<(), Doubt> {
        let at = millis(monotonic);
        let lead = Lead { ahead: wall.saturating_sub(at), at };
        let Some(believed) = self.believed else {
            self.believe(lead);
            return Ok(());
        };
        let gone = lead.ahead.saturating_sub(believed.ahead);
        let room = at.saturating_sub(believed.at).max(0) / PACE;
        if gone <= room {
            self.believe(lead);
            return Ok(());
        }
        if gone <= room + SLACK {
            // Only as fast as clocks are corrected: many small steps must not add up to a large one.
            self.believe(Lead { ahead: believed.ahead + room, at: believed.at + room * PACE });
            return Ok(());
        }
        match self.doubted {
            Some(since) if since.ahead.saturating_sub(lead.ahead).saturating_abs() <= SLACK => {
                if at.saturating_sub(since.at) >= millis(SETTLING) {
                    self.believe(lead);
                    return Ok(());
                }
            }
            _ => self.doubted = Some(lead),
        }
        Err(Doubt { ahead_ms: gone })
    }

    /// Takes a time for known (ms since 1970) that was written down before now. A wall clock more than
    /// [`SETTLING`] after it may be wrong, or nothing was written for as long: it is in doubt either way.
    pub fn compare(&mut self, monotonic: Duration, wall: i64, known: i64) {
        if wall.saturating_sub(known) > millis(SETTLING) {
            let at = millis(monotonic);
            self.believe(Lead { ahead: known.saturating_sub(at), at });
        }
    }

    /// Whether the wall clock was in doubt when it was last looked at.
    pub fn is_in_doubt(&self) -> bool {
        self.doubted.is_some()
    }

    fn believe(&mut self, lead: Lead) {
        (self.believed, self.doubted) = (Some(lead), None);
    }
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[path = "steady_test.rs"]
mod tests;
