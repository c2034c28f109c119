//! What all connections of a node share.

use std::sync::Arc;

use broker::node::Broker;

use crate::metrics::Metrics;
use crate::share_sessions::Sessions;

/// A node as its clients reach it: the broker, and what is kept of clients besides.
pub struct Service {
    broker: Arc<Broker>,
    metrics: Arc<Metrics>,
    share_sessions: Arc<Sessions>,
}

impl Service {
    /// Serves a broker's clients, and counts what they ask in `metrics`.
    pub fn new(broker: Arc<Broker>, metrics: Arc<Metrics>) -> Arc<Self> {
        Arc::new(Self { broker, metrics, share_sessions: Arc::default() })
    }

    /// The broker.
    pub fn broker(&self) -> &Arc<Broker> {
        &self.broker
    }

    /// What is counted.
    pub(crate) fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// The share sessions of this node's clients.
    pub(crate) fn share_sessions(&self) -> &Arc<Sessions> {
        &self.share_sessions
    }
}
