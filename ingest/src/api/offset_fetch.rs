//! OffsetFetch: how far groups have come. Linearizable: the answer is confirmed by a slot.

use std::collections::BTreeMap;
use std::sync::Arc;

use coordinator::cluster::Cluster;
use coordinator::group::consumer::check_fetch;
use coordinator::group::{Committed, Group};
use coordinator::topic::Topic;
use coordinator::{PartitionId, TopicId};
use protocol::messages::offset_fetch::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopics, OffsetFetchResponseGroup,
    OffsetFetchResponsePartition, OffsetFetchResponsePartitions, OffsetFetchResponseTopic,
    OffsetFetchResponseTopics,
};
use protocol::messages::{OffsetFetchRequest, OffsetFetchResponse};
use protocol::{ErrorCode, Str};

use super::Context;
use super::groups::{code, read};
use super::topics::{TopicRef, View, uuid};

/// The first version that asks for several groups (KIP-709).
const BATCHED: i16 = 8;

/// The first version that names topics by their ids.
const IDS: i16 = 10;

pub(super) async fn answer(
    context: &Context,
    cluster: Arc<Cluster>,
    version: i16,
    request: OffsetFetchRequest,
) -> OffsetFetchResponse {
    if version >= BATCHED {
        let groups = request.groups.into_iter().map(|group| fetch(context, &cluster, version, group));
        let groups = futures::future::join_all(groups).await;
        return OffsetFetchResponse { groups, ..Default::default() };
    }
    let by_name = |topics: Vec<_>| topics.into_iter().map(of_one_group).collect();
    let group = OffsetFetchRequestGroup {
        group_id: request.group_id,
        topics: request.topics.map(by_name),
        ..Default::default()
    };
    let fetched = fetch(context, &cluster, version, group.clone()).await;
    let mut topics: Vec<_> = fetched.topics.into_iter().map(to_one_group).collect();
    if fetched.error_code != 0 {
        // From version 2 on the group's error would do for Kafka. aiokafka looks at those of partitions alone, and
        // takes a group that has just moved for one that has committed nothing.
        topics = group.topics.into_iter().flatten().map(|t| failed(t, fetched.error_code)).collect();
    }
    OffsetFetchResponse { topics, error_code: fetched.error_code, ..Default::default() }
}

async fn fetch(
    context: &Context,
    cluster: &Arc<Cluster>,
    version: i16,
    request: OffsetFetchRequestGroup,
) -> OffsetFetchResponseGroup {
    let known = |cluster: &Cluster| {
        let topics = request.topics.iter().flatten();
        topics
            .map(|t| TopicRef::versioned(version, IDS, &t.name, t.topic_id))
            .all(|t| t.find(cluster).is_some())
    };
    let view = View::knowing(context, Arc::clone(cluster), known).await;
    let is_member = |group: &Group| {
        let member = request.member_id.as_deref().unwrap_or_default();
        let asks_as_one = !member.is_empty() || request.member_epoch >= 0;
        if asks_as_one { check_fetch(group, member, request.member_epoch) } else { Ok(()) }
    };
    let found = match read(context, &request.group_id).await {
        Ok(Some(group)) => is_member(&group).map(|()| Some(group)).map_err(|reject| code(&reject)),
        found => found,
    };
    let group = match found {
        Ok(group) => group,
        Err(code) => {
            return OffsetFetchResponseGroup {
                group_id: request.group_id,
                error_code: code.code(),
                ..Default::default()
            };
        }
    };
    let topics = match request.topics {
        None => all(&view.cluster, group.as_deref()),
        Some(topics) => topics.into_iter().map(|t| some(&view, version, group.as_deref(), t)).collect(),
    };
    OffsetFetchResponseGroup { group_id: request.group_id, topics, error_code: 0 }
}

fn all(cluster: &Cluster, group: Option<&Group>) -> Vec<OffsetFetchResponseTopics> {
    let mut topics: BTreeMap<TopicId, (&Topic, Vec<_>)> = BTreeMap::new();
    for (id, offset) in group.iter().flat_map(|g| g.offsets_in(cluster)) {
        if let Some(topic) = cluster.topic(id.topic) {
            let partitions = &mut topics.entry(id.topic).or_insert((topic, Vec::new())).1;
            partitions.push(partition(id.index, Some(offset), ErrorCode::None));
        }
    }
    let named = |(topic, partitions): (&Topic, _)| OffsetFetchResponseTopics {
        name: Str::from(&*topic.name),
        topic_id: uuid(topic.id),
        partitions,
    };
    topics.into_values().map(named).collect()
}

fn some(
    view: &View,
    version: i16,
    group: Option<&Group>,
    wanted: OffsetFetchRequestTopics,
) -> OffsetFetchResponseTopics {
    let found = TopicRef::versioned(version, IDS, &wanted.name, wanted.topic_id).find(&view.cluster);
    // By name, a topic that is unknown has no offsets; an id that is unknown may be one that is too new.
    let code = match found {
        None if version >= IDS => view.missing(ErrorCode::UnknownTopicId),
        _ => ErrorCode::None,
    };
    let offset = |index| group?.offsets.get(&PartitionId { topic: found?.id, index });
    let indexes = wanted.partition_indexes.iter();
    let partitions = indexes.map(|index| partition(*index, offset(*index), code)).collect();
    OffsetFetchResponseTopics { name: wanted.name, topic_id: wanted.topic_id, partitions }
}

fn partition(index: i32, offset: Option<&Committed>, code: ErrorCode) -> OffsetFetchResponsePartitions {
    OffsetFetchResponsePartitions {
        partition_index: index,
        committed_offset: offset.map_or(-1, |o| o.offset),
        committed_leader_epoch: offset.map_or(-1, |o| o.leader_epoch),
        metadata: Some(offset.map(|o| Str::from(&*o.metadata)).unwrap_or_default()),
        error_code: code.code(),
    }
}

fn of_one_group(
    topic: protocol::messages::offset_fetch::OffsetFetchRequestTopic,
) -> OffsetFetchRequestTopics {
    OffsetFetchRequestTopics {
        name: topic.name,
        partition_indexes: topic.partition_indexes,
        ..Default::default()
    }
}

fn to_one_group(topic: OffsetFetchResponseTopics) -> OffsetFetchResponseTopic {
    let partition = |p: OffsetFetchResponsePartitions| OffsetFetchResponsePartition {
        partition_index: p.partition_index,
        committed_offset: p.committed_offset,
        committed_leader_epoch: p.committed_leader_epoch,
        metadata: p.metadata,
        error_code: p.error_code,
    };
    let partitions = topic.partitions.into_iter().map(partition).collect();
    OffsetFetchResponseTopic { name: topic.name, partitions }
}

fn failed(topic: OffsetFetchRequestTopics, error_code: i16) -> OffsetFetchResponseTopic {
    let code = ErrorCode::from_code(error_code).unwrap_or(ErrorCode::UnknownServerError);
    let partitions = topic.partition_indexes.iter().map(|index| partition(*index, None, code)).collect();
    to_one_group(OffsetFetchResponseTopics { name: topic.name, partitions, ..Default::default() })
}
