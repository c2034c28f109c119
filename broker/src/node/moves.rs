//! Following the metadata log: shards that this node was given are rebuilt and served, shards that it should
//! give away are released, and shards that no session holds are shared out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use coordinator::cluster::{Cluster, Op, SessionState};
use coordinator::{Epoch, SessionId, ShardId};
use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use tiering::metadata::MetadataLog;
use tiering::mutant::{self, Mutant};
use tiering::recover::{Rebuilt, Recovered, recover};
use tokio::task::JoinError;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::task::AbortOnDropHandle;

use super::Broker;
use crate::log::{Holding, Log, NotLeader, Release};

/// How often everything is looked at again, whatever happens.
const AGAIN: Duration = Duration::from_millis(500);

/// How long shards may be without an owner before any node but the first takes them.
const ORPHANED: Duration = Duration::from_secs(3);

/// Something that takes time, when it is done.
enum Done {
    /// Shards have been rebuilt as the session got them.
    Rebuilt { session: SessionId, held: Vec<(ShardId, Holding)>, rebuilt: Rebuilt },
    /// Whether shards were given away.
    Released(bool),
    /// Whether an entry was put.
    Proposed(bool),
}

/// The state of it.
pub(super) struct Moves {
    broker: Arc<Broker>,
    metadata: Arc<MetadataLog>,
    log: Arc<Log>,
    /// Shards that are being rebuilt right now, and the epoch at which they were granted.
    rebuilding: BTreeMap<ShardId, Epoch>,
    releasing: bool,
    proposing: bool,
    orphaned_since: Option<Instant>,
    jobs: FuturesUnordered<BoxFuture<'static, Done>>,
}

impl Moves {
    pub(super) fn new(broker: Arc<Broker>, metadata: Arc<MetadataLog>, log: Arc<Log>) -> Self {
        Self {
            broker,
            metadata,
            log,
            rebuilding: BTreeMap::new(),
            releasing: false,
            proposing: false,
            orphaned_since: None,
            jobs: FuturesUnordered::new(),
        }
    }

    /// Never ends.
    pub(super) async fn run(mut self) {
        let mut changes = self.metadata.subscribe();
        let mut leaving = self.broker.leaving.subscribe();
        let mut again = interval(AGAIN);
        again.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                Some(done) = self.jobs.next(), if !self.jobs.is_empty() => if !self.done(done) {
                    // It would fail again at once.
                    continue;
                },
                Ok(()) = changes.changed() => {}
                Ok(()) = leaving.changed() => {}
                _ = again.tick() => {}
            }
            self.broker.pause().await;
            // As of now: by an older state, the session that follows this one does not exist yet.
            let cluster = Arc::clone(&changes.borrow_and_update());
            self.follow(&cluster).await;
        }
    }

    async fn follow(&mut self, cluster: &Arc<Cluster>) {
        if !self.log.is_open_in(cluster) {
            return self.log.fail();
        }
        let session = self.log.session();
        let Some(own) = cluster.session(session).filter(|s| s.state == SessionState::Open) else {
            // Another session is about to follow it, or this is an older state of the cluster.
            return;
        };
        self.log.follow(cluster).await;
        if self.log.session() != session {
            // Another has followed it meanwhile, which this state of the cluster may not know.
            return;
        }
        self.broker.drained.store(own.draining, Relaxed);
        self.adopt(cluster, session);
        // Entries may be taken where slots are not: a node that can't write slots serves nothing, and must not stay.
        if own.suspected.is_some() && !self.broker.has_lost_writes() {
            self.propose(move |cluster| {
                let suspected = cluster.session(session).is_some_and(|s| s.suspected.is_some());
                if suspected { vec![Op::Alive { session }] } else { Vec::new() }
            });
        }
        let others = cluster.open_sessions().any(|s| s.process != own.process && !s.draining);
        let leaving = *self.broker.leaving.borrow() && !own.draining && others;
        if leaving && self.log.shards() == 0 {
            self.propose(move |_| vec![drain(session)]);
        }
        self.release(cluster, session, leaving);
        self.share_orphans(cluster);
        self.broker.acted_on.send_replace(cluster.next());
    }

    /// Begins to rebuild what is new, and drops what was moved. What could not be rebuilt before is tried again after
    /// a while. Until then it is assigned to the session and not held, and no checkpoint of the session may be as of
    /// a later entry than the one that granted it.
    fn adopt(&mut self, cluster: &Arc<Cluster>, session: SessionId) {
        let held = self.log.held();
        let (mut granted, mut gone) = (Vec::new(), BTreeSet::new());
        let mut pending = cluster.next();
        self.rebuilding.retain(|shard, epoch| {
            cluster.assigned(*shard).is_some_and(|g| g.session == session && g.epoch == *epoch)
        });
        for shard in cluster.shards().all() {
            let grant = cluster.assigned(shard).filter(|g| g.session == session && g.end.is_none());
            match (grant, held.get(&shard)) {
                (None, Some(_)) => {
                    gone.insert(shard);
                }
                (Some(grant), known) if known != Some(&grant.epoch) => {
                    pending = pending.min(grant.epoch);
                    if !self.broker.unserved().waits(shard)
                        && self.rebuilding.insert(shard, grant.epoch).is_none()
                    {
                        granted.push((shard, Holding::from(grant)));
                    }
                }
                _ => {}
            }
        }
        self.broker.retain_unserved(|shard| {
            let grant = cluster.assigned(shard).filter(|g| g.session == session && g.end.is_none());
            grant.is_some_and(|grant| held.get(&shard) != Some(&grant.epoch))
        });
        if !gone.is_empty() {
            self.log.drop_shards(&gone);
        }
        self.log.installed_before(pending);
        if granted.is_empty() {
            return;
        }
        if mutant::is(Mutant::ServeBeforeReplay) {
            self.log.install(session, &granted, Recovered::default());
        }
        let (store, cluster) = (self.broker.parts.store.clone(), Arc::clone(cluster));
        let shards: Vec<_> = granted.iter().map(|(shard, _)| *shard).collect();
        // A task of its own: decoding takes time, and slots must be put meanwhile.
        let recovering =
            spawn(async move { recover(&store, &cluster, session, shards, BTreeMap::new()).await });
        self.jobs.push(Box::pin(async move {
            Done::Rebuilt { session, held: granted, rebuilt: recovering.await }
        }));
    }

    /// Begins to give away what others should have; all of it, if the node is leaving.
    fn release(&mut self, cluster: &Cluster, session: SessionId, leaving: bool) {
        if self.releasing || !self.rebuilding.is_empty() {
            return;
        }
        let held = self.log.held();
        let well = |to: &SessionId| cluster.session(*to).is_some_and(|s| s.suspected.is_none());
        let after = leaving.then(|| applied(cluster, &[drain(session)]));
        let cluster = after.as_ref().unwrap_or(cluster);
        let mut wanted = cluster.surplus(session);
        wanted.retain(|(shard, to)| held.contains_key(shard) && well(to));
        // What was wanted because of load is not wanted any more once shards move for another reason.
        let busy = self.broker.load.surplus(cluster, &self.log);
        if wanted.is_empty() {
            wanted = busy;
        }
        // What was released, and whose move was not recorded, must go somewhere, even if that is here again.
        let mut stranded = self.log.frozen();
        stranded.retain(|shard| !wanted.iter().any(|(wanted, _)| wanted == shard));
        if !stranded.is_empty() {
            wanted.extend(cluster.placement().into_iter().filter(|(shard, _)| stranded.contains(shard)));
        }
        // What was granted anew, and has not been rebuilt yet, is held as it was before that.
        wanted.retain(|(shard, _)| cluster.assigned(*shard).map(|g| g.epoch) == held.get(shard).copied());
        if wanted.is_empty() {
            return;
        }
        self.releasing = true;
        let (broker, metadata, log) =
            (Arc::clone(&self.broker), Arc::clone(&self.metadata), Arc::clone(&self.log));
        // A task of its own: it may get the lock of a shard's groups while nothing here is polled.
        let releasing = spawn(async move { release(&broker, &metadata, &log, wanted, leaving).await });
        self.jobs.push(Box::pin(async move {
            let released = releasing.await;
            if released.is_err() {
                tracing::debug!("the session ended while shards were being released");
            }
            Done::Released(released == Ok(true))
        }));
    }

    fn share_orphans(&mut self, cluster: &Cluster) {
        if cluster.plan_takeover().is_empty() {
            self.orphaned_since = None;
            return;
        }
        let since = *self.orphaned_since.get_or_insert_with(Instant::now);
        let first = cluster.takers().first().is_some_and(|s| s.process == self.broker.process);
        if self.proposing || !(first || since.elapsed() >= ORPHANED) {
            return;
        }
        self.proposing = true;
        let (broker, metadata) = (Arc::clone(&self.broker), Arc::clone(&self.metadata));
        self.jobs.push(Box::pin(async move {
            let taken = broker.take_orphans(&metadata).await;
            if let Err(error) = &taken {
                tracing::warn!(%error, "shards that no session holds could not be shared out");
            }
            Done::Proposed(taken.is_ok())
        }));
    }

    /// Puts an entry, unless another one is under way; it is looked at again then.
    fn propose(&mut self, plan: impl Fn(&Cluster) -> Vec<Op> + Send + Sync + 'static) {
        if self.proposing {
            return;
        }
        self.proposing = true;
        let (broker, metadata) = (Arc::clone(&self.broker), Arc::clone(&self.metadata));
        self.jobs.push(Box::pin(async move {
            let proposed = metadata.propose(|cluster| match plan(cluster) {
                ops if ops.is_empty() => Err(()),
                ops => Ok(ops),
            });
            let proposed = proposed.await;
            match &proposed {
                Ok(Ok(committed)) => broker.nudge(&committed.cluster).await,
                Ok(Err(())) => {}
                Err(error) => tracing::warn!(%error, "a metadata entry was not put"),
            }
            Done::Proposed(proposed.is_ok())
        }));
    }

    /// Whether there is a reason to look at everything again before the next time.
    fn done(&mut self, done: Done) -> bool {
        match done {
            Done::Released(released) => {
                self.releasing = false;
                released
            }
            Done::Proposed(put) => {
                self.proposing = false;
                put
            }
            Done::Rebuilt { session, held, mut rebuilt } => {
                // What was granted again meanwhile is being rebuilt again.
                let mut wanted = held;
                wanted.retain(|(shard, holding)| self.rebuilding.get(shard) == Some(&holding.epoch));
                for (shard, _) in &wanted {
                    self.rebuilding.remove(shard);
                }
                rebuilt.failed.retain(|shard, _| wanted.iter().any(|(wanted, _)| wanted == shard));
                self.broker.note_rebuilt(&rebuilt);
                let stops_all = mutant::is(Mutant::OneDamageStopsAll) && !rebuilt.failed.is_empty();
                wanted.retain(|(shard, _)| !stops_all && !rebuilt.failed.contains_key(shard));
                if wanted.is_empty() {
                    return false;
                }
                let shards: BTreeSet<_> = wanted.iter().map(|(shard, _)| *shard).collect();
                let all = self.metadata.current().shards();
                rebuilt.recovered.retain(&shards, |id| all.of_partition(id));
                // If the session has ended, another is about to follow it, and takes them.
                let installed = self.log.install(session, &wanted, rebuilt.recovered);
                if installed {
                    tracing::info!(shards = wanted.len(), "shards were taken");
                }
                installed
            }
        }
    }
}

/// Does something in a task of its own, which ends with what this answers.
fn spawn<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> impl Future<Output = T> {
    let task = AbortOnDropHandle::new(tokio::spawn(work));
    async move {
        match task.await.map_err(JoinError::try_into_panic) {
            Ok(done) => done,
            Err(Ok(panic)) => std::panic::resume_unwind(panic),
            // The runtime is about to end.
            Err(Err(_)) => std::future::pending().await,
        }
    }
}

fn drain(session: SessionId) -> Op {
    Op::Drain { session, draining: true }
}

/// The cluster as operations leave it.
fn applied(cluster: &Cluster, ops: &[Op]) -> Cluster {
    let mut after = cluster.clone();
    // Nothing in these operations can be of a newer build.
    let _ = after.apply(cluster.next(), ops);
    after
}

/// Gives shards away: nothing more is appended to them, a RELEASE holds their state, and once that is
/// acknowledged a MOVE gives them to their new sessions (I5). Answers whether that was recorded, or need not be.
async fn release(
    broker: &Broker,
    metadata: &MetadataLog,
    log: &Log,
    wanted: Vec<(ShardId, SessionId)>,
    leaving: bool,
) -> Result<bool, NotLeader> {
    let _moving = log.moving().await;
    let shards: BTreeSet<_> = wanted.iter().map(|(shard, _)| *shard).collect();
    if let Some(committed) = log.freeze_shards(&shards).await? {
        committed.committed().await?;
    }
    let Release { session, end, released, committed } = log.release_shards(&shards)?;
    if !mutant::is(Mutant::MoveBeforeRelease) {
        committed.committed().await?;
    }
    let proposed = metadata.propose(|cluster| {
        // A node that leaves says so in the same entry: it shall not be given other shards.
        let mut ops = if leaving { vec![drain(session)] } else { Vec::new() };
        let cluster = applied(cluster, &ops);
        let placement: BTreeMap<_, _> = cluster.placement().into_iter().collect();
        let is_taker = |to: &SessionId| cluster.takers().iter().any(|s| s.id == *to);
        // The session that should have had them may have ended. They may even be assigned to this one again.
        // Only what was released as it is assigned now: a shard may have been granted anew meanwhile.
        let is_released =
            |shard: &ShardId| cluster.assigned(*shard).map(|g| g.epoch) == released.get(shard).copied();
        let to = wanted.iter().filter(|(shard, _)| is_released(shard)).filter_map(|(shard, to)| {
            let to = if is_taker(to) { Some(to) } else { placement.get(shard) };
            to.map(|to| (*shard, *to))
        });
        ops.extend(cluster.plan_released(session, end, &to.collect::<Vec<_>>()));
        if ops.is_empty() { Err(()) } else { Ok(ops) }
    });
    match proposed.await {
        Ok(Ok(committed)) => {
            tracing::info!(shards = shards.len(), "shards were given away");
            broker.nudge(&committed.cluster).await;
            Ok(true)
        }
        Ok(Err(())) => Ok(true),
        Err(error) => {
            tracing::warn!(%error, "shards were released, and their move was not recorded");
            Ok(false)
        }
    }
}
