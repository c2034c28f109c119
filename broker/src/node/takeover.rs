//! Ending a session that no process serves, and giving its shards to the survivors.

use std::time::Duration;

use coordinator::SessionId;
use coordinator::cluster::{Cluster, Op, SessionState};
use tiering::metadata::MetadataLog;
use tiering::session::seal;
use tokio::time::timeout;

use super::{Broker, OpenError};

/// How long sealing may take.
const SEALED: Duration = Duration::from_secs(30);

impl Broker {
    /// Seals a session; then one entry records its end and moves its shards. Nodes may race: sealing is
    /// idempotent, and the first entry counts. Fails if the store does not take the seal in time: whether the session
    /// is still one to end is then to be looked at anew.
    pub(super) async fn take_over(
        &self,
        metadata: &MetadataLog,
        session: SessionId,
    ) -> Result<(), OpenError> {
        let seal = seal(&self.parts.store, session, self.process);
        let sealed =
            timeout(SEALED, seal).await.map_err(|_| OpenError::Unsealed { session, after: SEALED })??;
        let proposed = metadata.propose(|cluster| {
            if cluster.session(session).is_none_or(|s| s.state != SessionState::Open) {
                return Err(());
            }
            Ok(with_takeover(cluster, vec![sealed.op(session)]))
        });
        if let Ok(committed) = proposed.await? {
            tracing::warn!(%session, cut = sealed.end.cut, "ended a session that no process serves");
            self.nudge(&committed.cluster).await;
        }
        Ok(())
    }

    /// Ends what is still open of this process, whose log has ended, and holds shards: the other nodes leave it alone as
    /// long as this one answers them. What holds none is left open: if it was draining, so will the next one be.
    pub(super) async fn end_own(&self, metadata: &MetadataLog) -> Result<(), OpenError> {
        let cluster = metadata.refresh().await?;
        let holds = |id: SessionId| {
            let mut grants = cluster.shards().all().filter_map(|shard| cluster.assigned(shard));
            grants.any(|grant| grant.session == id)
        };
        for own in cluster.open_sessions().filter(|s| s.process == self.process && holds(s.id)) {
            self.take_over(metadata, own.id).await?;
        }
        Ok(())
    }

    /// Moves the shards that are assigned to no open session.
    pub(super) async fn take_orphans(&self, metadata: &MetadataLog) -> Result<(), OpenError> {
        let proposed = metadata.propose(|cluster| match cluster.plan_takeover() {
            ops if ops.is_empty() => Err(()),
            ops => Ok(ops),
        });
        if let Ok(committed) = proposed.await? {
            self.nudge(&committed.cluster).await;
        }
        Ok(())
    }
}

/// `ops`, which end a session, and after them what they make due: the MOVEs of its shards, and where one process is
/// left, that it counts as reached, since there is none that could reach it.
pub(super) fn with_takeover(cluster: &Cluster, mut ops: Vec<Op>) -> Vec<Op> {
    let mut after = cluster.clone();
    if after.apply(cluster.next(), &ops).is_ok() {
        let left = || after.open_sessions();
        let process = left().next().map(|s| s.process);
        if left().all(|s| Some(s.process) == process) {
            ops.extend(left().filter_map(|s| after.plan_reached(s.id, true)));
        }
        ops.extend(after.plan_takeover());
    }
    ops
}
