//! What the APIs share about topics: finding one, the leader of a partition, and which error says what.

use std::sync::Arc;
use std::time::Duration;

use broker::log::{Log, NotLeader};
use broker::node::{Broker, Led, RefreshError};
use coordinator::cluster::{Cluster, Session};
use coordinator::topic::Topic;
use coordinator::{PartitionId, TopicId};
use protocol::{ErrorCode, Uuid};
use tiering::metadata::MetadataError;
use tiering::mutant::{self, Mutant};
use tokio::time::{Instant, sleep, timeout};

use super::{Context, PATIENCE};

/// How long a request waits for a partition that this node is about to lead, or to give away.
pub(super) const MOMENT: Duration = Duration::from_millis(500);

/// How often it is looked at meanwhile.
pub(super) const LOOK: Duration = Duration::from_millis(20);

/// Kafka's own topics, which clients may not write to.
const INTERNAL: [&str; 3] = ["__consumer_offsets", "__transaction_state", "__share_group_state"];

/// Whether a topic is one of Kafka's own.
pub(super) fn is_internal(name: &str) -> bool {
    INTERNAL.contains(&name)
}

/// How a request names a topic.
#[derive(Clone, Copy, Debug)]
pub(super) enum TopicRef<'a> {
    /// By its name.
    Name(&'a str),
    /// By its id.
    Id(Uuid),
}

impl<'a> TopicRef<'a> {
    /// The name in versions below `first`, the id from there on.
    pub(super) fn versioned(version: i16, first: i16, name: &'a str, id: Uuid) -> Self {
        if version < first { Self::Name(name) } else { Self::Id(id) }
    }

    /// The topic.
    pub(super) fn find(self, cluster: &Cluster) -> Option<&Topic> {
        match self {
            Self::Name(name) => cluster.topic_named(name),
            Self::Id(id) => cluster.topic(TopicId(*id.as_bytes())),
        }
    }

    /// What to say if there is no such topic.
    pub(super) fn unknown(self) -> ErrorCode {
        match self {
            Self::Name(_) => ErrorCode::UnknownTopicOrPartition,
            Self::Id(_) => ErrorCode::UnknownTopicId,
        }
    }
}

/// A topic's id as the wire has it.
pub(super) fn uuid(id: TopicId) -> Uuid {
    Uuid::from_bytes(*id.as_bytes())
}

/// The cluster as one request sees it.
pub(super) struct View {
    pub(super) cluster: Arc<Cluster>,
    /// The listener that accepted the client.
    listener: Arc<str>,
    /// Whether what is not in it is known not to exist.
    settled: bool,
}

impl View {
    /// `cluster`, or the newest one, read to the metadata log's end, if `complete` misses anything.
    pub(super) async fn knowing(
        context: &Context,
        cluster: Arc<Cluster>,
        complete: impl Fn(&Cluster) -> bool,
    ) -> Self {
        let listener = Arc::clone(&context.listener);
        if complete(&cluster) {
            return Self { cluster, listener, settled: true };
        }
        match timeout(PATIENCE, context.broker.refresh()).await {
            Ok(Ok(cluster)) => return Self { cluster, listener, settled: true },
            Ok(Err(error)) => tracing::warn!(%error, "the metadata log could not be read"),
            Err(_) => tracing::warn!(after = ?PATIENCE, "the metadata log could not be read in time"),
        }
        Self { cluster, listener, settled: false }
    }

    /// The same view, or a newer one as soon as no partition is [`Miss::between`] any more, or after a moment.
    /// librdkafka, sent here and at once away again, asks for the leader and comes back without any pause.
    pub(super) async fn steady(mut self, context: &Context, between: impl Fn(&Self) -> bool) -> Self {
        let deadline = Instant::now() + MOMENT;
        while between(&self) && Instant::now() < deadline && !context.stop.is_cancelled() {
            sleep(LOOK).await;
            if let Some(cluster) = context.broker.cluster() {
                self.cluster = cluster;
            }
        }
        self
    }

    /// Whether what is not in it is known not to exist.
    pub(super) fn is_settled(&self) -> bool {
        self.settled
    }

    /// What to say of a topic that is not there. A reader that could not ask must not say "unknown".
    pub(super) fn missing(&self, error: ErrorCode) -> ErrorCode {
        if self.settled { error } else { ErrorCode::NotLeaderOrFollower }
    }

    /// Finds a partition that this node leads.
    pub(super) fn lead(
        &self,
        broker: &Broker,
        topic: TopicRef<'_>,
        index: i32,
    ) -> Result<(&Topic, Led), Miss> {
        let miss = |code| Miss { code, leader: None, between: false };
        let found = topic.find(&self.cluster).ok_or_else(|| miss(self.missing(topic.unknown())))?;
        if !(0..found.partitions).contains(&index) {
            return Err(miss(self.missing(ErrorCode::UnknownTopicOrPartition)));
        }
        let id = PartitionId { topic: found.id, index };
        match broker.lead(id) {
            Ok(led) => Ok((found, led)),
            // As Kafka says it of a partition whose disk has failed. Clients ask for metadata and try again.
            Err(_) if broker.is_unserved(id) => Err(miss(ErrorCode::KafkaStorageError)),
            Err(_) => Err(Miss {
                code: ErrorCode::NotLeaderOrFollower,
                leader: self.leader(id),
                between: self.cluster.leader(id).is_some_and(|(s, _)| s.process == broker.process()),
            }),
        }
    }

    /// Whether the metadata log says that this node leads a partition, and it does not.
    pub(super) fn is_between(&self, broker: &Broker, topic: TopicRef<'_>, index: i32) -> bool {
        self.lead(broker, topic, index).is_err_and(|miss| miss.between)
    }

    /// The leader of a partition, if there is one that can be reported to the client.
    pub(super) fn leader(&self, id: PartitionId) -> Option<Leader> {
        Leader::of(&self.cluster, id, &self.listener)
    }
}

/// Whether a partition is in the cluster.
pub(super) fn has_partition(cluster: &Cluster, topic: TopicRef<'_>, index: i32) -> bool {
    topic.find(cluster).is_some_and(|topic| (0..topic.partitions).contains(&index))
}

/// Why a request can't be served for a partition.
#[derive(Clone, Debug)]
pub(super) struct Miss {
    /// The error.
    pub(super) code: ErrorCode,
    /// The leader, where this node is not and any node is.
    pub(super) leader: Option<Leader>,
    /// Whether this node is the leader by the metadata log: it does not serve the partition yet, or no more.
    pub(super) between: bool,
}

/// The leader of a partition, as clients see it.
#[derive(Clone, Debug)]
pub(super) struct Leader {
    /// The leader epoch.
    pub(super) epoch: i32,
    /// The node and where it is.
    pub(super) node: Node,
}

impl Leader {
    /// The leader of a partition, if there is one with a listener of this name.
    pub(super) fn of(cluster: &Cluster, id: PartitionId, listener: &str) -> Option<Self> {
        let (session, grant) = cluster.leader(id)?;
        Some(Self { epoch: grant.leader_epoch, node: Node::of(session, listener)? })
    }
}

/// A node and the address that clients dial.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Node {
    pub(super) id: i32,
    pub(super) host: String,
    pub(super) port: i32,
    pub(super) rack: Option<String>,
}

impl Node {
    /// The node of a session, if it has a listener of this name.
    pub(super) fn of(session: &Session, listener: &str) -> Option<Self> {
        let address = session.addresses.iter().find(|address| address.listener == listener)?;
        Some(Self {
            id: session.node.0,
            host: address.host.clone(),
            port: i32::from(address.port),
            rack: session.rack.clone(),
        })
    }

    /// The nodes with an open session and a listener of this name, by id.
    pub(super) fn all(cluster: &Cluster, listener: &str) -> Vec<Self> {
        let mut nodes: Vec<_> = cluster.open_sessions().filter_map(|s| Self::of(s, listener)).collect();
        nodes.sort();
        nodes.dedup_by_key(|node| node.id);
        nodes
    }
}

/// The node that takes administrative requests: any does, so this one, if it can be reported to clients.
pub(super) fn controller(broker: &Broker, nodes: &[Node]) -> i32 {
    let own = broker.node_id().map(|id| id.0).filter(|id| nodes.iter().any(|node| node.id == *id));
    own.or(nodes.first().map(|node| node.id)).unwrap_or(-1)
}

/// Compares the leader epoch that a client knows, -1 if none, with the partition's.
pub(super) fn check_leader_epoch(known: i32, current: i32) -> Result<(), ErrorCode> {
    match known {
        known if known < 0 || known == current => Ok(()),
        known if known < current => Err(ErrorCode::FencedLeaderEpoch),
        _ => Err(ErrorCode::UnknownLeaderEpoch),
    }
}

/// A barrier in each log that a request meets (there is one, but for the moment in which a session follows
/// another): a node that passed it led when the request came, and sees all that was decided before.
#[derive(Default)]
pub(super) struct Barrier {
    passed: Vec<(Arc<Log>, Result<(), NotLeader>)>,
}

impl Barrier {
    /// Returns once the barrier in the log of `led` is confirmed, which happens once. One that is not in time
    /// has failed: a node that can't write does not know that it leads.
    pub(super) async fn passed(&mut self, led: &Led) -> Result<(), NotLeader> {
        if mutant::is(Mutant::RejectWithoutBarrier) {
            return Ok(());
        }
        if let Some((_, passed)) = self.passed.iter().find(|(log, _)| Arc::ptr_eq(log, &led.log)) {
            return *passed;
        }
        let passed = match led.log.barrier() {
            Ok(barrier) => timeout(PATIENCE, barrier.committed()).await.unwrap_or(Err(NotLeader)),
            Err(error) => Err(error),
        };
        self.passed.push((Arc::clone(&led.log), passed));
        passed
    }
}

/// What to say to an administrator if the metadata log can't be read or written.
pub(super) fn metadata_error(error: &RefreshError) -> ErrorCode {
    match error {
        RefreshError::Stopping(_) => ErrorCode::NotController,
        // The entry may still appear.
        RefreshError::Metadata(MetadataError::Create(_)) => ErrorCode::RequestTimedOut,
        RefreshError::Metadata(MetadataError::Read(_)) => ErrorCode::KafkaStorageError,
        RefreshError::Metadata(MetadataError::TooLarge(_)) => ErrorCode::PolicyViolation,
        RefreshError::Metadata(_) => ErrorCode::UnknownServerError,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leader_epochs_are_compared_as_kafka_does() {
        assert_eq!(check_leader_epoch(-1, 5), Ok(()));
        assert_eq!(check_leader_epoch(5, 5), Ok(()));
        assert_eq!(check_leader_epoch(4, 5), Err(ErrorCode::FencedLeaderEpoch));
        assert_eq!(check_leader_epoch(6, 5), Err(ErrorCode::UnknownLeaderEpoch));
    }
}
