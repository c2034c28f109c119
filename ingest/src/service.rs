//! What all connections of a node share.

use std::sync::Arc;

use broker::node::Broker;

use crate::metrics::Metrics;
use crate::{fetch_sessions, share_sessions};

/// A node as its clients reach it: the broker, and what is kept of clients besides.
pub struct Service {
    broker: Arc<Broker>,
    metrics: Arc<Metrics>,
    share_sessions: Arc<share_sessions::Sessions>,
    fetch_sessions: Arc<fetch_sessions::Sessions>,
}

impl Service {
    /// Serves a broker's clients, and counts what they ask in `metrics`.
    pub fn new(broker: Arc<Broker>, metrics: Arc<Metrics>) -> Arc<Self> {
        let config = broker.config();
        let (slots, answer_memory) = (config.settings.fetch_session_slots(), config.answer_memory);
        let fetch_sessions = fetch_sessions::Sessions::new(slots, answer_memory, Arc::clone(&metrics));
        Arc::new(Self { broker, metrics, share_sessions: Arc::default(), fetch_sessions })
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
    pub(crate) fn share_sessions(&self) -> &Arc<share_sessions::Sessions> {
        &self.share_sessions
    }

    /// The fetch sessions of this node's clients.
    pub(crate) fn fetch_sessions(&self) -> &Arc<fetch_sessions::Sessions> {
        &self.fetch_sessions
    }
}
