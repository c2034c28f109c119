//! DeleteTopics: by name or by id, all in one metadata entry.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use coordinator::TopicId;
use coordinator::cluster::{Cluster, Op};
use protocol::messages::delete_topics::{DeletableTopicResult, DeleteTopicState};
use protocol::messages::{DeleteTopicsRequest, DeleteTopicsResponse};
use protocol::{ErrorCode, Str};
use tokio::time::timeout;

use super::topics::{TopicRef, metadata_error, uuid};
use super::{Context, Errors, text};
use crate::broker::{RefreshError, owners};

/// The first version that names topics by id, too.
const TOPIC_IDS: i16 = 6;

pub(super) async fn answer(
    context: &Context,
    version: i16,
    request: DeleteTopicsRequest,
) -> DeleteTopicsResponse {
    let named = |name: Str| DeleteTopicState { name: Some(name), ..Default::default() };
    let wanted: Vec<_> = match version {
        ..TOPIC_IDS => request.topic_names.into_iter().map(named).collect(),
        _ => request.topics,
    };
    let within = Duration::from_millis(u64::try_from(request.timeout_ms).unwrap_or(0));
    let (mut decided, mut affected) = (Vec::new(), BTreeSet::new());
    let deleting = async {
        let proposed = context.broker.propose(|cluster| {
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

fn decide(cluster: &Cluster, wanted: &[DeleteTopicState]) -> (Vec<Op>, Vec<DeletableTopicResult>) {
    let mut found: HashSet<TopicId> = HashSet::new();
    let mut ops = Vec::new();
    let mut responses = Vec::with_capacity(wanted.len());
    for topic in wanted {
        let by_name = topic.name.as_deref().map(TopicRef::Name);
        let by_id = (!topic.topic_id.is_zero()).then_some(TopicRef::Id(topic.topic_id));
        let reference = match (by_name, by_id) {
            (Some(reference), None) | (None, Some(reference)) => reference,
            _ => {
                let message = "A topic is named either by its name or by its id.";
                responses.push(failure(topic, ErrorCode::InvalidRequest, message));
                continue;
            }
        };
        responses.push(match reference.find(cluster) {
            None => failure(topic, reference.unknown(), reference.unknown().message()),
            Some(known) if found.insert(known.id) => {
                ops.push(Op::DeleteTopic { topic: known.id });
                let name = Some(known.name.as_str().into());
                DeletableTopicResult { name, topic_id: uuid(known.id), ..Default::default() }
            }
            Some(_) => failure(topic, ErrorCode::InvalidRequest, "The topic was named more than once."),
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

impl Errors for DeleteTopicsResponse {
    fn errors(&self, each: &mut dyn FnMut(i16)) {
        self.responses.iter().for_each(|topic| each(topic.error_code));
    }
}
