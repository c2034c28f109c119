//! A value that others watch. As tokio's `watch`, but for one thing: whoever waits is woken in the order in which
//! they began to. Tokio spreads them over eight lists at random, and then a simulated run can't be repeated.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::{RwLock, RwLockReadGuard};
use thiserror::Error;
use tokio::sync::Notify;

/// The sender is gone: the value will never change again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("nobody can change the value any more")]
pub struct Closed;

/// The value, while it can't change.
pub type Ref<'a, T> = parking_lot::MappedRwLockReadGuard<'a, T>;

#[derive(Debug)]
struct Shared<T> {
    /// How often the value was changed, and the value.
    state: RwLock<(u64, T)>,
    changed: Notify,
    senders: AtomicUsize,
}

impl<T> Shared<T> {
    fn borrow(&self) -> Ref<'_, T> {
        RwLockReadGuard::map(self.state.read(), |state| &state.1)
    }
}

/// Changes the value.
#[derive(Debug)]
pub struct Sender<T>(Arc<Shared<T>>);

/// Watches the value.
#[derive(Debug)]
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
    seen: u64,
}

/// A value that has not been seen to change yet.
pub fn channel<T>(value: T) -> (Sender<T>, Receiver<T>) {
    let sender = Sender::new(value);
    let receiver = sender.subscribe();
    (sender, receiver)
}

impl<T> Sender<T> {
    /// A value that nobody watches yet.
    pub fn new(value: T) -> Self {
        let (state, changed, senders) = (RwLock::new((0, value)), Notify::new(), AtomicUsize::new(1));
        Self(Arc::new(Shared { state, changed, senders }))
    }

    /// Changes the value, and returns the old one.
    pub fn send_replace(&self, value: T) -> T {
        let before = {
            let mut state = self.0.state.write();
            state.0 += 1;
            std::mem::replace(&mut state.1, value)
        };
        self.0.changed.notify_waiters();
        before
    }

    /// The value.
    pub fn borrow(&self) -> Ref<'_, T> {
        self.0.borrow()
    }

    /// Watches the value from now on.
    pub fn subscribe(&self) -> Receiver<T> {
        let seen = self.0.state.read().0;
        Receiver { shared: Arc::clone(&self.0), seen }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.0.senders.fetch_sub(1, Ordering::Release);
        self.0.changed.notify_waiters();
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), seen: self.seen }
    }
}

impl<T> Receiver<T> {
    /// The value.
    pub fn borrow(&self) -> Ref<'_, T> {
        self.shared.borrow()
    }

    /// The value, which counts as seen.
    pub fn borrow_and_update(&mut self) -> Ref<'_, T> {
        let state = self.shared.state.read();
        self.seen = state.0;
        RwLockReadGuard::map(state, |state| &state.1)
    }

    /// Waits until the value has changed since it was last seen.
    pub async fn changed(&mut self) -> Result<(), Closed> {
        let shared = Arc::clone(&self.shared);
        loop {
            let notified = shared.changed.notified();
            // Before the value is looked at, or a change in between would wake nobody.
            let is_closed = shared.senders.load(Ordering::Acquire) == 0;
            let version = shared.state.read().0;
            if version != self.seen {
                self.seen = version;
                return Ok(());
            }
            if is_closed {
                return Err(Closed);
            }
            notified.await;
        }
    }

    /// Waits until the value is as wanted.
    pub async fn wait_for(&mut self, mut wanted: impl FnMut(&T) -> bool) -> Result<Ref<'_, T>, Closed> {
        loop {
            if wanted(&self.borrow_and_update()) {
                return Ok(self.shared.borrow());
            }
            self.changed().await?;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use parking_lot::Mutex;
    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn changes_are_seen_once_and_the_end_is_told() {
        let (sender, mut receiver) = channel(1);
        assert!(timeout(Duration::from_millis(1), receiver.changed()).await.is_err());
        assert_eq!(sender.send_replace(2), 1);
        let mut late = sender.subscribe();
        assert_eq!(receiver.changed().await, Ok(()));
        assert_eq!((*receiver.borrow(), *sender.borrow()), (2, 2));
        sender.send_replace(3);
        drop(sender);
        assert_eq!(late.changed().await, Ok(()), "what was sent before the end");
        assert_eq!(late.changed().await, Err(Closed));
        assert_eq!(receiver.wait_for(|value| *value == 3).await.as_deref(), Ok(&3));
        assert_eq!(receiver.wait_for(|value| *value == 4).await.as_deref(), Err(&Closed));
    }

    #[tokio::test]
    async fn whoever_waited_first_is_woken_first() {
        let (sender, receiver) = channel(false);
        let woken = Arc::new(Mutex::new(Vec::new()));
        let tasks = (0..50).map(|number| {
            let (mut receiver, woken) = (receiver.clone(), Arc::clone(&woken));
            tokio::spawn(async move {
                if receiver.changed().await.is_ok() {
                    woken.lock().push(number);
                }
            })
        });
        let tasks: Vec<_> = tasks.collect();
        // All of them begin to wait before this task goes on: the runtime runs as many in a row.
        tokio::task::yield_now().await;
        sender.send_replace(true);
        for task in tasks {
            task.await.expect("no panic");
        }
        assert_eq!(*woken.lock(), (0..50).collect::<Vec<_>>());
    }
}
