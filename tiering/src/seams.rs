//! What a simulation replaces: the wall clock, randomness, and the order in which tasks go on. Monotonic time is
//! tokio's.

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

/// What a task waits where the order of events matters. In a simulation's one thread no other task goes on between
/// two steps of a task that do not wait; on a real machine, anything may.
#[derive(Clone)]
pub struct Pauses(Arc<dyn Fn() -> Option<Duration> + Send + Sync>);

impl Pauses {
    /// Each pause is as `draw` says: none, or so long. One of no length lets other tasks go on.
    pub fn new(draw: impl Fn() -> Option<Duration> + Send + Sync + 'static) -> Self {
        Self(Arc::new(draw))
    }

    /// Waits for as long as it is drawn to.
    pub async fn pause(&self) {
        match (self.0)() {
            None => {}
            Some(time) if time.is_zero() => tokio::task::yield_now().await,
            Some(time) => tokio::time::sleep(time).await,
        }
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
