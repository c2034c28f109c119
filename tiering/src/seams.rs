//! What a simulation replaces: the wall clock and randomness. Monotonic time is tokio's.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};
use ulid::Ulid;

use crate::format::envelope::Nonce;

/// The wall clock, in milliseconds since 1970. No safety rule reads it (I8).
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> i64 + Send + Sync>);

impl Clock {
    /// A clock that reads `now`.
    pub fn new(now: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The machine's clock.
    pub fn system() -> Self {
        Self::new(|| chrono::Utc::now().timestamp_millis())
    }

    /// Milliseconds since 1970.
    pub fn now_ms(&self) -> i64 {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({})", self.now_ms())
    }
}

/// Where a thread may lose its processor between a look at something shared and what it does about it. Others get
/// ahead meanwhile: with one thread they never would, so that a simulation says for how long they do.
#[derive(Clone, Default)]
pub struct Lapses(Option<Arc<dyn Fn() -> Duration + Send + Sync>>);

impl Lapses {
    /// Each lasts as long as `draw` says.
    pub fn new(draw: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(draw)))
    }

    /// None: whoever has threads needs none drawn.
    pub fn none() -> Self {
        Self(None)
    }

    /// A place for one.
    #[inline]
    pub async fn here(&self) {
        let Some(draw) = &self.0 else { return };
        let time = draw();
        if !time.is_zero() {
            tokio::time::sleep(time).await;
        }
    }
}

impl fmt::Debug for Lapses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lapses({})", if self.0.is_some() { "drawn" } else { "none" })
    }
}

/// Randomness from one seed.
#[derive(Clone, Debug)]
pub struct Entropy(Arc<Mutex<StdRng>>);

impl Entropy {
    /// Every draw follows from `seed`.
    pub fn from_seed(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(StdRng::seed_from_u64(seed))))
    }

    /// Seeded by the operating system.
    pub fn from_os() -> Self {
        Self(Arc::new(Mutex::new(StdRng::from_os_rng())))
    }

    /// A number.
    pub fn next_u64(&self) -> u64 {
        self.0.lock().next_u64()
    }

    /// A nonce for one object.
    pub fn nonce(&self) -> Nonce {
        let mut nonce = [0; 16];
        self.0.lock().fill_bytes(&mut nonce);
        nonce
    }

    /// A ULID of this moment.
    pub fn ulid(&self, clock: &Clock) -> Ulid {
        let random = u128::from_be_bytes(self.nonce());
        Ulid::from_parts(u64::try_from(clock.now_ms()).unwrap_or(0), random)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_lapse_lasts_as_long_as_it_is_drawn() {
        let began = Instant::now();
        Lapses::none().here().await;
        assert_eq!(began.elapsed(), Duration::ZERO);
        Lapses::new(|| Duration::from_millis(7)).here().await;
        assert_eq!(began.elapsed(), Duration::from_millis(7));
    }
}
