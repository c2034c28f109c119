//! What a simulation replaces: the wall clock, randomness, and the order in which tasks go on. Monotonic time is
//! tokio's.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use coordinator::steady::{SETTLING, Steady};
use futures::FutureExt;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};
use tokio::time::Instant;
use ulid::Ulid;

use crate::format::envelope::Nonce;
use crate::mutant::{self, Mutant};

/// The wall clock, in milliseconds since 1970. No safety rule reads it (I8).
#[derive(Clone)]
pub struct Clock(Arc<Inner>);

struct Inner {
    now: Box<dyn Fn() -> i64 + Send + Sync>,
    /// The zero of the monotonic clock that it is compared with.
    began: Instant,
    steady: Mutex<Steady>,
}

impl Clock {
    /// A clock that reads `now`.
    pub fn new(now: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        let mut steady = Steady::default();
        // Only a step that comes after this first look can be noticed.
        let _ = steady.look(Duration::ZERO, now());
        Self(Arc::new(Inner { now: Box::new(now), began: Instant::now(), steady: Mutex::new(steady) }))
    }

    /// The machine's clock.
    pub fn system() -> Self {
        Self::new(|| chrono::Utc::now().timestamp_millis())
    }

    /// Milliseconds since 1970.
    pub fn now_ms(&self) -> i64 {
        (self.0.now)()
    }

    /// Milliseconds since 1970, for deleting for good what is old; `None` while the clock may be wrong,
    /// since it has gone further than the monotonic one ([`Steady`]). Warns when that begins.
    pub fn settled_ms(&self) -> Option<i64> {
        let mut steady = self.0.steady.lock();
        let before = steady.is_in_doubt();
        let (elapsed, now) = (self.0.began.elapsed(), self.now_ms());
        match steady.look(elapsed, now) {
            Err(doubt) if !before => tracing::warn!(
                ahead_s = doubt.ahead_ms / 1000,
                waits_s = SETTLING.as_secs(),
                "the clock is further than time has passed: nothing expires by age until both agree again, or have \
                 agreed for as long as this waits",
            ),
            Ok(()) if before => tracing::info!("the clock is believed again: what is old expires"),
            _ => {}
        }
        (!steady.is_in_doubt() || mutant::is(Mutant::BelieveClock)).then_some(now)
    }

    /// Compares the clock with a time (ms since 1970) that was written down some time ago: a clock that is much
    /// later may be wrong from the start.
    pub fn compare(&self, known: i64) {
        let mut steady = self.0.steady.lock();
        let (elapsed, now) = (self.0.began.elapsed(), self.now_ms());
        steady.compare(elapsed, now, known);
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({})", self.now_ms())
    }
}

/// What a task waits where the order of events matters. In a simulation's one thread no other task goes on between
/// two steps of a task that do not wait; on a real machine, anything may.
#[derive(Clone)]
pub struct Pauses(Arc<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>);

impl Pauses {
    /// Each pause lasts as long as what `pause` makes.
    pub fn new<F>(pause: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self(Arc::new(move || pause().boxed()))
    }

    /// Waits.
    pub async fn pause(&self) {
        (self.0)().await;
    }
}

impl fmt::Debug for Pauses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pauses")
    }
}

/// Randomness from one seed.
#[derive(Clone, Debug)]
pub struct Entropy {
    rng: Arc<Mutex<StdRng>>,
    pauses: Option<Pauses>,
}

impl Entropy {
    /// Every draw follows from `seed`.
    pub fn from_seed(seed: u64) -> Self {
        Self { rng: Arc::new(Mutex::new(StdRng::seed_from_u64(seed))), pauses: None }
    }

    /// Seeded by the operating system.
    pub fn from_os() -> Self {
        Self { rng: Arc::new(Mutex::new(StdRng::from_os_rng())), pauses: None }
    }

    /// The same, with pauses.
    #[must_use]
    pub fn with_pauses(self, pauses: Pauses) -> Self {
        Self { pauses: Some(pauses), ..self }
    }

    /// Called where a task acts by what it learned before: a simulation lets others go on here. Nothing else waits.
    pub async fn pause(&self) {
        if let Some(pauses) = &self.pauses {
            pauses.pause().await;
        }
    }

    /// A number.
    pub fn next_u64(&self) -> u64 {
        self.rng.lock().next_u64()
    }

    /// A nonce for one object.
    pub fn nonce(&self) -> Nonce {
        let mut nonce = [0; 16];
        self.rng.lock().fill_bytes(&mut nonce);
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
    use std::sync::atomic::{AtomicI64, Ordering};

    use tokio::time::sleep;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_clock_is_settled_unless_it_goes_further_than_time() {
        let wall = Arc::new(AtomicI64::new(1_000_000));
        let shown = Arc::clone(&wall);
        let clock = Clock::new(move || shown.load(Ordering::Relaxed));
        let same = clock.clone();
        assert_eq!(clock.settled_ms(), Some(1_000_000));
        wall.store(1_000_000 + 86_400_000, Ordering::Relaxed);
        assert_eq!(clock.settled_ms(), None);
        assert_eq!(clock.now_ms(), 87_400_000, "what is stored has the time that it is");
        assert_eq!(same.settled_ms(), None, "a clone is the same clock");
        wall.store(1_010_000, Ordering::Relaxed);
        sleep(Duration::from_secs(10)).await;
        assert_eq!(clock.settled_ms(), Some(1_010_000));
        clock.compare(1_010_000 - 86_400_000);
        assert_eq!(clock.settled_ms(), None, "nothing was written for a day");
    }
}
