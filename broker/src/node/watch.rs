//! Noticing that another node is down. For liveness only: a false suspicion costs a restarted session, never
//! data, and is avoided by asking others first.
//!
//! Each node watches the next ones on a ring, in the order of node ids.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use coordinator::SessionId;
use coordinator::cluster::{Cluster, Op, Session, SessionState};
use futures::stream::{FuturesUnordered, StreamExt};
use protocol::Uuid;
use protocol::messages::PeerWitnessRequest;
use tiering::metadata::MetadataLog;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use super::peers::{PING, has_lost_store};
use super::unreached::inter_node_address;
use super::{Broker, OpenError, STORE_LOST};
use crate::log::{Log, NotLeader};
use crate::peer;

/// How many nodes a node watches.
const WATCHED: usize = 2;

/// The pause between two pings that are answered.
const EVERY: Duration = Duration::from_millis(500);

/// The pause before a refused or reset ping is tried again; the second one makes a suspect.
const RETRY: Duration = Duration::from_millis(100);

/// Silence for this long makes a suspect.
const SILENCE: Duration = Duration::from_millis(2500);

/// How long a suspect has to say in the metadata log that it lives, when no other node could be asked.
const ALIVE: Duration = Duration::from_secs(3);

/// How many nodes are asked whether they reach a suspect, and how many of them must not.
const ASKED: usize = 6;
const WITNESSES: usize = 2;

/// How long a suspicion that proved false is not raised again for the same reason.
const CALM: Duration = Duration::from_secs(10);
const LONGEST_CALM: Duration = Duration::from_secs(60);

/// The same where nothing is served any sooner for it.
const IDLE_CALM: Duration = Duration::from_secs(600);

/// Why a node is suspected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Alarm {
    /// No process listens, or another one does.
    Refused,
    /// There is no answer.
    Silent,
    /// It has lost its store.
    NoStore,
}

impl Broker {
    /// Watches the next nodes on the ring. Never ends.
    pub(super) async fn watch(self: &Arc<Self>, metadata: &Arc<MetadataLog>, log: &Arc<Log>) {
        let mut watching = BTreeSet::new();
        let mut guards = FuturesUnordered::new();
        let mut again = interval(EVERY);
        again.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut changes = metadata.subscribe();
        loop {
            tokio::select! {
                biased;
                Some(ended) = guards.next(), if !guards.is_empty() => {
                    watching.remove(&ended);
                }
                // A node that has just come waits to be reached.
                Ok(()) = changes.changed() => {}
                _ = again.tick() => {}
            }
            for session in successors(&metadata.current(), log.session()) {
                if watching.insert(session) {
                    guards.push(async move {
                        self.guard(metadata, log, session).await;
                        session
                    });
                }
            }
        }
    }

    /// Watches one session until it has ended or is another node's to watch.
    async fn guard(&self, metadata: &MetadataLog, log: &Log, session: SessionId) {
        let mut refusals = 0;
        let mut heard = Instant::now();
        let mut calm: Option<(Alarm, Instant)> = None;
        let (mut calm_for, mut idle) = (CALM, false);
        loop {
            let cluster = metadata.current();
            let watched = successors(&cluster, log.session()).contains(&session);
            let Some(suspect) = cluster.session(session).filter(|_| watched) else { return };
            if std::mem::replace(&mut idle, is_idle(&cluster, suspect)) && !idle {
                // What it has now must not wait for as long as what it had not.
                (calm, calm_for) = (None, CALM);
            }
            // A node that has lost the store can't end any session, and may be the one at fault.
            let lost = self.store_age().is_none_or(|age| age >= ALIVE);
            if lost {
                (refusals, heard) = (0, Instant::now());
                // When writes get through again, they do so at each node in its turn: this one may be the first.
                calm = Some((Alarm::NoStore, Instant::now() + STORE_LOST));
            }
            let alarm = match self.ping(suspect, cluster.next()).await {
                Ok(answer) if has_lost_store(&answer) => Some(Alarm::NoStore),
                Ok(answer) => {
                    self.hear_of_write(answer.confirmed_age_ms);
                    if !suspect.reached {
                        self.vouch(metadata, session).await;
                    }
                    (refusals, heard, calm_for) = (0, Instant::now(), CALM);
                    None
                }
                Err(error) if error.kind() == ErrorKind::TimedOut => {
                    (heard.elapsed() >= SILENCE).then_some(Alarm::Silent)
                }
                Err(_) => {
                    refusals += 1;
                    (refusals >= 2).then_some(Alarm::Refused)
                }
            };
            let calmed = |alarm| calm.is_some_and(|(known, until)| known == alarm && Instant::now() < until);
            match alarm.filter(|alarm| !lost && !calmed(*alarm)) {
                None => sleep(if refusals == 1 { RETRY } else { EVERY }).await,
                Some(alarm) => {
                    tracing::warn!(node = %suspect.node, %session, ?alarm, "a node seems to be down");
                    let ended = tokio::select! {
                        biased;
                        ended = self.end(metadata, log, session, alarm) => ended,
                        () = self.lose_store() => {
                            tracing::warn!("this node can't write, either");
                            Ok(false)
                        }
                    };
                    match ended {
                        Ok(true) => {}
                        Ok(false) => {
                            calm = Some((alarm, Instant::now() + calm_for));
                            let longest = if idle { IDLE_CALM } else { LONGEST_CALM };
                            calm_for = (calm_for * 2).min(longest);
                            (refusals, heard) = (0, Instant::now());
                        }
                        Err(error) => {
                            tracing::warn!(%error, %session, "a session could not be ended; trying again");
                            sleep(EVERY).await;
                        }
                    }
                }
            }
        }
    }

    /// Ends a suspect's session if others agree; false if its node lives. A session that no node has reached and that
    /// holds nothing is ended only if its node does not answer through the store: its node would open another one.
    async fn end(
        &self,
        metadata: &MetadataLog,
        log: &Log,
        session: SessionId,
        alarm: Alarm,
    ) -> Result<bool, OpenError> {
        let writes = alarm != Alarm::NoStore || self.writes();
        // Perhaps no node can write, and this one has not had anything to notice it by. That is seen before anything is
        // asked through the store, which may take entries where it takes no slots.
        if alarm == Alarm::NoStore && !takes_slots(log).await {
            tracing::info!(%session, "the store does not take this node's slots, either");
            return Ok(false);
        }
        let cluster = metadata.current();
        let idle = cluster.session(session).filter(|suspect| is_idle(&cluster, suspect));
        let mut down = match (self.witnessed(nodes(&cluster), session).await, idle) {
            (Some(true), _) => {
                self.vouch(metadata, session).await;
                false
            }
            (Some(false), None) => true,
            (Some(false), Some(_)) | (None, _) => self.is_silent(metadata, session).await,
        };
        if down && !writes {
            // Writes get through again at each node in its turn.
            down = self.is_silent(metadata, session).await;
        }
        if !down {
            match idle {
                Some(suspect) => tracing::warn!(
                    node = %suspect.node,
                    "the node lives, but no other one reaches it at {}, so that it gets no shards: is its --advertise right, and is the way to it open?",
                    inter_node_address(suspect)
                ),
                None => tracing::info!(%session, "the node lives after all"),
            }
            return Ok(false);
        }
        self.take_over(metadata, session).await?;
        Ok(true)
    }

    /// Whether the store took something of this node's while it took nothing of a node that has lost it.
    fn writes(&self) -> bool {
        self.parts.store.confirmed_age().is_some_and(|age| age < STORE_LOST)
    }

    /// Returns once this node has lost the store. What it can't put would land when the writes of all nodes do again,
    /// and end a session whose node is up by then.
    async fn lose_store(&self) {
        while self.store_age().is_some_and(|age| age < STORE_LOST) {
            sleep(EVERY).await;
        }
    }

    /// Whether a suspect is down as others see it, too; if there is no node to ask, whether it fails to say
    /// in the metadata log that it lives.
    pub(super) async fn confirm(&self, metadata: &MetadataLog, suspect: SessionId) -> bool {
        match self.witnessed(nodes(&metadata.current()), suspect).await {
            Some(reached) => !reached,
            None => self.is_silent(metadata, suspect).await,
        }
    }

    /// Whether any of these sessions' nodes reaches a suspect; `None` if none of them answers.
    pub(super) async fn witnessed(&self, witnesses: Vec<&Session>, suspect: SessionId) -> Option<bool> {
        let others = witnesses.into_iter().filter(|s| s.process != self.process && s.id != suspect);
        let mut answers: FuturesUnordered<_> = others.take(ASKED).map(|s| self.ask(s, suspect)).collect();
        let mut agree = 0;
        while let Some(answer) = answers.next().await {
            match answer {
                Some(true) => return Some(true),
                Some(false) => agree += 1,
                None => {}
            }
            if agree == WITNESSES {
                break;
            }
        }
        (agree > 0).then_some(false)
    }

    /// Whether a witness reaches the suspect; `None` if the witness does not answer.
    async fn ask(&self, witness: &Session, suspect: SessionId) -> Option<bool> {
        let address = witness.addresses.first()?;
        let request = PeerWitnessRequest { session_id: Uuid::from_bytes(*suspect.as_bytes()) };
        // It pings the suspect before it answers.
        let answer = peer::call(&self.parts.connect, address, &request, PING * 2).await.ok()?;
        (answer.error_code == 0).then_some(answer.reached)
    }

    /// Asks the suspect through the store, and notifies it of the entry, as far as it can be reached: one that
    /// is alone and has lost its store learns so that it is not. A node that can't ask can't know.
    async fn is_silent(&self, metadata: &MetadataLog, session: SessionId) -> bool {
        let is_open =
            |cluster: &Cluster| cluster.session(session).is_some_and(|s| s.state == SessionState::Open);
        let asked = metadata.propose(|cluster| match cluster.session(session) {
            Some(s) if is_open(cluster) && s.suspected.is_none() => Ok(vec![Op::Suspect { session }]),
            _ => Err(()),
        });
        if asked.await.is_err() {
            return false;
        }
        let cluster = metadata.current();
        let Some(suspect) = cluster.session(session) else { return false };
        drop(tokio::join!(self.ping(suspect, cluster.next()), sleep(ALIVE)));
        match metadata.refresh().await {
            Ok(cluster) => {
                is_open(&cluster) && cluster.session(session).is_some_and(|s| s.suspected.is_some())
            }
            Err(_) => false,
        }
    }
}

/// Whether a session was not reached by any node, and holds nothing.
fn is_idle(cluster: &Cluster, session: &Session) -> bool {
    let mut holders = cluster.shards().all().filter_map(|shard| cluster.assigned(shard));
    !session.reached && holders.all(|grant| grant.session != session.id)
}

/// Whether the store takes a slot of this node now. Where it takes entries only, of any node, none is worse off.
async fn takes_slots(log: &Log) -> bool {
    match log.barrier() {
        Ok(barrier) => timeout(STORE_LOST, barrier.committed()).await.is_ok_and(|taken| taken.is_ok()),
        Err(NotLeader) => false,
    }
}

/// The newest open session of each node, in the order of node ids.
fn nodes(cluster: &Cluster) -> Vec<&Session> {
    let mut nodes: Vec<&Session> = cluster.open_sessions().collect();
    nodes.sort_by_key(|s| (s.node, std::cmp::Reverse(s.opened)));
    nodes.dedup_by_key(|s| s.node);
    nodes
}

/// The sessions that the node of `own` watches: those that follow it on the ring.
fn successors(cluster: &Cluster, own: SessionId) -> Vec<SessionId> {
    let ring = nodes(cluster);
    let Some(at) = ring.iter().position(|s| s.id == own) else { return Vec::new() };
    let next = (1..ring.len()).map(|step| ring[(at + step) % ring.len()].id);
    next.take(WATCHED).collect()
}
