//! One connection: requests go out in the order in which they are sent, any number of them before the first
//! answer; answers come back in the same order.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::marker::PhantomData;
use std::sync::atomic::{AtomicI32, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use protocol::{Request, frame};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout, timeout_at};

use super::Error;
use super::versions::{self, Versions};

/// What this client calls itself.
pub(super) const CLIENT_ID: &str = "tidelog";

/// Requests that may wait for the socket.
const QUEUE: usize = 64;

/// Requests that may wait for an answer.
const IN_FLIGHT: usize = 4096;

/// The most chunks that one system call writes.
const CHUNKS: usize = 64;

/// The largest answer that is believed, in bytes.
const LONGEST_ANSWER: usize = 1 << 30;

struct Outgoing {
    chunks: Vec<Bytes>,
    waiting: Waiter,
}

enum Waiter {
    /// Waits for an answer.
    Answer(Waiting),
    /// Waits until the system has taken the request, which has no answer.
    Written(oneshot::Sender<()>),
}

struct Waiting {
    correlation_id: i32,
    answer: oneshot::Sender<Bytes>,
}

/// A connection to one broker, whose versions are known.
pub(crate) struct Connection {
    address: String,
    timeout: Duration,
    versions: Versions,
    next: AtomicI32,
    queue: mpsc::Sender<Outgoing>,
    /// Why it ended.
    end: Arc<OnceLock<String>>,
    tasks: [AbortHandle; 2],
}

/// An answer on its way.
pub(crate) struct Reply<R> {
    answer: oneshot::Receiver<Bytes>,
    version: i16,
    address: String,
    timeout: Duration,
    deadline: Instant,
    end: Arc<OnceLock<String>>,
    request: PhantomData<fn() -> R>,
}

impl Connection {
    /// Connects, and asks what the broker serves: each within `opening`. Each answer later has `within`.
    pub(super) async fn open(address: &str, opening: Duration, within: Duration) -> Result<Arc<Self>, Error> {
        let failed = |source| Error::Connect { address: address.to_owned(), source };
        let socket = timeout(opening, TcpStream::connect(address))
            .await
            .map_err(|_| failed(io::ErrorKind::TimedOut.into()))?
            .map_err(failed)?;
        socket.set_nodelay(true).map_err(failed)?;
        let (read, write) = socket.into_split();
        let (queue, outgoing) = mpsc::channel(QUEUE);
        let (waiting, waiters) = mpsc::channel(IN_FLIGHT);
        let end = Arc::new(OnceLock::new());
        let tasks = [
            tokio::spawn(ending(Arc::clone(&end), send_all(write, outgoing, waiting))).abort_handle(),
            tokio::spawn(ending(Arc::clone(&end), receive_all(read, waiters))).abort_handle(),
        ];
        let mut connection = Self {
            address: address.to_owned(),
            timeout: opening,
            versions: Versions::default(),
            next: AtomicI32::new(0),
            queue,
            end,
            tasks,
        };
        let mut reply = connection.submit(&versions::question(), versions::ASKED).await?;
        let answer = reply.frame().await?;
        connection.versions = Versions::from_answer(answer)
            .map_err(|source| Error::Decode { address: address.to_owned(), source })?;
        connection.timeout = within;
        Ok(Arc::new(connection))
    }

    /// Whether nothing can be sent any more.
    pub(super) fn is_closed(&self) -> bool {
        self.queue.is_closed()
    }

    /// Where it leads.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Sends a request and waits for its answer.
    pub(crate) async fn call<R: Request>(&self, request: &R) -> Result<R::Response, Error> {
        self.send(request).await?.wait().await
    }

    /// As [`Connection::call`], in a version no newer than `newest`.
    pub(super) async fn call_up_to<R: Request>(
        &self,
        request: &R,
        newest: i16,
    ) -> Result<R::Response, Error> {
        self.submit(request, self.version::<R>()?.min(newest)).await?.wait().await
    }

    /// As [`Connection::call`], in a version no older than `oldest`.
    pub(super) async fn call_from<R: Request>(&self, request: &R, oldest: i16) -> Result<R::Response, Error> {
        let version = self.version::<R>()?;
        if version < oldest {
            return Err(Error::Unsupported { address: self.address.clone(), api: R::KEY });
        }
        self.submit(request, version).await?.wait().await
    }

    /// As [`Connection::call`], of an API that brokers do not advertise, and that has one version.
    pub(super) async fn call_unadvertised<R: Request>(&self, request: &R) -> Result<R::Response, Error> {
        self.submit(request, *R::VERSIONS.start()).await?.wait().await
    }

    /// Sends a request; its answer may be waited for later.
    pub(crate) async fn send<R: Request>(&self, request: &R) -> Result<Reply<R>, Error> {
        self.submit(request, self.version::<R>()?).await
    }

    /// Sends a request that has no answer. Returns once the system has taken it.
    pub(crate) async fn tell<R: Request>(&self, request: &R) -> Result<(), Error> {
        let correlation_id = self.next.fetch_add(1, Relaxed);
        let version = self.version::<R>()?;
        let chunks = frame::encode_request(correlation_id, Some(CLIENT_ID), version, request)?;
        let (sender, written) = oneshot::channel();
        let sent = self.queue.send(Outgoing { chunks, waiting: Waiter::Written(sender) }).await;
        sent.map_err(|_| closed(&self.address, &self.end))?;
        written.await.map_err(|_| closed(&self.address, &self.end))
    }

    fn version<R: Request>(&self) -> Result<i16, Error> {
        let unsupported = || Error::Unsupported { address: self.address.clone(), api: R::KEY };
        self.versions.pick::<R>().ok_or_else(unsupported)
    }

    async fn submit<R: Request>(&self, request: &R, version: i16) -> Result<Reply<R>, Error> {
        let correlation_id = self.next.fetch_add(1, Relaxed);
        let chunks = frame::encode_request(correlation_id, Some(CLIENT_ID), version, request)?;
        let (sender, answer) = oneshot::channel();
        let waiting = Waiter::Answer(Waiting { correlation_id, answer: sender });
        let sent = self.queue.send(Outgoing { chunks, waiting }).await;
        sent.map_err(|_| closed(&self.address, &self.end))?;
        Ok(Reply {
            answer,
            version,
            address: self.address.clone(),
            timeout: self.timeout,
            deadline: Instant::now() + self.timeout,
            end: Arc::clone(&self.end),
            request: PhantomData,
        })
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

impl<R: Request> Reply<R> {
    /// Waits for the answer. May be cancelled, and called again unless it has returned.
    pub(crate) async fn wait(&mut self) -> Result<R::Response, Error> {
        let frame = self.frame().await?;
        let decoded = frame::decode_response::<R>(frame, self.version);
        let address = || self.address.clone();
        decoded.map(|(_, response)| response).map_err(|source| Error::Decode { address: address(), source })
    }

    async fn frame(&mut self) -> Result<Bytes, Error> {
        match timeout_at(self.deadline, &mut self.answer).await {
            Ok(Ok(frame)) => Ok(frame),
            Ok(Err(_)) => Err(closed(&self.address, &self.end)),
            Err(_) => Err(Error::TimedOut { address: self.address.clone(), after: self.timeout }),
        }
    }
}

fn closed(address: &str, end: &OnceLock<String>) -> Error {
    let reason = end.get().cloned().unwrap_or_else(|| "it has ended".to_owned());
    Error::Closed { address: address.to_owned(), reason }
}

async fn ending(end: Arc<OnceLock<String>>, work: impl Future<Output = io::Result<()>>) {
    if let Err(error) = work.await {
        let reason = match error.kind() {
            io::ErrorKind::UnexpectedEof => "no more answers".to_owned(),
            _ => error.to_string(),
        };
        end.get_or_init(|| reason);
    }
}

/// Writes what is queued, many requests at a time.
async fn send_all(
    mut socket: OwnedWriteHalf,
    mut outgoing: mpsc::Receiver<Outgoing>,
    waiting: mpsc::Sender<Waiting>,
) -> io::Result<()> {
    let mut batch = Vec::with_capacity(QUEUE);
    let mut chunks = VecDeque::new();
    let mut written = Vec::new();
    while outgoing.recv_many(&mut batch, QUEUE).await > 0 {
        for request in batch.drain(..) {
            match request.waiting {
                Waiter::Answer(waiter) => {
                    if waiting.send(waiter).await.is_err() {
                        return Ok(());
                    }
                }
                Waiter::Written(waiter) => written.push(waiter),
            }
            chunks.extend(request.chunks);
        }
        write_all(&mut socket, &mut chunks).await?;
        for waiter in written.drain(..) {
            // The caller may not wait any more.
            let _ = waiter.send(());
        }
    }
    Ok(())
}

async fn write_all(socket: &mut OwnedWriteHalf, chunks: &mut VecDeque<Bytes>) -> io::Result<()> {
    while !chunks.is_empty() {
        let mut slices = [IoSlice::new(&[]); CHUNKS];
        let used = chunks.len().min(CHUNKS);
        slices.iter_mut().zip(chunks.iter()).for_each(|(slice, chunk)| *slice = IoSlice::new(chunk));
        let mut written = socket.write_vectored(&slices[..used]).await?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        while let Some(first) = chunks.front_mut() {
            if written < first.len() {
                first.advance(written);
                break;
            }
            written -= first.len();
            chunks.pop_front();
        }
    }
    Ok(())
}

/// Hands each answer to who waits for it.
async fn receive_all(socket: OwnedReadHalf, mut waiters: mpsc::Receiver<Waiting>) -> io::Result<()> {
    let mut socket = BufReader::with_capacity(16 << 10, socket);
    loop {
        let length = usize::try_from(socket.read_i32().await?).unwrap_or(usize::MAX);
        if !(4..=LONGEST_ANSWER).contains(&length) {
            return Err(io::Error::other("it does not speak Kafka's protocol"));
        }
        let mut frame = BytesMut::with_capacity(length);
        while frame.len() < length {
            let left = length - frame.len();
            if socket.read_buf(&mut (&mut frame).limit(left)).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let Some(waiter) = waiters.recv().await else { return Ok(()) };
        if frame[..4] != waiter.correlation_id.to_be_bytes() {
            return Err(io::Error::other("it answered a question that was not asked"));
        }
        // The caller may not wait any more.
        let _ = waiter.answer.send(frame.freeze());
    }
}
