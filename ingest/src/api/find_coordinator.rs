//! FindCoordinator: which node coordinates a group. Coordinators of transactions are refused.

use coordinator::cluster::Cluster;
use protocol::messages::find_coordinator::Coordinator;
use protocol::messages::{FindCoordinatorRequest, FindCoordinatorResponse};
use protocol::{ErrorCode, Str};

use super::topics::Node;
use super::{Context, text};

/// Key types of the request (KIP-98, KIP-932).
const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;

/// The first version that asks for several keys at once (KIP-699).
const BATCHED: i16 = 4;

pub(super) fn answer(
    context: &Context,
    cluster: &Cluster,
    version: i16,
    request: &FindCoordinatorRequest,
) -> FindCoordinatorResponse {
    let find = |key: &Str| find(context, cluster, request.key_type, key);
    if version >= BATCHED {
        let coordinators = request.coordinator_keys.iter().map(find).collect();
        return FindCoordinatorResponse { coordinators, ..Default::default() };
    }
    let Coordinator { node_id, host, port, error_code, error_message, .. } = find(&request.key);
    FindCoordinatorResponse { error_code, error_message, node_id, host, port, ..Default::default() }
}

fn find(context: &Context, cluster: &Cluster, key_type: i8, key: &Str) -> Coordinator {
    let refused = |code: ErrorCode, message: Option<&str>| Coordinator {
        key: key.clone(),
        node_id: -1,
        host: Str::default(),
        port: -1,
        error_code: code.code(),
        error_message: message.and_then(text),
    };
    match key_type {
        GROUP => {}
        TRANSACTION => {
            let message = "Transactions are not served by this cluster.";
            return refused(ErrorCode::TransactionalIdAuthorizationFailed, Some(message));
        }
        _ => {
            return refused(
                ErrorCode::InvalidRequest,
                Some("There is no coordinator of this key type here."),
            );
        }
    }
    let owner = cluster.coordinator(key).and_then(|(session, _)| Node::of(session, &context.listener));
    match owner {
        Some(Node { id, host, port, .. }) => Coordinator {
            key: key.clone(),
            node_id: id,
            host: host.into(),
            port,
            error_code: ErrorCode::None.code(),
            error_message: None,
        },
        None => refused(ErrorCode::CoordinatorNotAvailable, None),
    }
}
