//! What happened in a run, line by line: hashed, so that two runs can be compared, and printed on demand.

use std::fmt::{Arguments, Write};

use parking_lot::Mutex;
use tokio::time::Instant;
use xxhash_rust::xxh3::Xxh3;

/// The record of a run.
pub struct Trace {
    started: Instant,
    print: bool,
    state: Mutex<State>,
}

struct State {
    hash: Xxh3,
    lines: u64,
    line: String,
}

impl Trace {
    /// Begins now.
    pub fn new(print: bool) -> Self {
        let state = State { hash: Xxh3::new(), lines: 0, line: String::with_capacity(256) };
        Self { started: Instant::now(), print, state: Mutex::new(state) }
    }

    /// Adds a line, with the time.
    pub fn line(&self, what: Arguments<'_>) {
        let mut state = self.state.lock();
        let state = &mut *state;
        state.line.clear();
        let ms = self.started.elapsed().as_millis();
        // Writing into a string can't fail.
        let _ = write!(state.line, "{ms:>7} {what}");
        state.hash.update(state.line.as_bytes());
        state.hash.update(b"\n");
        state.lines += 1;
        if self.print {
            println!("{}", state.line);
        }
    }

    /// Whether lines are printed.
    pub fn prints(&self) -> bool {
        self.print
    }

    /// Prints a line that does not count, if lines are printed.
    pub fn remark(&self, what: Arguments<'_>) {
        if self.print {
            println!("{:>7}   {what}", self.started.elapsed().as_millis());
        }
    }

    /// The hash of all lines.
    pub fn hash(&self) -> u64 {
        self.state.lock().hash.digest()
    }

    /// How many lines there are.
    pub fn lines(&self) -> u64 {
        self.state.lock().lines
    }
}
