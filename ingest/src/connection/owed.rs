//! What one connection has been answered and has not read.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// The memory of a connection's answers, from when they are queued until they are sent.
#[derive(Debug, Default)]
pub(super) struct Owed {
    bytes: AtomicUsize,
    less: Notify,
}

impl Owed {
    /// So many more are queued.
    pub(super) fn more(&self, bytes: usize) {
        self.bytes.fetch_add(bytes, Ordering::AcqRel);
    }

    /// So many are sent.
    pub(super) fn less(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::AcqRel);
        self.less.notify_one();
    }

    /// Waits until they are fewer than `most`. One may wait at a time.
    pub(super) async fn below(&self, most: usize) {
        while self.bytes.load(Ordering::Acquire) >= most.max(1) {
            self.less.notified().await;
        }
    }
}
