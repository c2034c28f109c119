//! A simulated process: its tasks can be stopped for a while, and killed, between any two of their steps.
//!
//! A stopped process is not polled, as after SIGSTOP or in a paused machine: timers of its tasks fire when it
//! goes on. What a task spawned by other means does is held up at its next use of the store or the network.
//!
//! A process may also be hesitant: now and then one of its tasks that could go on waits a moment, while others go
//! on. So any two tasks may come in any order, as on a machine with several processors, where one thread has just
//! been taken off its own.

use std::collections::BTreeMap;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use parking_lot::Mutex;
use rand::Rng;
use rand::rngs::StdRng;
use tiering::seams::Pauses;
use tokio::task::{JoinHandle, yield_now};
use tokio::time::{Instant, Sleep, sleep};

const RUNNING: u8 = 0;
const PAUSED: u8 = 1;
const KILLED: u8 = 2;

/// One process; clones are the same one.
#[derive(Clone)]
pub struct Process(Arc<Shared>);

struct Shared {
    /// Different for each process of a run.
    id: u64,
    life: AtomicU8,
    wakers: Mutex<Wakers>,
    is_hesitant: AtomicBool,
    hesitation: Mutex<Option<Hesitation>>,
    hesitated: AtomicU64,
}

/// How often tasks wait a moment, and all that is random in it.
struct Hesitation {
    rng: StdRng,
    /// Each time that a task could go on.
    between: f64,
    /// Each time that a task comes to a place in which the order of events matters.
    within: f64,
    /// Until then every task waits long in such a place.
    dazed: Option<Instant>,
}

impl Hesitation {
    fn draw_within(&mut self) -> Option<Duration> {
        if self.dazed.is_some_and(|until| Instant::now() < until) {
            return Some(Duration::from_millis(self.rng.random_range(3.0..6.9_f64).exp() as u64));
        }
        self.draw(self.within)
    }

    /// How long a task waits now; zero only lets others go first.
    fn draw(&mut self, share: f64) -> Option<Duration> {
        if share <= 0.0 || !self.rng.random_bool(share) {
            return None;
        }
        // Mostly as long as it takes others to go on, rarely as long as a store takes to answer, or a client.
        Some(match self.rng.random_range(0..10) {
            0..4 => Duration::ZERO,
            4..7 => Duration::from_millis(self.rng.random_range(1..5)),
            _ => Duration::from_millis(self.rng.random_range(1.6..6.2_f64).exp() as u64),
        })
    }
}

#[derive(Default)]
struct Wakers {
    next: u64,
    /// Of tasks, for as long as they live.
    tasks: BTreeMap<u64, Waker>,
    /// Of those that wait for the process to change.
    once: Vec<Waker>,
}

impl Process {
    /// A process that runs and has no tasks yet.
    pub fn new(id: u64) -> Self {
        let (is_hesitant, hesitation, hesitated) = Default::default();
        let (life, wakers) = (AtomicU8::new(RUNNING), Mutex::default());
        Self(Arc::new(Shared { id, life, wakers, is_hesitant, hesitation, hesitated }))
    }

    /// Lets a share of its tasks' steps wait a moment, each time that a task could go on (`between`) and each time
    /// that it comes to one of the places in which the order of events matters (`within`).
    pub fn hesitate(&self, rng: StdRng, between: f64, within: f64) {
        *self.0.hesitation.lock() = Some(Hesitation { rng, between, within, dazed: None });
        self.0.is_hesitant.store(between > 0.0 || within > 0.0, Ordering::Relaxed);
    }

    /// Lets every task wait long, for a while, where the order of events matters, if the process can hesitate.
    pub fn daze(&self, time: Duration) {
        if let Some(hesitation) = self.0.hesitation.lock().as_mut() {
            hesitation.dazed = Some(Instant::now() + time);
            self.0.is_hesitant.store(true, Ordering::Relaxed);
        }
    }

    /// Nothing hesitates any more.
    pub fn steady(&self) {
        self.0.is_hesitant.store(false, Ordering::Relaxed);
    }

    /// How often something hesitated.
    pub fn hesitated(&self) -> u64 {
        self.0.hesitated.load(Ordering::Relaxed)
    }

    /// The pauses in the places in which the order of events matters.
    pub fn pauses(&self) -> Pauses {
        let process = self.clone();
        Pauses::new(move || process.clone().pause_within())
    }

    /// A process that is stopped goes on nowhere, in whichever task.
    async fn pause_within(self) {
        self.running().await;
        match self.hesitation(Hesitation::draw_within) {
            None => return,
            Some(time) if time.is_zero() => yield_now().await,
            Some(time) => sleep(time).await,
        }
        self.running().await;
    }

    fn hesitation(&self, draw: impl Fn(&mut Hesitation) -> Option<Duration>) -> Option<Duration> {
        if !self.0.is_hesitant.load(Ordering::Relaxed) {
            return None;
        }
        let mut hesitation = self.0.hesitation.lock();
        let drawn = draw(hesitation.as_mut()?)?;
        self.0.hesitated.fetch_add(1, Ordering::Relaxed);
        Some(drawn)
    }

    /// Its number in the run.
    pub fn id(&self) -> u64 {
        self.0.id
    }

    /// Whether it is the same process.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Spawns a task of this process. It ends with the process.
    pub fn spawn<F>(&self, task: F) -> JoinHandle<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        tokio::spawn(Task { process: self.clone(), key: None, task: Some(Box::pin(task)), waits: None })
    }

    /// Stops it until [`Process::resume`].
    pub fn pause(&self) {
        self.turn(RUNNING, PAUSED);
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.turn(PAUSED, RUNNING);
    }

    /// Ends it for good.
    pub fn kill(&self) {
        if self.0.life.swap(KILLED, Ordering::Relaxed) != KILLED {
            self.wake();
        }
    }

    /// Whether it runs, or would if it were not stopped.
    pub fn is_alive(&self) -> bool {
        self.0.life.load(Ordering::Relaxed) != KILLED
    }

    /// Whether it is stopped.
    pub fn is_paused(&self) -> bool {
        self.0.life.load(Ordering::Relaxed) == PAUSED
    }

    /// Returns when the process runs: never, once it is dead.
    pub async fn running(&self) {
        poll_fn(|cx| self.poll_running(cx)).await;
    }

    /// As [`Process::running`].
    pub fn poll_running(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.0.life.load(Ordering::Relaxed) == RUNNING {
            return Poll::Ready(());
        }
        self.0.wakers.lock().once.push(cx.waker().clone());
        Poll::Pending
    }

    /// Returns when the process is dead.
    pub async fn killed(&self) {
        poll_fn(|cx| {
            if !self.is_alive() {
                return Poll::Ready(());
            }
            self.0.wakers.lock().once.push(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    fn turn(&self, from: u8, to: u8) {
        if self.0.life.compare_exchange(from, to, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            self.wake();
        }
    }

    fn wake(&self) {
        let mut wakers = self.0.wakers.lock();
        let once = std::mem::take(&mut wakers.once);
        let tasks: Vec<Waker> = wakers.tasks.values().cloned().collect();
        drop(wakers);
        once.into_iter().chain(tasks).for_each(Waker::wake);
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Process({})", self.0.id)
    }
}

/// A task that is polled only while its process runs.
struct Task<F> {
    process: Process,
    key: Option<u64>,
    task: Option<Pin<Box<F>>>,
    /// It hesitates until then.
    waits: Option<Pin<Box<Sleep>>>,
}

impl<F> Task<F> {
    /// Whether the task waits a moment though it could go on. Once it has, it goes on.
    fn hesitates(&mut self, cx: &mut Context<'_>) -> bool {
        if let Some(waits) = &mut self.waits {
            if waits.as_mut().poll(cx).is_pending() {
                return true;
            }
            self.waits = None;
            return false;
        }
        let Some(time) = self.process.hesitation(|hesitation| hesitation.draw(hesitation.between)) else {
            return false;
        };
        let mut waits = Box::pin(sleep(time));
        if time.is_zero() {
            cx.waker().wake_by_ref();
        } else if waits.as_mut().poll(cx).is_ready() {
            return false;
        }
        self.waits = Some(waits);
        true
    }
}

impl<F: Future<Output = ()>> Future for Task<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.key.is_none() {
            // A spawned task has the same waker all its life.
            let mut wakers = self.process.0.wakers.lock();
            let key = wakers.next;
            wakers.next += 1;
            wakers.tasks.insert(key, cx.waker().clone());
            drop(wakers);
            self.key = Some(key);
        }
        match self.process.0.life.load(Ordering::Relaxed) {
            PAUSED => Poll::Pending,
            KILLED => {
                self.task = None;
                Poll::Ready(())
            }
            _ if self.hesitates(cx) => Poll::Pending,
            _ => match self.task.as_mut() {
                Some(task) => task.as_mut().poll(cx),
                None => Poll::Ready(()),
            },
        }
    }
}

impl<F> Drop for Task<F> {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.process.0.wakers.lock().tasks.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;
    use std::time::Duration;

    use tokio::time::sleep;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_stopped_process_does_nothing_and_a_dead_one_never_again() {
        let (process, ticks) = (Process::new(0), Arc::new(AtomicU64::new(0)));
        let counter = Arc::clone(&ticks);
        let task = process.spawn(async move {
            loop {
                sleep(Duration::from_secs(1)).await;
                counter.fetch_add(1, Ordering::Relaxed);
            }
        });
        let after = async |seconds: u64| {
            sleep(Duration::from_millis(seconds * 1000 + 500)).await;
            ticks.load(Ordering::Relaxed)
        };
        assert_eq!(after(3).await, 3);
        process.pause();
        assert_eq!(after(10).await, 3);
        process.resume();
        assert_eq!(after(1).await, 5, "the timer that fired meanwhile, and one more");
        process.kill();
        process.resume();
        assert_eq!(after(10).await, 5);
        assert!(task.is_finished());
        process.killed().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_hesitant_process_lets_its_tasks_come_in_any_order() {
        use rand::SeedableRng;
        let orders = async |share: f64| {
            let mut orders = std::collections::BTreeSet::new();
            for seed in 0..200 {
                let (process, order) = (Process::new(0), Arc::new(Mutex::new(Vec::new())));
                process.hesitate(StdRng::seed_from_u64(seed), share, 0.0);
                let tasks = (0..3).map(|number| {
                    let order = Arc::clone(&order);
                    process.spawn(async move { order.lock().push(number) })
                });
                for task in tasks.collect::<Vec<_>>() {
                    task.await.expect("no panic");
                }
                orders.insert(order.lock().clone());
            }
            orders.len()
        };
        assert_eq!(orders(0.0).await, 1);
        assert_eq!(orders(0.5).await, 6);
    }

    #[tokio::test(start_paused = true)]
    async fn a_hesitant_process_waits_where_the_order_matters_and_a_steady_one_does_not() {
        use rand::SeedableRng;
        let process = Process::new(0);
        let pauses = process.pauses();
        let begun = tokio::time::Instant::now();
        pauses.pause().await;
        assert_eq!(process.hesitated(), 0);
        process.hesitate(StdRng::seed_from_u64(1), 0.0, 1.0);
        for _ in 0..20 {
            pauses.pause().await;
        }
        let waited = begun.elapsed();
        assert!(process.hesitated() == 20 && waited > Duration::from_millis(5), "{waited:?}");
        process.steady();
        pauses.pause().await;
        assert_eq!((process.hesitated(), begun.elapsed()), (20, waited));
        process.daze(Duration::from_secs(1));
        pauses.pause().await;
        assert!(begun.elapsed() >= waited + Duration::from_millis(20));
        sleep(Duration::from_secs(1)).await;
        let waited = begun.elapsed();
        process.hesitate(StdRng::seed_from_u64(1), 0.0, 0.0);
        pauses.pause().await;
        assert_eq!(begun.elapsed(), waited);
    }
}
