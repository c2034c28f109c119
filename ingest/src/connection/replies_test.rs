//! Responses: their order, and how they are written.

use std::sync::Arc;
use std::task::{Context, Poll};

use parking_lot::Mutex;
use tokio::io::AsyncReadExt;
use tokio::sync::oneshot;
use tokio::time::sleep;

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

fn writing() -> Writing {
    Writing {
        idle: IDLE,
        answers: Pool::new(1 << 20),
        owed: Arc::default(),
        metrics: Metrics::register(&mut Default::default(), []),
    }
}

fn frame(chunks: Vec<Bytes>) -> Reply {
    Reply::Frame(chunks, None)
}

/// An answer of so many bytes that has its memory.
async fn charged(writing: &Writing, bytes: usize) -> Answer {
    let permit = writing.answers.take(bytes).await;
    writing.owed.more(bytes);
    Answer::Now(Reply::Frame(vec![vec![1; bytes].into()], permit))
}

fn now(text: &'static str) -> Answer {
    Answer::Now(frame(vec![Bytes::from_static(text.as_bytes())]))
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
        let (sink, writing) = (sink.clone(), writing());
        async move { write(sink, due, &writing).await }
    });
    let ((first, one), (second, two)) = (later(), later());
    for answer in [now("a"), one, now("b"), two, Answer::Now(Reply::Nothing), now("c")] {
        assert!(queue.send(answer).await.is_ok());
    }
    let settle = || tokio::time::sleep(Duration::from_millis(1));
    settle().await;
    assert_eq!(sink.written.lock().0, b"a");
    assert!(second.send(frame(vec![Bytes::from_static(b"TWO")])).is_ok());
    settle().await;
    assert_eq!(sink.written.lock().0, b"a");
    assert!(first.send(frame(vec![Bytes::from_static(b"ONE"), Bytes::new()])).is_ok());
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
    assert!(write(sink.clone(), due, &writing()).await.is_ok());
    assert_eq!(*sink.written.lock(), (b"abc".to_vec(), vec![3]));

    let sink = Sink::new(usize::MAX);
    let (queue, due) = mpsc::channel(64);
    let chunks = vec![Bytes::from_static(b"x"); 2500];
    assert!(queue.send(Answer::Now(frame(chunks))).await.is_ok());
    drop(queue);
    assert!(write(sink.clone(), due, &writing()).await.is_ok());
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
    assert!(write(sink.clone(), due, &writing()).await.is_ok());
    assert_eq!(sink.written.lock().0, b"a");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_nothing_is_given_up() {
    let (ours, theirs) = tokio::io::duplex(4);
    let (queue, due) = mpsc::channel(64);
    assert!(queue.send(now("more than fits")).await.is_ok());
    let error = write(ours, due, &writing()).await.err();
    assert_eq!(error.map(|error| error.kind()), Some(io::ErrorKind::TimedOut));
    drop(theirs);
}

#[tokio::test(start_paused = true)]
async fn memory_is_held_until_the_last_byte_is_taken() {
    let writing = writing();
    let (ours, mut theirs) = tokio::io::duplex(1000);
    let (queue, due) = mpsc::channel(64);
    for _ in 0..2 {
        assert!(queue.send(charged(&writing, 5000).await).await.is_ok());
    }
    let (answers, owed) = (writing.answers.clone(), Arc::clone(&writing.owed));
    let task = tokio::spawn(async move { write(ours, due, &writing).await });
    let free = |bytes: usize| (1 << 20) - bytes;
    sleep(Duration::from_secs(1)).await;
    assert_eq!(answers.available(), free(10_000));
    let mut taken = vec![0; 4000];
    theirs.read_exact(&mut taken).await.expect("it comes");
    sleep(Duration::from_secs(1)).await;
    assert_eq!(answers.available(), free(5_000));
    assert!(timeout(Duration::from_secs(1), owed.below(5_000)).await.is_err());
    theirs.read_exact(&mut taken).await.expect("it comes");
    theirs.read_exact(&mut taken[..1000]).await.expect("it comes");
    assert!(timeout(Duration::from_secs(1), owed.below(1)).await.is_ok());
    assert_eq!(answers.available(), free(0));
    drop((queue, theirs));
    assert!(task.await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_little_is_given_up_when_others_wait() {
    let writing = writing();
    let (ours, theirs) = tokio::io::duplex(1000);
    let (queue, due) = mpsc::channel(64);
    assert!(queue.send(charged(&writing, 1 << 20).await).await.is_ok());
    let answers = writing.answers.clone();
    let task = tokio::spawn(async move { write(ours, due, &writing).await });
    // A byte now and then is no progress.
    let trickle = tokio::spawn(async move {
        let mut theirs = theirs;
        while theirs.read_u8().await.is_ok() {
            sleep(Duration::from_secs(1)).await;
        }
    });
    sleep(Duration::from_secs(60)).await;
    assert_eq!(answers.available(), 0, "nothing waits yet");
    let began = Instant::now();
    assert!(answers.take(1000).await.is_some());
    assert!(began.elapsed() <= PRESSED, "{:?}", began.elapsed());
    assert_eq!(task.await.expect("it ends").err().map(|error| error.kind()), Some(io::ErrorKind::TimedOut));
    trickle.abort();
}
