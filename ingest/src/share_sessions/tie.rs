//! What ends with a connection.

use std::sync::Arc;

use broker::node::Broker;

use super::{ConnectionId, Sessions};

/// A connection, as far as sessions end with it.
pub(crate) struct Tie {
    broker: Arc<Broker>,
    sessions: Arc<Sessions>,
    connection: ConnectionId,
}

impl Tie {
    pub(crate) fn new(broker: &Arc<Broker>, sessions: &Arc<Sessions>) -> Self {
        let connection = sessions.connection();
        Self { broker: Arc::clone(broker), sessions: Arc::clone(sessions), connection }
    }

    /// The connection.
    pub(crate) fn connection(&self) -> ConnectionId {
        self.connection
    }
}

impl Drop for Tie {
    fn drop(&mut self) {
        for (holder, partitions) in self.sessions.disconnect(self.connection) {
            self.broker.release_shares(&holder.group, &holder.member, &partitions);
        }
    }
}
