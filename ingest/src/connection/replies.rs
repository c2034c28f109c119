//! Responses onto a socket, in the order of their requests: vectored writes of the chunks as they are, and
//! one write for several responses that are ready. The memory of a response is held until its last byte is written.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use broker::memory::{Permit, Pool};
use bytes::{Buf, Bytes};
use futures::FutureExt;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use super::owed::Owed;
use crate::api::{Answer, Reply};
use crate::metrics::Metrics;

/// The most slices that one write takes (IOV_MAX).
const SLICES: usize = 1024;

/// What most writes need.
const FEW_SLICES: usize = 32;

/// Responses are sent together up to this many bytes.
const TOGETHER: usize = 64 << 10;

/// How long a peer has to take [`LEAST`] while others wait for the memory of what it is sent.
const PRESSED: Duration = Duration::from_secs(10);

/// How long a peer may take for what it is sent while others wait for the memory. Clients have given up a request by
/// then.
const IN_TIME: Duration = Duration::from_secs(120);

/// How often a peer that takes nothing is looked after.
const LOOK: Duration = Duration::from_secs(1);

/// See [`PRESSED`].
const LEAST: usize = 16 << 10;

/// Whom responses are written for.
#[derive(Debug)]
pub(super) struct Writing {
    /// A peer that takes nothing for this long is given up.
    pub(super) idle: Duration,
    /// Where the memory of answers comes from.
    pub(super) answers: Pool,
    /// What the connection's answers take.
    pub(super) owed: Arc<Owed>,
    /// What is counted.
    pub(super) metrics: Arc<Metrics>,
}

/// Writes what comes out of `due` until nothing more can come, or until an answer is to close the connection.
/// Fails if the peer takes nothing for as long as `idle`, or next to nothing while others wait for the memory.
pub(super) async fn write(
    mut socket: impl AsyncWrite + Unpin,
    mut due: mpsc::Receiver<Answer>,
    writing: &Writing,
) -> io::Result<()> {
    let mut ready = Chunks::default();
    let mut held = None;
    let mut open = true;
    while open {
        let answer = match held.take() {
            Some(answer) => answer,
            None => match due.recv().await {
                Some(answer) => answer,
                None => break,
            },
        };
        let reply = match answer {
            Answer::Now(reply) => reply,
            Answer::Later(reply) => reply.await,
        };
        open = ready.take(reply, writing);
        while open && held.is_none() && ready.bytes < TOGETHER {
            match due.try_recv() {
                Ok(Answer::Now(reply)) => open = ready.take(reply, writing),
                Ok(Answer::Later(mut reply)) => match (&mut reply).now_or_never() {
                    Some(reply) => open = ready.take(reply, writing),
                    None => held = Some(Answer::Later(reply)),
                },
                Err(_) => break,
            }
        }
        ready.write(&mut socket, writing).await?;
    }
    socket.shutdown().await
}

#[derive(Debug, Default)]
struct Chunks {
    chunks: VecDeque<Bytes>,
    bytes: usize,
    /// Bytes ever taken.
    taken: u64,
    /// Of each response that has some: what had been taken with its last byte, and its memory.
    permits: VecDeque<(u64, Permit)>,
}

impl Chunks {
    /// Takes a reply in; false if it ends the connection.
    fn take(&mut self, reply: Reply, writing: &Writing) -> bool {
        match reply {
            Reply::Frame(chunks, permit) => {
                let bytes: usize = chunks.iter().map(Bytes::len).sum();
                writing.metrics.response_sent(bytes);
                self.bytes += bytes;
                self.taken += bytes as u64;
                self.permits.extend(permit.map(|permit| (self.taken, permit)));
                self.chunks.extend(chunks.into_iter().filter(|chunk| !chunk.is_empty()));
                true
            }
            Reply::Nothing => true,
            Reply::Close => false,
        }
    }

    async fn write(&mut self, socket: &mut (impl AsyncWrite + Unpin), writing: &Writing) -> io::Result<()> {
        let mut pace = Pace::new();
        while !self.chunks.is_empty() {
            match timeout(LOOK.min(writing.idle), self.write_once(socket)).await {
                Ok(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(Ok(written)) => {
                    pace.written(written);
                    self.advance(written, writing);
                }
                Ok(Err(error)) => return Err(error),
                Err(_) => {}
            }
            if pace.is_lost(writing, self.permits.is_empty()) {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
        // An unusually long queue need not stay allocated.
        self.chunks.shrink_to(SLICES);
        socket.flush().await
    }

    async fn write_once(&self, socket: &mut (impl AsyncWrite + Unpin)) -> io::Result<usize> {
        poll_fn(|cx| {
            let socket = Pin::new(&mut *socket);
            if self.chunks.len() <= FEW_SLICES {
                let mut slices = [IoSlice::new(&[]); FEW_SLICES];
                return socket.poll_write_vectored(cx, self.slices(&mut slices));
            }
            let mut slices = [IoSlice::new(&[]); SLICES];
            socket.poll_write_vectored(cx, self.slices(&mut slices))
        })
        .await
    }

    fn slices<'a, 'b>(&'b self, slices: &'a mut [IoSlice<'b>]) -> &'a [IoSlice<'b>] {
        let count = self.chunks.len().min(slices.len());
        for (slice, chunk) in slices.iter_mut().zip(&self.chunks) {
            *slice = IoSlice::new(chunk);
        }
        &slices[..count]
    }

    fn advance(&mut self, mut written: usize, writing: &Writing) {
        self.bytes = self.bytes.saturating_sub(written);
        let sent = self.taken - self.bytes as u64;
        while let Some((_, permit)) = self.permits.pop_front_if(|(end, _)| *end <= sent) {
            writing.owed.less(permit.num_permits());
        }
        while let Some(first) = self.chunks.front_mut() {
            if written < first.len() {
                first.advance(written);
                return;
            }
            written -= first.len();
            self.chunks.pop_front();
        }
    }
}

/// How fast a peer takes what it is sent.
struct Pace {
    began: Instant,
    /// When it last took anything.
    progress: Instant,
    /// Since when `bytes` are counted.
    since: Instant,
    bytes: usize,
}

impl Pace {
    fn new() -> Self {
        let now = Instant::now();
        Self { began: now, progress: now, since: now, bytes: 0 }
    }

    fn written(&mut self, bytes: usize) {
        self.bytes += bytes;
        if self.bytes >= LEAST {
            *self = Self { began: self.began, ..Self::new() };
        }
        self.progress = Instant::now();
    }

    /// Whether the peer is to be given up. `light` is what holds no memory that other answers wait for.
    fn is_lost(&self, writing: &Writing, light: bool) -> bool {
        let slow = self.since.elapsed() >= PRESSED || self.began.elapsed() >= IN_TIME;
        let slow = slow && writing.answers.waiting() > 0;
        (slow && !light) || self.progress.elapsed() >= writing.idle
    }
}

#[cfg(test)]
#[path = "replies_test.rs"]
mod tests;
