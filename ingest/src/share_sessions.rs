//! Share sessions (KIP-932): which partitions a member reads by this node, and which of its requests comes next.
//!
//! They are soft, and end with the connection that opened them. What a member has acquired of a session's
//! partitions is available again when its session ends.

mod tie;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use coordinator::PartitionId;
use coordinator::group::{GroupId, MemberId};
use parking_lot::Mutex;
use thiserror::Error;

pub(crate) use tie::Tie;

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
    #[error("there are as many share sessions, or partitions in them, as may be")]
    LimitReached,
}

/// How many partitions a session may have, and all of a node's sessions together.
const MOST_OF_SESSION: usize = 10_000;
const MOST: usize = 200_000;

struct Session {
    connection: ConnectionId,
    /// Of the next request.
    epoch: i32,
    /// In the order in which the client named them.
    partitions: Vec<PartitionId>,
}

/// The sessions that are open.
#[derive(Default)]
struct Open {
    sessions: BTreeMap<Holder, Session>,
    /// How many partitions they have.
    partitions: usize,
}

impl Open {
    fn remove(&mut self, holder: &Holder) -> Option<Vec<PartitionId>> {
        let partitions = self.sessions.remove(holder)?.partitions;
        self.partitions -= partitions.len();
        Some(partitions)
    }

    /// The session whose next request this is.
    fn at(&mut self, holder: &Holder, epoch: i32) -> Result<&mut Session, SessionReject> {
        let session = self.sessions.get_mut(holder).ok_or(SessionReject::NotFound)?;
        if session.epoch != epoch {
            return Err(SessionReject::InvalidEpoch);
        }
        Ok(session)
    }
}

/// A node's share sessions.
#[derive(Default)]
pub(crate) struct Sessions {
    open: Mutex<Open>,
    connections: AtomicU64,
}

impl Sessions {
    /// A name for a connection.
    pub(crate) fn connection(&self) -> ConnectionId {
        ConnectionId(self.connections.fetch_add(1, Ordering::Relaxed))
    }

    /// Opens a session, in place of one that the member may have; answers what it reads. What the member
    /// has acquired stays acquired. There may be `most`.
    pub(crate) fn open(
        &self,
        holder: Holder,
        connection: ConnectionId,
        partitions: Vec<PartitionId>,
        most: usize,
    ) -> Result<Vec<PartitionId>, SessionReject> {
        let mut known = BTreeSet::new();
        let partitions: Vec<_> =
            partitions.into_iter().filter(|partition| known.insert(*partition)).collect();
        let mut open = self.open.lock();
        open.remove(&holder);
        let is_full = open.sessions.len() >= most || open.partitions + partitions.len() > MOST;
        if is_full || partitions.len() > MOST_OF_SESSION {
            return Err(SessionReject::LimitReached);
        }
        open.partitions += partitions.len();
        let session = Session { connection, epoch: next(FIRST), partitions: partitions.clone() };
        open.sessions.insert(holder, session);
        Ok(partitions)
    }

    /// A further request of a session, which adds partitions and takes others out: all that it reads. Nothing changes if
    /// it would be too many.
    pub(crate) fn update(
        &self,
        holder: &Holder,
        epoch: i32,
        added: Vec<PartitionId>,
        forgotten: &[PartitionId],
    ) -> Result<Vec<PartitionId>, SessionReject> {
        let mut open = self.open.lock();
        let all = open.partitions;
        let session = open.at(holder, epoch)?;
        let before = session.partitions.len();
        if !added.is_empty() || !forgotten.is_empty() {
            let forgotten: BTreeSet<_> = forgotten.iter().collect();
            let mut known = BTreeSet::new();
            let partitions = session.partitions.iter().copied().chain(added);
            let partitions: Vec<_> = partitions
                .filter(|partition| !forgotten.contains(partition) && known.insert(*partition))
                .collect();
            let grows = partitions.len() > before;
            if grows && (partitions.len() > MOST_OF_SESSION || all - before + partitions.len() > MOST) {
                return Err(SessionReject::LimitReached);
            }
            session.partitions = partitions;
        }
        session.epoch = next(epoch);
        let partitions = session.partitions.clone();
        open.partitions = all - before + partitions.len();
        Ok(partitions)
    }

    /// A request of a session that reads nothing. The last one leaves the session open, for [`Sessions::close`].
    pub(crate) fn acknowledge(&self, holder: &Holder, epoch: i32) -> Result<(), SessionReject> {
        let mut open = self.open.lock();
        match epoch {
            FIRST => Err(SessionReject::InvalidEpoch),
            FINAL if open.sessions.contains_key(holder) => Ok(()),
            FINAL => Err(SessionReject::NotFound),
            epoch => open.at(holder, epoch).map(|session| session.epoch = next(epoch)),
        }
    }

    /// Closes a session; answers what it read.
    pub(crate) fn close(&self, holder: &Holder) -> Result<Vec<PartitionId>, SessionReject> {
        self.open.lock().remove(holder).ok_or(SessionReject::NotFound)
    }

    /// Closes the sessions that a connection opened.
    pub(crate) fn disconnect(&self, connection: ConnectionId) -> Vec<(Holder, Vec<PartitionId>)> {
        let mut open = self.open.lock();
        let gone = open.sessions.extract_if(.., |_, session| session.connection == connection);
        let gone: Vec<_> = gone.map(|(holder, session)| (holder, session.partitions)).collect();
        open.partitions -= gone.iter().map(|(_, partitions)| partitions.len()).sum::<usize>();
        gone
    }
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
        let first = vec![partition(0), partition(1)];
        let twice = [first.clone(), first.clone()].concat();
        assert_eq!(sessions.open(holder.clone(), connection, twice, 9), Ok(first));
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
        assert_eq!(sessions.open(a.clone(), first, vec![partition(0)], 9), Ok(vec![partition(0)]));
        assert_eq!(sessions.open(b.clone(), first, vec![partition(1)], 9), Ok(vec![partition(1)]));
        assert_eq!(
            sessions.open(b.clone(), second, vec![partition(2)], 9),
            Ok(vec![partition(2)]),
            "it moves"
        );
        assert_eq!(sessions.disconnect(first), [(a, vec![partition(0)])]);
        assert_eq!(sessions.disconnect(first), []);
        assert_eq!(sessions.close(&b), Ok(vec![partition(2)]));
    }

    #[test]
    fn there_are_only_so_many() {
        let sessions = Sessions::default();
        let connection = sessions.connection();
        let open = |member| sessions.open(Holder::new("g", member), connection, vec![], 2);
        assert_eq!(open("a"), Ok(vec![]));
        assert_eq!(open("b"), Ok(vec![]));
        assert_eq!(open("c"), Err(SessionReject::LimitReached));
        assert_eq!(open("a"), Ok(vec![]), "it has one already");
    }

    fn partitions(indexes: std::ops::Range<usize>) -> Vec<PartitionId> {
        indexes.map(|index| partition(i32::try_from(index).expect("few"))).collect()
    }

    #[test]
    fn a_session_has_only_so_many_partitions() {
        let (sessions, holder) = (Sessions::default(), Holder::new("g", "m"));
        let connection = sessions.connection();
        let open = |count| sessions.open(holder.clone(), connection, partitions(0..count), 9);
        assert_eq!(open(MOST_OF_SESSION + 1), Err(SessionReject::LimitReached));
        assert_eq!(open(MOST_OF_SESSION).map(|all| all.len()), Ok(MOST_OF_SESSION));
        let more = partitions(MOST_OF_SESSION..MOST_OF_SESSION + 2);
        assert_eq!(sessions.update(&holder, 1, more[..1].to_vec(), &[]), Err(SessionReject::LimitReached));
        // The refused request took no place in the session.
        let all = sessions.update(&holder, 1, more.clone(), &partitions(0..2)).expect("others have gone");
        assert_eq!((all.len(), &all[all.len() - 2..]), (MOST_OF_SESSION, &more[..]));
    }

    #[test]
    fn all_sessions_have_only_so_many_partitions() {
        let sessions = Sessions::default();
        let connection = sessions.connection();
        let open = |number: usize, count| {
            sessions.open(Holder::new("g", &number.to_string()), connection, partitions(0..count), usize::MAX)
        };
        for number in 0..MOST / MOST_OF_SESSION {
            assert_eq!(open(number, MOST_OF_SESSION).map(|all| all.len()), Ok(MOST_OF_SESSION));
        }
        assert_eq!(open(1000, 1), Err(SessionReject::LimitReached));
        assert_eq!(open(0, MOST_OF_SESSION - 1).map(|all| all.len()), Ok(MOST_OF_SESSION - 1));
        assert_eq!(open(1000, 1).map(|all| all.len()), Ok(1));
        assert_eq!(open(1001, 1), Err(SessionReject::LimitReached));
        assert!(sessions.close(&Holder::new("g", "1000")).is_ok());
        assert_eq!(open(1001, 1).map(|all| all.len()), Ok(1));
        let closed = sessions.disconnect(connection);
        assert_eq!(closed.iter().map(|(_, all)| all.len()).sum::<usize>(), MOST);
        assert_eq!(sessions.open.lock().partitions, 0);
    }
}
