//! UnregisterBroker: a node is registered while it has an open session, and no longer.

use coordinator::cluster::Cluster;
use protocol::ErrorCode;
use protocol::messages::{UnregisterBrokerRequest, UnregisterBrokerResponse};

use super::text;

pub(super) fn answer(cluster: &Cluster, request: &UnregisterBrokerRequest) -> UnregisterBrokerResponse {
    let id = request.broker_id;
    let (code, message) = if cluster.open_sessions().any(|session| session.node.0 == id) {
        let message = format!("Broker {id} is in service. It is forgotten once it has been stopped.");
        (ErrorCode::InvalidRequest, message)
    } else {
        (ErrorCode::BrokerIdNotRegistered, format!("Broker ID {id} is not currently registered"))
    };
    UnregisterBrokerResponse { error_code: code.code(), error_message: text(message), ..Default::default() }
}
