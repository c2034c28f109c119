//! Opening a session: end the sessions that nobody serves any more, take their shards, rebuild their state.

use std::collections::BTreeMap;
use std::time::Duration;

use coordinator::SessionId;
use coordinator::cluster::{ApplyError, Cluster, Op, Session};
use futures::future::join_all;
use thiserror::Error;
use tiering::metadata::{MetadataError, MetadataLog};
use tiering::recover::{RecoverError, recover};
use tiering::session::{Sealed, SessionError, seal};

use super::{Broker, ProducerIds, Serving};
use crate::log::{Log, LogParts};
use crate::peer::{self, Identity};

/// How long whoever serves an open session has to answer when another node starts.
const DIAL: Duration = Duration::from_millis(300);

/// Why no session can be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The metadata log can't be read or written.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// Somebody's session can't be ended.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The shards' state can't be rebuilt.
    #[error(transparent)]
    Recover(#[from] RecoverError),
    /// A node of this cluster is alive, and this build serves a store alone.
    #[error("node {node} at {host}:{port} already serves this store: stop it first, or use another store")]
    Occupied {
        /// The node's id.
        node: i32,
        /// Its host.
        host: String,
        /// Its port.
        port: u16,
    },
    /// Another process has the node id.
    #[error("another process that is open in this cluster has the same node id: choose another --node-id")]
    NodeIdTaken,
    /// The cluster does not accept its own state.
    #[error(transparent)]
    Apply(#[from] ApplyError),
}

/// Why an entry was not proposed.
enum Undecided {
    /// A session opened meanwhile.
    Unsealed,
    Error(OpenError),
}

impl Broker {
    /// Ends what nobody serves, opens a session that takes every shard it may, and rebuilds their state.
    pub(super) async fn open_session(&self, metadata: &MetadataLog) -> Result<Serving, OpenError> {
        let store = &self.parts.store;
        let session = SessionId::from(self.parts.entropy.ulid(&self.parts.clock));
        let mut sealed: BTreeMap<SessionId, Sealed> = BTreeMap::new();
        let committed = loop {
            let cluster = metadata.refresh().await?;
            for open in cluster.open_sessions() {
                if sealed.contains_key(&open.id) {
                    continue;
                }
                self.must_be_gone(open, &cluster).await?;
                sealed.insert(open.id, seal(store, open.id, self.process).await?);
            }
            let proposed = metadata.propose(|cluster| self.decide(cluster, session, &sealed)).await?;
            match proposed {
                Ok(committed) => break committed,
                Err(Undecided::Unsealed) => {}
                Err(Undecided::Error(error)) => return Err(error),
            }
        };
        let cluster = committed.cluster;
        let opened = cluster.session(session).ok_or(OpenError::NodeIdTaken)?;
        let (node, producer_ids) =
            (*self.node.get_or_init(|| opened.node), ProducerIds::opened_at(opened.opened));
        let recovered = recover(store, &cluster, session, cluster.shards().all(), sealed).await?;
        tracing::info!(%session, %node, partitions = recovered.len(), "session opened");
        let parts = LogParts {
            store: store.clone(),
            reader: self.reader.clone(),
            entropy: self.parts.entropy.clone(),
            clock: self.parts.clock.clone(),
            metrics: self.parts.metrics.clone(),
            config: self.parts.config.log.clone(),
        };
        Ok(Serving { log: Log::new(parts, session, cluster, recovered), node, producer_ids })
    }

    /// One entry: DEAD or CLOSED for each session that was ended, OPEN for ours, and the MOVEs to it.
    fn decide(
        &self,
        cluster: &Cluster,
        session: SessionId,
        sealed: &BTreeMap<SessionId, Sealed>,
    ) -> Result<Vec<Op>, Undecided> {
        let mut ops = Vec::new();
        for open in cluster.open_sessions() {
            let Some(Sealed { end, closed, .. }) = sealed.get(&open.id) else {
                return Err(Undecided::Unsealed);
            };
            let (session, end) = (open.id, *end);
            ops.push(if *closed { Op::Closed { session, end } } else { Op::Dead { session, end } });
        }
        ops.push(Op::Open {
            session,
            process: self.process,
            node: self.node.get().copied().or(self.parts.config.node_id),
            rack: self.parts.config.rack.clone(),
            addresses: self.parts.config.addresses.clone(),
        });
        let mut after = cluster.clone();
        after.apply(cluster.next(), &ops).map_err(|e| Undecided::Error(e.into()))?;
        if after.session(session).is_none() {
            return Err(Undecided::Error(OpenError::NodeIdTaken));
        }
        ops.extend(after.plan_takeover());
        Ok(ops)
    }

    /// Fails if a process of this cluster, other than this one, answers at one of the session's addresses.
    async fn must_be_gone(&self, open: &Session, cluster: &Cluster) -> Result<(), OpenError> {
        if open.process == self.process {
            return Ok(());
        }
        let ask = |address| peer::ping(&self.parts.connect, address, 0, DIAL);
        let answers = join_all(open.addresses.iter().map(ask)).await;
        let id = cluster.id().to_string();
        for (address, answer) in open.addresses.iter().zip(answers) {
            let who = answer.as_ref().map(Identity::of);
            if who.is_ok_and(|who| who.cluster == id && who.process != self.process) {
                let (host, port) = (address.host.clone(), address.port);
                return Err(OpenError::Occupied { node: open.node.0, host, port });
            }
        }
        Ok(())
    }
}
