//! One session follows another, and clients do not notice.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use coordinator::cluster::{Cluster, MoveFrom, Op, SessionEnd, SessionState};
use coordinator::{Epoch, SessionId, ShardId};
use tiering::format::slot::{Builder, Record};
use tiering::metadata::MetadataLog;
use tiering::store::ErrorKind;
use tokio::time::{Instant, sleep, timeout};

use super::Log;
use super::flush::EndReason;

/// However much is written, a session lasts this long.
const LEAST: Duration = Duration::from_secs(60);

/// The pause before what could not be done is tried again.
pub(super) const AGAIN: Duration = Duration::from_millis(500);

/// The longest pause before a rotation that was put off: each trial holds up the slots.
pub(super) const MOST_POSTPONED: Duration = Duration::from_secs(30);

/// How long slots wait for an answer that decides whether the session is to be followed now.
const AT_ONCE: Duration = Duration::from_secs(1);

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
    ///
    /// A session that has put its CLOSE must be followed. So that is put only when the metadata log can be read; else
    /// this answers false, and the session goes on.
    pub(super) async fn rotate(&self, metadata: &MetadataLog, opening: &Opening) -> Result<bool, EndReason> {
        match timeout(AT_ONCE, metadata.refresh()).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => {
                tracing::warn!(%error, "the metadata log can't be read, and the session goes on for now");
                return Ok(false);
            }
            Err(_) => return Ok(false),
        }
        let (session, n, previous) = {
            let open = self.open.lock();
            if open.ended {
                return Err(EndReason::Recorded);
            }
            (open.session, open.next_put(), open.previous)
        };
        let mut builder = Builder::default();
        builder.push(Record::Close);
        self.writer.put(&builder.freeze(session, n, previous, self.parts.entropy.nonce())).await?;
        let next = SessionId::from(self.parts.entropy.ulid(&self.parts.clock));
        self.open.lock().following = Some(next);
        let end = SessionEnd { cut: n, checkpoint: self.last_checkpoint() };
        let mut assigned = BTreeMap::new();
        let mut decide = |cluster: &Cluster| {
            if cluster.session(session).is_none_or(|s| s.state != SessionState::Open) {
                return Err(EndReason::Recorded);
            }
            assigned = held_by(cluster, session);
            let shards: Vec<_> = assigned.keys().map(|shard| (*shard, next)).collect();
            let mut ops = vec![Op::Closed { session, end }, opening(next)];
            let mut after = cluster.clone();
            after.apply(cluster.next(), &ops).map_err(|error| EndReason::Metadata(error.into()))?;
            // CLOSED may have forgotten a session without shards, but not one whose shards move here.
            ops.extend(after.plan_moves(shards, |_| Some(MoveFrom::Ended { session, cut: n })));
            if cluster.session(session).is_some_and(|s| s.draining) {
                ops.push(Op::Drain { session: next, draining: true });
            }
            if cluster.session(session).is_some_and(|s| !s.reached) {
                ops.push(Op::Reached { session: next, reached: false });
            }
            Ok(ops)
        };
        let committed = loop {
            match metadata.propose(&mut decide).await {
                Err(error) if error.kind() == ErrorKind::Retry && !self.open.lock().ended => {
                    tracing::warn!(%error, %session, "the session that follows this one was not recorded; trying again");
                    sleep(AGAIN).await;
                }
                proposed => break proposed??,
            }
        };
        // Nothing is frozen and nothing is released meanwhile: this holds `moving`.
        let frozen = self.begin_frozen();
        let _gone;
        let mut open = self.open.lock();
        open.following = None;
        let opened = committed.cluster.session(next).is_some_and(|s| s.state == SessionState::Open);
        if open.ended || !opened {
            return Err(EndReason::Recorded);
        }
        // A shard that has been elsewhere since this session held it comes back with another state, which must be
        // rebuilt: only what was assigned at the epoch at which it is held is held on.
        let granted = held_by(&committed.cluster, next);
        let mut kept = open.shards.clone();
        kept.retain(|shard, held| granted.contains_key(shard) && assigned.get(shard) == Some(&held.epoch));
        _gone = self.let_go(&mut open, |shard| !kept.contains_key(&shard));
        if granted.keys().all(|shard| kept.contains_key(shard)) {
            open.as_of = committed.cluster.next();
        }
        open.session = next;
        (open.n, open.previous, open.written) = (open.cut.len() as u64, 0, open.waiting_bytes() as u64);
        open.hold_at(committed.k);
        for (n, cut) in (1..).zip(&mut open.cut) {
            cut.capture.iter_mut().for_each(|capture| capture.follow(next, n, &kept, committed.k));
        }
        for held in kept.values_mut() {
            (held.epoch, held.frozen) = (committed.k, false);
        }
        open.shards = kept;
        // What was released and not moved is held anew, too.
        open.states.iter().flatten().for_each(|decided| decided.partition.lead());
        self.thaw(frozen);
        // A first slot at once, and with it a checkpoint: the old session is no longer needed for recovery.
        self.checkpointing.begin(next);
        open.awaited = true;
        tracing::info!(from = %session, to = %next, slots = n, "a session follows another");
        Ok(true)
    }
}

/// The shards that are assigned to a session, and since which entry.
fn held_by(cluster: &Cluster, session: SessionId) -> BTreeMap<ShardId, Epoch> {
    let held = |shard| cluster.assigned(shard).filter(|g| g.session == session && g.end.is_none());
    cluster.shards().all().filter_map(|shard| Some((shard, held(shard)?.epoch))).collect()
}
