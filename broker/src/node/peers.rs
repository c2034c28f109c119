//! What a node asks of others, and what it notifies them of.

use std::collections::BTreeSet;
use std::time::Duration;

use coordinator::cluster::{Cluster, Session, SessionState};
use coordinator::{Epoch, SessionId};
use futures::future::join_all;
use protocol::messages::PeerPingResponse;
use tokio::time::{sleep, timeout};

use super::{Broker, STORE_LOST};
use crate::peer;

/// How long another node has to answer a ping.
pub(super) const PING: Duration = Duration::from_secs(1);

/// How many nodes are notified of a new entry that gives them no shards; the others read it within a second.
const NUDGED: usize = 16;

/// How long a ping waits for this node to act on an entry.
const ACT: Duration = Duration::from_millis(800);

/// The pause between two questions whether an owner has acted.
const AGAIN: Duration = Duration::from_millis(100);

impl Broker {
    /// The next metadata entry: this node has acted on all before it.
    pub fn acted_on(&self) -> Epoch {
        *self.acted_on.borrow()
    }

    /// Reads the metadata log on if it is not known up to `next` yet, and waits a moment until that has been
    /// acted on. What can't be read now, or is not there, is read later.
    pub async fn reach(&self, next: Epoch) {
        if self.acted_on() >= next {
            return;
        }
        if let Some(metadata) = self.metadata.get() {
            metadata.hear(next);
        }
        let reached = async {
            if self.look_into(next).await && self.is_serving() {
                drop(self.acted_on.subscribe().wait_for(|acted_on| *acted_on >= next).await);
            }
        };
        // The caller looks at how far it has come.
        let _ = timeout(ACT, reached).await;
    }

    pub(super) async fn ping(&self, session: &Session, next: Epoch) -> std::io::Result<PeerPingResponse> {
        let address = session.addresses.first().ok_or(std::io::ErrorKind::AddrNotAvailable)?;
        let next = i64::try_from(next.0).unwrap_or(0);
        let answer = peer::ping(&self.parts.connect, address, next, PING).await?;
        if answer.process_id.as_bytes() == session.process.as_bytes() {
            return Ok(answer);
        }
        // The session's process is no longer there.
        Err(std::io::ErrorKind::ConnectionRefused.into())
    }

    /// Whether a session's node answers, and its store answers it.
    pub(super) async fn reaches(&self, session: &Session) -> bool {
        self.ping(session, Epoch(0)).await.is_ok_and(|answer| !has_lost_store(&answer))
    }

    /// Whether this node reaches another session's node, and that node its store; `None` if there is no such session.
    pub async fn can_reach(&self, session: SessionId) -> Option<bool> {
        let cluster = self.cluster()?;
        let session = cluster.session(session)?;
        Some(session.process == self.process || self.reaches(session).await)
    }

    /// Notifies other nodes of a new entry: those that got shards by it, and some more. They need not
    /// answer.
    pub(super) async fn nudge(&self, cluster: &Cluster) {
        let next = cluster.next();
        let newest = cluster.shards().all().filter_map(|shard| cluster.assigned(shard));
        let takers: BTreeSet<_> = newest.filter(|g| g.epoch.0 + 1 == next.0).map(|g| g.session).collect();
        let others = cluster.open_sessions().filter(|s| s.process != self.process);
        let (takers, others): (Vec<_>, Vec<_>) = others.partition(|s| takers.contains(&s.id));
        let others = takers.into_iter().chain(others.into_iter().take(NUDGED));
        let pings: Vec<_> = others
            .filter_map(|s| {
                let (connect, address) = (self.parts.connect.clone(), s.addresses.first()?.clone());
                let next = i64::try_from(next.0).unwrap_or(0);
                Some(async move { peer::ping(&connect, &address, next, PING).await })
            })
            .collect();
        drop(tokio::spawn(join_all(pings)));
    }

    /// Waits until each of these sessions has acted on every entry before `next`, or has ended.
    pub async fn settled(&self, sessions: BTreeSet<SessionId>, next: Epoch) {
        let settled = async |id: SessionId| {
            loop {
                let Some(cluster) = self.cluster() else { return };
                let Some(session) = cluster.session(id).filter(|s| s.state == SessionState::Open) else {
                    return;
                };
                if session.process == self.process {
                    self.reach(next).await;
                    if self.acted_on() >= next || !self.is_serving() {
                        return;
                    }
                } else if let Ok(answer) = self.ping(session, next).await
                    && u64::try_from(answer.metadata_next).unwrap_or(0) >= next.0
                {
                    return;
                }
                sleep(AGAIN).await;
            }
        };
        join_all(sessions.into_iter().map(settled)).await;
    }
}

/// Whether a node's store has been out of its reach for so long that it counts as down.
pub(super) fn has_lost_store(answer: &PeerPingResponse) -> bool {
    answer.store_age_ms >= i64::try_from(STORE_LOST.as_millis()).unwrap_or(i64::MAX)
}

/// The sessions that lead a topic's partitions.
pub fn owners(
    cluster: &Cluster,
    topics: impl IntoIterator<Item = (coordinator::TopicId, i32)>,
) -> BTreeSet<SessionId> {
    let mut owners = BTreeSet::new();
    for (topic, partitions) in topics {
        // Successive partitions lie in successive shards: after a round there is nothing new.
        let partitions = partitions.min(i32::try_from(cluster.shards().count()).unwrap_or(i32::MAX));
        let partitions = (0..partitions).map(|index| coordinator::PartitionId { topic, index });
        owners.extend(partitions.filter_map(|id| cluster.leader(id)).map(|(session, _)| session.id));
    }
    owners
}
