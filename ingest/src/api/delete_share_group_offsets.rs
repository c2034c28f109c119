//! DeleteShareGroupOffsets (KIP-932): a share group without members forgets topics. What DeleteGroups does to a
//! share group's topics is the same.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use broker::log::{Log, NotLeader};
use coordinator::cluster::Cluster;
use coordinator::group::share::{Listed, ShareTopics};
use coordinator::group::{GroupId, Reply, Request};
use coordinator::{PartitionId, TopicId};
use protocol::messages::delete_share_group_offsets::DeleteShareGroupOffsetsResponseTopic;
use protocol::messages::{DeleteShareGroupOffsetsRequest, DeleteShareGroupOffsetsResponse};
use protocol::{ErrorCode, Str};
use tiering::mutant::{self, Mutant};
use tokio::time::timeout;

use super::groups::{check_id, log};
use super::share_offsets::{Action, Refused, ask_owners, message};
use super::topics::{View, uuid};
use super::{Context, PATIENCE};

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
    let group = Deleting::begin(context, &request.group_id).await?;
    let listed = request.topics.iter().filter_map(|topic| view.cluster.topic_named(&topic.topic_name));
    let listed: BTreeSet<_> =
        listed.map(|topic| topic.id).filter(|id| group.listed.topics.contains(id)).collect();
    let failures = group.delete(&view.cluster, &listed).await;
    let mut responses = Vec::with_capacity(request.topics.len());
    for topic in request.topics {
        let topic_name = topic.topic_name;
        let Some(found) = view.cluster.topic_named(&topic_name) else {
            let code = view.missing(ErrorCode::UnknownTopicOrPartition);
            responses.push(failed(topic_name, code, message(code)));
            continue;
        };
        if !listed.contains(&found.id) {
            let message = Some(Str::from_static("There is no offset information to delete."));
            responses.push(failed(topic_name, ErrorCode::UnknownTopicOrPartition, message));
            continue;
        }
        let code = failures.get(&found.id).copied().unwrap_or(ErrorCode::None);
        let topic_id = uuid(found.id);
        responses.push(DeleteShareGroupOffsetsResponseTopic {
            topic_id,
            ..failed(topic_name, code, message(code))
        });
    }
    let forgotten: BTreeSet<_> = listed.into_iter().filter(|topic| !failures.contains_key(topic)).collect();
    if !forgotten.is_empty() {
        group.forget(forgotten).await?;
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

/// A share group of which share partitions are being deleted. All is asked of the same owner: another one would not
/// know what the one before it allowed to come into being meanwhile.
struct Deleting<'a> {
    context: &'a Context,
    id: GroupId,
    log: Arc<Log>,
    /// The group's topics as they were before.
    listed: Listed,
}

impl<'a> Deleting<'a> {
    /// Fails if the group has members, or is no share group.
    async fn begin(context: &'a Context, group: &str) -> Result<Self, Refused> {
        let (id, log) = (GroupId::from(group), log(context, group).await?);
        let listed = topics(&log, &id, ShareTopics::Check).await?;
        Ok(Self { context, id, log, listed })
    }

    /// Has the owners of the topics' partitions forget the group, all together. Answers why the owners of some could
    /// not.
    async fn delete(&self, cluster: &Cluster, topics: &BTreeSet<TopicId>) -> BTreeMap<TopicId, ErrorCode> {
        let missed = i32::from(mutant::is(Mutant::DeletePartOfShares));
        let partitions = topics.iter().flat_map(|topic| {
            let count = cluster.topic(*topic).map_or(0, |topic| topic.partitions) - missed;
            (0..count).map(|index| (PartitionId { topic: *topic, index }, -1))
        });
        let outcomes = ask_owners(self.context, &self.id, Action::Delete, partitions.collect()).await;
        let failed = outcomes.into_iter().filter_map(|(id, outcome)| Some((id.topic, outcome.err()?)));
        failed.collect()
    }

    /// Takes topics of which nothing is left off the group's list. Fails if any of it may have come back.
    async fn forget(self, forgotten: BTreeSet<TopicId>) -> Result<(), Refused> {
        let request = ShareTopics::Forget { topics: forgotten, since: self.listed.at };
        topics(&self.log, &self.id, request).await.map(drop)
    }
}

async fn topics(log: &Log, group: &GroupId, request: ShareTopics) -> Result<Listed, Refused> {
    match timeout(PATIENCE, log.group(group, Request::ShareTopics(request), None)).await {
        Ok(Ok(Reply::ShareTopics(outcome))) => Ok(outcome?),
        Ok(Ok(_)) => Err(ErrorCode::UnknownServerError.into()),
        Ok(Err(NotLeader)) => Err(ErrorCode::NotCoordinator.into()),
        Err(_) => Err(ErrorCode::CoordinatorNotAvailable.into()),
    }
}

/// Has the owners of all partitions that a group read forget it, if it is a share group: it is about to be deleted.
pub(super) async fn before_deletion(context: &Context, group: &str) -> Result<(), ErrorCode> {
    let is_share =
        log(context, group).await?.peek_group(group).await.is_some_and(|group| group.share().is_some());
    if !is_share {
        return Ok(());
    }
    let group = Deleting::begin(context, group).await.map_err(|refused| refused.code)?;
    let all = group.listed.topics.clone();
    if let Some(cluster) = context.broker.cluster() {
        group.delete(&cluster, &all).await.into_values().next().map_or(Ok(()), Err)?;
    }
    group.forget(all).await.map_err(|refused| refused.code)
}
