//! A node over a store in memory, and connections to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use broker::log::LogConfig;
use broker::metrics::Metrics;
use broker::node::{Broker, BrokerConfig, BrokerParts};
use coordinator::NodeId;
use coordinator::cluster::Address;
use ingest::Service;
use ingest::connection;
use tiering::seams::{Clock, Entropy};
use tiering::store::{Store, StoreKind};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::client::Client;
use crate::store::Unreliable;

/// When the tests take place (ms since 1970).
pub(crate) const NOW: i64 = 1_750_000_000_000;

/// The name of the listener that clients come by.
pub(crate) const LISTENER: &str = "PLAINTEXT";

/// The node's id.
pub(crate) const NODE: i32 = 7;

pub(crate) struct Node {
    pub(crate) broker: Arc<Broker>,
    pub(crate) service: Arc<Service>,
    pub(crate) store: Arc<Unreliable>,
    pub(crate) clock: Arc<AtomicI64>,
    pub(crate) stop: CancellationToken,
    ending: CancellationToken,
}

/// The configuration of a node that answers at once and forgets nothing.
pub(crate) fn config() -> BrokerConfig {
    BrokerConfig {
        auto_create_topics: true,
        default_partitions: 1,
        default_replication_factor: 1,
        limits: Default::default(),
        changes_per_second: 10,
        max_request_bytes: 8 << 20,
        request_memory: 16 << 20,
        answer_memory: 512 << 20,
        unpack_memory: 16 << 20,
        idle_timeout: Duration::from_secs(600),
        stall_timeout: Duration::from_secs(30),
        max_connections: 100,
        node_id: Some(NodeId(NODE)),
        rack: Some("r1".to_owned()),
        addresses: vec![Address { listener: LISTENER.to_owned(), host: "node7.test".to_owned(), port: 9092 }],
        settings: Default::default(),
        log: LogConfig {
            slot_bytes: 8 << 20,
            linger: Duration::ZERO,
            window: 4,
            tail_bytes: 64 << 20,
            checkpoint_slots: 1000,
            rotate_after: Duration::from_secs(900),
            rotate_slots: 1 << 20,
            rotate_bytes: 1 << 40,
            producer_expiration: Duration::from_secs(86_400),
        },
        retention_check_interval: Duration::from_secs(300),
        producer_check_interval: Duration::from_secs(600),
        read_cache_bytes: 64 << 20,
    }
}

impl Node {
    /// A node that serves.
    pub(crate) async fn start() -> Self {
        Self::with(config()).await
    }

    /// A node with this configuration that serves.
    pub(crate) async fn with(config: BrokerConfig) -> Self {
        let node = Self::not_started(config);
        node.run();
        node.broker.ready().await.expect("the node starts");
        node
    }

    /// A node that does nothing yet.
    pub(crate) fn not_started(config: BrokerConfig) -> Self {
        Self::over(Unreliable::new(), config, NOW, 1)
    }

    fn over(store: Arc<Unreliable>, config: BrokerConfig, now: i64, seed: u64) -> Self {
        let clock = Arc::new(AtomicI64::new(now));
        let time = Arc::clone(&clock);
        let broker = Broker::new(BrokerParts {
            store: Store::new(StoreKind::Memory, Arc::clone(&store) as Arc<_>, Arc::clone(&store) as Arc<_>),
            config,
            clock: Clock::new(move || time.load(Ordering::Relaxed)),
            entropy: Entropy::from_seed(seed),
            metrics: Metrics::register(&mut Default::default()),
            connect: Arc::new(|_| {
                Box::pin(std::future::ready(Err(std::io::ErrorKind::ConnectionRefused.into())))
            }),
        });
        let service = Service::new(Arc::clone(&broker), ingest::metrics_in(&mut Default::default()));
        let (stop, ending) = Default::default();
        Self { broker, service, store, clock, stop, ending }
    }

    pub(crate) fn run(&self) {
        let (broker, ending) = (Arc::clone(&self.broker), self.ending.clone());
        tokio::spawn(async move { broker.run(ending).await });
    }

    /// Ends the node in good order; another begins on its store, with a clock that is so much later.
    pub(crate) async fn restart(self, later_ms: i64) -> Self {
        self.ending.cancel();
        while self.broker.is_serving() {
            sleep(Duration::from_millis(10)).await;
        }
        // It has yet to record its end.
        sleep(Duration::from_secs(1)).await;
        let now = self.clock.load(Ordering::Relaxed) + later_ms;
        let next = Self::over(self.store, self.broker.config().clone(), now, 2);
        next.run();
        next.broker.ready().await.expect("the node starts");
        next
    }

    /// A connection.
    pub(crate) fn connect(&self) -> Client {
        self.connect_by(LISTENER)
    }

    /// A connection by the listener of this name.
    pub(crate) fn connect_by(&self, listener: &str) -> Client {
        let listener = listener.into();
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        let (read, write) = tokio::io::split(theirs);
        let (service, stop) = (Arc::clone(&self.service), self.stop.clone());
        tokio::spawn(
            async move { connection::serve(read, write, "test".into(), listener, service, stop).await },
        );
        Client::new(ours)
    }

    /// A connection, and a topic with this many partitions.
    pub(crate) async fn with_topic(&self, name: &str, partitions: i32) -> Client {
        self.with_configured(name, partitions, &[]).await
    }

    /// A connection, and a topic with these settings.
    pub(crate) async fn with_configured(
        &self,
        name: &str,
        partitions: i32,
        settings: &[(&str, &str)],
    ) -> Client {
        let mut client = self.connect();
        client.create_topic(name, partitions, settings).await;
        client
    }

    /// Ends the session as if another process had sealed it.
    pub(crate) fn lose_session(&self) {
        self.broker.log().expect("the node serves").fail();
    }
}
