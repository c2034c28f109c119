//! Responses onto a socket, in the order of their requests: vectored writes of the chunks as they are, and
//! one write for several responses that are ready.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::time::Duration;

use bytes::{Buf, Bytes};
use futures::FutureExt;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::api::{Answer, Reply};
use crate::metrics::Metrics;

/// The most slices that one write takes (IOV_MAX).
const SLICES: usize = 1024;

/// What most writes need.
const FEW_SLICES: usize = 32;

/// Responses are sent together up to this many bytes.
const TOGETHER: usize = 64 << 10;

/// Writes what comes out of `due` until nothing more can come, or until an answer is to close the connection.
/// Fails if the peer takes nothing for as long as `idle`.
pub(super) async fn write(
    mut socket: impl AsyncWrite + Unpin,
    mut due: mpsc::Receiver<Answer>,
    idle: Duration,
    metrics: &Metrics,
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
        open = ready.take(reply, metrics);
        while open && held.is_none() && ready.bytes < TOGETHER {
            match due.try_recv() {
                Ok(Answer::Now(reply)) => open = ready.take(reply, metrics),
                Ok(Answer::Later(mut reply)) => match (&mut reply).now_or_never() {
                    Some(reply) => open = ready.take(reply, metrics),
                    None => held = Some(Answer::Later(reply)),
                },
                Err(_) => break,
            }
        }
        ready.write(&mut socket, idle).await?;
    }
    socket.shutdown().await
}

#[derive(Debug, Default)]
struct Chunks {
    chunks: VecDeque<Bytes>,
    bytes: usize,
}

impl Chunks {
    /// Takes a reply in; false if it ends the connection.
    fn take(&mut self, reply: Reply, metrics: &Metrics) -> bool {
        match reply {
            Reply::Frame(chunks) => {
                let bytes: usize = chunks.iter().map(Bytes::len).sum();
                metrics.response_sent(bytes);
                self.bytes += bytes;
                self.chunks.extend(chunks.into_iter().filter(|chunk| !chunk.is_empty()));
                true
            }
            Reply::Nothing => true,
            Reply::Close => false,
        }
    }

    async fn write(&mut self, socket: &mut (impl AsyncWrite + Unpin), idle: Duration) -> io::Result<()> {
        while !self.chunks.is_empty() {
            let written = timeout(idle, self.write_once(socket)).await;
            match written.unwrap_or(Err(io::ErrorKind::TimedOut.into()))? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                written => self.advance(written),
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

    fn advance(&mut self, mut written: usize) {
        self.bytes = self.bytes.saturating_sub(written);
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

#[cfg(test)]
#[path = "replies_test.rs"]
mod tests;
