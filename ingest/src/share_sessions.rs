//! Share sessions (KIP-932): which partitions a member reads by this node, and which of its requests comes next.
//!
//! They are soft, and end with the connection that opened them. What a member has in hand of a session's
//! partitions comes back when its session ends.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use coordinator::PartitionId;
use coordinator::group::{GroupId, MemberId};
use parking_lot::Mutex;
use thiserror::Error;

/// The session epoch of a request that opens a session.
pub(crate) const FIRST: i32 = 0;

/// The session epoch of a request that closes one.
pub(crate) const FINAL: i32 = -1;

/// Whose session it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Holder {
    /// The group.
    pub(crate) group: GroupId,
    /// Its member.
    pub(crate) member: MemberId,
}

/// Names a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ConnectionId(u64);

/// Why a request does not fit its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum SessionReject {
    /// SHARE_SESSION_NOT_FOUND.
    #[error("the share session was not found")]
    NotFound,
    /// INVALID_SHARE_SESSION_EPOCH.
    #[error("the share session is at another epoch")]
    InvalidEpoch,
    /// SHARE_SESSION_LIMIT_REACHED.
    #[error("there are as many share sessions as may be")]
    LimitReached,
}

struct Session {
    connection: ConnectionId,
    /// Of the next request.
    epoch: i32,
    /// In the order in which the client named them.
    partitions: Vec<PartitionId>,
}

/// A node's share sessions.
#[derive(Default)]
pub(crate) struct Sessions {
    open: Mutex<BTreeMap<Holder, Session>>,
    connections: AtomicU64,
}

impl Sessions {
    /// A name for a connection.
    pub(crate) fn connection(&self) -> ConnectionId {
        ConnectionId(self.connections.fetch_add(1, Ordering::Relaxed))
    }

    /// Opens a session, in place of one that the member may have. What that had in hand stays there. There may be
    /// `most`.
    pub(crate) fn open(
        &self,
        holder: Holder,
        connection: ConnectionId,
        partitions: Vec<PartitionId>,
        most: usize,
    ) -> Result<(), SessionReject> {
        let mut known = BTreeSet::new();
        let partitions = partitions.into_iter().filter(|partition| known.insert(*partition)).collect();
        let mut open = self.open.lock();
        open.remove(&holder);
        if open.len() >= most {
            return Err(SessionReject::LimitReached);
        }
        open.insert(holder, Session { connection, epoch: next(FIRST), partitions });
        Ok(())
    }

    /// A further request of a session, which adds partitions and takes others out: all that it reads.
    pub(crate) fn update(
        &self,
        holder: &Holder,
        epoch: i32,
        added: Vec<PartitionId>,
        forgotten: &[PartitionId],
    ) -> Result<Vec<PartitionId>, SessionReject> {
        let mut open = self.open.lock();
        let session = advance(&mut open, holder, epoch)?;
        if !added.is_empty() {
            let mut known: BTreeSet<_> = session.partitions.iter().copied().collect();
            session.partitions.extend(added.into_iter().filter(|partition| known.insert(*partition)));
        }
        if !forgotten.is_empty() {
            let forgotten: BTreeSet<_> = forgotten.iter().collect();
            session.partitions.retain(|partition| !forgotten.contains(partition));
        }
        Ok(session.partitions.clone())
    }

    /// A request of a session that reads nothing. The last one leaves the session open, for [`Sessions::close`].
    pub(crate) fn acknowledge(&self, holder: &Holder, epoch: i32) -> Result<(), SessionReject> {
        let mut open = self.open.lock();
        match epoch {
            FIRST => Err(SessionReject::InvalidEpoch),
            FINAL if open.contains_key(holder) => Ok(()),
            FINAL => Err(SessionReject::NotFound),
            epoch => advance(&mut open, holder, epoch).map(drop),
        }
    }

    /// Closes a session; answers what it read.
    pub(crate) fn close(&self, holder: &Holder) -> Result<Vec<PartitionId>, SessionReject> {
        let session = self.open.lock().remove(holder).ok_or(SessionReject::NotFound)?;
        Ok(session.partitions)
    }

    /// Closes the sessions that a connection opened.
    pub(crate) fn disconnect(&self, connection: ConnectionId) -> Vec<(Holder, Vec<PartitionId>)> {
        let mut open = self.open.lock();
        let gone = open.extract_if(.., |_, session| session.connection == connection);
        gone.map(|(holder, session)| (holder, session.partitions)).collect()
    }
}

fn advance<'a>(
    open: &'a mut BTreeMap<Holder, Session>,
    holder: &Holder,
    epoch: i32,
) -> Result<&'a mut Session, SessionReject> {
    let session = open.get_mut(holder).ok_or(SessionReject::NotFound)?;
    if session.epoch != epoch {
        return Err(SessionReject::InvalidEpoch);
    }
    session.epoch = next(epoch);
    Ok(session)
}

/// The epoch of the request after one: it never is [`FIRST`] again.
fn next(epoch: i32) -> i32 {
    epoch.checked_add(1).unwrap_or(1)
}

impl Holder {
    /// The holder of these names.
    pub(crate) fn new(group: &str, member: &str) -> Self {
        Self { group: Arc::from(group), member: Arc::from(member) }
    }
}

#[cfg(test)]
mod tests {
    use coordinator::TopicId;

    use super::*;

    fn partition(index: i32) -> PartitionId {
        PartitionId { topic: TopicId([1; 16]), index }
    }

    #[test]
    fn a_session_s_requests_come_in_order() {
        let (sessions, holder) = (Sessions::default(), Holder::new("g", "m"));
        let connection = sessions.connection();
        assert_eq!(sessions.update(&holder, 1, vec![], &[]), Err(SessionReject::NotFound));
        assert_eq!(sessions.open(holder.clone(), connection, vec![partition(0), partition(1)], 9), Ok(()));
        let all = sessions.update(&holder, 1, vec![partition(1), partition(2)], &[partition(0)]);
        assert_eq!(all, Ok(vec![partition(1), partition(2)]));
        assert_eq!(sessions.update(&holder, 1, vec![], &[]), Err(SessionReject::InvalidEpoch));
        assert_eq!(sessions.acknowledge(&holder, 2), Ok(()));
        assert_eq!(sessions.acknowledge(&holder, FIRST), Err(SessionReject::InvalidEpoch));
        assert_eq!(sessions.acknowledge(&holder, 2), Err(SessionReject::InvalidEpoch));
        assert_eq!(sessions.acknowledge(&holder, FINAL), Ok(()));
        assert_eq!(sessions.close(&holder), Ok(vec![partition(1), partition(2)]));
        assert_eq!(sessions.acknowledge(&holder, FINAL), Err(SessionReject::NotFound));
        assert_eq!(sessions.close(&holder), Err(SessionReject::NotFound));
        assert_eq!((next(FIRST), next(i32::MAX)), (1, 1));
    }

    #[test]
    fn a_session_ends_with_the_connection_that_opened_it() {
        let sessions = Sessions::default();
        let (first, second) = (sessions.connection(), sessions.connection());
        let [a, b] = ["a", "b"].map(|member| Holder::new("g", member));
        assert_eq!(sessions.open(a.clone(), first, vec![partition(0)], 9), Ok(()));
        assert_eq!(sessions.open(b.clone(), first, vec![partition(1)], 9), Ok(()));
        assert_eq!(sessions.open(b.clone(), second, vec![partition(2)], 9), Ok(()), "it moves");
        assert_eq!(sessions.disconnect(first), [(a, vec![partition(0)])]);
        assert_eq!(sessions.disconnect(first), []);
        assert_eq!(sessions.close(&b), Ok(vec![partition(2)]));
    }

    #[test]
    fn there_are_only_so_many() {
        let sessions = Sessions::default();
        let connection = sessions.connection();
        let open = |member| sessions.open(Holder::new("g", member), connection, vec![], 2);
        assert_eq!(open("a"), Ok(()));
        assert_eq!(open("b"), Ok(()));
        assert_eq!(open("c"), Err(SessionReject::LimitReached));
        assert_eq!(open("a"), Ok(()), "it has one already");
    }
}
