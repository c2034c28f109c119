//! AlterPartitionReassignments and ListPartitionReassignments: partitions go where their shards go, which the nodes
//! see to themselves, so that no client ever reassigns one.

use coordinator::PartitionId;
use coordinator::cluster::Cluster;
use protocol::ErrorCode;
use protocol::messages::alter_partition_reassignments::{
    ReassignablePartition, ReassignablePartitionResponse, ReassignableTopicResponse,
};
use protocol::messages::{
    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse,
    ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse,
};

use super::assignment::{Nodes, PLACED};
use super::text;

/// Why a partition is not reassigned.
type Refused = (ErrorCode, String);

pub(super) fn alter(
    cluster: &Cluster,
    request: &AlterPartitionReassignmentsRequest,
) -> AlterPartitionReassignmentsResponse {
    let nodes = Nodes::of(cluster);
    let topics = request.topics.iter().map(|topic| {
        let partition = |wanted: &ReassignablePartition| {
            let (code, error_message) = match reassign(cluster, &nodes, &topic.name, wanted) {
                Ok(()) => (ErrorCode::None, None),
                Err((code, message)) => (code, text(message)),
            };
            let partition_index = wanted.partition_index;
            ReassignablePartitionResponse { partition_index, error_code: code.code(), error_message }
        };
        let partitions = topic.partitions.iter().map(partition).collect();
        ReassignableTopicResponse { name: topic.name.clone(), partitions }
    });
    AlterPartitionReassignmentsResponse {
        allow_replication_factor_change: request.allow_replication_factor_change,
        responses: topics.collect(),
        ..Default::default()
    }
}

/// A partition that shall be where it is already is done with. To be elsewhere is no choice.
fn reassign(
    cluster: &Cluster,
    nodes: &Nodes,
    name: &str,
    wanted: &ReassignablePartition,
) -> Result<(), Refused> {
    let unknown = ErrorCode::UnknownTopicOrPartition;
    let topic = cluster.topic_named(name);
    let topic = topic.ok_or_else(|| (unknown, format!("Unable to find a topic named {name}.")))?;
    let index = wanted.partition_index;
    if !(0..topic.partitions).contains(&index) {
        return Err((unknown, format!("Unable to find partition {name}:{index}.")));
    }
    let Some(replicas) = &wanted.replicas else {
        let code = ErrorCode::NoReassignmentInProgress;
        return Err((code, code.message().to_owned()));
    };
    let invalid = |message| (ErrorCode::InvalidReplicaAssignment, message);
    nodes.check_one(replicas).map_err(invalid)?;
    let leader = cluster.leader(PartitionId { topic: topic.id, index }).map(|(session, _)| session.node.0);
    if leader.is_some_and(|leader| *replicas == [leader]) {
        return Ok(());
    }
    Err(invalid(PLACED.to_owned()))
}

pub(super) fn list(_: &ListPartitionReassignmentsRequest) -> ListPartitionReassignmentsResponse {
    ListPartitionReassignmentsResponse::default()
}
