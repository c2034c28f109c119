//! DeleteShareGroupOffsets (KIP-932): a share group without members forgets topics. What DeleteGroups does to a
//! share group's topics is the same.

use std::collections::BTreeSet;
use std::sync::Arc;

use coordinator::cluster::Cluster;
use coordinator::group::share::ShareTopics;
use coordinator::group::{Reply, Request};
use coordinator::{PartitionId, TopicId};
use protocol::messages::delete_share_group_offsets::DeleteShareGroupOffsetsResponseTopic;
use protocol::messages::{DeleteShareGroupOffsetsRequest, DeleteShareGroupOffsetsResponse};
use protocol::{ErrorCode, Str};

use super::groups::{ask, check_id, log};
use super::share_offsets::{Action, Refused, ask_owners, message};
use super::topics::{View, uuid};
use super::{Context, Errors};

pub(super) async fn answer(
    context: &Context,
    cluster: Arc<Cluster>,
    request: DeleteShareGroupOffsetsRequest,
) -> DeleteShareGroupOffsetsResponse {
    delete(context, cluster, request).await.unwrap_or_else(|refused| DeleteShareGroupOffsetsResponse {
        error_code: refused.code.code(),
        error_message: refused.message,
        ..Default::default()
    })
}

async fn delete(
    context: &Context,
    cluster: Arc<Cluster>,
    request: DeleteShareGroupOffsetsRequest,
) -> Result<DeleteShareGroupOffsetsResponse, Refused> {
    check_id(&request.group_id)?;
    let names = |cluster: &Cluster| {
        request.topics.iter().all(|topic| cluster.topic_named(&topic.topic_name).is_some())
    };
    let view = View::knowing(context, cluster, names).await;
    forget(context, &request.group_id, BTreeSet::new()).await?;
    let group = log(context, &request.group_id).await?.peek_group(&request.group_id);
    let known = group.as_ref().and_then(|group| group.share()).map(|group| &group.topics);
    let mut responses = Vec::with_capacity(request.topics.len());
    let mut forgotten = BTreeSet::new();
    for topic in request.topics {
        let topic_name = topic.topic_name;
        let Some(found) = view.cluster.topic_named(&topic_name) else {
            let code = view.missing(ErrorCode::UnknownTopicOrPartition);
            responses.push(failed(topic_name, code, message(code)));
            continue;
        };
        if !known.is_some_and(|known| known.contains(&found.id)) {
            let message = Some(Str::from_static("There is no offset information to delete."));
            responses.push(failed(topic_name, ErrorCode::UnknownTopicOrPartition, message));
            continue;
        }
        let outcome = of_topic(context, &view.cluster, &request.group_id, found.id).await;
        let code = outcome.err().unwrap_or(ErrorCode::None);
        if code == ErrorCode::None {
            forgotten.insert(found.id);
        }
        let topic_id = uuid(found.id);
        responses.push(DeleteShareGroupOffsetsResponseTopic {
            topic_id,
            ..failed(topic_name, code, message(code))
        });
    }
    if !forgotten.is_empty() {
        forget(context, &request.group_id, forgotten).await?;
    }
    Ok(DeleteShareGroupOffsetsResponse { responses, ..Default::default() })
}

fn failed(topic_name: Str, code: ErrorCode, message: Option<Str>) -> DeleteShareGroupOffsetsResponseTopic {
    DeleteShareGroupOffsetsResponseTopic {
        topic_name,
        error_code: code.code(),
        error_message: message,
        ..Default::default()
    }
}

/// Takes topics off the group's list; with none, asks whether that may be.
async fn forget(context: &Context, group: &str, topics: BTreeSet<TopicId>) -> Result<(), Refused> {
    match ask(context, group, Request::ShareTopics(ShareTopics::Forget(topics))).await? {
        Reply::ShareTopics(outcome) => Ok(outcome.map(drop)?),
        _ => Err(ErrorCode::UnknownServerError.into()),
    }
}

/// Has the owners of a topic's partitions forget the group.
async fn of_topic(
    context: &Context,
    cluster: &Cluster,
    group: &str,
    topic: TopicId,
) -> Result<(), ErrorCode> {
    let partitions = cluster.topic(topic).map_or(0, |topic| topic.partitions);
    let partitions = (0..partitions).map(|index| (PartitionId { topic, index }, -1));
    let outcomes = ask_owners(context, group, Action::Delete, partitions.collect()).await;
    outcomes.into_values().find_map(Result::err).map_or(Ok(()), Err)
}

/// Has the owners of all partitions that a group read forget it, if it is a share group: it is about to be deleted.
pub(super) async fn before_deletion(context: &Context, group: &str) -> Result<(), ErrorCode> {
    let Some(state) = log(context, group).await?.peek_group(group) else { return Ok(()) };
    let Some(share) = state.share() else { return Ok(()) };
    forget(context, group, BTreeSet::new()).await.map_err(|refused| refused.code)?;
    if let Some(cluster) = context.broker.cluster() {
        for topic in &share.topics {
            of_topic(context, &cluster, group, *topic).await?;
        }
    }
    Ok(())
}

impl Errors for DeleteShareGroupOffsetsResponse {
    fn errors(&self, each: &mut dyn FnMut(i16)) {
        each(self.error_code);
        self.responses.iter().for_each(|t| each(t.error_code));
    }
}
