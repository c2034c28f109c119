//! One client's connection: frames in, responses out, in the same order.
//!
//! Each request is handled before the next one is read, but a Produce only until its batches have their
//! place in the log: its response waits in a queue while further requests are handled. It runs over any pair
//! of byte streams.

mod frames;
mod quiet;
mod remote;
mod replies;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::api::{Answer, Context, Incoming, Refusal, Reply};
use crate::broker::Broker;
use frames::{Frame, FrameError, Frames, Limits};
pub(crate) use quiet::Quiet;
pub use remote::Remote;

/// How many responses may be due at a time. Their requests' memory is bounded apart.
const QUEUE: usize = 64;

/// How long a connection may take to answer what it has been asked when the node stops.
const GRACE: Duration = Duration::from_secs(10);

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
    /// Whether somebody should hear of it.
    fn is_fault(&self) -> bool {
        match self {
            Self::Closed | Self::Stopped => false,
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
    read: impl AsyncRead + Unpin,
    write: impl AsyncWrite + Unpin,
    remote: Remote,
    listener: Arc<str>,
    broker: Arc<Broker>,
    stop: CancellationToken,
) {
    let config = broker.config();
    let limits = Limits {
        frame: config.max_request_bytes,
        idle: config.idle_timeout,
        stall: config.stall_timeout,
        memory: Arc::clone(broker.memory()),
        memory_bytes: config.request_memory,
    };
    let idle = config.idle_timeout;
    let metrics = Arc::clone(broker.metrics());
    // One of its own, so that connections don't share a lock.
    let stop = stop.child_token();
    let context = Context { broker, remote: remote.clone(), listener, stop: stop.clone() };
    let (queue, due) = mpsc::channel(QUEUE);
    let mut reading = pin!(requests(Frames::new(read, limits), &context, queue));
    let mut writing = pin!(replies::write(write, due, idle, &metrics));
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
    let rest = async {
        tokio::select! {
            biased;
            result = &mut writing => result,
            () = async { stop.cancelled().await; tokio::time::sleep(GRACE).await } => Ok(()),
        }
    };
    if let Err(error) = rest.await {
        tracing::debug!(%remote, %error, "the last responses were not sent");
    }
}

/// Reads and handles requests. What is due goes into `queue`.
async fn requests(
    mut frames: Frames<impl AsyncRead + Unpin>,
    context: &Context,
    queue: mpsc::Sender<Answer>,
) -> End {
    let mut stopped = pin!(context.stop.cancelled());
    loop {
        let frame = tokio::select! {
            biased;
            () = &mut stopped => return End::Stopped,
            frame = frames.next() => frame,
        };
        let answer = match frame {
            Ok(Some(frame)) => handle(&mut frames, context, frame).await,
            Ok(None) => return End::Closed,
            Err(error) => return error.into(),
        };
        let last = match answer {
            Ok(Answer::Now(Reply::Nothing)) => continue,
            Ok(answer) => {
                let last = matches!(answer, Answer::Now(Reply::Close));
                if queue.send(answer).await.is_err() {
                    return End::Closed;
                }
                last
            }
            Err(end) => return end,
        };
        if last {
            return End::Closed;
        }
    }
}

async fn handle(
    frames: &mut Frames<impl AsyncRead + Unpin>,
    context: &Context,
    frame: Frame,
) -> Result<Answer, End> {
    let Frame { bytes, mut permit } = frame;
    let length = bytes.len();
    let incoming = Incoming::new(context, bytes)?;
    if incoming.is_stored() && permit.is_none() {
        permit = frames.limits().admit(length).await;
    }
    if !incoming.is_patient() {
        return Ok(incoming.handle(context, permit).await?);
    }
    // It must not keep from producers the memory for what it waits for.
    drop(permit);
    tokio::select! {
        biased;
        answer = incoming.handle(context, None) => Ok(answer?),
        // Nobody else would notice that the client has gone.
        () = frames.closed() => Err(End::Closed),
    }
}
