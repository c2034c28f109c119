//! Logging that a peer can't flood.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// Lets one message pass per interval, and counts the others.
#[derive(Debug)]
pub struct Quiet {
    interval: Duration,
    state: Mutex<(Option<Instant>, u64)>,
}

impl Quiet {
    /// One message may pass in each interval.
    pub const fn new(interval: Duration) -> Self {
        Self { interval, state: Mutex::new((None, 0)) }
    }

    /// How many messages were kept back since the last one, if another may be logged now.
    pub fn may_speak(&self) -> Option<u64> {
        let now = Instant::now();
        let mut state = self.state.lock();
        if state.0.is_some_and(|last| now.duration_since(last) < self.interval) {
            state.1 += 1;
            return None;
        }
        *state = (Some(now), state.1);
        Some(std::mem::take(&mut state.1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_message_per_interval() {
        let quiet = Quiet::new(Duration::from_secs(1));
        assert_eq!([quiet.may_speak(), quiet.may_speak(), quiet.may_speak()], [Some(0), None, None]);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!([quiet.may_speak(), quiet.may_speak()], [Some(2), None]);
    }
}
