//! InitProducerId for idempotent producers. Transactional ids are refused.

use protocol::ErrorCode;
use protocol::messages::{InitProducerIdRequest, InitProducerIdResponse};
use tokio::time::timeout;

use super::{Context, PATIENCE};

pub(super) async fn answer(context: &Context, request: InitProducerIdRequest) -> InitProducerIdResponse {
    let refused = |code: ErrorCode| InitProducerIdResponse {
        error_code: code.code(),
        producer_id: -1,
        producer_epoch: -1,
        ..Default::default()
    };
    match request.transactional_id.as_deref() {
        Some("") => return refused(ErrorCode::InvalidRequest),
        Some(_) => return refused(ErrorCode::TransactionalIdAuthorizationFailed),
        None => {}
    }
    // An id without its epoch, or an epoch without its id, is none.
    if (request.producer_id == -1) != (request.producer_epoch == -1) {
        return refused(ErrorCode::InvalidRequest);
    }
    match timeout(PATIENCE, context.broker.producer_id()).await {
        Ok(Ok(producer_id)) => {
            return InitProducerIdResponse { producer_id, producer_epoch: 0, ..Default::default() };
        }
        Ok(Err(error)) => tracing::warn!(%error, "no producer id could be had; the client retries"),
        Err(_) => {
            tracing::warn!(after = ?PATIENCE, "no producer id could be had in time; the client retries")
        }
    }
    refused(ErrorCode::CoordinatorLoadInProgress)
}
