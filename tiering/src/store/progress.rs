//! How much of an upload has left this process.
//!
//! A caller that waits for a store can't tell a slow upload from a lost one by time alone. So the one who
//! sends the bytes says how far it has come: the handle travels in the options of the PUT, through every
//! decorator.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use object_store::PutOptions;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::liveness::Write;

/// One attempt to send a body. Clones are the same attempt.
#[derive(Debug, Clone)]
pub struct Progress {
    upload: Arc<Upload>,
}

#[derive(Debug)]
struct Upload {
    /// Bytes handed on so far.
    sent: AtomicU64,
    /// When that was last more than before; at first, when the attempt began.
    moved: Mutex<Instant>,
    /// The write that this is an attempt of.
    write: Option<Write>,
}

impl Progress {
    /// Of an attempt that begins now.
    pub(super) fn new(write: Option<Write>) -> Self {
        let upload = Upload { sent: AtomicU64::new(0), moved: Mutex::new(Instant::now()), write };
        Self { upload: Arc::new(upload) }
    }

    /// The handle that came with a PUT, if its caller wants to know.
    pub fn of(options: &PutOptions) -> Option<&Self> {
        options.extensions.get()
    }

    /// Says that so many more bytes of the body have been handed on.
    pub fn advance(&self, bytes: u64) {
        if bytes == 0 {
            return;
        }
        let sent = self.upload.sent.fetch_add(bytes, Relaxed) + bytes;
        *self.upload.moved.lock() = Instant::now();
        if let Some(write) = &self.upload.write {
            write.reached(sent);
        }
    }

    /// Bytes handed on so far. A store that does not tell leaves it at 0.
    pub fn sent(&self) -> u64 {
        self.upload.sent.load(Relaxed)
    }

    /// Since when it has been that many.
    pub(super) fn moved(&self) -> Instant {
        *self.upload.moved.lock()
    }
}
