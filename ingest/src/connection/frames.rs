//! Frames off a socket: four bytes of length, and as many bytes as they say.
//!
//! A peer gets no more memory than it has shown that it fills, and keeps none while nothing comes. Small frames are
//! copied out of a read buffer, so that what is kept of one keeps nothing else; larger ones are read straight into a
//! buffer of their own, so that their bytes are copied once, out of the kernel.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::time::Duration;

use broker::memory::{Permit, Pool};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use futures::FutureExt;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt, DuplexStream, Interest, ReadHalf};
use tokio::net::tcp::OwnedReadHalf;
use tokio::task::coop::{has_budget_remaining, unconstrained};
use tokio::time::{Instant, sleep, timeout};

use crate::api::Contents;

/// Any peer may make this much be allocated by a length alone. Of a larger frame this much is read first;
/// then the rest waits for memory.
const TRUSTED: usize = 8 << 10;

/// The read buffer of a connection of which little is known, and of one with large frames.
const SMALL_READ: usize = 4 << 10;

/// The read buffer of a connection that keeps filling it.
const LARGE_READ: usize = 16 << 10;

/// Frames over this get a buffer of their own unless they are there already.
const OWN_BUFFER: usize = TRUSTED;

/// What a request takes beside its bytes, until what it writes is put.
const OVERHEAD: usize = 1 << 10;

/// How much is read ahead while a request waits.
const AHEAD: usize = 8 << 10;

/// How long the rest of a frame may take for which memory was given, once other frames wait for that memory. Clients
/// have given up a request by then.
const IN_TIME: Duration = Duration::from_secs(60);

/// The largest frame of a request without records. Decoded it takes several times as much.
pub(crate) const MOST_WITHOUT_RECORDS: usize = 16 << 20;

/// How often a peer is looked after of which there is more to read than is read.
const LOOK: Duration = Duration::from_millis(500);

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
    /// The bytes that requests of all connections may take of which something goes into the log.
    pub(crate) memory: Pool,
    /// Those that the others may take. They don't wait for what waits for the store.
    pub(crate) others: Pool,
}

/// What requests come from.
pub trait Inbound: AsyncRead + Unpin {
    /// Whether the peer has closed its side, where that can be known before all that it sent is read.
    fn has_left(&self) -> Option<bool> {
        None
    }
}

impl Inbound for OwnedReadHalf {
    fn has_left(&self) -> Option<bool> {
        let ready = self.ready(Interest::READABLE).now_or_never();
        Some(matches!(ready, Some(Ok(ready)) if ready.is_read_closed()))
    }
}

impl<T: AsyncRead + Unpin> Inbound for ReadHalf<T> {}

impl Inbound for DuplexStream {}

/// A request as it came, without its length.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) bytes: Bytes,
    /// No later than when it began to come. It may have waited in the socket while others were handled.
    pub(crate) came: Instant,
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
    /// The peer left while its request waited for memory.
    #[error("closed by the client while its request waited for memory")]
    Left,
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
    /// No later than when the first of them came.
    came: Instant,
    /// When the socket had last been empty, and something came: whatever is read next came then or later.
    dry: Instant,
    /// How many bytes to read ahead at once.
    read_size: usize,
    /// The largest frame that was read.
    largest: usize,
}

impl<R: Inbound> Frames<R> {
    pub(crate) fn new(socket: R, limits: Limits) -> Self {
        let came = Instant::now();
        Self { socket, limits, ahead: BytesMut::new(), came, dry: came, read_size: SMALL_READ, largest: 0 }
    }

    /// What this connection may ask for.
    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The next frame; `None` once the peer has closed the connection between frames.
    pub(crate) async fn next(&mut self) -> Result<Option<Frame>, FrameError> {
        if self.ahead.is_empty() {
            self.ahead = BytesMut::new();
        }
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
        let came = self.came;
        let (bytes, permit) = self.body(length).await?;
        self.largest = self.largest.max(length);
        // What is there of the next one came with what was read last.
        self.came = self.dry;
        Ok(Some(Frame { bytes, came, permit }))
    }

    /// Returns when the peer closes the connection, and meanwhile reads on, up to a bound. For use while a
    /// request waits.
    pub(crate) async fn closed(&mut self) {
        while self.ahead.len() < AHEAD {
            match self.read_ahead().await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
        self.left().await
    }

    /// Returns when the peer has closed its side, as far as that is seen without reading.
    async fn left(&self) {
        loop {
            match self.socket.has_left() {
                Some(true) => return,
                Some(false) => sleep(LOOK).await,
                None => std::future::pending().await,
            }
        }
    }

    /// Waits for memory for a frame that has been read whole. Fails if the peer leaves meanwhile, and has been gone
    /// for `patience`.
    pub(crate) async fn admit(
        &mut self,
        length: usize,
        patience: Duration,
    ) -> Result<Option<Permit>, FrameError> {
        let length = length + OVERHEAD;
        if let Some(permit) = self.limits.memory.try_take(length) {
            return Ok(Some(permit));
        }
        let memory = self.limits.memory.clone();
        tokio::select! {
            biased;
            () = async { self.closed().await; sleep(patience).await } => Err(FrameError::Left),
            permit = memory.take(length) => Ok(permit),
        }
    }

    async fn body(&mut self, length: usize) -> Result<(Bytes, Option<Permit>), FrameError> {
        while self.ahead.len() < length && length <= OWN_BUFFER {
            self.ahead.reserve(length - self.ahead.len());
            let (received, wait) = (self.ahead.len(), self.limits.stall);
            progress(timeout(wait, self.read_ahead()).await, received, length)?;
        }
        if self.ahead.len() < length {
            return self.large(length).await;
        }
        let bytes = Bytes::copy_from_slice(&self.ahead[..length]);
        self.ahead.advance(length);
        Ok((bytes, None))
    }

    /// A frame of which the beginning is there, in a buffer of its own.
    async fn large(&mut self, length: usize) -> Result<(Bytes, Option<Permit>), FrameError> {
        let first = if length <= self.largest.max(TRUSTED) { length } else { TRUSTED };
        let mut frame = BytesMut::with_capacity(first);
        frame.put(self.ahead.split());
        // The next read finds the length of the next large frame, and little else that would be copied.
        self.read_size = SMALL_READ;
        self.ahead = BytesMut::new();
        self.fill(&mut frame, length.min(TRUSTED), length).await?;
        let mut waited = false;
        let (pool, limit) = match Contents::of(&frame) {
            Contents::Records => (&self.limits.memory, self.limits.frame),
            Contents::State => (&self.limits.memory, MOST_WITHOUT_RECORDS),
            Contents::Other => (&self.limits.others, MOST_WITHOUT_RECORDS),
        };
        if length > limit {
            return Err(FrameError::Length { length: i32::try_from(length).unwrap_or(i32::MAX), limit });
        }
        let pool = pool.clone();
        let permit = match pool.try_take(length + OVERHEAD) {
            Some(permit) => Some(permit),
            None => {
                waited = true;
                tokio::select! {
                    biased;
                    () = self.left() => return Err(FrameError::Left),
                    permit = pool.take(length + OVERHEAD) => permit,
                }
            }
        };
        let hinders = async {
            sleep(IN_TIME).await;
            while pool.waiting() == 0 {
                sleep(LOOK).await;
            }
        };
        tokio::select! {
            biased;
            filled = self.rest(&mut frame, length) => filled?,
            () = hinders => return Err(FrameError::Stalled { received: frame.len(), length }),
        }
        // What waited may have been given up meanwhile, and sent again elsewhere.
        if waited && unconstrained(self.closed()).now_or_never().is_some() {
            return Err(FrameError::Left);
        }
        Ok((frame.freeze(), permit))
    }

    /// Reads the rest of a frame, and makes room for it as it comes.
    async fn rest(&mut self, frame: &mut BytesMut, length: usize) -> Result<(), FrameError> {
        while frame.len() < length {
            if frame.len() == frame.capacity() {
                let more = (frame.len() * 3).min(length - frame.len());
                frame.reserve(more);
            }
            let target = frame.capacity().min(length);
            self.fill(frame, target, length).await?;
        }
        Ok(())
    }

    /// Reads into `frame` until it has `target` bytes, and no byte more.
    async fn fill(&mut self, frame: &mut BytesMut, target: usize, length: usize) -> Result<(), FrameError> {
        while frame.len() < target {
            let received = frame.len();
            let mut rest = frame.limit(target - received);
            let read = read(&mut self.socket, &mut rest, &mut self.dry);
            progress(timeout(self.limits.stall, read).await, received, length)?;
        }
        Ok(())
    }

    /// Reads once, and learns from it how much to read at once.
    async fn read_ahead(&mut self) -> io::Result<usize> {
        if self.ahead.len() == self.ahead.capacity() {
            self.ahead.reserve(self.read_size);
        }
        let room = self.ahead.capacity() - self.ahead.len();
        let is_first = self.ahead.is_empty();
        let read = read(&mut self.socket, &mut self.ahead, &mut self.dry).await?;
        if is_first {
            self.came = self.dry;
        }
        if read == room {
            self.read_size = LARGE_READ;
        } else if read < SMALL_READ {
            self.read_size = SMALL_READ;
        }
        Ok(read)
    }
}

/// Reads once, and notes the time if that had to wait.
async fn read(
    socket: &mut (impl AsyncRead + Unpin),
    into: &mut impl BufMut,
    dry: &mut Instant,
) -> io::Result<usize> {
    let (mut reading, mut waited) = (pin!(socket.read_buf(into)), false);
    let read = poll_fn(|cx| {
        let read = reading.as_mut().poll(cx);
        // Another task's turn is no sign that nothing is there.
        waited |= read.is_pending() && has_budget_remaining();
        read
    })
    .await?;
    if waited {
        *dry = Instant::now();
    }
    Ok(read)
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

#[cfg(test)]
#[path = "frames_test.rs"]
mod tests;
