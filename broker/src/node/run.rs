//! A node's life, from its start to its end.

use std::sync::Arc;
use std::time::Duration;

use coordinator::SessionId;
use coordinator::cluster::{Op, SessionEnd, SessionState};
use tiering::metadata::MetadataLog;
use tiering::store::admit;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;

use super::flaps::Flaps;
use super::moves::Moves;
use super::takeover::with_takeover;
use super::{Broker, OpenError, Phase, Serving, StartError};
use crate::log::{Ended, Log, Opening};

/// How often the metadata log's end is read while nothing else does.
const POLL: Duration = Duration::from_secs(1);

/// How long a node that starts waits for a store that does not answer or is full. After that, its operator
/// learns of it by its end.
const STORE_PATIENCE: Duration = Duration::from_secs(120);

/// How long the store is taken to take this node's slots after it has taken one.
const TAKEN: Duration = Duration::from_secs(300);

/// How long a node that stops has to give its shards away. What it keeps then, others take once it has closed.
const HAND_OVER: Duration = Duration::from_secs(10);

impl Broker {
    /// Checks the store, opens a session and serves it until `shutdown` is cancelled; then gives its shards
    /// away and closes it. A session that another process ends is followed by another.
    pub async fn run(self: &Arc<Self>, shutdown: CancellationToken) -> Result<(), StartError> {
        let result = tokio::select! {
            biased;
            () = shutdown.cancelled() => Ok(()),
            started = self.start() => match started {
                Ok((metadata, serving)) => {
                    self.serve(&metadata, serving, &shutdown).await;
                    Ok(())
                }
                Err(error) => Err(error),
            },
        };
        self.phase.send_replace(Phase::Stopped);
        result
    }

    /// Gives every shard to other nodes, and returns once that is done, can't be done, or takes too long. The
    /// node goes on without shards.
    pub async fn hand_over(&self) {
        self.leaving.send_replace(true);
        let deadline = Instant::now() + HAND_OVER;
        let mut acted_on = self.acted_on.subscribe();
        loop {
            let Some(log) = self.log() else { return };
            let others = self.cluster().is_some_and(|cluster| {
                cluster.open_sessions().any(|s| s.process != self.process && !s.draining)
            });
            if log.shards() == 0 || !others {
                return;
            }
            if !matches!(timeout_at(deadline, acted_on.changed()).await, Ok(Ok(()))) {
                return tracing::warn!(shards = log.shards(), "some shards were not given away in time");
            }
        }
    }

    async fn start(self: &Arc<Self>) -> Result<(Arc<MetadataLog>, Arc<Serving>), StartError> {
        let ids = || self.parts.entropy.ulid(&self.parts.clock);
        admit(&self.parts.store, ids, STORE_PATIENCE).await?;
        let metadata = match self.metadata.get() {
            Some(metadata) => Arc::clone(metadata),
            None => {
                let log = MetadataLog::open(self.parts.store.clone(), self.parts.entropy.clone()).await?;
                Arc::clone(self.metadata.get_or_init(|| Arc::new(log)))
            }
        };
        self.doubt_the_clock(&metadata.current());
        let serving = Arc::new(self.open_session(&metadata).await?);
        Ok((metadata, serving))
    }

    async fn serve(
        self: &Arc<Self>,
        metadata: &Arc<MetadataLog>,
        first: Arc<Serving>,
        shutdown: &CancellationToken,
    ) {
        let mut serving = first;
        let mut flaps = Flaps::default();
        loop {
            let (log, began) = (Arc::clone(&serving.log), Instant::now());
            self.phase.send_replace(Phase::Serving(serving));
            let closing = async {
                shutdown.cancelled().await;
                self.hand_over().await;
            };
            let ended = tokio::select! {
                biased;
                ended = Arc::clone(&log).run(Arc::clone(metadata), self.opening(), closing) => ended,
                () = self.tend(metadata, &log) => unreachable!("tending never ends"),
            };
            self.phase.send_replace(Phase::Reopening);
            match ended {
                Ended::Closed { cut } => return self.record_close(metadata, &log, cut).await,
                Ended::Fenced(reason) => {
                    tracing::warn!(%reason, session = %log.session(), "the session ended")
                }
            }
            let pause = flaps.pause(began.elapsed(), self.parts.entropy.next_u64());
            let reopened = async {
                self.rest(metadata, pause).await;
                self.reopen(metadata, &log).await
            };
            serving = tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                next = reopened => Arc::new(next),
            };
        }
    }

    /// How this process opens a session.
    pub(super) fn opening(self: &Arc<Self>) -> Opening {
        let broker = Arc::clone(self);
        Arc::new(move |session: SessionId| Op::Open {
            session,
            process: broker.process,
            node: broker.node.get().copied().or(broker.parts.config.node_id),
            rack: broker.parts.config.rack.clone(),
            addresses: broker.parts.config.addresses.clone(),
        })
    }

    /// Waits, as long as other nodes are there to serve what this one did. They do so once its session has ended: where
    /// that can't be recorded, it does not wait.
    async fn rest(&self, metadata: &MetadataLog, pause: Duration) {
        let until = Instant::now() + pause;
        let rest = async {
            if pause.is_zero() || !self.sees_others().await {
                return;
            }
            if let Err(error) = self.end_own(metadata).await {
                return tracing::warn!(%error, "this node's session could not be ended");
            }
            while Instant::now() < until && self.sees_others().await {
                sleep_until(until.min(Instant::now() + POLL)).await;
            }
        };
        tokio::select! {
            biased;
            () = rest => {}
            // Meanwhile it knows what others record.
            () = read_on(metadata) => unreachable!("reading never ends"),
        }
    }

    /// Opens the session after this log's, however long that takes.
    async fn reopen(self: &Arc<Self>, metadata: &Arc<MetadataLog>, log: &Log) -> Serving {
        let mut pause = Duration::from_millis(50);
        let (mut attempt, mut taken) = (0, None);
        loop {
            match self.open_after(metadata, log, attempt, &mut taken).await {
                Ok(serving) => return serving,
                Err(error) => tracing::warn!(%error, "no session could be opened; trying again"),
            }
            sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(5));
            attempt += 1;
        }
    }

    /// Opens the session after this log's once the store takes this node's slots: one whose slots are not taken, though
    /// its entries are, would be given shards, serve none of them, and be ended, again and again. Sealing does not show
    /// it: another process may have done that already. `taken` is when the store last took one, which is not asked of it
    /// again soon: each such slot is an object that stays.
    async fn open_after(
        self: &Arc<Self>,
        metadata: &Arc<MetadataLog>,
        log: &Log,
        attempt: u64,
        taken: &mut Option<Instant>,
    ) -> Result<Serving, OpenError> {
        if taken.is_none_or(|at| at.elapsed() >= TAKEN) {
            tokio::select! {
                biased;
                tried = log.try_slot(attempt) => tried?,
                // Meanwhile it knows what others record.
                () = read_on(metadata) => unreachable!("reading never ends"),
            }
            *taken = Some(Instant::now());
        }
        self.open_session(metadata).await
    }

    /// Everything that a node does while a log is being served, besides serving it.
    async fn tend(self: &Arc<Self>, metadata: &Arc<MetadataLog>, log: &Arc<Log>) {
        let moves = Moves::new(Arc::clone(self), Arc::clone(metadata), Arc::clone(log));
        tokio::join!(
            keep_up(metadata, log, self.parts.config.producer_check_interval),
            moves.run(),
            self.watch(metadata, log),
            self.notice_unreached(metadata, log),
            self.measure(log),
            self.retain(log)
        );
    }

    async fn record_close(&self, metadata: &MetadataLog, log: &Log, cut: u64) {
        let (session, checkpoint) = (log.session(), log.last_checkpoint());
        let end = SessionEnd { cut, checkpoint };
        let closed = metadata.propose(|cluster| {
            if cluster.session(session).is_none_or(|s| s.state != SessionState::Open) {
                return Err("another process recorded its end");
            }
            Ok(with_takeover(cluster, vec![Op::Closed { session, end }]))
        });
        match closed.await {
            Ok(Ok(committed)) => {
                tracing::info!(%session, slots = cut, "the session is closed");
                self.nudge(&committed.cluster).await;
            }
            Ok(Err(reason)) => tracing::info!(%session, reason, "the session is closed"),
            Err(error) => {
                tracing::warn!(%error, %session, "the session's end was not recorded; another node does it")
            }
        }
    }
}

/// Reads the metadata log on, and forgets idle producers.
async fn keep_up(metadata: &MetadataLog, log: &Log, expiry: Duration) {
    let mut expiry = interval(expiry);
    let expire = async {
        loop {
            expiry.tick().await;
            log.expire_producers();
        }
    };
    tokio::join!(read_on(metadata), expire);
}

/// Reads the metadata log on. Never ends.
async fn read_on(metadata: &MetadataLog) {
    let mut poll = interval(POLL);
    poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        poll.tick().await;
        if let Err(error) = metadata.refresh().await {
            tracing::warn!(%error, "the metadata log could not be read");
        }
    }
}
