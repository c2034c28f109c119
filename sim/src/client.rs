//! Clients of a run. They speak Kafka's protocol over the simulated network, and behave as Kafka's own do.

mod admin;
mod careless;
mod churn;
mod connection;
mod consumer;
mod deleter;
mod group;
mod leaders;
mod parcel;
mod plain;
mod producer;
mod reader;
mod records;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rand::Rng;
use rand::rngs::StdRng;
use tiering::watch;
use tokio::time::{Instant, sleep};

use crate::cluster::EPOCH_MS;
use crate::history::Event;
use crate::network::{Host, Network};
use crate::trace::Trace;

pub use admin::{begin_early, create_topic};
pub use careless::be_careless;
pub use churn::{Churn, Shared as Yard, Survivor, churn, survey};
pub use connection::Connection;
pub use consumer::consume;
pub use deleter::delete;
pub use group::{GroupKind, GroupPlan, ShareRules, fetch_all as fetch_offsets, run as run_group};
pub use leaders::{Leaders, Led};
pub use plain::produce as produce_plainly;
pub use producer::{PROGRESS, Pace, produce};
pub use reader::{Whole, read_all, read_rest};
pub use records::{encode, read as read_records};

/// A topic that clients use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// Its name.
    pub name: Arc<str>,
    /// How many partitions it has.
    pub partitions: i32,
    /// How many bytes each keeps (`retention.bytes`); any number below 0.
    pub keeps: i64,
}

/// A partition, by the index of its topic and its own.
pub type PartitionIndex = (usize, i32);

/// How far the run is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// Clients go on.
    Running,
    /// Producers finish what they began.
    Finishing,
    /// Consumers read on to these ends.
    Draining(Arc<std::collections::BTreeMap<PartitionIndex, i64>>),
}

/// What happened that is in no event, counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Attempts whose outcome a producer did not learn.
    pub unknown: u64,
    /// Batches that were answered as duplicates, or sent again.
    pub retries: u64,
    /// Polls that returned records.
    pub polls: u64,
    /// Connections that have a number.
    pub links: u64,
    /// Batches sent without acknowledgement, with one of the leader, and with one of all, by those whose attempts stand
    /// in the history.
    pub sends: [u64; 3],
    /// Topics created by clients that create and delete them.
    pub made: u64,
    /// Those of them whose names had been used before.
    pub recreated: u64,
    /// Topics created because a client looked for them.
    pub auto_created: u64,
    /// Topics deleted.
    pub deleted: u64,
    /// Partitions added.
    pub grown: u64,
    /// Settings of topics changed.
    pub altered: u64,
    /// Producers that took another id because they might have been forgotten.
    pub renewed: u64,
    /// Connections closed with requests in flight.
    pub abandoned: u64,
    /// Answers that were not read for a while.
    pub unread: u64,
    /// The topics whose creation was acknowledged, each time.
    pub created: Vec<Arc<str>>,
    /// What must not be, besides what checkers find.
    pub wrong: Vec<String>,
}

/// What every client has.
#[derive(Clone)]
pub struct Client {
    /// Its number, different from every other client's.
    pub number: usize,
    /// The network.
    pub network: Network,
    /// How many nodes there are to ask first.
    pub nodes: usize,
    /// The topics.
    pub topics: Arc<Vec<Topic>>,
    /// What clients are answered and see.
    pub history: Arc<Mutex<Vec<Event>>>,
    /// What they count.
    pub tally: Arc<Mutex<Tally>>,
    /// The record of the run.
    pub trace: Arc<Trace>,
    /// When the run began.
    pub began: Instant,
    /// How far the run is.
    pub stage: watch::Receiver<Stage>,
    /// Everything random.
    pub rng: StdRng,
}

impl Client {
    fn host(&self) -> Host {
        Host::Client(self.number)
    }

    fn ms(&mut self, range: std::ops::Range<u64>) -> Duration {
        Duration::from_millis(self.rng.random_range(range))
    }

    /// How long the run has lasted (ms).
    fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    async fn pause(&mut self, range: std::ops::Range<u64>) {
        let time = self.ms(range);
        sleep(time).await;
    }

    /// A time in the past (ms since 1970), before what any node takes for the future.
    fn long_ago(&self) -> i64 {
        const HALF_A_DAY_MS: i64 = 43_200_000;
        EPOCH_MS - HALF_A_DAY_MS + i64::try_from(self.now_ms()).unwrap_or(0)
    }

    /// A number for a connection.
    fn new_link(&self) -> u64 {
        let mut tally = self.tally.lock();
        tally.links += 1;
        tally.links
    }

    /// Counts a batch that is sent.
    fn sends(&self, acks: i16) {
        let kind = match acks {
            0 => 0,
            1 => 1,
            _ => 2,
        };
        self.tally.lock().sends[kind] += 1;
    }

    fn is_running(&self) -> bool {
        *self.stage.borrow() == Stage::Running
    }

    fn topic(&self, partition: PartitionIndex) -> Option<Arc<str>> {
        self.topics.get(partition.0).map(|topic| Arc::clone(&topic.name))
    }

    fn wrong(&self, what: String) {
        self.trace.line(format_args!("client {} WRONG {what}", self.number));
        self.tally.lock().wrong.push(format!("client {}: {what}", self.number));
    }

    fn note(&self, event: Event) {
        self.history.lock().push(event);
    }
}
