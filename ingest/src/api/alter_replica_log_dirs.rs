//! AlterReplicaLogDirs: a node has no directories between which a partition could be moved.

use protocol::ErrorCode;
use protocol::messages::alter_replica_log_dirs::{
    AlterReplicaLogDirPartitionResult, AlterReplicaLogDirTopicResult,
};
use protocol::messages::{AlterReplicaLogDirsRequest, AlterReplicaLogDirsResponse};

pub(super) fn answer(request: &AlterReplicaLogDirsRequest) -> AlterReplicaLogDirsResponse {
    let topics = request.dirs.iter().flat_map(|dir| &dir.topics).map(|topic| {
        let partition = |index: &i32| AlterReplicaLogDirPartitionResult {
            partition_index: *index,
            error_code: ErrorCode::LogDirNotFound.code(),
        };
        AlterReplicaLogDirTopicResult {
            topic_name: topic.name.clone(),
            partitions: topic.partitions.iter().map(partition).collect(),
        }
    });
    AlterReplicaLogDirsResponse { results: topics.collect(), ..Default::default() }
}
