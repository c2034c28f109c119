//! CreateTopics: all topics of a request that can be created, in one metadata entry.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Duration;

use broker::node::{Broker, owners};
use coordinator::TopicId;
use coordinator::cluster::{Cluster, Limits, Op, Planner, TopicPlan, TopicReject};
use coordinator::config::Described;
use protocol::messages::create_topics::{CreatableTopic, CreatableTopicConfigs, CreatableTopicResult};
use protocol::messages::{CreateTopicsRequest, CreateTopicsResponse};
use protocol::{ErrorCode, Str};
use tokio::time::timeout;

use super::assignment::{Nodes, PLACED, misplaced};
use super::resources::{Refused, unless_excessive};
use super::topics::{metadata_error, uuid};
use super::{Context, text};

impl From<TopicReject> for Refused {
    fn from(reject: TopicReject) -> Self {
        let code = match &reject {
            TopicReject::Exists(_) => ErrorCode::TopicAlreadyExists,
            TopicReject::Collides { .. } | TopicReject::Name(_) => ErrorCode::InvalidTopicException,
            TopicReject::NoPartitions | TopicReject::TooManyPartitions => ErrorCode::InvalidPartitions,
            TopicReject::ReplicationFactor => ErrorCode::InvalidReplicationFactor,
            TopicReject::Config(_) => ErrorCode::InvalidConfig,
            TopicReject::Metadata => ErrorCode::InvalidRequest,
            TopicReject::Excess(_) => ErrorCode::PolicyViolation,
        };
        Self { code, message: reject.to_string() }
    }
}

/// How many partitions a request may look at while it seeks ids whose partitions are where they are assigned to.
/// That finds the shard to begin with, if one in a thousand fits.
const LOOKS: i32 = 100_000;

/// A topic as it is asked for.
#[derive(Clone)]
struct Asked {
    plan: TopicPlan,
    /// The node that shall lead each partition, where the request assigns them.
    leaders: Vec<i32>,
}

/// What becomes of a topic, under its name as the client wrote it.
type Planned = (Str, TopicId, Result<Asked, Refused>);

pub(super) async fn answer(context: &Context, request: CreateTopicsRequest) -> CreateTopicsResponse {
    let (broker, limits) = (&context.broker, context.broker.config().limits);
    let within = Duration::from_millis(u64::try_from(request.timeout_ms).unwrap_or(0));
    let partitions = partitions(&request.topics, broker.config().default_partitions);
    if partitions > Planner::MAX_PARTITIONS || request.topics.len() > Planner::MAX_CHANGES {
        let message = "Excessively large number of partitions per request.";
        let refused = |name| failure(name, ErrorCode::PolicyViolation, message);
        let topics = distinct_names(&request.topics).map(refused).collect();
        return CreateTopicsResponse { topics, ..Default::default() };
    }
    let deciding = async {
        let plans = match broker.refresh().await {
            Ok(cluster) => plans(broker, &cluster, request.topics.clone()),
            Err(error) => return Err(metadata_error(&error)),
        };
        if request.validate_only {
            let Some(cluster) = broker.cluster() else { return Err(ErrorCode::NotController) };
            return Ok(decide(&cluster, limits, plans).1);
        }
        let mut decided = Vec::new();
        let proposed = broker.change(|cluster| {
            let (ops, plans) = decide(cluster, limits, plans.clone());
            decided = plans;
            if ops.is_empty() { Err(()) } else { Ok(ops) }
        });
        let proposed = proposed.await.map_err(|error| {
            tracing::warn!(%error, "topics could not be created");
            metadata_error(&error)
        })?;
        if let Ok(committed) = proposed {
            let created =
                decided.iter().filter_map(|(_, id, asked)| Some((*id, asked.as_ref().ok()?.plan.partitions)));
            broker.settled(owners(&committed.cluster, created), committed.cluster.next()).await;
        }
        Ok(decided)
    };
    let decided = timeout(within, Box::pin(deciding)).await.unwrap_or(Err(ErrorCode::RequestTimedOut));
    let topics = match decided {
        Ok(decided) => {
            let cluster = broker.cluster();
            let result = |planned| result(cluster.as_deref(), planned, request.validate_only);
            decided.into_iter().map(result).collect()
        }
        Err(code) => {
            distinct_names(&request.topics).map(|name| failure(name, code, code.message())).collect()
        }
    };
    CreateTopicsResponse { topics, ..Default::default() }
}

/// How many partitions are asked for, with `default` where a topic does not say.
fn partitions(topics: &[CreatableTopic], default: i32) -> i64 {
    let each = topics.iter().map(|topic| match (topic.assignments.len(), topic.num_partitions) {
        (0, -1) => i64::from(default),
        (0, asked) => i64::from(asked.max(0)),
        (assigned, _) => i64::from(i32::try_from(assigned).unwrap_or(i32::MAX)),
    });
    each.sum()
}

fn distinct_names(topics: &[CreatableTopic]) -> impl Iterator<Item = Str> {
    let mut seen = HashSet::new();
    topics.iter().filter(move |topic| seen.insert(topic.name.as_str())).map(|topic| topic.name.clone())
}

/// What each topic would be, from its own entry in the request alone. Names that come twice are refused once.
fn plans(broker: &Broker, cluster: &Cluster, topics: Vec<CreatableTopic>) -> Vec<Planned> {
    let mut count: HashMap<Str, usize> = HashMap::new();
    for topic in &topics {
        *count.entry(topic.name.clone()).or_default() += 1;
    }
    let (mut plans, mut looks) = (Vec::with_capacity(topics.len()), LOOKS);
    for topic in topics {
        let asked = match count.get(&topic.name) {
            Some(1) => asked(broker, cluster, &topic),
            Some(0) | None => continue,
            Some(_) => {
                count.insert(topic.name.clone(), 0);
                Err(Refused::new(ErrorCode::InvalidRequest, "Duplicate topic name."))
            }
        };
        let leaders = asked.as_ref().map(|asked| asked.leaders.as_slice()).unwrap_or_default();
        let id = fitting_id(broker, cluster, leaders, &mut looks);
        plans.push((topic.name, id, asked));
    }
    plans
}

/// An id for a new topic. It decides on the shards of the partitions, and so on who leads them: one that fits, if
/// any can be found.
fn fitting_id(broker: &Broker, cluster: &Cluster, leaders: &[i32], looks: &mut i32) -> TopicId {
    loop {
        let id = broker.new_topic_id();
        match misplaced(cluster, id, 0, leaders) {
            Some(partition) if *looks > 0 => *looks -= partition.index + 1,
            _ => return id,
        }
    }
}

fn asked(broker: &Broker, cluster: &Cluster, topic: &CreatableTopic) -> Result<Asked, Refused> {
    let config = broker.config();
    let leaders = assigned(cluster, topic)?;
    let (partitions, replication_factor) = match leaders.len() {
        0 => {
            let or_default = |asked, default| if asked == -1 { default } else { asked };
            let factor = match topic.replication_factor {
                -1 => config.default_replication_factor,
                factor => factor,
            };
            (or_default(topic.num_partitions, config.default_partitions), factor)
        }
        assigned => (i32::try_from(assigned).unwrap_or(i32::MAX), 1),
    };
    let mut overrides = BTreeMap::new();
    for setting in &topic.configs {
        let Some(value) = &setting.value else {
            let nulls = topic.configs.iter().filter(|c| c.value.is_none()).map(|c| c.name.as_str());
            let nulls = nulls.collect::<Vec<_>>().join(",");
            let message = format!("Null value not supported for topic configs: {nulls}");
            return Err(Refused::new(ErrorCode::InvalidConfig, message));
        };
        overrides.insert(setting.name.to_string(), value.to_string());
    }
    let plan = TopicPlan { name: topic.name.to_string(), partitions, replication_factor, overrides };
    Ok(Asked { plan, leaders })
}

/// The node of each partition by a manual assignment, which is checked as Kafka does; empty if there is none.
fn assigned(cluster: &Cluster, topic: &CreatableTopic) -> Result<Vec<i32>, Refused> {
    if topic.assignments.is_empty() {
        return Ok(Vec::new());
    }
    let unset = |what: &str| {
        let message = format!("A manual partition assignment was specified, but {what} was not set to -1.");
        Refused::new(ErrorCode::InvalidRequest, message)
    };
    if topic.replication_factor != -1 {
        return Err(unset("replication factor"));
    }
    if topic.num_partitions != -1 {
        return Err(unset("numPartitions"));
    }
    let invalid = |message: String| Refused::new(ErrorCode::InvalidReplicaAssignment, message);
    let mut partitions = BTreeSet::new();
    for assignment in &topic.assignments {
        let index = assignment.partition_index;
        if !partitions.insert(index) {
            return Err(invalid(format!(
                "Found multiple manual partition assignments for partition {index}"
            )));
        }
    }
    let replicas = topic.assignments.iter().map(|assignment| assignment.broker_ids.as_slice());
    let leaders = Nodes::of(cluster).check(replicas).map_err(invalid)?;
    if !partitions.iter().zip(0..).all(|(index, expected)| *index == expected) {
        let message = "partitions should be a consecutive 0-based integer sequence";
        return Err(invalid(message.to_owned()));
    }
    let indexes = topic.assignments.iter().map(|assignment| assignment.partition_index);
    Ok(indexes.zip(leaders).collect::<BTreeMap<_, _>>().into_values().collect())
}

/// What to propose, given the newest state.
fn decide(cluster: &Cluster, limits: Limits, plans: Vec<Planned>) -> (Vec<Op>, Vec<Planned>) {
    let mut planner = cluster.planner(limits);
    let mut ops = Vec::new();
    let (mut names, mut decided) = (Vec::with_capacity(plans.len()), Vec::with_capacity(plans.len()));
    for (name, id, asked) in plans {
        decided.push(asked.and_then(|asked| {
            // What is there already is refused for that, and what is refused takes no place of others.
            if cluster.topic_named(&name).is_none() && misplaced(cluster, id, 0, &asked.leaders).is_some() {
                let message = format!("These brokers do not lead partitions in this order. {PLACED}");
                return Err(Refused::new(ErrorCode::InvalidReplicaAssignment, message));
            }
            ops.push(planner.create_topic(id, &asked.plan)?);
            Ok(asked)
        }));
        names.push((name, id));
    }
    let (ops, decided) = unless_excessive(&planner, ops, decided);
    let decided = names.into_iter().zip(decided).map(|((name, id), asked)| (name, id, asked));
    (ops, decided.collect())
}

fn failure(name: Str, code: ErrorCode, message: &str) -> CreatableTopicResult {
    CreatableTopicResult {
        name,
        error_code: code.code(),
        error_message: text(message),
        num_partitions: -1,
        replication_factor: -1,
        configs: Some(Vec::new()),
        ..Default::default()
    }
}

fn result(
    cluster: Option<&Cluster>,
    (name, id, asked): Planned,
    validate_only: bool,
) -> CreatableTopicResult {
    let plan = match asked {
        Ok(asked) => asked.plan,
        Err(refused) => return failure(name, refused.code, &refused.message),
    };
    let config = |described: Described<'_>| CreatableTopicConfigs {
        name: Str::from_static(described.definition.name),
        value: described.value.as_deref().map(Into::into),
        read_only: described.is_read_only,
        config_source: described.source as i8,
        is_sensitive: false,
    };
    let configs = cluster.map(|cluster| cluster.describe_topic(&plan.overrides)).unwrap_or_default();
    CreatableTopicResult {
        name,
        topic_id: if validate_only { Default::default() } else { uuid(id) },
        error_code: 0,
        error_message: None,
        topic_config_error_code: 0,
        num_partitions: plan.partitions,
        replication_factor: plan.replication_factor,
        configs: Some(configs.into_iter().map(config).collect()),
    }
}
