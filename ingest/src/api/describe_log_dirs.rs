//! DescribeLogDirs: the bytes of the partitions that this node leads. All are in the store, which is shown as the
//! one directory that there is.

use std::collections::BTreeSet;

use coordinator::PartitionId;
use coordinator::cluster::Cluster;
use coordinator::topic::Topic;
use protocol::messages::describe_log_dirs::{
    DescribeLogDirsPartition, DescribeLogDirsResult, DescribeLogDirsTopic,
};
use protocol::messages::{DescribeLogDirsRequest, DescribeLogDirsResponse};

use super::Context;

pub(super) fn answer(
    context: &Context,
    cluster: &Cluster,
    request: &DescribeLogDirsRequest,
) -> DescribeLogDirsResponse {
    let topics = match &request.topics {
        None => {
            let mut topics: Vec<_> = cluster.topics().collect();
            topics.sort_by(|a, b| a.name.cmp(&b.name));
            topics.into_iter().filter_map(|t| describe(context, cluster, t, 0..t.partitions)).collect()
        }
        Some(wanted) => {
            let described = wanted.iter().filter_map(|wanted| {
                let topic = cluster.topic_named(&wanted.topic)?;
                let indexes: BTreeSet<i32> = wanted.partitions.iter().copied().collect();
                let exist = indexes.into_iter().filter(|index| (0..topic.partitions).contains(index));
                describe(context, cluster, topic, exist)
            });
            described.collect()
        }
    };
    let directory = DescribeLogDirsResult {
        log_dir: context.broker.store().to_string().into(),
        topics,
        ..Default::default()
    };
    DescribeLogDirsResponse { results: vec![directory], ..Default::default() }
}

/// Those of a topic's partitions that this node leads; `None` if there are none.
fn describe(
    context: &Context,
    cluster: &Cluster,
    topic: &Topic,
    indexes: impl Iterator<Item = i32>,
) -> Option<DescribeLogDirsTopic> {
    let log = context.broker.log()?;
    let size = |partition_index| {
        let id = PartitionId { topic: topic.id, index: partition_index };
        let (session, _) = cluster.leader(id)?;
        if session.process != context.broker.process() {
            return None;
        }
        // A partition that no request has asked for yet is empty.
        let bytes = log.partition(id).map_or(0, |partition| partition.size());
        let partition_size = i64::try_from(bytes).unwrap_or(i64::MAX);
        Some(DescribeLogDirsPartition { partition_index, partition_size, ..Default::default() })
    };
    let partitions: Vec<_> = indexes.filter_map(size).collect();
    let name = topic.name.as_str().into();
    (!partitions.is_empty()).then_some(DescribeLogDirsTopic { name, partitions })
}
