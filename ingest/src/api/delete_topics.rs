//! DeleteTopics: by name or by id, all in one metadata entry.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use broker::node::{RefreshError, owners};
use coordinator::cluster::{Cluster, Op, Planner};
use protocol::messages::delete_topics::{DeletableTopicResult, DeleteTopicState};
use protocol::messages::{DeleteTopicsRequest, DeleteTopicsResponse};
use protocol::{ErrorCode, Str, Uuid};
use tokio::time::timeout;

use super::resources::Refused;
use super::topics::{TopicRef, metadata_error, uuid};
use super::{Context, text};

/// The first version that names topics by id, too.
const TOPIC_IDS: i16 = 6;

pub(super) async fn answer(
    context: &Context,
    version: i16,
    request: DeleteTopicsRequest,
) -> DeleteTopicsResponse {
    let named = |name: Str| DeleteTopicState { name: Some(name), ..Default::default() };
    let mut wanted: Vec<_> = match version {
        ..TOPIC_IDS => request.topic_names.into_iter().map(named).collect(),
        _ => request.topics,
    };
    // Twice at most, which is enough to see that a topic is named twice: nothing else is decided meanwhile.
    let mut times: HashMap<_, usize> = HashMap::new();
    wanted.retain(|topic| {
        let times = times.entry((topic.name.clone(), topic.topic_id)).or_default();
        *times += 1;
        *times <= 2
    });
    if times.len() > Planner::MAX_CHANGES {
        let Refused { code, message } = Refused::excessive();
        let responses = wanted.iter().map(|topic| failure(topic, code, &message)).collect();
        return DeleteTopicsResponse { responses, ..Default::default() };
    }
    let within = Duration::from_millis(u64::try_from(request.timeout_ms).unwrap_or(0));
    let (mut decided, mut affected) = (Vec::new(), BTreeSet::new());
    let deleting = async {
        let proposed = context.broker.change(|cluster| {
            let (ops, responses) = decide(cluster, &wanted);
            let deleted = ops.iter().filter_map(|op| match op {
                Op::DeleteTopic { topic } => cluster.topic(*topic).map(|t| (t.id, t.partitions)),
                _ => None,
            });
            (decided, affected) = (responses, owners(cluster, deleted));
            if ops.is_empty() { Err(()) } else { Ok(ops) }
        });
        if let Ok(committed) = proposed.await? {
            context.broker.settled(affected, committed.cluster.next()).await;
        }
        Ok::<_, RefreshError>(())
    };
    let failed = match timeout(within, Box::pin(deleting)).await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => {
            tracing::warn!(%error, "topics could not be deleted");
            Some(metadata_error(&error))
        }
        Err(_) => Some(ErrorCode::RequestTimedOut),
    };
    let responses = match failed {
        None => decided,
        Some(code) => wanted.iter().map(|topic| failure(topic, code, code.message())).collect(),
    };
    DeleteTopicsResponse { responses, ..Default::default() }
}

/// Whatever is named twice, in whichever way, is not deleted: Kafka takes that for a mistake.
fn decide(cluster: &Cluster, wanted: &[DeleteTopicState]) -> (Vec<Op>, Vec<DeletableTopicResult>) {
    let mut responses = Vec::with_capacity(wanted.len());
    let mut times: HashMap<(Option<&Str>, Uuid), usize> = HashMap::new();
    for topic in wanted {
        let message = match (&topic.name, topic.topic_id.is_zero()) {
            (Some(_), true) | (None, false) => {
                *times.entry((topic.name.as_ref(), topic.topic_id)).or_default() += 1;
                continue;
            }
            (None, true) => "Neither topic name nor id were specified.",
            (Some(_), false) => "You may not specify both topic name and topic id.",
        };
        responses.push(failure(topic, ErrorCode::InvalidRequest, message));
    }
    let ids: HashSet<Uuid> = times.keys().map(|(_, id)| *id).filter(|id| !id.is_zero()).collect();
    let names: HashSet<&str> = times.keys().filter_map(|(name, _)| Some(name.as_ref()?.as_str())).collect();
    let mut ops = Vec::new();
    for topic in wanted {
        let Some(times) = times.remove(&(topic.name.as_ref(), topic.topic_id)) else { continue };
        let reference = match topic.name.as_deref() {
            Some(name) => TopicRef::Name(name),
            None => TopicRef::Id(topic.topic_id),
        };
        let invalid = |message: &str| failure(topic, ErrorCode::InvalidRequest, message);
        responses.push(match (reference.find(cluster), reference) {
            (_, TopicRef::Name(_)) if times > 1 => invalid("Duplicate topic name."),
            (_, TopicRef::Id(_)) if times > 1 => invalid("Duplicate topic id."),
            (None, reference) => failure(topic, reference.unknown(), reference.unknown().message()),
            (Some(known), TopicRef::Name(_)) if ids.contains(&uuid(known.id)) => DeletableTopicResult {
                topic_id: uuid(known.id),
                ..invalid("The provided topic name maps to an ID that was already supplied.")
            },
            // The topic has a result under its name.
            (Some(known), TopicRef::Id(_)) if names.contains(known.name.as_str()) => continue,
            (Some(known), _) => {
                ops.push(Op::DeleteTopic { topic: known.id });
                let name = Some(known.name.as_str().into());
                DeletableTopicResult { name, topic_id: uuid(known.id), ..Default::default() }
            }
        });
    }
    (ops, responses)
}

fn failure(topic: &DeleteTopicState, code: ErrorCode, message: &str) -> DeletableTopicResult {
    DeletableTopicResult {
        name: topic.name.clone(),
        topic_id: topic.topic_id,
        error_code: code.code(),
        error_message: text(message),
    }
}
