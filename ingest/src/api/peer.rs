//! What nodes ask each other. A ping is answered before the node is ready; the cluster has no name until the
//! metadata log has been read.

use std::time::Duration;

use coordinator::{Epoch, SessionId};
use protocol::messages::{PeerPingRequest, PeerPingResponse, PeerWitnessRequest, PeerWitnessResponse};
use protocol::{ErrorCode, Uuid};

use super::{Answer, Context, Incoming, Refusal};

pub(super) async fn ping(context: &Context, incoming: Incoming) -> Result<Answer, Refusal> {
    let (request, outgoing) = incoming.open()?;
    outgoing.now(context, &pinged(context, request).await)
}

pub(super) async fn witness(context: &Context, incoming: Incoming) -> Result<Answer, Refusal> {
    let (request, outgoing) = incoming.open()?;
    outgoing.now(context, &witnessed(context, request).await)
}

async fn pinged(context: &Context, request: PeerPingRequest) -> PeerPingResponse {
    let broker = &context.broker;
    if let Ok(wanted) = u64::try_from(request.metadata_next) {
        broker.reach(Epoch(wanted)).await;
    }
    let cluster = broker.cluster();
    let ms = |age: Option<Duration>| age.map_or(-1, |age| i64::try_from(age.as_millis()).unwrap_or(i64::MAX));
    PeerPingResponse {
        error_code: 0,
        cluster_id: cluster.map(|c| c.id().to_string()).unwrap_or_default().into(),
        process_id: Uuid::from_bytes(*broker.process().as_bytes()),
        metadata_next: i64::try_from(broker.acted_on().0).unwrap_or(i64::MAX),
        store_age_ms: ms(broker.store_age()),
        confirmed_age_ms: ms(broker.store().confirmed_age()),
        bytes_per_second: broker.bytes_per_second(),
    }
}

async fn witnessed(context: &Context, request: PeerWitnessRequest) -> PeerWitnessResponse {
    match context.broker.can_reach(SessionId(*request.session_id.as_bytes())).await {
        Some(reached) => PeerWitnessResponse { error_code: 0, reached },
        None => PeerWitnessResponse { error_code: ErrorCode::InvalidRequest.code(), reached: false },
    }
}
