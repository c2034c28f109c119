//! What a node does for members of share groups besides what its log does.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use coordinator::PartitionId;
use coordinator::cluster::Session;
use coordinator::share::{Request as ShareRequest, SharePartitionId};

use super::Broker;
use crate::peer;
use crate::share_sessions::{ConnectionId, Holder, Sessions};

impl Broker {
    /// The share sessions of this node's clients.
    pub(crate) fn share_sessions(&self) -> &Sessions {
        &self.share_sessions
    }

    /// Takes back what a member has in hand of these partitions, as far as they are led here.
    pub(crate) fn release_shares(&self, holder: &Holder, partitions: &[PartitionId]) {
        for &partition in partitions {
            let id = SharePartitionId { group: Arc::clone(&holder.group), partition };
            let request = ShareRequest::Release(Arc::clone(&holder.member));
            // Elsewhere nothing is in the member's hands by this node any more.
            if let Ok(led) = self.lead(partition) {
                let _ = led.log.share(&id, request, None);
            }
        }
    }

    /// Asks the node of a session.
    pub(crate) async fn ask_node<R: protocol::Request>(
        &self,
        session: &Session,
        request: &R,
        within: Duration,
    ) -> io::Result<R::Response> {
        let address = session.addresses.first().ok_or(io::ErrorKind::AddrNotAvailable)?;
        peer::call(&self.parts.connect, address, request, within).await
    }
}

/// A connection, as far as sessions end with it.
pub(crate) struct Tie {
    broker: Arc<Broker>,
    connection: ConnectionId,
}

impl Tie {
    pub(crate) fn new(broker: &Arc<Broker>) -> Self {
        Self { broker: Arc::clone(broker), connection: broker.share_sessions.connection() }
    }

    /// The connection.
    pub(crate) fn connection(&self) -> ConnectionId {
        self.connection
    }
}

impl Drop for Tie {
    fn drop(&mut self) {
        for (holder, partitions) in self.broker.share_sessions.disconnect(self.connection) {
            self.broker.release_shares(&holder, &partitions);
        }
    }
}
