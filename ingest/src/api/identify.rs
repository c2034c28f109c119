//! Identify, between nodes: who this is. Answered before the node is ready; the cluster has no name until the
//! metadata log has been read.

use protocol::Uuid;
use protocol::messages::{IdentifyRequest, IdentifyResponse};

use super::{Context, Errors};

pub(super) fn answer(context: &Context, _: IdentifyRequest) -> IdentifyResponse {
    let cluster = context.broker.cluster();
    IdentifyResponse {
        error_code: 0,
        cluster_id: cluster.map(|c| c.id().to_string()).unwrap_or_default().into(),
        process_id: Uuid::from_bytes(*context.broker.process().as_bytes()),
    }
}

impl Errors for IdentifyResponse {
    fn errors(&self, each: &mut dyn FnMut(i16)) {
        each(self.error_code);
    }
}
