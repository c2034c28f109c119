//! `/health` and `/metrics`.

mod connections;
mod hosts;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header::CONTENT_TYPE};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use broker::node::Broker;
use parking_lot::RwLock;
use prometheus_client::registry::Registry;
use serde_json::json;
use tiering::store::Store;
use tokio::net::TcpListener;
use tokio::time::timeout;

use super::metrics::{MemoryParts, Process, StoreRequests};
use connections::Limits;
pub(super) use hosts::Hosts;

/// How long the store may take to answer before the node counts as cut off.
const STORE_PATIENCE: Duration = Duration::from_secs(3);

const METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// What the pages are about. There is no broker before the store is open.
pub(super) struct Node {
    registry: RwLock<Registry>,
    broker: OnceLock<Arc<Broker>>,
}

impl Node {
    /// A node without a store, yet.
    pub(super) fn new(mut registry: Registry) -> Self {
        registry.register_collector(Box::new(Process { started: chrono::Utc::now().timestamp() }));
        Self { registry: RwLock::new(registry), broker: OnceLock::new() }
    }

    /// The store is open.
    pub(super) fn opened(&self, store: Store, broker: Arc<Broker>) {
        let mut registry = self.registry.write();
        registry.register_collector(Box::new(StoreRequests(store)));
        registry.register_collector(Box::new(MemoryParts(Arc::clone(&broker))));
        drop(registry);
        self.broker.get_or_init(|| broker);
    }
}

/// Serves the pages to those who ask for one of these hosts, for as long as the process lives.
pub(super) async fn serve(listener: TcpListener, node: Arc<Node>, hosts: Hosts) {
    connections::serve(listener, pages(node, hosts), Limits::default()).await;
}

fn pages(node: Arc<Node>, hosts: Hosts) -> Router {
    let pages = Router::new().route("/health", get(health)).route("/metrics", get(metrics)).with_state(node);
    pages.layer(from_fn_with_state(Arc::new(hosts), hosts::check))
}

/// 200 while clients are served and the store answers; otherwise 503.
async fn health(State(node): State<Arc<Node>>) -> Response {
    let unavailable = |status: &str, error: Option<String>| {
        let body = json!({"status": status, "error": error});
        (StatusCode::SERVICE_UNAVAILABLE, [(CONTENT_TYPE, JSON)], body.to_string()).into_response()
    };
    let Some(broker) = node.broker.get() else { return unavailable("starting", None) };
    if !broker.is_serving() {
        return unavailable("starting", None);
    }
    // Reading on in the metadata log asks the store; probes that come together share one request.
    match timeout(STORE_PATIENCE, broker.refresh()).await {
        Ok(Ok(cluster)) => {
            let body = json!({
                "status": "ready",
                "cluster": cluster.id().to_string(),
                "node": broker.node_id().map(|node| node.0),
            });
            (StatusCode::OK, [(CONTENT_TYPE, JSON)], body.to_string()).into_response()
        }
        Ok(Err(error)) => unavailable("store unreachable", Some(error.to_string())),
        Err(_) => unavailable("store unreachable", Some(format!("no answer within {STORE_PATIENCE:?}"))),
    }
}

async fn metrics(State(node): State<Arc<Node>>) -> Response {
    let mut page = String::new();
    match prometheus_client::encoding::text::encode(&mut page, &node.registry.read()) {
        Ok(()) => ([(CONTENT_TYPE, METRICS)], page).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
