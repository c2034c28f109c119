//! One direction of a connection.

use std::collections::VecDeque;
use std::task::Waker;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::Host;
use crate::process::Process;

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
    /// When the writer closed its side arrives.
    end: Option<Instant>,
    is_reset: bool,
    /// Nobody reads any more.
    abandoned: bool,
    reader: Option<Waker>,
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

    /// Sends bytes that arrive at `at`, or after what was sent before; false if nobody will read them.
    pub(super) fn push(&self, at: Instant, bytes: Bytes) -> bool {
        let mut state = self.state.lock();
        if state.is_reset || state.abandoned {
            return false;
        }
        let at = state.queue.back().map_or(at, |(last, _)| at.max(*last));
        state.queue.push_back((at, bytes));
        state.wake();
        true
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
            Some((_, bytes)) if bytes.len() > most => Found::Bytes(bytes.split_to(most)),
            Some(_) => state.queue.pop_front().map_or(Found::Nothing, |(_, bytes)| Found::Bytes(bytes)),
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
        state.queue.clear();
    }

    pub(super) fn reset(&self) {
        let mut state = self.state.lock();
        state.is_reset = true;
        state.queue.clear();
        state.wake();
    }
}

impl State {
    fn wake(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}
