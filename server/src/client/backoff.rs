//! Trying again, with growing pauses, until time is up.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::Error;

const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(1);

/// The attempts of one operation.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    deadline: Instant,
    pause: Duration,
}

impl Backoff {
    /// Attempts that may go on for this long.
    pub(crate) fn new(patience: Duration) -> Self {
        Self { deadline: Instant::now() + patience, pause: FIRST }
    }

    /// Waits before the next attempt. Returns the error if it is final, or if time is up.
    pub(crate) async fn wait(&mut self, error: Error) -> Result<(), Error> {
        if !error.is_retriable() || Instant::now() + self.pause > self.deadline {
            return Err(error);
        }
        sleep(self.pause).await;
        self.pause = (self.pause * 2).min(LONGEST);
        Ok(())
    }
}
