//! A simulated process: its tasks can be stopped for a while, and killed, between any two of their steps.
//!
//! A stopped process is not polled, as after SIGSTOP or in a paused machine: timers of its tasks fire when it
//! goes on. What a task spawned by other means does is held up at its next use of the store or the network.

use std::collections::BTreeMap;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;
use tokio::task::JoinHandle;

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
}

#[derive(Default)]
struct Wakers {
    next: u64,
    /// Of tasks, for as long as they live.
    tasks: BTreeMap<u64, Waker>,
    /// Of whoever waits for the process to change.
    once: Vec<Waker>,
}

impl Process {
    /// A process that runs and has no tasks yet.
    pub fn new(id: u64) -> Self {
        Self(Arc::new(Shared { id, life: AtomicU8::new(RUNNING), wakers: Mutex::default() }))
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
        tokio::spawn(Task { process: self.clone(), key: None, task: Some(Box::pin(task)) })
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
}
