//! How this node is, and the cluster as it knows it, for operators; and what they want of a node. The status is
//! reported before the node is ready, too.

use std::collections::BTreeMap;

use coordinator::cluster::{Cluster, Op, Session};
use coordinator::{NodeId, SessionId, ShardId};
use protocol::messages::peer::{DRAIN, PeerSession, PeerStoreRequests, PeerUnserved, REBALANCE, UNDRAIN};
use protocol::messages::{PeerControlRequest, PeerControlResponse, PeerStatusRequest, PeerStatusResponse};
use protocol::{ErrorCode, Str, Uuid};
use tiering::store::RequestKind;

use super::topics::metadata_error;
use super::{Answer, Context, Incoming, Refusal, text};

const MICRODOLLARS: f64 = 1e6;

/// So many shards that are not served are reported by name.
const NAMED: usize = 1024;

pub(super) async fn handle(context: &Context, incoming: Incoming) -> Result<Answer, Refusal> {
    let (PeerStatusRequest {}, outgoing) = incoming.open()?;
    outgoing.now(context, &status(context))
}

fn status(context: &Context) -> PeerStatusResponse {
    let broker = &context.broker;
    let metrics = broker.metrics();
    let recent = metrics.rates().recent(broker);
    let store_requests = RequestKind::ALL
        .iter()
        .zip(recent.added.store)
        .map(|(kind, count)| PeerStoreRequests { kind: kind.label().into(), count: wire(count) });
    let mut response = PeerStatusResponse {
        process_id: Uuid::from_bytes(*broker.process().as_bytes()),
        node_id: broker.node_id().map_or(-1, |node| node.0),
        version: env!("CARGO_PKG_VERSION").into(),
        uptime_ms: wire(metrics.rates().uptime().as_millis()),
        metadata_next: wire(broker.acted_on().0),
        store_age_ms: broker.store_age().map_or(-1, |age| wire(age.as_millis())),
        store_trouble: broker.store_trouble().map(Str::cut),
        connections: i32::try_from(context.service.metrics().connections()).unwrap_or(i32::MAX),
        window_ms: wire(recent.window.as_millis()),
        bytes_taken: wire(recent.added.taken),
        bytes_given: wire(recent.added.given),
        store_requests: store_requests.collect(),
        s3_microdollars_per_month: (recent.s3_dollars_per_month() * MICRODOLLARS) as i64,
        ..Default::default()
    };
    let unserved = broker.unserved().list(NAMED);
    response.unserved_shards = count(broker.unserved().count());
    response.unserved = unserved.into_iter().map(|(shard, error)| unserved_shard(shard, error)).collect();
    if let Some(log) = broker.log() {
        response.shards = count(log.shards());
        response.session_id = Uuid::from_bytes(*log.session().as_bytes());
        response.partitions = count(log.partitions());
        response.slots = wire(log.slots());
        response.checkpoint_lag = wire(log.checkpoint_lag());
        response.tail_bytes = wire(log.tail_bytes() as u64);
    }
    if let Some(cluster) = broker.cluster() {
        let held = held(&cluster);
        let shards = |session| held.get(&session).copied().unwrap_or(0);
        response.cluster_id = cluster.id().to_string().into();
        response.sessions = cluster.open_sessions().map(|s| session(s, shards(s.id))).collect();
        response.unassigned_shards = count(cluster.shards().count() as usize - held.values().sum::<usize>());
    }
    response
}

fn unserved_shard(shard: ShardId, error: String) -> PeerUnserved {
    PeerUnserved { shard: i32::try_from(shard.0).unwrap_or(i32::MAX), error: Str::cut(error) }
}

/// How many shards each open session holds.
fn held(cluster: &Cluster) -> BTreeMap<SessionId, usize> {
    let mut held: BTreeMap<SessionId, usize> = cluster.open_sessions().map(|s| (s.id, 0)).collect();
    for shard in cluster.shards().all() {
        let holder = cluster.assigned(shard).filter(|grant| grant.end.is_none());
        if let Some(shards) = holder.and_then(|grant| held.get_mut(&grant.session)) {
            *shards += 1;
        }
    }
    held
}

fn session(session: &Session, shards: usize) -> PeerSession {
    let address = session.addresses.first();
    PeerSession {
        session_id: Uuid::from_bytes(*session.id.as_bytes()),
        process_id: Uuid::from_bytes(*session.process.as_bytes()),
        node_id: session.node.0,
        rack: session.rack.as_deref().map(Into::into),
        host: address.map(|address| address.host.as_str()).unwrap_or_default().into(),
        port: address.map_or(0, |address| i32::from(address.port)),
        shards: count(shards),
        draining: session.draining,
        suspected: session.suspected.is_some(),
        unreached: !session.reached,
    }
}

fn wire(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

fn count(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

pub(super) async fn control(context: &Context, request: PeerControlRequest) -> PeerControlResponse {
    let draining = match request.action {
        DRAIN => true,
        UNDRAIN => false,
        REBALANCE => {
            context.broker.rebalance();
            return PeerControlResponse::default();
        }
        other => return refused(ErrorCode::InvalidRequest, format!("there is no action {other}")),
    };
    let node = match context.broker.node_id() {
        Some(own) if request.node_id == -1 => own,
        _ => NodeId(request.node_id),
    };
    let proposed = context.broker.propose(|cluster| decide(cluster, node, draining)).await;
    match proposed {
        Ok(Ok(_) | Err(Undecided::Already)) => {
            tracing::info!(%node, draining, "an operator asked for this");
            PeerControlResponse::default()
        }
        Ok(Err(Undecided::Unknown)) => {
            refused(ErrorCode::BrokerIdNotRegistered, format!("there is no node {node} in this cluster"))
        }
        Ok(Err(Undecided::Last)) => {
            let message = format!("no other node could take the shards of node {node}: none may have any");
            refused(ErrorCode::InvalidRequest, message)
        }
        Err(error) => refused(metadata_error(&error), error),
    }
}

/// Why nothing was proposed.
#[derive(Debug, PartialEq, Eq)]
enum Undecided {
    /// It is so already.
    Already,
    /// The node has no open session.
    Unknown,
    /// All other nodes are draining, too.
    Last,
}

/// The operations that have a node give its shards away, or take some again.
fn decide(cluster: &Cluster, node: NodeId, draining: bool) -> Result<Vec<Op>, Undecided> {
    let sessions: Vec<_> = cluster.open_sessions().filter(|session| session.node == node).collect();
    if sessions.is_empty() {
        return Err(Undecided::Unknown);
    }
    let changed = sessions.iter().filter(|session| session.draining != draining);
    let ops: Vec<Op> = changed.map(|session| Op::Drain { session: session.id, draining }).collect();
    if ops.is_empty() {
        return Err(Undecided::Already);
    }
    if draining && cluster.takers().iter().all(|taker| taker.node == node) {
        return Err(Undecided::Last);
    }
    Ok(ops)
}

fn refused(code: ErrorCode, message: impl std::fmt::Display) -> PeerControlResponse {
    PeerControlResponse { error_code: code.code(), error_message: text(message) }
}

#[cfg(test)]
mod tests {
    use coordinator::cluster::Format;
    use coordinator::{ClusterId, Epoch, ProcessId, Shards};

    use super::*;

    fn opened(sessions: &[u8]) -> Cluster {
        let format =
            Format { cluster: ClusterId([1; 16]), shards: Shards::new(8).expect("a number"), level: 1 };
        let mut cluster = Cluster::new(format);
        let open = |n: &u8| Op::Open {
            session: SessionId([*n; 16]),
            process: ProcessId([*n; 16]),
            node: Some(NodeId(i32::from(*n))),
            rack: None,
            addresses: Vec::new(),
        };
        let ops: Vec<Op> = sessions.iter().map(open).collect();
        cluster.apply(Epoch(1), &ops).expect("sound");
        let moves = cluster.plan_takeover();
        cluster.apply(Epoch(2), &moves).expect("sound");
        cluster
    }

    #[test]
    fn shards_are_counted() {
        let held = held(&opened(&[1, 2]));
        assert_eq!(held.into_values().collect::<Vec<_>>(), [4, 4]);
        assert!(super::held(&opened(&[])).is_empty());
    }

    #[test]
    fn the_last_node_is_not_drained() {
        let mut cluster = opened(&[1, 2]);
        let (one, two) = (NodeId(1), NodeId(2));
        let drain = Op::Drain { session: SessionId([1; 16]), draining: true };
        assert_eq!(decide(&cluster, one, true), Ok(vec![drain.clone()]));
        cluster.apply(Epoch(3), &[drain]).expect("sound");
        assert_eq!(decide(&cluster, one, true), Err(Undecided::Already));
        assert_eq!(decide(&cluster, two, true), Err(Undecided::Last));
        assert_eq!(decide(&cluster, two, false), Err(Undecided::Already));
        assert_eq!(decide(&cluster, NodeId(3), true), Err(Undecided::Unknown));
        let undrain = Op::Drain { session: SessionId([1; 16]), draining: false };
        assert_eq!(decide(&cluster, one, false), Ok(vec![undrain]));
    }
}
