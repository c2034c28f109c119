//! One client's connection: frames in, responses out, in the same order.
//!
//! Each request is handled before the next one is read, but a Produce only until its batches have their
//! place in the log: its response waits in a queue while further requests are handled. It runs over any pair
//! of byte streams.

mod frames;
mod owed;
mod replies;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use broker::quiet::Quiet;
use bytes::Bytes;
use thiserror::Error;
use tokio::io::AsyncWrite;
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::api::{Answer, Context, Incoming, Refusal, Reply, Stored};
use crate::remote::Remote;
use crate::service::Service;
use crate::share_sessions::Tie;
pub use frames::Inbound;
use frames::{Frame, FrameError, Frames, Limits};
use owed::Owed;
use replies::Writing;

/// How many responses may be due at a time. Their memory is bounded apart.
const QUEUE: usize = 64;

/// Responses up to this many bytes are not counted: the kernel's buffers take them, or [`QUEUE`] bounds them.
const LIGHT: usize = 1 << 10;

/// A connection that has been answered this share of the memory for answers, and has not read it, is asked no more.
const SHARE: usize = 8;

/// How long a connection may take to answer what it has been asked when the node stops, or its client has closed its
/// side.
const GRACE: Duration = Duration::from_secs(10);

/// How long a request that expects no answer waits for memory after its client has disconnected.
const UNACKNOWLEDGED: Duration = Duration::from_secs(15);

/// Complaints about clients, one of which is logged now and then.
static COMPLAINTS: Quiet = Quiet::new(Duration::from_secs(1));

/// Why no more requests are read.
#[derive(Debug, Error)]
enum End {
    /// The peer is done.
    #[error("closed by the client")]
    Closed,
    /// The node stops.
    #[error("the node stops")]
    Stopped,
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error(transparent)]
    Refusal(#[from] Refusal),
}

impl End {
    /// Whether it is logged as a warning, and counted.
    fn is_fault(&self) -> bool {
        match self {
            Self::Closed | Self::Stopped | Self::Frame(FrameError::Left) => false,
            Self::Refusal(Refusal::Stopping(_) | Refusal::Starting) => false,
            Self::Frame(error) => error.is_fault(),
            Self::Refusal(_) => true,
        }
    }
}

/// Serves a connection until the peer closes it, does something wrong or is silent for too long, or until
/// `stop` is done and everything asked is answered. `listener` is the name of the one that
/// accepted it.
pub async fn serve(
    read: impl Inbound,
    write: impl AsyncWrite + Unpin,
    remote: Remote,
    listener: Arc<str>,
    service: Arc<Service>,
    stop: CancellationToken,
) {
    let broker = Arc::clone(service.broker());
    let config = broker.config();
    let limits = Limits {
        frame: config.max_request_bytes,
        idle: config.idle_timeout,
        stall: config.stall_timeout,
        memory: broker.memory().clone(),
        others: broker.others().clone(),
    };
    let metrics = Arc::clone(service.metrics());
    let owed = Arc::new(Owed::default());
    let sending = Writing {
        idle: config.idle_timeout,
        answers: broker.answers().clone(),
        owed: Arc::clone(&owed),
        metrics: Arc::clone(&metrics),
    };
    // One of its own, so that connections don't share a lock.
    let stop = stop.child_token();
    let tie = Tie::new(&broker, service.share_sessions());
    let (remote_of_all, admitted) = (remote.clone(), Default::default());
    let context =
        Context { broker, service, remote: remote_of_all, listener, stop: stop.clone(), tie, admitted };
    let (queue, due) = mpsc::channel(QUEUE);
    let mut reading = pin!(requests(Frames::new(read, limits), &context, Queue { due: queue, owed }));
    let mut writing = pin!(replies::write(write, due, &sending));
    // A peer that does not read its responses has nothing to ask either.
    let end = tokio::select! {
        biased;
        end = &mut reading => end,
        result = &mut writing => {
            tracing::debug!(%remote, ?result, "no more responses can be sent");
            return;
        }
    };
    if end.is_fault() {
        metrics.connection_failed();
        if let Some(silent) = COMPLAINTS.may_speak() {
            tracing::warn!(%remote, reason = %end, silent, "closing a connection");
        }
    } else {
        tracing::debug!(%remote, reason = %end, "closing a connection");
    }
    let is_gone = matches!(end, End::Closed | End::Frame(_));
    let rest = async {
        tokio::select! {
            biased;
            result = &mut writing => result,
            () = async { if !is_gone { stop.cancelled().await } sleep(GRACE).await } => Ok(()),
        }
    };
    if let Err(error) = rest.await {
        tracing::debug!(%remote, %error, "the last responses were not sent");
    }
}

/// Where answers go.
struct Queue {
    due: mpsc::Sender<Answer>,
    owed: Arc<Owed>,
}

/// Reads and handles requests. What is due goes into `queue`.
async fn requests(mut frames: Frames<impl Inbound>, context: &Context, queue: Queue) -> End {
    let share = context.broker.answers().size() / SHARE;
    let mut stopped = pin!(context.stop.cancelled());
    loop {
        // What a request takes is not held while its client must read answers first.
        let next = async {
            unless_closed(&mut frames, queue.owed.below(share)).await?;
            Ok::<_, End>(frames.next().await?)
        };
        let frame = tokio::select! {
            biased;
            () = &mut stopped => return End::Stopped,
            frame = next => frame,
        };
        let answer = match frame {
            Ok(Some(frame)) => handle(&mut frames, context, frame).await,
            Ok(None) => return End::Closed,
            Err(end) => return end,
        };
        let last = match answer {
            Ok(Answer::Now(Reply::Nothing)) => continue,
            Ok(answer) => {
                let last = matches!(answer, Answer::Now(Reply::Close));
                if let Answer::Now(Reply::Frame(_, Some(permit))) = &answer {
                    queue.owed.more(permit.num_permits());
                }
                match unless_closed(&mut frames, queue.due.send(answer)).await {
                    Ok(Ok(())) => last,
                    Ok(Err(_)) => return End::Closed,
                    Err(end) => return end,
                }
            }
            Err(end) => return end,
        };
        if last {
            return End::Closed;
        }
    }
}

/// Waits for something, or until the client disconnects, which nothing else would notice meanwhile.
async fn unless_closed<T>(
    frames: &mut Frames<impl Inbound>,
    wait: impl Future<Output = T>,
) -> Result<T, End> {
    tokio::select! {
        biased;
        done = wait => Ok(done),
        () = frames.closed() => Err(End::Closed),
    }
}

async fn handle(frames: &mut Frames<impl Inbound>, context: &Context, frame: Frame) -> Result<Answer, End> {
    let Frame { bytes, came, mut permit } = frame;
    let length = bytes.len();
    let incoming = Incoming::new(context, bytes, came)?;
    if permit.is_none() {
        permit = match incoming.stored() {
            Stored::No => None,
            Stored::Yes { unacknowledged: true } => frames.admit(length, UNACKNOWLEDGED).await?,
            Stored::Yes { .. } => frames.admit(length, Duration::ZERO).await?,
            // It does not wait: a member whose heartbeats are late is removed from its group.
            Stored::Heartbeat => frames.limits().memory.try_take(length),
        };
    }
    let answer = if incoming.may_be_left() {
        unless_closed(frames, incoming.handle(context, permit)).await
    } else {
        Ok(incoming.handle(context, permit).await)
    };
    // Whatever came of it: the connection may last for long.
    drop(context.admitted.lock().take());
    charge(frames, context, answer??).await
}

/// Takes memory for an answer that has none yet.
async fn charge(frames: &mut Frames<impl Inbound>, context: &Context, answer: Answer) -> Result<Answer, End> {
    let Answer::Now(Reply::Frame(chunks, None)) = answer else { return Ok(answer) };
    let bytes: usize = chunks.iter().map(Bytes::len).sum();
    let permit = match bytes {
        0..=LIGHT => None,
        _ => unless_closed(frames, context.broker.answers().take(bytes)).await?,
    };
    Ok(Answer::Now(Reply::Frame(chunks, permit)))
}
