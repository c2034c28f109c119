//! CreatePartitions: more partitions for topics, for all that can have them in one metadata entry.

use std::collections::HashMap;
use std::time::Duration;

use broker::node::{RefreshError, owners};
use coordinator::TopicId;
use coordinator::cluster::{Cluster, Limits, Op, PartitionsReject, Planner};
use coordinator::topic::Topic;
use protocol::messages::create_partitions::{CreatePartitionsTopic, CreatePartitionsTopicResult};
use protocol::messages::{CreatePartitionsRequest, CreatePartitionsResponse};
use protocol::{ErrorCode, Str};
use tokio::time::timeout;

use super::assignment::{Nodes, PLACED, misplaced};
use super::resources::{Refused, unless_excessive};
use super::topics::metadata_error;
use super::{Context, text};

impl From<PartitionsReject> for Refused {
    fn from(reject: PartitionsReject) -> Self {
        let code = match &reject {
            PartitionsReject::NoTopic => ErrorCode::UnknownTopicOrPartition,
            PartitionsReject::Already(_) | PartitionsReject::Fewer { .. } | PartitionsReject::TooMany => {
                ErrorCode::InvalidPartitions
            }
            PartitionsReject::Assignments { .. } => ErrorCode::InvalidReplicaAssignment,
            PartitionsReject::Excess(_) => ErrorCode::PolicyViolation,
        };
        Self::new(code, reject.to_string())
    }
}

pub(super) async fn answer(context: &Context, request: CreatePartitionsRequest) -> CreatePartitionsResponse {
    let (broker, limits) = (&context.broker, context.broker.config().limits);
    let within = Duration::from_millis(u64::try_from(request.timeout_ms).unwrap_or(0));
    let topics = times(&request.topics);
    let all_refused = |refused: Refused| {
        let results = topics.iter().map(|(topic, _)| result(&topic.name, Err(refused.clone()))).collect();
        CreatePartitionsResponse { results, ..Default::default() }
    };
    if topics.len() > Planner::MAX_CHANGES {
        return all_refused(Refused::excessive());
    }
    let mut results = Vec::new();
    let growing = async {
        if request.validate_only {
            (_, results) = decide(&*broker.refresh().await?, limits, &topics);
            return Ok::<_, RefreshError>(());
        }
        let mut grown: Vec<(TopicId, i32)> = Vec::new();
        let proposed = broker.change(|cluster| {
            let (ops, decided) = decide(cluster, limits, &topics);
            results = decided;
            grown = ops
                .iter()
                .filter_map(|op| match op {
                    Op::CreatePartitions { topic, partitions } => Some((*topic, *partitions)),
                    _ => None,
                })
                .collect();
            if ops.is_empty() { Err(()) } else { Ok(ops) }
        });
        if let Ok(committed) = proposed.await? {
            broker.settled(owners(&committed.cluster, grown), committed.cluster.next()).await;
        }
        Ok(())
    };
    match timeout(within, Box::pin(growing)).await {
        Ok(Ok(())) => CreatePartitionsResponse { results, ..Default::default() },
        Ok(Err(error)) => {
            tracing::warn!(%error, "partitions could not be created");
            all_refused(Refused::of(metadata_error(&error)))
        }
        Err(_) => all_refused(Refused::of(ErrorCode::RequestTimedOut)),
    }
}

/// Each topic once, and how often it is there.
fn times(topics: &[CreatePartitionsTopic]) -> Vec<(&CreatePartitionsTopic, usize)> {
    let mut times: HashMap<&Str, usize> = HashMap::new();
    for topic in topics {
        *times.entry(&topic.name).or_default() += 1;
    }
    topics.iter().filter_map(|topic| Some((topic, times.remove(&topic.name)?))).collect()
}

fn decide(
    cluster: &Cluster,
    limits: Limits,
    topics: &[(&CreatePartitionsTopic, usize)],
) -> (Vec<Op>, Vec<CreatePartitionsTopicResult>) {
    let (nodes, mut planner) = (Nodes::of(cluster), cluster.planner(limits));
    let mut ops = Vec::new();
    let decided = topics.iter().map(|(topic, times)| match times {
        1 => plan(cluster, &mut planner, &nodes, topic).map(|op| ops.push(op)),
        _ => Err(Refused::invalid("Duplicate topic name.")),
    });
    let decided = decided.collect();
    let (ops, decided) = unless_excessive(&planner, ops, decided);
    let results = topics.iter().zip(decided).map(|((topic, _), planned)| result(&topic.name, planned));
    (ops, results.collect())
}

fn plan(
    cluster: &Cluster,
    planner: &mut Planner<'_>,
    nodes: &Nodes,
    topic: &CreatePartitionsTopic,
) -> Result<Op, Refused> {
    let known = cluster.topic_named(&topic.name).ok_or(PartitionsReject::NoTopic)?;
    let assigned = topic.assignments.as_ref().map(Vec::len);
    // The count goes before what is assigned, as in Kafka, and what is refused takes no place of others.
    if assigned == topic.count.checked_sub(known.partitions).and_then(|added| usize::try_from(added).ok()) {
        check_assigned(cluster, nodes, known, topic)
            .map_err(|message| Refused::new(ErrorCode::InvalidReplicaAssignment, message))?;
    }
    Ok(planner.create_partitions(known.id, topic.count, assigned)?)
}

/// Whether the new partitions will be where they are assigned to.
fn check_assigned(
    cluster: &Cluster,
    nodes: &Nodes,
    known: &Topic,
    topic: &CreatePartitionsTopic,
) -> Result<(), String> {
    let replicas = topic.assignments.iter().flatten().map(|assignment| assignment.broker_ids.as_slice());
    let leaders = nodes.check(replicas)?;
    let Some(partition) = misplaced(cluster, known.id, known.partitions, &leaders) else { return Ok(()) };
    let index = partition.index;
    Err(match cluster.leader(partition) {
        Some((session, _)) => format!("Partition {index} is led by broker {}. {PLACED}", session.node),
        None => format!("No broker leads partition {index} at the moment. {PLACED}"),
    })
}

fn result(name: &Str, planned: Result<(), Refused>) -> CreatePartitionsTopicResult {
    let (code, error_message) = match planned {
        Ok(()) => (ErrorCode::None, None),
        Err(Refused { code, message }) => (code, text(message)),
    };
    CreatePartitionsTopicResult { name: name.clone(), error_code: code.code(), error_message }
}
