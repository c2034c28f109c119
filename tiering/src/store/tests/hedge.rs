//! What sending slow writes twice does to the tail of a store whose PUTs take log-normal times, as S3's do: a median
//! of 60 ms, and 200 ms at the 99th percentile.

use std::collections::{HashSet, VecDeque};
use std::f64::consts::TAU;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use futures::future::join_all;
use futures::stream::FuturesOrdered;
use object_store::path::Path;
use object_store::{GetOptions, GetResult, ObjectStore, PutOptions, PutPayload, PutResult, Result};
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::time::{Instant, sleep, sleep_until};

use super::{nonce_of, path, signed};
use crate::store::testing::{Way, by};
use crate::store::{CreateOutcome, CreatePolicy, Hedge, MemoryStore, Store, StoreKind};

const PUTS: usize = 10_000;
const MEDIAN: f64 = 60.0;
const P99: f64 = 200.0;

/// What the normal distribution exceeds once in a hundred times.
const Z99: f64 = 2.326_347_9;

/// Each PUT takes a time of its own; the object is there after a part of it.
#[derive(Debug)]
struct Slow {
    inner: MemoryStore,
    rng: Mutex<StdRng>,
    lands_after: f64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The keys that a PUT was seen of.
    keys: HashSet<Path>,
    /// What the first PUT of each key takes.
    firsts: Vec<Duration>,
    puts: usize,
    /// So many PUTs to come have no answer, and do not land.
    hangs: usize,
}

impl Slow {
    fn new(seed: u64, lands_after: f64) -> Arc<Self> {
        let rng = Mutex::new(StdRng::seed_from_u64(seed));
        Arc::new(Self { inner: MemoryStore::new(), rng, lands_after, state: Mutex::default() })
    }

    /// Whole milliseconds, since timers are no finer.
    fn draw(&self, median: f64) -> Duration {
        let mut rng = self.rng.lock();
        let (radius, angle) = (1.0 - rng.random::<f64>(), rng.random::<f64>());
        let normal = (-2.0 * radius.ln()).sqrt() * (TAU * angle).cos();
        let sigma = (P99 / MEDIAN).ln() / Z99;
        Duration::from_millis((median * (sigma * normal).exp()).round() as u64)
    }
}

#[async_trait]
impl Way for Slow {
    fn objects(&self) -> &MemoryStore {
        &self.inner
    }

    async fn put(&self, at: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let (began, takes) = (Instant::now(), self.draw(MEDIAN));
        let hangs = {
            let mut state = self.state.lock();
            state.puts += 1;
            if state.keys.insert(at.clone()) {
                state.firsts.push(takes);
            }
            let hangs = state.hangs > 0;
            state.hangs -= usize::from(hangs);
            hangs
        };
        if hangs {
            return std::future::pending().await;
        }
        let (inner, at, lands) = (self.inner.clone(), at.clone(), began + takes.mul_f64(self.lands_after));
        // The store goes on, even if the caller does not wait.
        let landing = tokio::spawn(async move {
            sleep_until(lands).await;
            inner.put_opts(&at, payload, options).await
        });
        let landed = landing.await.expect("it does not panic");
        sleep_until(began + takes).await;
        landed
    }

    async fn get(&self, at: &Path, options: GetOptions) -> Result<GetResult> {
        sleep(self.draw(20.0)).await;
        self.inner.get_opts(at, options).await
    }
}

fn percentile(times: &[Duration], share: f64) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    sorted[(sorted.len() as f64 * share) as usize]
}

async fn create(store: &Store, n: usize, policy: CreatePolicy) -> Duration {
    let (began, nonce) = (Instant::now(), (n as u128).to_be_bytes());
    let path = path(&format!("wal/{n}"));
    let written = store.create_nonce(&path, signed(nonce), nonce, nonce_of, policy).await;
    assert_eq!(written.expect("settled"), CreateOutcome::Created);
    began.elapsed()
}

/// Writes with so many in flight, as the log does: the next begins once the oldest is done. Returns how long each
/// took, and how long it was until it and all before it were done.
async fn in_order(store: &Store, window: usize, policy: CreatePolicy) -> (Vec<Duration>, Vec<Duration>) {
    let (mut taken, mut acknowledged) = (Vec::new(), Vec::new());
    let (mut in_flight, mut began) = (FuturesOrdered::new(), VecDeque::new());
    for n in 0..PUTS + window {
        if in_flight.len() == window.min(PUTS + window - n) {
            taken.extend(in_flight.next().await);
            acknowledged.extend(began.pop_front().map(|began: Instant| began.elapsed()));
        }
        if n < PUTS {
            began.push_back(Instant::now());
            in_flight.push_back(create(store, n, policy));
        }
    }
    (taken, acknowledged)
}

#[tokio::test(start_paused = true)]
async fn the_tail_of_writes_is_no_longer_than_the_stores_own() {
    // Objects are there when the answer leaves, or long before: then a second PUT finds the key taken.
    for (seed, lands_after) in [(1, 1.0), (2, 1.0), (3, 0.5), (4, 0.9)] {
        let slow = Slow::new(seed, lands_after);
        let store = by(&slow, StoreKind::S3);
        let (taken, _) = in_order(&store, 1, store.policy()).await;
        let (state, metrics) = (slow.state.lock(), store.metrics());
        assert_eq!((taken.len(), state.firsts.len()), (PUTS, PUTS));
        let [own, hedged] = [&state.firsts, &taken].map(|times| percentile(times, 0.99));
        let extra = state.puts - PUTS;
        println!("lands after {lands_after}: p99 {own:?}, hedged {hedged:?}, {extra} PUTs more");
        assert!(hedged <= own, "{hedged:?} with hedges, {own:?} without");
        if lands_after == 1.0 {
            assert!(hedged.mul_f64(1.03) < own, "{hedged:?} with hedges, {own:?} without");
            assert!(percentile(&taken, 0.999).mul_f64(1.15) < percentile(&state.firsts, 0.999));
        }
        assert_eq!(metrics.hedges(), extra as u64);
        assert!((PUTS / 40..=PUTS / 20).contains(&extra), "{extra} PUTs more");
        assert!(metrics.hedges_won() > 0 && metrics.hedges_won() < metrics.hedges());
    }
}

/// A write holds up those behind it, so that of all acknowledgements more are slow than of all PUTs.
#[tokio::test(start_paused = true)]
async fn hedges_cut_the_tail_of_writes_in_order() {
    for window in [4, 8, 16] {
        let mut p99 = Vec::new();
        // What 10 % more PUTs would do is sent after the 90th percentile.
        for (hedge, cost) in
            [(Hedge::Off, 0..=0), (Hedge::Auto, 4..=5), (Hedge::After(Duration::from_millis(116)), 9..=11)]
        {
            let slow = Slow::new(5, 1.0);
            let store = by(&slow, StoreKind::S3);
            let policy = CreatePolicy { hedge, ..store.policy() };
            let (taken, acknowledged) = in_order(&store, window, policy).await;
            let extra = slow.state.lock().puts - PUTS;
            assert!(
                (cost.start() * PUTS / 100..=cost.end() * PUTS / 100).contains(&extra),
                "{extra} PUTs more with {hedge:?}"
            );
            p99.push(percentile(&acknowledged, 0.99));
            let all = [&taken, &acknowledged].map(|times| [0.5, 0.99, 0.999].map(|at| percentile(times, at)));
            println!(
                "{window} in flight, {hedge:?}: p50, p99, p99.9 of PUTs and in order {all:?}, {extra} more"
            );
        }
        assert!(p99[1].mul_f64(1.1) < p99[0] && p99[2] < p99[1], "{p99:?} with {window} in flight");
    }
}

#[tokio::test(start_paused = true)]
async fn writes_that_hang_are_sent_again_whatever_the_budget() {
    let slow = Slow::new(6, 1.0);
    let store = by(&slow, StoreKind::S3);
    for n in 0..500 {
        create(&store, n, store.policy()).await;
    }
    slow.state.lock().hangs = 100;
    let taken = join_all((500..600).map(|n| create(&store, n, store.policy()))).await;
    let longest = taken.into_iter().max().expect("there are some");
    assert!(longest < Duration::from_secs(3), "{longest:?}");
    // They are owed for: it takes as many as they were twentieths until the next.
    let hedges = store.metrics().hedges();
    for n in 600..1000 {
        create(&store, n, store.policy()).await;
    }
    assert_eq!(store.metrics().hedges(), hedges);
}
