//! Frames off a socket: four bytes of length, and as many bytes as they say.
//!
//! A peer gets no more memory than it has shown that it fills. Small frames are split off a shared read buffer;
//! larger ones are read straight into a buffer of their own, so that their bytes are copied once, out of the
//! kernel.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::log::Permit;

/// Any peer may make this much be allocated by a length alone. Of a larger frame this much is read first;
/// then the rest waits for memory.
const TRUSTED: usize = 64 << 10;

/// The read buffer of a connection of which little is known, and of one with large frames.
const SMALL_READ: usize = 4 << 10;

/// The read buffer of a connection that keeps filling it.
const LARGE_READ: usize = 64 << 10;

/// Frames over this get a buffer of their own unless they are there already.
const OWN_BUFFER: usize = 16 << 10;

/// Frames up to this are copied, so that what is kept of one does not keep a whole read buffer.
const COPIED: usize = 4 << 10;

const PREFIX: usize = 4;

/// What a connection may ask of this node.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// The largest frame, in bytes.
    pub(crate) frame: usize,
    /// How long a connection may send nothing between frames.
    pub(crate) idle: Duration,
    /// How long it may send nothing within a frame.
    pub(crate) stall: Duration,
    /// The bytes that requests of all connections may take.
    pub(crate) memory: Arc<Semaphore>,
    /// How many those are.
    pub(crate) memory_bytes: usize,
}

/// A request as it came, without its length.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) bytes: Bytes,
    /// For the memory that it takes; only a large frame has one yet.
    pub(crate) permit: Option<Permit>,
}

/// Why there is no next frame.
#[derive(Debug, Error)]
pub(crate) enum FrameError {
    /// The peer closed the connection, or it broke.
    #[error("the connection broke: {0}")]
    Io(#[from] io::Error),
    /// The length is no length, or more than is allowed.
    #[error("a frame of {length} bytes, where 0 to {limit} are allowed")]
    Length {
        /// What the peer wrote.
        length: i32,
        /// The most that is allowed.
        limit: usize,
    },
    /// Nothing came for too long between two frames.
    #[error("idle")]
    Idle,
    /// Nothing came for too long within a frame.
    #[error("a frame stalled after {received} of {length} bytes")]
    Stalled {
        /// What came of it.
        received: usize,
        /// Its length.
        length: usize,
    },
    /// The connection ended within a frame.
    #[error("the connection ended within a frame")]
    Truncated,
}

impl FrameError {
    /// Whether the peer did something that clients don't.
    pub(crate) fn is_fault(&self) -> bool {
        matches!(self, Self::Length { .. } | Self::Stalled { .. })
    }
}

/// Reads frames.
#[derive(Debug)]
pub(crate) struct Frames<R> {
    socket: R,
    limits: Limits,
    /// Bytes that were read and belong to no frame yet.
    ahead: BytesMut,
    /// How many bytes to read ahead at once.
    read_size: usize,
    /// The largest frame so far.
    largest: usize,
}

impl<R: AsyncRead + Unpin> Frames<R> {
    pub(crate) fn new(socket: R, limits: Limits) -> Self {
        Self { socket, limits, ahead: BytesMut::new(), read_size: SMALL_READ, largest: 0 }
    }

    /// What this connection may ask for.
    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The next frame; `None` once the peer has closed the connection between frames.
    pub(crate) async fn next(&mut self) -> Result<Option<Frame>, FrameError> {
        while self.ahead.len() < PREFIX {
            let wait = if self.ahead.is_empty() { self.limits.idle } else { self.limits.stall };
            match timeout(wait, self.read_ahead()).await {
                Ok(Ok(0)) if self.ahead.is_empty() => return Ok(None),
                Ok(Ok(0)) => return Err(FrameError::Truncated),
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Err(error.into()),
                Err(_) if self.ahead.is_empty() => return Err(FrameError::Idle),
                Err(_) => return Err(FrameError::Stalled { received: 0, length: PREFIX }),
            }
        }
        let (stated, limit) = (self.ahead.get_i32(), self.limits.frame);
        let length = match usize::try_from(stated) {
            Ok(length) if length <= limit => length,
            _ => return Err(FrameError::Length { length: stated, limit }),
        };
        let frame = self.body(length).await?;
        self.largest = self.largest.max(length);
        Ok(Some(frame))
    }

    /// Returns when the peer closes the connection, and meanwhile reads on, up to a bound. For use while a
    /// request waits.
    pub(crate) async fn closed(&mut self) {
        while self.ahead.len() < LARGE_READ {
            match self.read_ahead().await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
        std::future::pending().await
    }

    async fn body(&mut self, length: usize) -> Result<Frame, FrameError> {
        while self.ahead.len() < length && length <= OWN_BUFFER {
            self.ahead.reserve(length - self.ahead.len());
            let (received, wait) = (self.ahead.len(), self.limits.stall);
            progress(timeout(wait, self.read_ahead()).await, received, length)?;
        }
        if self.ahead.len() < length {
            return self.large(length).await;
        }
        let bytes = match length {
            0..=COPIED => {
                let bytes = Bytes::copy_from_slice(&self.ahead[..length]);
                self.ahead.advance(length);
                bytes
            }
            _ => self.ahead.split_to(length).freeze(),
        };
        Ok(Frame { bytes, permit: None })
    }

    /// A frame of which the beginning is there, in a buffer of its own.
    async fn large(&mut self, length: usize) -> Result<Frame, FrameError> {
        let first = if length <= self.largest.max(TRUSTED) { length } else { TRUSTED };
        let mut frame = BytesMut::with_capacity(first);
        frame.put(self.ahead.split());
        // The next read finds the length of the next large frame, and little else that would be copied.
        self.read_size = SMALL_READ;
        self.fill(&mut frame, length.min(TRUSTED), length).await?;
        let permit = if length > TRUSTED { self.limits.admit(length).await } else { None };
        while frame.len() < length {
            if frame.len() == frame.capacity() {
                let more = (frame.len() * 3).min(length - frame.len());
                frame.reserve(more);
            }
            let target = frame.capacity().min(length);
            self.fill(&mut frame, target, length).await?;
        }
        Ok(Frame { bytes: frame.freeze(), permit })
    }

    /// Reads into `frame` until it has `target` bytes, and no byte more.
    async fn fill(&mut self, frame: &mut BytesMut, target: usize, length: usize) -> Result<(), FrameError> {
        while frame.len() < target {
            let received = frame.len();
            let mut rest = frame.limit(target - received);
            let read = timeout(self.limits.stall, self.socket.read_buf(&mut rest)).await;
            progress(read, received, length)?;
        }
        Ok(())
    }

    /// Reads once, and learns from it how much to read at once.
    async fn read_ahead(&mut self) -> io::Result<usize> {
        if self.ahead.len() == self.ahead.capacity() {
            self.ahead.reserve(self.read_size);
        }
        let room = self.ahead.capacity() - self.ahead.len();
        let read = self.socket.read_buf(&mut self.ahead).await?;
        if read == room {
            self.read_size = LARGE_READ;
        } else if read < SMALL_READ {
            self.read_size = SMALL_READ;
        }
        Ok(read)
    }
}

fn progress(
    read: Result<io::Result<usize>, tokio::time::error::Elapsed>,
    received: usize,
    length: usize,
) -> Result<(), FrameError> {
    match read {
        Ok(Ok(0)) => Err(FrameError::Truncated),
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(error.into()),
        Err(_) => Err(FrameError::Stalled { received, length }),
    }
}

impl Limits {
    /// Waits for the memory that a request of `length` bytes takes. One that is larger than all there is
    /// takes all of it.
    pub(crate) async fn admit(&self, length: usize) -> Option<Permit> {
        let permits = u32::try_from(length.min(self.memory_bytes)).unwrap_or(u32::MAX);
        // Nobody closes the semaphore.
        Arc::clone(&self.memory).acquire_many_owned(permits).await.ok()
    }
}

#[cfg(test)]
#[path = "frames_test.rs"]
mod tests;
