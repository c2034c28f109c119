//! CreatePartitions: more partitions for topics, for all that can have them in one metadata entry.

use std::collections::HashMap;
use std::time::Duration;

use coordinator::TopicId;
use coordinator::cluster::{Cluster, Op, PartitionsReject};
use protocol::messages::create_partitions::{CreatePartitionsTopic, CreatePartitionsTopicResult};
use protocol::messages::{CreatePartitionsRequest, CreatePartitionsResponse};
use protocol::{ErrorCode, Str};
use tokio::time::timeout;

use super::assignment::Nodes;
use super::topics::metadata_error;
use super::{Context, Errors, text};
use crate::broker::{RefreshError, owners};

/// Why a topic does not get more partitions.
type Refused = (ErrorCode, String);

pub(super) async fn answer(context: &Context, request: CreatePartitionsRequest) -> CreatePartitionsResponse {
    let broker = &context.broker;
    let within = Duration::from_millis(u64::try_from(request.timeout_ms).unwrap_or(0));
    let mut results = Vec::new();
    let growing = async {
        if request.validate_only {
            (_, results) = decide(&*broker.refresh().await?, &request.topics);
            return Ok::<_, RefreshError>(());
        }
        let mut grown: Vec<(TopicId, i32)> = Vec::new();
        let proposed = broker.propose(|cluster| {
            let (ops, decided) = decide(cluster, &request.topics);
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
    let failed = match timeout(within, Box::pin(growing)).await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => {
            tracing::warn!(%error, "partitions could not be created");
            Some(metadata_error(&error))
        }
        Err(_) => Some(ErrorCode::RequestTimedOut),
    };
    if let Some(code) = failed {
        results = times(&request.topics)
            .into_iter()
            .map(|(topic, _)| result(&topic.name, Err((code, code.message().to_owned()))))
            .collect();
    }
    CreatePartitionsResponse { results, ..Default::default() }
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
    topics: &[CreatePartitionsTopic],
) -> (Vec<Op>, Vec<CreatePartitionsTopicResult>) {
    let nodes = Nodes::of(cluster);
    let mut ops = Vec::new();
    let results = times(topics).into_iter().map(|(topic, times)| {
        let planned = match times {
            1 => plan(cluster, &nodes, topic),
            _ => Err((ErrorCode::InvalidRequest, "Duplicate topic name.".to_owned())),
        };
        result(&topic.name, planned.map(|op| ops.push(op)))
    });
    let results = results.collect();
    (ops, results)
}

fn plan(cluster: &Cluster, nodes: &Nodes, topic: &CreatePartitionsTopic) -> Result<Op, Refused> {
    let refused = |reject: PartitionsReject| {
        let code = match &reject {
            PartitionsReject::NoTopic => ErrorCode::UnknownTopicOrPartition,
            PartitionsReject::Already(_) | PartitionsReject::Fewer { .. } | PartitionsReject::TooMany => {
                ErrorCode::InvalidPartitions
            }
            PartitionsReject::Assignments { .. } => ErrorCode::InvalidReplicaAssignment,
        };
        (code, reject.to_string())
    };
    let known = cluster.topic_named(&topic.name).ok_or_else(|| refused(PartitionsReject::NoTopic))?;
    let assigned = topic.assignments.as_ref().map(Vec::len);
    let op = cluster.plan_partitions(known.id, topic.count, assigned).map_err(refused)?;
    let replicas = topic.assignments.iter().flatten().map(|assignment| assignment.broker_ids.as_slice());
    nodes.check(replicas).map_err(|message| (ErrorCode::InvalidReplicaAssignment, message))?;
    Ok(op)
}

fn result(name: &Str, planned: Result<(), Refused>) -> CreatePartitionsTopicResult {
    let (code, error_message) = match planned {
        Ok(()) => (ErrorCode::None, None),
        Err((code, message)) => (code, text(message)),
    };
    CreatePartitionsTopicResult { name: name.clone(), error_code: code.code(), error_message }
}

impl Errors for CreatePartitionsResponse {
    fn errors(&self, each: &mut dyn FnMut(i16)) {
        self.results.iter().for_each(|topic| each(topic.error_code));
    }
}
