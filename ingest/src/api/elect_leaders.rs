//! ElectLeaders: there is nothing to elect. A partition's one replica is the node that its shard is assigned to, and
//! that node leads it.

use coordinator::PartitionId;
use coordinator::cluster::Cluster;
use protocol::ErrorCode;
use protocol::messages::elect_leaders::{PartitionResult, ReplicaElectionResult};
use protocol::messages::{ElectLeadersRequest, ElectLeadersResponse};

use super::text;

const PREFERRED: i8 = 0;
const UNCLEAN: i8 = 1;

pub(super) fn answer(cluster: &Cluster, request: &ElectLeadersRequest) -> ElectLeadersResponse {
    if ![PREFERRED, UNCLEAN].contains(&request.election_type) {
        let error_code = ErrorCode::InvalidRequest.code();
        return ElectLeadersResponse { error_code, ..Default::default() };
    }
    // A request that names no partitions is about all. Kafka answers with those alone that were elected: here none.
    let topics = request.topic_partitions.iter().flatten().map(|wanted| {
        let elect = |index: &i32| {
            let (code, message) = elect(cluster, request.election_type, &wanted.topic, *index);
            PartitionResult { partition_id: *index, error_code: code.code(), error_message: text(message) }
        };
        ReplicaElectionResult {
            topic: wanted.topic.clone(),
            partition_result: wanted.partitions.iter().map(elect).collect(),
        }
    });
    ElectLeadersResponse { replica_election_results: topics.collect(), ..Default::default() }
}

fn elect(cluster: &Cluster, election: i8, name: &str, index: i32) -> (ErrorCode, String) {
    let unknown = ErrorCode::UnknownTopicOrPartition;
    let Some(topic) = cluster.topic_named(name) else {
        return (unknown, format!("No such topic as {name}"));
    };
    if !(0..topic.partitions).contains(&index) {
        return (unknown, format!("No such partition as {name}-{index}"));
    }
    let code = match cluster.leader(PartitionId { topic: topic.id, index }) {
        Some(_) => ErrorCode::ElectionNotNeeded,
        None if election == PREFERRED => ErrorCode::PreferredLeaderNotAvailable,
        None => ErrorCode::EligibleLeadersNotAvailable,
    };
    (code, code.message().to_owned())
}
