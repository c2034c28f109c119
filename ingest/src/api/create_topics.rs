//! CreateTopics: all topics of a request that can be created, in one metadata entry.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Duration;

use coordinator::TopicId;
use coordinator::cluster::{Cluster, Limits, Op, Planner, TopicPlan, TopicReject};
use coordinator::config::Described;
use protocol::messages::create_topics::{CreatableTopic, CreatableTopicConfigs, CreatableTopicResult};
use protocol::messages::{CreateTopicsRequest, CreateTopicsResponse};
use protocol::{ErrorCode, Str};
use tokio::time::timeout;

use super::assignment::Nodes;
use super::resources::{Refused, unless_excessive};
use super::topics::{metadata_error, uuid};
use super::{Context, Errors, text};
use crate::broker::{Broker, owners};

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

/// What becomes of a topic, under its name as the client wrote it.
type Planned = (Str, TopicId, Result<TopicPlan, Refused>);

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
                decided.iter().filter_map(|(_, id, plan)| Some((*id, plan.as_ref().ok()?.partitions)));
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
    let mut plans = Vec::with_capacity(topics.len());
    for topic in topics {
        let plan = match count.get(&topic.name) {
            Some(1) => plan(broker, cluster, &topic),
            Some(0) | None => continue,
            Some(_) => {
                count.insert(topic.name.clone(), 0);
                Err(Refused::new(ErrorCode::InvalidRequest, "Duplicate topic name."))
            }
        };
        plans.push((topic.name, broker.new_topic_id(), plan));
    }
    plans
}

fn plan(broker: &Broker, cluster: &Cluster, topic: &CreatableTopic) -> Result<TopicPlan, Refused> {
    let config = broker.config();
    let (partitions, replication_factor) = match assigned(cluster, topic)? {
        Some(assigned) => assigned,
        None => {
            let or_default = |asked, default| if asked == -1 { default } else { asked };
            let factor = match topic.replication_factor {
                -1 => config.default_replication_factor,
                factor => factor,
            };
            (or_default(topic.num_partitions, config.default_partitions), factor)
        }
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
    Ok(TopicPlan { name: topic.name.to_string(), partitions, replication_factor, overrides })
}

/// Partitions and replicas of a manual assignment, if there is one. It is checked as Kafka does, and then only
/// its numbers matter: shards decide who leads, and the store replicates.
fn assigned(cluster: &Cluster, topic: &CreatableTopic) -> Result<Option<(i32, i16)>, Refused> {
    if topic.assignments.is_empty() {
        return Ok(None);
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
        if !partitions.insert(assignment.partition_index) {
            let index = assignment.partition_index;
            return Err(invalid(format!(
                "Found multiple manual partition assignments for partition {index}"
            )));
        }
    }
    let replicas = topic.assignments.iter().map(|assignment| assignment.broker_ids.as_slice());
    let factor = Nodes::of(cluster).check(replicas).map_err(invalid)?;
    if !partitions.iter().zip(0..).all(|(index, expected)| *index == expected) {
        let message = "partitions should be a consecutive 0-based integer sequence";
        return Err(invalid(message.to_owned()));
    }
    let count = i32::try_from(partitions.len()).unwrap_or(i32::MAX);
    Ok(Some((count, factor.and_then(|factor| i16::try_from(factor).ok()).unwrap_or(i16::MAX))))
}

/// What to propose, given the newest state.
fn decide(cluster: &Cluster, limits: Limits, plans: Vec<Planned>) -> (Vec<Op>, Vec<Planned>) {
    let mut planner = cluster.planner(limits);
    let mut ops = Vec::new();
    let (mut names, mut decided) = (Vec::with_capacity(plans.len()), Vec::with_capacity(plans.len()));
    for (name, id, plan) in plans {
        decided.push(plan.and_then(|plan| {
            ops.push(planner.create_topic(id, &plan)?);
            Ok(plan)
        }));
        names.push((name, id));
    }
    let (ops, decided) = unless_excessive(&planner, ops, decided);
    let decided = names.into_iter().zip(decided).map(|((name, id), plan)| (name, id, plan));
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

fn result(cluster: Option<&Cluster>, (name, id, plan): Planned, validate_only: bool) -> CreatableTopicResult {
    let plan = match plan {
        Ok(plan) => plan,
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

impl Errors for CreateTopicsResponse {
    fn errors(&self, each: &mut dyn FnMut(i16)) {
        self.topics.iter().for_each(|topic| each(topic.error_code));
    }
}
