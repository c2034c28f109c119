//! One direction of a connection.

use std::collections::VecDeque;
use std::task::{Poll, Waker};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::Host;
use crate::process::Process;

/// How many bytes may be on their way, or wait for the reader, before the writer waits for it, too: what sockets hold,
/// and small as everything is here.
const CAPACITY: usize = 16 << 10;

/// Bytes on their way.
pub(super) struct Pipe {
    pub(super) from: Host,
    pub(super) to: Host,
    /// Who writes and who reads, where that can be stopped or killed.
    ends: [Option<Process>; 2],
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What was written, and when it arrives.
    queue: VecDeque<(Instant, Bytes)>,
    /// How many bytes that is.
    length: usize,
    /// When the writer closed its side arrives.
    end: Option<Instant>,
    is_reset: bool,
    /// It is not read any more.
    abandoned: bool,
    reader: Option<Waker>,
    /// Who waits for the reader.
    writer: Option<Waker>,
}

/// What a reader finds.
pub(super) enum Found {
    /// Bytes that have arrived.
    Bytes(Bytes),
    /// Something arrives then.
    At(Instant),
    /// Nothing yet.
    Nothing,
    /// The other side has closed.
    End,
    /// The connection is reset.
    Reset,
}

impl Pipe {
    pub(super) fn new(from: Host, to: Host, writer: Option<Process>, reader: Option<Process>) -> Self {
        Self { from, to, ends: [writer, reader], state: Mutex::default() }
    }

    pub(super) fn touches(&self, process: &Process) -> bool {
        self.ends.iter().flatten().any(|end| end.is(process))
    }

    /// Sends bytes that arrive at `at`, or after what was sent before; false if they will not be read. Waits
    /// while much is unread.
    pub(super) fn push(&self, at: Instant, bytes: Bytes, writer: &Waker) -> Poll<bool> {
        let mut state = self.state.lock();
        if state.is_reset || state.abandoned {
            return Poll::Ready(false);
        }
        if state.length >= CAPACITY {
            state.writer = Some(writer.clone());
            return Poll::Pending;
        }
        let at = state.queue.back().map_or(at, |(last, _)| at.max(*last));
        state.length += bytes.len();
        state.queue.push_back((at, bytes));
        state.wake();
        Poll::Ready(true)
    }

    /// At most `most` bytes, if there are any.
    pub(super) fn take(&self, most: usize, reader: &Waker) -> Found {
        let mut state = self.state.lock();
        state.reader = Some(reader.clone());
        if state.is_reset {
            return Found::Reset;
        }
        let now = Instant::now();
        match state.queue.front_mut() {
            Some((at, _)) if *at > now => Found::At(*at),
            Some((_, bytes)) if bytes.len() > most => {
                let some = bytes.split_to(most);
                state.took(most);
                Found::Bytes(some)
            }
            Some(_) => state.queue.pop_front().map_or(Found::Nothing, |(_, bytes)| {
                state.took(bytes.len());
                Found::Bytes(bytes)
            }),
            None => match state.end {
                Some(at) if at > now => Found::At(at),
                Some(_) => Found::End,
                None => Found::Nothing,
            },
        }
    }

    pub(super) fn close(&self, at: Instant) {
        let mut state = self.state.lock();
        state.end.get_or_insert(at);
        state.wake();
    }

    pub(super) fn abandon(&self) {
        let mut state = self.state.lock();
        state.abandoned = true;
        state.clear();
    }

    pub(super) fn reset(&self) {
        let mut state = self.state.lock();
        state.is_reset = true;
        state.clear();
        state.wake();
    }
}

impl State {
    /// Bytes are gone from the queue.
    fn took(&mut self, length: usize) {
        self.length -= length;
        if self.length < CAPACITY
            && let Some(writer) = self.writer.take()
        {
            writer.wake();
        }
    }

    fn clear(&mut self) {
        self.queue.clear();
        self.took(self.length);
    }

    fn wake(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_writes_waits_for_who_reads() {
        let pipe = Pipe::new(Host::Client(0), Host::Node(0), None, None);
        let waker = Waker::noop();
        let push = || pipe.push(Instant::now(), Bytes::from(vec![0; CAPACITY]), waker);
        assert_eq!((push(), push()), (Poll::Ready(true), Poll::Pending));
        assert!(matches!(pipe.take(1, waker), Found::Bytes(bytes) if bytes.len() == 1));
        assert_eq!((push(), push()), (Poll::Ready(true), Poll::Pending));
        // It will not be read: then no writer waits.
        pipe.abandon();
        assert_eq!(push(), Poll::Ready(false));
    }
}
