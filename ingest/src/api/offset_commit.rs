//! OffsetCommit: how far a group has come.

use std::sync::Arc;

use coordinator::PartitionId;
use coordinator::cluster::Cluster;
use coordinator::group::offsets::{Commit, Offset};
use coordinator::group::{Reply, Request};
use protocol::ErrorCode;
use protocol::messages::offset_commit::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic, OffsetCommitResponsePartition,
    OffsetCommitResponseTopic,
};
use protocol::messages::{OffsetCommitRequest, OffsetCommitResponse};

use super::Context;
use super::groups::{ask, caller, code, text};
use super::topics::{TopicRef, View, has_partition};

/// The first version that names topics by their ids.
const IDS: i16 = 10;

/// The first version that knows GROUP_ID_NOT_FOUND and STALE_MEMBER_EPOCH (KIP-848).
const GROUP_NOT_FOUND: i16 = 9;

pub(super) async fn answer(
    context: &Context,
    cluster: Arc<Cluster>,
    version: i16,
    request: OffsetCommitRequest,
) -> OffsetCommitResponse {
    let named = |topic: &OffsetCommitRequestTopic, cluster: &Cluster, index| {
        has_partition(cluster, TopicRef::versioned(version, IDS, &topic.name, topic.topic_id), index)
    };
    let all = |cluster: &Cluster| {
        request.topics.iter().all(|t| t.partitions.iter().all(|p| named(t, cluster, p.partition_index)))
    };
    let view = View::knowing(context, cluster, all).await;
    let mut offsets = Vec::new();
    for topic in &request.topics {
        let found = TopicRef::versioned(version, IDS, &topic.name, topic.topic_id).find(&view.cluster);
        let Some(found) = found else { continue };
        let known = topic.partitions.iter().filter(|p| (0..found.partitions).contains(&p.partition_index));
        let id = |p: &OffsetCommitRequestPartition| PartitionId { topic: found.id, index: p.partition_index };
        offsets.extend(known.map(|p| (id(p), offset(p))));
    }
    let commit = Commit {
        caller: caller(
            &request.member_id,
            request.group_instance_id.as_ref(),
            request.generation_id_or_member_epoch,
        ),
        retention_ms: Some(request.retention_time_ms).filter(|ms| *ms >= 0),
        knows_group_not_found: version >= GROUP_NOT_FOUND,
        offsets,
    };
    let mut outcomes = commit_all(context, &request.group_id, commit).await;
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in request.topics {
        let name = TopicRef::versioned(version, IDS, &topic.name, topic.topic_id);
        let (is_there, unknown) = (name.find(&view.cluster).map(|t| t.partitions), name.unknown());
        let partitions = topic.partitions.iter().map(|p| {
            let code = match is_there {
                None => view.missing(unknown),
                Some(partitions) if !(0..partitions).contains(&p.partition_index) => {
                    view.missing(ErrorCode::UnknownTopicOrPartition)
                }
                Some(_) => outcomes.next(),
            };
            OffsetCommitResponsePartition { partition_index: p.partition_index, error_code: code.code() }
        });
        let partitions = partitions.collect();
        topics.push(OffsetCommitResponseTopic { name: topic.name, topic_id: topic.topic_id, partitions });
    }
    OffsetCommitResponse { topics, ..Default::default() }
}

fn offset(partition: &OffsetCommitRequestPartition) -> Offset {
    Offset {
        offset: partition.committed_offset,
        leader_epoch: partition.committed_leader_epoch,
        metadata: partition.committed_metadata.as_ref().map(text).unwrap_or_default(),
    }
}

/// What became of each offset, in the order of the commit.
enum Outcomes {
    Each(std::vec::IntoIter<ErrorCode>),
    All(ErrorCode),
}

impl Outcomes {
    fn next(&mut self) -> ErrorCode {
        match self {
            Self::Each(codes) => codes.next().unwrap_or(ErrorCode::UnknownServerError),
            Self::All(code) => *code,
        }
    }
}

async fn commit_all(context: &Context, group: &str, commit: Commit) -> Outcomes {
    if commit.offsets.is_empty() {
        return Outcomes::All(ErrorCode::None);
    }
    match ask(context, group, Request::Commit(commit)).await {
        Ok(Reply::Offsets(Ok(each))) => {
            let codes: Vec<_> =
                each.iter().map(|r| r.as_ref().map_or_else(code, |()| ErrorCode::None)).collect();
            Outcomes::Each(codes.into_iter())
        }
        Ok(Reply::Offsets(Err(reject))) => Outcomes::All(code(&reject)),
        Ok(_) => Outcomes::All(ErrorCode::UnknownServerError),
        Err(code) => Outcomes::All(code),
    }
}
