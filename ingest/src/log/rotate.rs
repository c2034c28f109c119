//! One session follows another, and clients do not notice.

use std::sync::Arc;
use std::time::Duration;

use coordinator::SessionId;
use coordinator::cluster::{MoveFrom, Op, SessionEnd, SessionState};
use tiering::format::slot::{Builder, Record};
use tiering::metadata::MetadataLog;
use tokio::time::Instant;

use super::Log;
use super::flush::EndReason;

/// However much is written, a session lasts this long.
const LEAST: Duration = Duration::from_secs(60);

/// How the process opens a session of this id.
pub type Opening = Arc<dyn Fn(SessionId) -> Op + Send + Sync>;

impl Log {
    /// When the session that began then should be followed by another. If nothing was written, not before it is
    /// full of empty slots: each of those was waited for, and none is put by itself.
    pub(super) fn rotation_due(&self, began: Instant) -> Option<Instant> {
        let config = &self.parts.config;
        let open = self.open.lock();
        let full = open.n >= config.rotate_slots || open.written >= config.rotate_bytes;
        if open.written == 0 && !full {
            return None;
        }
        Some(began + if full { LEAST.min(config.rotate_after) } else { config.rotate_after })
    }

    /// Ends the session and begins the next one. Every slot that was put is committed, and none is in flight. What is
    /// decided meanwhile stays in the slots that wait and in the open one, which become the first of the next session.
    pub(super) async fn rotate(&self, metadata: &MetadataLog, opening: &Opening) -> Result<(), EndReason> {
        let (session, n, previous) = {
            let open = self.open.lock();
            (open.session, open.next_put(), open.previous)
        };
        let mut builder = Builder::default();
        builder.push(Record::Close);
        self.writer.put(&builder.freeze(session, n, previous, self.parts.entropy.nonce())).await?;
        let next = SessionId::from(self.parts.entropy.ulid(&self.parts.clock));
        self.open.lock().following = Some(next);
        let end = SessionEnd { cut: n, checkpoint: self.last_checkpoint() };
        let proposed = metadata.propose(|cluster| {
            if cluster.session(session).is_none_or(|s| s.state != SessionState::Open) {
                return Err(EndReason::Recorded);
            }
            let mine =
                |shard| cluster.assigned(shard).is_some_and(|g| g.session == session && g.end.is_none());
            let shards: Vec<_> = cluster.shards().all().filter(|s| mine(*s)).map(|s| (s, next)).collect();
            let mut ops = vec![Op::Closed { session, end }, opening(next)];
            let mut after = cluster.clone();
            after.apply(cluster.next(), &ops).map_err(|error| EndReason::Metadata(error.into()))?;
            // CLOSED may have forgotten a session without shards, but not one whose shards move here.
            ops.extend(after.plan_moves(shards, |_| Some(MoveFrom::Ended { session, cut: n })));
            if cluster.session(session).is_some_and(|s| s.draining) {
                ops.push(Op::Drain { session: next, draining: true });
            }
            Ok(ops)
        });
        let committed = proposed.await??;
        let mut groups = self.groups.lock();
        let mut open = self.open.lock();
        open.following = None;
        let opened = committed.cluster.session(next).is_some_and(|s| s.state == SessionState::Open);
        let granted = |shard| committed.cluster.assigned(shard).is_some_and(|g| g.epoch == committed.k);
        if open.ended || !opened || !open.shards.keys().all(|shard| granted(*shard)) {
            return Err(EndReason::Recorded);
        }
        open.session = next;
        (open.n, open.previous, open.written) = (open.cut.len() as u64, 0, open.waiting_bytes() as u64);
        open.hold_at(committed.k);
        for (n, cut) in (1..).zip(&mut open.cut) {
            cut.capture.iter_mut().for_each(|capture| capture.follow(next, committed.k, n));
        }
        for held in open.shards.values_mut() {
            (held.epoch, held.frozen) = (committed.k, false);
        }
        // What was released and not moved is held anew, too.
        open.states.iter().flatten().for_each(|decided| decided.partition.lead());
        self.thaw_groups(&mut groups);
        // A first slot at once, and with it a checkpoint: the old session is no longer needed for recovery.
        self.checkpointing.begin(next);
        open.awaited = true;
        tracing::info!(from = %session, to = %next, slots = n, "a session follows another");
        Ok(())
    }
}
