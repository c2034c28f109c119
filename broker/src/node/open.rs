//! Opening a session: end the sessions that no process serves any more, and take a share of what they held.
//!
//! What is surely gone is ended at once: an earlier session of this process, one whose address leads to another
//! process now, one where no process listens, as far as the other nodes see that, too. A node that is only silent is
//! left to the nodes that watch it.

use std::collections::btree_map::{BTreeMap, Entry};
use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use coordinator::SessionId;
use coordinator::cluster::{ApplyError, Cluster, Op, Session};
use futures::future::join_all;
use thiserror::Error;
use tiering::metadata::{MetadataError, MetadataLog};
use tiering::mutant::{self, Mutant};
use tiering::recover::{Rebuilt, RecoverError, recover};
use tiering::session::{Sealed, SessionError, seal};

use super::unreached::inter_node_address;
use super::{Broker, ProducerIds, Serving};
use crate::log::{Log, LogParts, Untaken};
use crate::peer::{self, Identity};

/// How long the process that serves an open session has to answer when another node starts.
const DIAL: Duration = Duration::from_millis(300);

/// Why no session can be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The metadata log can't be read or written.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// A session can't be ended.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The store has not taken the seal of a session.
    #[error("session {session} could not be sealed within {} s", after.as_secs())]
    Unsealed {
        /// The session.
        session: SessionId,
        /// How long that was tried.
        after: Duration,
    },
    /// The store is not known to take this node's slots.
    #[error(transparent)]
    Untaken(#[from] Untaken),
    /// The shards' state can't be rebuilt.
    #[error(transparent)]
    Recover(#[from] Arc<RecoverError>),
    /// Another process has the node id.
    #[error(
        "node {node} is another process, which serves this cluster at {address}: choose another --node-id"
    )]
    NodeIdTaken {
        /// The node id.
        node: i32,
        /// Where the process is.
        address: String,
    },
    /// The cluster does not accept its own state.
    #[error(transparent)]
    Apply(#[from] ApplyError),
}

/// Why an entry was not proposed.
enum Undecided {
    /// The process's own earlier session, or one like it, has yet to be sealed.
    Unsealed,
    Error(OpenError),
}

/// What a node that starts finds at the address of an open session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    /// The session is an earlier one of this process.
    Own,
    /// The session's process.
    Lives,
    /// Another process, or none.
    Absent,
    /// No answer.
    Silent,
}

/// What a node that starts finds in its cluster.
struct Around {
    /// The open sessions that surely no process serves.
    gone: Vec<SessionId>,
    /// Those whose nodes answered.
    living: Vec<SessionId>,
}

impl Broker {
    /// Ends what no process serves, opens a session that takes its share, and rebuilds what it got.
    pub(super) async fn open_session(
        self: &Arc<Self>,
        metadata: &Arc<MetadataLog>,
    ) -> Result<Serving, OpenError> {
        let store = &self.parts.store;
        let session = SessionId::from(self.parts.entropy.ulid(&self.parts.clock));
        let mut sealed: BTreeMap<SessionId, Sealed> = BTreeMap::new();
        let opening = self.opening();
        let committed = loop {
            let cluster = metadata.refresh().await?;
            let around = self.look_around(&cluster).await;
            for gone in &around.gone {
                if let Entry::Vacant(absent) = sealed.entry(*gone) {
                    absent.insert(seal(store, *gone, self.process).await?);
                }
            }
            let proposed =
                metadata.propose(|cluster| self.decide(cluster, opening(session), &sealed, &around.living));
            match proposed.await? {
                Ok(committed) => break committed,
                Err(Undecided::Unsealed) => {}
                Err(Undecided::Error(error @ OpenError::NodeIdTaken { .. })) => {
                    // Its process may be gone without any node having noticed yet.
                    if !self.replace_node(metadata).await? {
                        return Err(error);
                    }
                }
                Err(Undecided::Error(error)) => return Err(error),
            }
        };
        let cluster = committed.cluster;
        let Some(opened) = cluster.session(session) else {
            return Err(OpenError::Apply(ApplyError::NotNext {
                found: committed.k,
                expected: cluster.next(),
            }));
        };
        let (node, producer_ids) =
            (*self.node.get_or_init(|| opened.node), ProducerIds::opened_at(opened.opened));
        self.nudge(&cluster).await;
        // A shard that can't be rebuilt keeps none of the others from being served, and the session is not given up
        // for it: each attempt to open another one would be an entry in the metadata log.
        let mut rebuilt = recover(store, &cluster, session, cluster.shards().all(), sealed).await;
        if mutant::is(Mutant::OneDamageStopsAll) {
            rebuilt = Rebuilt { recovered: rebuilt.whole()?, ..Rebuilt::default() };
        }
        self.note_rebuilt(&rebuilt);
        let recovered = rebuilt.recovered;
        self.retain_unserved(|shard| recovered.missing.contains(&shard));
        let (partitions, unserved) = (recovered.partitions.len(), recovered.missing.len());
        tracing::info!(%session, %node, partitions, unserved, "session opened");
        let parts = LogParts {
            store: store.clone(),
            reader: self.reader.clone(),
            entropy: self.parts.entropy.clone(),
            clock: self.parts.clock.clone(),
            metrics: self.parts.metrics.clone(),
            node,
            settings: self.parts.config.settings.clone(),
            config: self.parts.config.log.clone(),
            cluster: metadata.subscribe(),
            refusals: Arc::clone(&self.refusals),
        };
        Ok(Serving { log: Log::new(parts, session, cluster, recovered), node, producer_ids })
    }

    /// One entry: DEAD or CLOSED for each session that was ended, OPEN for ours, and the MOVEs. Where there are other
    /// nodes, ours is unreached until one of them says otherwise. If none of them is `living`, it takes its share
    /// all the same.
    fn decide(
        &self,
        cluster: &Cluster,
        open: Op,
        sealed: &BTreeMap<SessionId, Sealed>,
        living: &[SessionId],
    ) -> Result<Vec<Op>, Undecided> {
        let is_open = |id: &SessionId| cluster.open_sessions().any(|s| s.id == *id);
        if cluster.open_sessions().any(|s| s.process == self.process && !sealed.contains_key(&s.id)) {
            return Err(Undecided::Unsealed);
        }
        let ended = sealed.iter().filter(|(id, _)| is_open(id));
        let mut ops: Vec<Op> = ended.map(|(id, sealed)| sealed.op(*id)).collect();
        let Op::Open { session, node, .. } = &open else { return Err(Undecided::Unsealed) };
        let (session, wanted) = (*session, *node);
        ops.push(open);
        let mut after = cluster.clone();
        after.apply(cluster.next(), &ops).map_err(|e| Undecided::Error(e.into()))?;
        if after.session(session).is_none() {
            let taken = cluster.open_sessions().find(|s| Some(s.node) == wanted && s.process != self.process);
            let Some(taken) = taken else { return Err(Undecided::Unsealed) };
            let (node, address) = (taken.node.0, inter_node_address(taken));
            return Err(Undecided::Error(OpenError::NodeIdTaken { node, address }));
        }
        let mut more: Vec<Op> = living.iter().filter_map(|id| after.plan_reached(*id, true)).collect();
        // A drained node stays drained, whichever process ended its session: others know it no more once it has ended.
        let open = cluster.open_sessions().find(|s| s.process == self.process);
        if open.map_or_else(|| self.drained.load(Relaxed), |s| s.draining) {
            more.push(Op::Drain { session, draining: true });
        }
        let mut unreached = after.plan_reached(session, false);
        let is_alone = after.open_sessions().all(|s| s.process == self.process);
        if is_alone || mutant::is(Mutant::GrantUnreached) {
            unreached = None;
        } else if !living.is_empty() {
            more.extend(unreached.take());
        }
        after.apply(after.next(), &more).map_err(|e| Undecided::Error(e.into()))?;
        ops.extend(more);
        ops.extend(after.plan_takeover());
        ops.extend(unreached);
        Ok(ops)
    }

    /// Dials every open session's node. Where other nodes live, they are asked before a session counts as gone: one
    /// connection that is refused may be this node's trouble alone. A process that served before knows that others
    /// live, since one of them ended its session, and leaves what they can't be asked about to the nodes that watch:
    /// two that don't reach each other would end each other's sessions for ever.
    async fn look_around(&self, cluster: &Cluster) -> Around {
        let seen = join_all(cluster.open_sessions().map(|session| self.dial(cluster, session))).await;
        let with = |wanted| {
            let sessions = cluster.open_sessions().zip(&seen).filter(move |(_, seen)| **seen == wanted);
            sessions.map(|(session, _)| session).collect::<Vec<_>>()
        };
        let living = with(Seen::Lives);
        let mut gone: Vec<SessionId> = with(Seen::Own).iter().map(|session| session.id).collect();
        let suspects = with(Seen::Absent).into_iter().map(async |suspect| {
            let is_gone = match living.is_empty() {
                true => self.node.get().is_none(),
                false => self.witnessed(living.clone(), suspect.id).await == Some(false),
            };
            is_gone.then_some(suspect.id)
        });
        gone.extend(join_all(suspects).await.into_iter().flatten());
        Around { gone, living: living.iter().map(|session| session.id).collect() }
    }

    async fn dial(&self, cluster: &Cluster, session: &Session) -> Seen {
        if session.process == self.process {
            return Seen::Own;
        }
        let Some(address) = session.addresses.first() else { return Seen::Absent };
        match peer::ping(&self.parts.connect, address, 0, DIAL).await {
            Ok(answer) => {
                let (who, id) = (Identity::of(&answer), cluster.id().to_string());
                let lives = who.process == session.process && (who.cluster == id || who.cluster.is_empty());
                if lives { Seen::Lives } else { Seen::Absent }
            }
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => Seen::Absent,
            Err(_) => Seen::Silent,
        }
    }

    /// Ends the session of the process that has the node id that this node was given, if it does not live.
    /// False if it does.
    async fn replace_node(self: &Arc<Self>, metadata: &Arc<MetadataLog>) -> Result<bool, OpenError> {
        let cluster = metadata.refresh().await?;
        let wanted = self.node.get().copied().or(self.parts.config.node_id);
        let holder = cluster.open_sessions().find(|s| Some(s.node) == wanted && s.process != self.process);
        let Some(holder) = holder else { return Ok(true) };
        let gone = !self.reaches(holder).await && self.confirm(metadata, holder.id).await;
        if gone {
            self.take_over(metadata, holder.id).await?;
        }
        Ok(gone)
    }
}
