//! How much a node did of late. Counters are looked at every few seconds; what was added since about a minute ago
//! is what it did.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tiering::store::RequestKind;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::node::Broker;

/// How often counters are looked at.
const EVERY: Duration = Duration::from_secs(5);

/// How far back "of late" goes.
const WINDOW: Duration = Duration::from_secs(60);

/// A month, as prices have it.
const MONTH: Duration = Duration::from_secs(30 * 86_400);

/// Counters at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Bytes of records taken.
    pub taken: u64,
    /// Bytes of records given.
    pub given: u64,
    /// Requests to the store, in the order of [`RequestKind::ALL`].
    pub store: [u64; RequestKind::ALL.len()],
}

impl Counts {
    /// A node's counters now.
    fn of(broker: &Broker) -> Self {
        let (taken, given) = broker.metrics().record_bytes();
        let store = broker.store().metrics().snapshot().map(|(_, counts)| counts.requests);
        Self { taken, given, store }
    }

    fn since(&self, before: &Self) -> Self {
        let mut store = self.store;
        store.iter_mut().zip(before.store).for_each(|(now, before)| *now = now.saturating_sub(before));
        let (taken, given) =
            (self.taken.saturating_sub(before.taken), self.given.saturating_sub(before.given));
        Self { taken, given, store }
    }
}

/// What was added to counters within some time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recent {
    /// How long that is: a minute, or less when the process is young.
    pub window: Duration,
    /// What was added.
    pub added: Counts,
}

impl Recent {
    /// What requests to the store at this rate would cost on S3, in US dollars per month of 30 days.
    pub fn s3_dollars_per_month(&self) -> f64 {
        let price: f64 =
            RequestKind::ALL.iter().zip(self.added.store).map(|(kind, n)| kind.s3_price() * n as f64).sum();
        if self.window.is_zero() { 0.0 } else { price * MONTH.as_secs_f64() / self.window.as_secs_f64() }
    }
}

/// Counters as they were during the last minute.
#[derive(Debug)]
pub struct Rates {
    started: Instant,
    samples: Mutex<VecDeque<(Instant, Counts)>>,
}

impl Default for Rates {
    /// Of a process that starts now, with all counters at zero.
    fn default() -> Self {
        let started = Instant::now();
        Self { started, samples: Mutex::new(VecDeque::from([(started, Counts::default())])) }
    }
}

impl Rates {
    /// How long ago the process started.
    pub fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    /// What a node did of late.
    pub fn recent(&self, broker: &Broker) -> Recent {
        self.until(Counts::of(broker))
    }

    fn until(&self, now: Counts) -> Recent {
        let samples = self.samples.lock();
        let Some((at, before)) = samples.front() else { return Recent::default() };
        Recent { window: at.elapsed(), added: now.since(before) }
    }

    fn sample(&self, counts: Counts) {
        let mut samples = self.samples.lock();
        samples.push_back((Instant::now(), counts));
        // The first one is a minute old, or the youngest that is older.
        while samples.get(1).is_some_and(|(at, _)| at.elapsed() >= WINDOW) {
            samples.pop_front();
        }
    }
}

/// Looks at a node's counters for as long as it is polled. What was done before the node served is left out: a
/// start asks the store for much that is never asked for again.
pub async fn run(broker: Arc<Broker>) {
    if broker.ready().await.is_err() {
        return;
    }
    broker.metrics().rates().samples.lock().clear();
    let mut every = interval(EVERY);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        broker.metrics().rates().sample(Counts::of(&broker));
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    fn counts(taken: u64, puts: u64) -> Counts {
        let mut store = [0; RequestKind::ALL.len()];
        store[RequestKind::Put as usize] = puts;
        Counts { taken, given: 2 * taken, store }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_older_than_a_minute_does_not_count() {
        let rates = Rates::default();
        sleep(Duration::from_secs(10)).await;
        assert_eq!(
            rates.until(counts(50, 5)),
            Recent { window: Duration::from_secs(10), added: counts(50, 5) }
        );
        for second in 11..=100 {
            sleep(Duration::from_secs(1)).await;
            rates.sample(counts(10 * second, second));
        }
        let recent = rates.until(counts(1000, 100));
        assert_eq!(recent, Recent { window: Duration::from_secs(60), added: counts(600, 60) });
        assert_eq!(rates.uptime(), Duration::from_secs(100));
        // One PUT a second.
        assert!((recent.s3_dollars_per_month() - 12.96).abs() < 1e-9);
        assert_eq!(Recent::default().s3_dollars_per_month(), 0.0);
    }
}
