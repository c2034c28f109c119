//! Metadata: nodes, topics, and the leaders of partitions. An unknown topic may be created on the way.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use broker::memory::Permit;
use broker::node::{Broker, owners};
use broker::quiet::Quiet;
use coordinator::cluster::{Cluster, Excess, Op, TopicPlan, TopicReject};
use coordinator::topic::{METADATA, Topic, validate_name};
use coordinator::{PartitionId, TopicId};
use protocol::messages::metadata::{
    MetadataRequestTopic, MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use protocol::messages::{MetadataRequest, MetadataResponse};
use protocol::{ErrorCode, Sent, Uuid};
use tokio::time::timeout;

use super::incoming::broad_room;
use super::topics::{Node, TopicRef, View, controller, is_internal, uuid};
use super::{Answer, Context, Incoming, Outgoing, PATIENCE, Refusal};

/// What Kafka lets any client do with a topic, where no rights are checked: a bit for each of its
/// AclOperation codes READ, WRITE, CREATE, DELETE, ALTER, DESCRIBE, DESCRIBE_CONFIGS and ALTER_CONFIGS.
pub(super) const TOPIC_OPERATIONS: i32 = 0b1101_1111_1000;

/// The same for the cluster: CREATE, ALTER, DESCRIBE, CLUSTER_ACTION, DESCRIBE_CONFIGS, ALTER_CONFIGS and
/// IDEMPOTENT_WRITE.
pub(super) const CLUSTER_OPERATIONS: i32 = 0b1_1111_1010_0000;

/// The first version whose clients know of leaders without the listener that they use.
const LISTENERS: i16 = 6;

/// The first version in which a topic may be asked for by id.
const BY_ID: i16 = 12;

/// How long an answer that creates topics waits for their owners to know of them.
const SETTLE: Duration = Duration::from_secs(2);

/// Complaints about topics that are one too many.
static COMPLAINTS: Quiet = Quiet::new(Duration::from_secs(10));

pub(super) async fn handle(
    context: &Context,
    cluster: Arc<Cluster>,
    incoming: Incoming,
) -> Result<Answer, Refusal> {
    let (Sent { request, elements }, outgoing) = (incoming.decode()?, Outgoing::of(&incoming));
    let version = incoming.version();
    drop(incoming);
    let (response, room) = answer(context, cluster, version, request, elements).await;
    Ok(outgoing.now(context, &response)?.in_room(room))
}

async fn answer(
    context: &Context,
    cluster: Arc<Cluster>,
    version: i16,
    mut request: MetadataRequest,
    elements: usize,
) -> (MetadataResponse, Option<Permit>) {
    let wanted = match request.topics.take() {
        None => None,
        Some(topics) if topics.is_empty() && version == 0 => None,
        Some(topics) => Some(topics),
    };
    if let Some(topics) = &wanted
        && topics.iter().any(|topic| !is_well_formed(topic, version))
    {
        let room = broad_room(context, &cluster, elements).await;
        return (malformed(topics), room);
    }
    let wanted = wanted.map(distinct);
    let known = |cluster: &Cluster| wanted.iter().flatten().all(|topic| named(topic).find(cluster).is_some());
    let mut view = View::knowing(context, cluster, known).await;
    let creates = request.allow_auto_topic_creation && context.broker.config().auto_create_topics;
    if creates && view.is_settled() {
        let missing = wanted.iter().flatten().filter(|topic| named(topic).find(&view.cluster).is_none());
        let names: Vec<_> =
            missing.filter(|t| t.topic_id.is_zero()).filter_map(|t| t.name.as_deref()).collect();
        // A client that does not find a topic in the answer asks again.
        let _ = timeout(PATIENCE, create(context, &mut view, &names)).await;
    }
    // Others need it while a turn is waited for.
    let room = broad_room(context, &view.cluster, elements).await;
    let cluster = &view.cluster;
    let nodes = Node::all(cluster, &context.listener);
    let described = Described {
        cluster,
        nodes: &nodes,
        unreachable: if version >= LISTENERS {
            ErrorCode::ListenerNotFound
        } else {
            ErrorCode::LeaderNotAvailable
        },
        operations: request.include_topic_authorized_operations,
    };
    let topics = match wanted {
        None => cluster.topics_by_name().map(|topic| described.topic(topic)).collect(),
        Some(wanted) => wanted.into_iter().map(|topic| described.wanted(topic, &view)).collect(),
    };
    let mut response = MetadataResponse {
        cluster_id: Some(cluster.id().to_string().into()),
        controller_id: controller(&context.broker, &nodes),
        topics,
        ..Default::default()
    };
    if request.include_cluster_authorized_operations {
        response.cluster_authorized_operations = CLUSTER_OPERATIONS;
    }
    response.brokers = nodes.into_iter().map(broker).collect();
    (response, room)
}

fn is_well_formed(topic: &MetadataRequestTopic, version: i16) -> bool {
    if version < BY_ID {
        return topic.name.is_some() && topic.topic_id.is_zero();
    }
    topic.name.is_some() || !topic.topic_id.is_zero()
}

fn malformed(topics: &[MetadataRequestTopic]) -> MetadataResponse {
    let failed = |topic: &MetadataRequestTopic| MetadataResponseTopic {
        error_code: ErrorCode::InvalidRequest.code(),
        name: Some(topic.name.clone().unwrap_or_default()),
        topic_id: topic.topic_id,
        ..Default::default()
    };
    let error_code = ErrorCode::InvalidRequest.code();
    MetadataResponse { topics: topics.iter().map(failed).collect(), error_code, ..Default::default() }
}

/// A topic's id counts before its name.
fn named(topic: &MetadataRequestTopic) -> TopicRef<'_> {
    match &topic.name {
        Some(name) if topic.topic_id.is_zero() => TopicRef::Name(name),
        _ => TopicRef::Id(topic.topic_id),
    }
}

/// The topics, each once.
fn distinct(mut topics: Vec<MetadataRequestTopic>) -> Vec<MetadataRequestTopic> {
    let mut seen: HashSet<(Uuid, Option<&str>)> = HashSet::new();
    let new = topics.iter().map(|topic| seen.insert((topic.topic_id, topic.name.as_deref())));
    let mut new = new.collect::<Vec<_>>().into_iter();
    topics.retain(|_| new.next() == Some(true));
    topics
}

/// Creates what may be created of `names`: as much as one request may, the first ones first. The view is newer then.
async fn create(context: &Context, view: &mut View, names: &[&str]) {
    let plans = creatable(&context.broker, &view.cluster, names);
    if plans.is_empty() {
        return;
    }
    // Large requests of others need it while this one waits for its turn.
    drop(context.admitted.lock().take());
    let limits = context.broker.config().limits;
    let proposed = context.broker.change(|cluster| {
        let mut planner = cluster.planner(limits);
        let ops: Vec<Op> =
            plans.iter().filter_map(|(id, plan)| planner.create_topic(*id, plan).ok()).collect();
        if ops.is_empty() { Err(()) } else { Ok(ops) }
    });
    match proposed.await {
        Ok(proposed) => {
            if let Ok(committed) = proposed {
                let created = plans.iter().map(|(id, plan)| (*id, plan.partitions));
                let settled =
                    context.broker.settled(owners(&committed.cluster, created), committed.cluster.next());
                // A node that is late says that it does not lead, and the client asks again.
                let _ = timeout(SETTLE, settled).await;
            }
            if let Some(cluster) = context.broker.cluster() {
                view.cluster = cluster;
            }
        }
        // The client asks again, and finds the topics or has them created then.
        Err(error) => tracing::warn!(%error, "topics could not be created on demand"),
    }
}

/// What to create of `names`, by what this node has read of the metadata log. Names that can't be created take the
/// place of no others. Kafka's own topics, which Kafka creates for what it keeps in them, are none: that is kept elsewhere here.
fn creatable(broker: &Broker, cluster: &Cluster, names: &[&str]) -> Vec<(TopicId, TopicPlan)> {
    let config = broker.config();
    let mut planner = cluster.planner(config.limits);
    let mut plans = Vec::new();
    for name in names.iter().filter(|name| !is_internal(name)) {
        let plan = TopicPlan {
            name: (*name).to_owned(),
            partitions: config.default_partitions,
            replication_factor: config.default_replication_factor,
            overrides: BTreeMap::new(),
        };
        let id = broker.new_topic_id();
        match planner.create_topic(id, &plan) {
            Ok(_) => plans.push((id, plan)),
            // The client asks for the others again.
            Err(TopicReject::Excess(Excess::Batch)) => break,
            Err(TopicReject::Excess(excess)) => {
                if let Some(silent) = COMPLAINTS.may_speak() {
                    tracing::warn!(topic = name, reason = %excess, silent, "a topic is not created on demand");
                }
                break;
            }
            Err(_) => {}
        }
    }
    plans
}

/// Topics as the response has them.
pub(super) struct Described<'a> {
    pub(super) cluster: &'a Cluster,
    /// Those that the client can reach by its listener.
    pub(super) nodes: &'a [Node],
    /// What to say where the leader is none of them.
    pub(super) unreachable: ErrorCode,
    /// Whether to include what the client may do with a topic.
    pub(super) operations: bool,
}

impl Described<'_> {
    fn wanted(&self, wanted: MetadataRequestTopic, view: &View) -> MetadataResponseTopic {
        let reference = named(&wanted);
        if let Some(topic) = reference.find(self.cluster) {
            return self.topic(topic);
        }
        let code = match reference {
            TopicRef::Name(name) if name == METADATA || validate_name(name).is_err() => {
                ErrorCode::InvalidTopicException
            }
            other => match view.missing(other.unknown()) {
                ErrorCode::NotLeaderOrFollower => ErrorCode::LeaderNotAvailable,
                code => code,
            },
        };
        let is_internal = wanted.name.as_deref().is_some_and(is_internal);
        // Null only in answer to an id.
        let name = wanted.name.filter(|_| wanted.topic_id.is_zero());
        MetadataResponseTopic {
            error_code: code.code(),
            name,
            topic_id: wanted.topic_id,
            is_internal,
            ..Default::default()
        }
    }

    fn topic(&self, topic: &Topic) -> MetadataResponseTopic {
        let mut response = MetadataResponseTopic {
            error_code: 0,
            name: Some(topic.name.as_str().into()),
            topic_id: uuid(topic.id),
            is_internal: is_internal(&topic.name),
            ..Default::default()
        };
        if self.operations {
            response.topic_authorized_operations = TOPIC_OPERATIONS;
        }
        response.partitions = (0..topic.partitions).map(|index| self.partition(topic, index)).collect();
        response
    }

    pub(super) fn partition(&self, topic: &Topic, index: i32) -> MetadataResponsePartition {
        let id = PartitionId { topic: topic.id, index };
        match self.cluster.leader(id) {
            Some((session, grant)) => {
                let leader = session.node.0;
                let replicas = vec![leader];
                let found = self.nodes.iter().any(|node| node.id == leader);
                MetadataResponsePartition {
                    error_code: if found { 0 } else { self.unreachable.code() },
                    partition_index: index,
                    leader_id: if found { leader } else { -1 },
                    leader_epoch: grant.leader_epoch,
                    replica_nodes: replicas.clone(),
                    isr_nodes: replicas.clone(),
                    offline_replicas: if found { Vec::new() } else { replicas },
                }
            }
            None => {
                let last = self.cluster.assigned(self.cluster.shards().of_partition(id));
                MetadataResponsePartition {
                    error_code: ErrorCode::LeaderNotAvailable.code(),
                    partition_index: index,
                    leader_id: -1,
                    leader_epoch: last.map_or(-1, |grant| grant.leader_epoch),
                    ..Default::default()
                }
            }
        }
    }
}

fn broker(node: Node) -> MetadataResponseBroker {
    MetadataResponseBroker {
        node_id: node.id,
        host: node.host.into(),
        port: node.port,
        rack: node.rack.map(Into::into),
    }
}
