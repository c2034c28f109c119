//! Responses: their order, and how they are written.

use std::sync::Arc;
use std::task::{Context, Poll};

use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::*;

/// Takes at most `limit` bytes per write, and notes how many slices each write had.
#[derive(Clone)]
struct Sink {
    limit: usize,
    written: Arc<Mutex<(Vec<u8>, Vec<usize>)>>,
}

impl Sink {
    fn new(limit: usize) -> Self {
        Self { limit, written: Arc::default() }
    }
}

impl AsyncWrite for Sink {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut written = self.written.lock();
        let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).take(self.limit).collect();
        written.0.extend(&bytes);
        written.1.push(slices.len());
        Poll::Ready(Ok(bytes.len()))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn metrics() -> Arc<Metrics> {
    Metrics::register(&mut Default::default())
}

fn now(text: &'static str) -> Answer {
    Answer::Now(Reply::Frame(vec![Bytes::from_static(text.as_bytes())]))
}

fn later() -> (oneshot::Sender<Reply>, Answer) {
    let (sender, receiver) = oneshot::channel();
    (sender, Answer::Later(receiver.map(|reply| reply.unwrap_or(Reply::Close)).boxed()))
}

const IDLE: Duration = Duration::from_secs(600);

#[tokio::test(start_paused = true)]
async fn responses_keep_the_order_of_requests() {
    let sink = Sink::new(2);
    let (queue, due) = mpsc::channel(64);
    let writing = tokio::spawn({
        let sink = sink.clone();
        async move { write(sink, due, IDLE, &metrics()).await }
    });
    let ((first, one), (second, two)) = (later(), later());
    for answer in [now("a"), one, now("b"), two, Answer::Now(Reply::Nothing), now("c")] {
        assert!(queue.send(answer).await.is_ok());
    }
    let settle = || tokio::time::sleep(Duration::from_millis(1));
    settle().await;
    assert_eq!(sink.written.lock().0, b"a");
    assert!(second.send(Reply::Frame(vec![Bytes::from_static(b"TWO")])).is_ok());
    settle().await;
    assert_eq!(sink.written.lock().0, b"a");
    assert!(first.send(Reply::Frame(vec![Bytes::from_static(b"ONE"), Bytes::new()])).is_ok());
    drop(queue);
    assert!(writing.await.is_ok_and(|result| result.is_ok()));
    assert_eq!(sink.written.lock().0, b"aONEbTWOc");
}

#[tokio::test(start_paused = true)]
async fn what_is_ready_goes_in_one_write_and_large_ones_in_few() {
    let sink = Sink::new(usize::MAX);
    let (queue, due) = mpsc::channel(64);
    for text in ["a", "b", "c"] {
        assert!(queue.send(now(text)).await.is_ok());
    }
    drop(queue);
    assert!(write(sink.clone(), due, IDLE, &metrics()).await.is_ok());
    assert_eq!(*sink.written.lock(), (b"abc".to_vec(), vec![3]));

    let sink = Sink::new(usize::MAX);
    let (queue, due) = mpsc::channel(64);
    let chunks = vec![Bytes::from_static(b"x"); 2500];
    assert!(queue.send(Answer::Now(Reply::Frame(chunks))).await.is_ok());
    drop(queue);
    assert!(write(sink.clone(), due, IDLE, &metrics()).await.is_ok());
    assert_eq!(sink.written.lock().1, [1024, 1024, 452]);
    assert_eq!(sink.written.lock().0.len(), 2500);
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_closes_comes_after_those_before_it() {
    let sink = Sink::new(usize::MAX);
    let (queue, due) = mpsc::channel(64);
    for answer in [now("a"), Answer::Now(Reply::Close), now("b")] {
        assert!(queue.send(answer).await.is_ok());
    }
    assert!(write(sink.clone(), due, IDLE, &metrics()).await.is_ok());
    assert_eq!(sink.written.lock().0, b"a");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_nothing_is_given_up() {
    let (ours, theirs) = tokio::io::duplex(4);
    let (queue, due) = mpsc::channel(64);
    assert!(queue.send(now("more than fits")).await.is_ok());
    let error = write(ours, due, IDLE, &metrics()).await.err();
    assert_eq!(error.map(|error| error.kind()), Some(io::ErrorKind::TimedOut));
    drop(theirs);
}
