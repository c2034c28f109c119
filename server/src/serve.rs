//! `tidelog serve`: from a configuration to a running node, and back.
//!
//! Sockets are bound first, so that a port in use is known at once and clients that come early wait instead
//! of being refused. Then the store is opened, and the broker does the rest.

mod addresses;
mod descriptors;
mod http;
mod logging;
mod metrics;
mod signals;
mod sockets;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use broker::node::{Broker, BrokerParts, StartError};
use ingest::Service;
use prometheus_client::registry::Registry;
use tiering::seams::{Clock, Entropy};
use tiering::store::Store;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::config::{self, Serve, ServeArguments};
use sockets::Kafka;

/// Characters of what a store answers that are repeated; some answer with pages of XML.
const LONGEST_REASON: usize = 300;

pub(crate) fn run(arguments: &ServeArguments) -> anyhow::Result<ExitCode> {
    let config = config::load(arguments)?;
    logging::start(config.log_format, config.log_level.as_deref());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(Box::pin(serve(config)));
    runtime.shutdown_timeout(Duration::from_millis(100));
    result.map(|()| ExitCode::SUCCESS)
}

async fn serve(config: Serve) -> anyhow::Result<()> {
    let begun = Instant::now();
    let stop = CancellationToken::new();
    signals::watch(&stop)?;
    let kafka = Kafka::bind(&config.listeners).await?;
    let http = match &config.http {
        Some(configured) => Some(sockets::http(configured).await?),
        None => None,
    };
    let http_url = match &http {
        Some(listener) => format!("http://{}", listener.local_addr()?),
        None => "off".to_owned(),
    };
    let Kafka { listeners, advertised, listen, advertise } = kafka;
    tracing::info!(%listen, %advertise, http = %http_url, store = %config.store, "starting");
    if let [only] = &listeners[..] {
        tracing::warn!(
            listener = %only.name,
            "clients and nodes use the same listener: every client that reaches it can drain nodes; to keep clients from that, give nodes a listener of their own (--listen, --inter-node-listener)"
        );
    }

    let mut registry = Registry::default();
    let metrics = broker::metrics::Metrics::register(&mut registry);
    let wire_metrics = ingest::metrics_in(&mut registry);
    let node = Arc::new(http::Node::new(registry));
    if let Some(listener) = http {
        let hosts = http::Hosts::of(listener.local_addr()?, config.http_hosts);
        tokio::spawn(http::serve(listener, Arc::clone(&node), hosts));
    }

    let store = tokio::select! {
        opened = Store::open(&config.store, &config.store_options) => opened?,
        () = stop.cancelled() => return Ok(()),
    };
    let mut broker_config = config.broker;
    broker_config.addresses = advertised;
    broker_config.max_connections = descriptors::fit(broker_config.max_connections);
    let broker = Broker::new(BrokerParts {
        store: store.clone(),
        config: broker_config,
        clock: Clock::system(),
        entropy: Entropy::from_os(),
        metrics,
        connect: broker::peer::tcp(),
    });
    node.opened(store, Arc::clone(&broker));
    tokio::spawn(broker::rates::run(Arc::clone(&broker)));
    let service = Service::new(Arc::clone(&broker), wire_metrics);
    let refuse = CancellationToken::new();
    let listener = tokio::spawn(ingest::listener::run(listeners, service, refuse.clone()));
    let announced = Started { listen, advertise, http: http_url, store: config.store.to_string(), begun };
    tokio::spawn(announced.announce(Arc::clone(&broker)));

    let grace = config.shutdown_grace;
    let close = CancellationToken::new();
    let ending = Ending { stop: stop.clone(), refuse, close: close.clone(), patience: grace / 2 };
    tokio::spawn(ending.follow(listener, Arc::clone(&broker)));
    tokio::select! {
        ended = broker.run(close) => ended.map_err(|error| advise(error, &config.store.to_string())),
        () = async { stop.cancelled().await; sleep(grace).await } => {
            Err(anyhow::anyhow!("stopped without closing the session, which took longer than {grace:?} (--shutdown-grace): the next node ends it, and nothing acknowledged is lost"))
        }
    }
}

/// How a node comes to its end.
struct Ending {
    /// The process was asked to stop.
    stop: CancellationToken,
    /// No more clients are accepted.
    refuse: CancellationToken,
    /// The session closes.
    close: CancellationToken,
    /// How long clients may take to leave.
    patience: Duration,
}

impl Ending {
    /// Other nodes get the shards while clients can still be answered NOT_LEADER_OR_FOLLOWER; then connections end, and
    /// then the log is closed: what clients wait for still needs it.
    async fn follow(self, listener: JoinHandle<()>, broker: Arc<Broker>) {
        self.stop.cancelled().await;
        if timeout(self.patience, broker.hand_over()).await.is_err() {
            tracing::warn!("closing the session although not all shards were given away");
        }
        self.refuse.cancel();
        if broker.is_serving() && timeout(self.patience, listener).await.is_err() {
            tracing::warn!("closing the session although clients still wait");
        }
        self.close.cancel();
    }
}

/// Adds what to do to why the node does not start.
fn advise(error: StartError, store: &str) -> anyhow::Error {
    let advice = match &error {
        StartError::Probe(_) => {
            let reason: String = error.to_string().chars().take(LONGEST_REASON).collect();
            return anyhow::anyhow!("{reason} …: tidelog doctor --store {store} shows all findings");
        }
        StartError::Metadata(_) => format!("is {store} the right store, and can it be reached?"),
        StartError::Open(_) => return error.into(),
    };
    anyhow::anyhow!("{error}: {advice}")
}

/// What is logged once the node serves.
struct Started {
    listen: String,
    advertise: String,
    http: String,
    store: String,
    begun: Instant,
}

impl Started {
    async fn announce(self, broker: Arc<Broker>) {
        let Ok(cluster) = broker.ready().await else { return };
        let session = broker.log().map(|log| log.session().to_string()).unwrap_or_default();
        let node = broker.node_id().map(|node| node.to_string()).unwrap_or_default();
        tracing::info!(
            store = %self.store,
            cluster = %cluster.id(),
            %session,
            %node,
            listen = %self.listen,
            advertise = %self.advertise,
            http = %self.http,
            ms = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            "ready"
        );
    }
}
