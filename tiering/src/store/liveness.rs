//! Whether a store takes what is written: the age of the oldest write that it has not confirmed.
//!
//! A store that answers reads may refuse every write, so that the time since its last answer says nothing of them.
//! An upload that makes progress is alive, but only where it gets further than every attempt before it: a body
//! that is sent and refused again and again never ends. Time that a write spends in line behind others of this
//! process does not count against the store.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use object_store::Error;
use object_store::path::Path;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::attempt;
use super::error::Class;

/// Characters of what a store answers that are kept; some answer with pages of XML.
const LONGEST_REASON: usize = 300;

/// The writes that are under way.
#[derive(Debug, Default)]
pub(super) struct Writes {
    pending: Mutex<Pending>,
}

#[derive(Debug, Default)]
struct Pending {
    next: u64,
    /// When an object of this process's was last known to be in the store.
    confirmed: Option<Instant>,
    writes: BTreeMap<u64, State>,
}

#[derive(Debug)]
struct State {
    path: Path,
    /// What the bytes may take by themselves.
    grace: Duration,
    /// The furthest byte that any attempt has reached.
    furthest: u64,
    /// When that was; later by the time spent in line.
    since: Instant,
    /// Since when it has been in line.
    in_line: Option<Instant>,
    error: Option<String>,
}

impl State {
    fn age(&self, now: Instant) -> Duration {
        self.in_line.unwrap_or(now).saturating_duration_since(self.since).saturating_sub(self.grace)
    }
}

/// A write that the store has not confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unconfirmed {
    /// The object.
    pub path: Path,
    /// How long it has come no further, beyond what its bytes may take.
    pub age: Duration,
    /// What the store answered last; `None` if it has not.
    pub error: Option<String>,
}

impl std::fmt::Display for Unconfirmed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.error {
            Some(error) => f.write_str(error),
            None => write!(f, "{} has no answer", self.path),
        }
    }
}

/// One of the writes that are under way. Clones are the same write.
#[derive(Debug, Clone)]
pub(super) struct Write {
    all: Arc<Writes>,
    id: u64,
}

/// Takes a write from those that are under way when it is dropped.
#[derive(Debug)]
pub(super) struct UnderWay(pub(super) Write);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.all.pending.lock().writes.remove(&self.0.id);
    }
}

impl UnderWay {
    /// The caller's bytes are in the store.
    pub(super) fn confirmed(&self) {
        self.0.all.pending.lock().confirmed = Some(Instant::now());
    }
}

impl Writes {
    pub(super) fn begin(self: &Arc<Self>, path: &Path, bytes: u64) -> UnderWay {
        let state = State {
            path: path.clone(),
            grace: attempt::grace(bytes),
            furthest: 0,
            since: Instant::now(),
            in_line: None,
            error: None,
        };
        let mut pending = self.pending.lock();
        let id = pending.next;
        pending.next += 1;
        pending.writes.insert(id, state);
        UnderWay(Write { all: Arc::clone(self), id })
    }

    /// The age of the write that has come no further for longest.
    pub(super) fn age(&self) -> Option<Duration> {
        let now = Instant::now();
        self.pending.lock().writes.values().map(|write| write.age(now)).max()
    }

    /// How long ago a write was last confirmed.
    pub(super) fn confirmed(&self) -> Option<Duration> {
        self.pending.lock().confirmed.map(|at| at.elapsed())
    }

    /// The write that has come no further for longest.
    pub(super) fn oldest(&self) -> Option<Unconfirmed> {
        let now = Instant::now();
        let pending = self.pending.lock();
        let oldest = pending.writes.values().rev().max_by_key(|write| write.age(now))?;
        Some(Unconfirmed { path: oldest.path.clone(), age: oldest.age(now), error: oldest.error.clone() })
    }
}

impl Write {
    fn with(&self, change: impl FnOnce(&mut State)) {
        if let Some(write) = self.all.pending.lock().writes.get_mut(&self.id) {
            change(write);
        }
    }

    /// An attempt has got so far.
    pub(super) fn reached(&self, sent: u64) {
        self.with(|write| {
            if sent > write.furthest {
                (write.furthest, write.since) = (sent, Instant::now());
            }
        });
    }

    /// An attempt has failed.
    pub(super) fn failed(&self, error: &Error) {
        let denied = Class::of(error) == Class::Denied;
        let error: String = error.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        let error: String = error.chars().take(LONGEST_REASON).collect();
        self.with(|write| {
            let what = if denied { "is denied" } else { "does not get through" };
            write.error = Some(format!("writing {} {what}: {error}", write.path));
        });
    }

    /// Waits for this write's turn.
    pub(super) async fn in_line<T>(&self, turn: impl Future<Output = T>) -> T {
        self.with(|write| write.in_line = Some(Instant::now()));
        let turn = turn.await;
        self.with(|write| {
            if let Some(since) = write.in_line.take() {
                write.since += since.elapsed();
            }
        });
        turn
    }
}
