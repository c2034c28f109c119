//! One end of a connection.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::Network;
use super::pipe::{Found, Pipe};
use crate::process::Process;

/// Reads and writes.
pub struct Socket {
    read: Reader,
    write: Writer,
    peer: u64,
}

/// The half that reads.
pub struct Reader {
    network: Network,
    process: Option<Process>,
    pipe: Arc<Pipe>,
    arrival: Option<Pin<Box<Sleep>>>,
}

/// The half that writes.
pub struct Writer {
    network: Network,
    process: Option<Process>,
    pipe: Arc<Pipe>,
}

impl Socket {
    pub(super) fn new(
        network: &Network,
        process: Option<Process>,
        read: Arc<Pipe>,
        write: Arc<Pipe>,
    ) -> Self {
        let (network, owner) = (network.clone(), process.clone());
        let read = Reader { network: network.clone(), process, pipe: read, arrival: None };
        Self { read, write: Writer { network, process: owner, pipe: write }, peer: 0 }
    }

    pub(super) fn named(self, peer: u64) -> Self {
        Self { peer, ..self }
    }

    /// The number of the process at the other end.
    pub fn peer(&self) -> u64 {
        self.peer
    }

    /// Its halves.
    pub fn split(self) -> (Reader, Writer) {
        (self.read, self.write)
    }
}

impl ingest::connection::Inbound for Reader {}

impl AsyncRead for Reader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(process) = &self.process {
            ready!(process.poll_running(cx));
        }
        loop {
            if self.network.is_silent(cx, self.pipe.from, self.pipe.to) {
                return Poll::Pending;
            }
            match self.pipe.take(buf.remaining(), cx.waker()) {
                Found::Bytes(bytes) => {
                    buf.put_slice(&bytes);
                    return Poll::Ready(Ok(()));
                }
                Found::End => return Poll::Ready(Ok(())),
                Found::Reset => return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
                Found::Nothing => return Poll::Pending,
                Found::At(at) => match &mut self.arrival {
                    Some(arrival) => {
                        if arrival.deadline() != at {
                            arrival.as_mut().reset(at);
                        }
                        ready!(arrival.as_mut().poll(cx));
                    }
                    none => *none = Some(Box::pin(sleep_until(at))),
                },
            }
        }
    }
}

impl Writer {
    fn send(&self, cx: &mut Context<'_>, bytes: Bytes) -> Poll<io::Result<usize>> {
        if let Some(process) = &self.process {
            ready!(process.poll_running(cx));
        }
        let length = bytes.len();
        match ready!(self.pipe.push(Instant::now() + self.network.delay(), bytes, cx.waker())) {
            true => Poll::Ready(Ok(length)),
            false => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }
}

impl AsyncWrite for Writer {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.send(cx, Bytes::copy_from_slice(bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut bytes = BytesMut::with_capacity(slices.iter().map(|slice| slice.len()).sum());
        slices.iter().for_each(|slice| bytes.extend_from_slice(slice));
        self.send(cx, bytes.freeze())
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.pipe.close(Instant::now() + self.network.delay());
        Poll::Ready(Ok(()))
    }
}

/// A process that is dead says nothing, not even that it goes.
fn can_speak(process: &Option<Process>) -> bool {
    process.as_ref().is_none_or(Process::is_alive)
}

impl Drop for Writer {
    fn drop(&mut self) {
        if can_speak(&self.process) {
            self.pipe.close(Instant::now() + self.network.delay());
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if can_speak(&self.process) {
            self.pipe.abandon();
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.read).poll_read(cx, buf)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.write).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.write).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.write).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.write).poll_shutdown(cx)
    }
}
