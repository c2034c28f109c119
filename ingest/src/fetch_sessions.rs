//! Fetch sessions (KIP-227): which partitions a client reads by this node, so that its requests need not name those that
//! it reads on from where it was, nor responses those of which there is no news.
//!
//! They are soft, and outlive the connection that opened them, as Kafka's do. There are so many, of so many partitions
//! together; a new one may take the place of one that has not been used for a while.

mod partitions;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use thiserror::Error;
use tokio::time::Instant;

use crate::metrics::Metrics;
pub(crate) use partitions::{Asked, News, Partitions, Topic};

/// The session epoch of a request that opens a session.
pub(crate) const FIRST: i32 = 0;

/// The session epoch of a request outside of any session; it closes one that it names.
pub(crate) const FINAL: i32 = -1;

/// How long a session has been unused that any new one may take the place of, and how old one is that a larger one may
/// (Kafka's `min.incremental.fetch.session.eviction.ms`).
const EVICTION: Duration = Duration::from_secs(120);

/// How many partitions all of a node's sessions may have together, however much memory there is.
const MOST: usize = 200_000;

/// The memory for answers that there is for each partition of a session, in bytes. It takes less, and none of that.
const MEMORY: usize = 1 << 10;

/// Why a request does not fit its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum SessionReject {
    /// FETCH_SESSION_ID_NOT_FOUND.
    #[error("the fetch session was not found")]
    NotFound,
    /// INVALID_FETCH_SESSION_EPOCH.
    #[error("the fetch session is at another epoch, or a request of it is being answered")]
    InvalidEpoch,
    /// FETCH_SESSION_TOPIC_ID_ERROR.
    #[error("the fetch session names topics otherwise: by their names, or by their ids")]
    TopicIds,
}

struct Session {
    /// Tells it from another one that had the same id.
    serial: u64,
    /// Of the next request.
    epoch: i32,
    /// Whether it names topics by their ids.
    by_id: bool,
    opened: Instant,
    used: Instant,
    /// How many partitions it has, as far as is known.
    size: usize,
    /// None while a request of it is being answered.
    partitions: Option<Partitions>,
}

#[derive(Default)]
struct Open {
    sessions: BTreeMap<i32, Session>,
    /// How many partitions they have.
    partitions: usize,
    /// How many have been opened.
    serial: u64,
}

impl Open {
    fn remove(&mut self, id: i32) -> bool {
        let removed = self.sessions.remove(&id);
        self.partitions -= removed.as_ref().map_or(0, |session| session.size);
        removed.is_some()
    }

    /// The session that has been unused for longest, if it has been for long enough.
    fn stale(&self, now: Instant) -> Option<i32> {
        let (id, session) = self.sessions.iter().min_by_key(|(_, session)| session.used)?;
        (now.duration_since(session.used) > EVICTION).then_some(*id)
    }

    /// The smallest session of those that have been there for long enough, if it is smaller than `size`.
    fn smaller(&self, size: usize, now: Instant) -> Option<i32> {
        let old = self.sessions.iter().filter(|(_, session)| now.duration_since(session.opened) > EVICTION);
        let (id, session) = old.min_by_key(|(_, session)| session.size)?;
        (session.size < size).then_some(*id)
    }
}

/// A node's fetch sessions.
pub(crate) struct Sessions {
    /// How many there may be.
    slots: usize,
    /// How many partitions they may have together.
    most: usize,
    metrics: Arc<Metrics>,
    open: Mutex<Open>,
}

impl Sessions {
    /// So many sessions at most, on a node with so much memory for answers (bytes).
    pub(crate) fn new(slots: usize, answer_memory: usize, metrics: Arc<Metrics>) -> Arc<Self> {
        let most = MOST.min(answer_memory / MEMORY);
        Arc::new(Self { slots, most, metrics, open: Mutex::default() })
    }

    /// Opens a session for so many partitions, which are yet to be put in, under an id that `random` draws; none if
    /// there is no room for it.
    pub(crate) fn open(
        self: &Arc<Self>,
        size: usize,
        by_id: bool,
        mut random: impl FnMut() -> i32,
    ) -> Option<Lease> {
        let (mut open, now) = (self.open.lock(), Instant::now());
        if !self.make_room(&mut open, size, now) {
            return None;
        }
        let id = loop {
            let id = random() & i32::MAX;
            if id != 0 && !open.sessions.contains_key(&id) {
                break id;
            }
        };
        open.serial += 1;
        open.partitions += size;
        let serial = open.serial;
        let (epoch, partitions) = (next(FIRST), None);
        let session = Session { serial, epoch, by_id, opened: now, used: now, size, partitions };
        open.sessions.insert(id, session);
        self.count(&open);
        Some(Lease { sessions: Arc::clone(self), id, serial, partitions: Partitions::default() })
    }

    /// Evicts what a new session of so many partitions may take the place of; whether there is room for it.
    fn make_room(&self, open: &mut Open, size: usize, now: Instant) -> bool {
        if self.slots == 0 || size > self.most {
            return false;
        }
        while open.sessions.len() >= self.slots || open.partitions + size > self.most {
            let full = open.sessions.len() >= self.slots;
            let evicted = open.stale(now).or_else(|| open.smaller(size, now).filter(|_| full));
            let Some(evicted) = evicted else { return false };
            open.remove(evicted);
            self.metrics.fetch_session_evicted();
            self.count(open);
        }
        true
    }

    /// A further request of a session, which changes its partitions. None if that leaves it none: then it is closed.
    pub(crate) fn resume(
        self: &Arc<Self>,
        id: i32,
        epoch: i32,
        by_id: bool,
        change: impl FnOnce(&mut Partitions),
    ) -> Result<Option<Lease>, SessionReject> {
        let mut lease = self.lease(id, epoch, by_id)?;
        change(&mut lease.partitions);
        let size = lease.partitions.len();
        let is_kept = self.resize(&lease, size);
        if size == 0 || !is_kept {
            self.close(id);
        }
        match (size, is_kept) {
            (0, _) => Ok(None),
            (_, true) => Ok(Some(lease)),
            (_, false) => Err(SessionReject::NotFound),
        }
    }

    fn lease(self: &Arc<Self>, id: i32, epoch: i32, by_id: bool) -> Result<Lease, SessionReject> {
        let mut open = self.open.lock();
        let session = open.sessions.get_mut(&id).ok_or(SessionReject::NotFound)?;
        if session.epoch != epoch {
            return Err(SessionReject::InvalidEpoch);
        }
        if session.by_id != by_id {
            return Err(SessionReject::TopicIds);
        }
        let partitions = session.partitions.take().ok_or(SessionReject::InvalidEpoch)?;
        (session.epoch, session.used) = (next(epoch), Instant::now());
        Ok(Lease { sessions: Arc::clone(self), id, serial: session.serial, partitions })
    }

    /// Notes how many partitions a session has. False if that is more than there is room for.
    fn resize(&self, lease: &Lease, size: usize) -> bool {
        let mut open = self.open.lock();
        let Open { sessions, partitions, .. } = &mut *open;
        // One that was closed meanwhile takes no room.
        let Some(session) = sessions.get_mut(&lease.id).filter(|s| s.serial == lease.serial) else {
            return true;
        };
        if size > session.size && *partitions - session.size + size > self.most {
            return false;
        }
        *partitions = *partitions - session.size + size;
        session.size = size;
        self.count(&open);
        true
    }

    /// Closes a session, if it is there. A request of it that is being answered still is.
    pub(crate) fn close(&self, id: i32) {
        let mut open = self.open.lock();
        if open.remove(id) {
            self.count(&open);
        }
    }

    fn put_back(&self, id: i32, serial: u64, partitions: Partitions) {
        let mut open = self.open.lock();
        let Open { sessions, partitions: all, .. } = &mut *open;
        let Some(session) = sessions.get_mut(&id).filter(|session| session.serial == serial) else { return };
        // What opened it may have named partitions twice.
        *all = *all - session.size + partitions.len();
        session.size = partitions.len();
        session.partitions = Some(partitions);
        self.count(&open);
    }

    fn count(&self, open: &Open) {
        self.metrics.fetch_sessions_open(open.sessions.len(), open.partitions);
    }
}

/// A session while a request of it is being answered: no other one is meanwhile.
pub(crate) struct Lease {
    sessions: Arc<Sessions>,
    id: i32,
    serial: u64,
    /// What it reads.
    pub(crate) partitions: Partitions,
}

impl Lease {
    /// The session's id.
    pub(crate) fn id(&self) -> i32 {
        self.id
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut partitions = std::mem::take(&mut self.partitions);
        partitions.unwatch();
        self.sessions.put_back(self.id, self.serial, partitions);
    }
}

/// The epoch of the request after one: it never is [`FIRST`] again.
fn next(epoch: i32) -> i32 {
    epoch.checked_add(1).unwrap_or(1)
}

#[cfg(test)]
#[path = "fetch_sessions/sessions_test.rs"]
mod tests;
