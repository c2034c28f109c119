//! Tests over all messages.

mod allocation;
mod arbitrary;
mod differential;
mod field_tree;
mod golden;
mod roundtrip;
mod sample;
mod strings;
mod tags;

pub(crate) use field_tree::Tree;
pub(crate) use golden::hex;
pub(crate) use sample::{Sample, Source};

/// Calls a macro with every message, and the path of the `kafka-protocol` struct of the same name if it has one.
macro_rules! each_message {
    ($callback:ident) => {
        $callback! {
            add_raft_voter_request: AddRaftVoterRequest,
            add_raft_voter_response: AddRaftVoterResponse,
            alter_configs_request: AlterConfigsRequest,
            alter_configs_response: AlterConfigsResponse,
            alter_partition_reassignments_request: AlterPartitionReassignmentsRequest,
            alter_partition_reassignments_response: AlterPartitionReassignmentsResponse,
            alter_replica_log_dirs_request: AlterReplicaLogDirsRequest,
            alter_replica_log_dirs_response: AlterReplicaLogDirsResponse,
            alter_share_group_offsets_request: AlterShareGroupOffsetsRequest,
            alter_share_group_offsets_response: AlterShareGroupOffsetsResponse,
            api_versions_request: ApiVersionsRequest,
            api_versions_response: ApiVersionsResponse,
            consumer_group_describe_request: ConsumerGroupDescribeRequest,
            consumer_group_describe_response: ConsumerGroupDescribeResponse,
            consumer_group_heartbeat_request: ConsumerGroupHeartbeatRequest,
            consumer_group_heartbeat_response: ConsumerGroupHeartbeatResponse,
            create_delegation_token_request: CreateDelegationTokenRequest,
            create_delegation_token_response: CreateDelegationTokenResponse,
            create_partitions_request: CreatePartitionsRequest,
            create_partitions_response: CreatePartitionsResponse,
            create_topics_request: CreateTopicsRequest,
            create_topics_response: CreateTopicsResponse,
            delete_groups_request: DeleteGroupsRequest,
            delete_groups_response: DeleteGroupsResponse,
            delete_records_request: DeleteRecordsRequest,
            delete_records_response: DeleteRecordsResponse,
            delete_share_group_offsets_request: DeleteShareGroupOffsetsRequest,
            delete_share_group_offsets_response: DeleteShareGroupOffsetsResponse,
            delete_topics_request: DeleteTopicsRequest,
            delete_topics_response: DeleteTopicsResponse,
            describe_cluster_request: DescribeClusterRequest,
            describe_cluster_response: DescribeClusterResponse,
            describe_configs_request: DescribeConfigsRequest,
            describe_configs_response: DescribeConfigsResponse,
            describe_delegation_token_request: DescribeDelegationTokenRequest,
            describe_delegation_token_response: DescribeDelegationTokenResponse,
            describe_groups_request: DescribeGroupsRequest,
            describe_groups_response: DescribeGroupsResponse,
            describe_log_dirs_request: DescribeLogDirsRequest,
            describe_log_dirs_response: DescribeLogDirsResponse,
            describe_producers_request: DescribeProducersRequest,
            describe_producers_response: DescribeProducersResponse,
            describe_quorum_request: DescribeQuorumRequest,
            describe_quorum_response: DescribeQuorumResponse,
            describe_share_group_offsets_request: DescribeShareGroupOffsetsRequest,
            describe_share_group_offsets_response: DescribeShareGroupOffsetsResponse,
            describe_topic_partitions_request: DescribeTopicPartitionsRequest,
            describe_topic_partitions_response: DescribeTopicPartitionsResponse,
            elect_leaders_request: ElectLeadersRequest,
            elect_leaders_response: ElectLeadersResponse,
            expire_delegation_token_request: ExpireDelegationTokenRequest,
            expire_delegation_token_response: ExpireDelegationTokenResponse,
            fetch_request: FetchRequest,
            fetch_response: FetchResponse,
            find_coordinator_request: FindCoordinatorRequest,
            find_coordinator_response: FindCoordinatorResponse,
            heartbeat_request: HeartbeatRequest,
            heartbeat_response: HeartbeatResponse,
            incremental_alter_configs_request: IncrementalAlterConfigsRequest,
            incremental_alter_configs_response: IncrementalAlterConfigsResponse,
            init_producer_id_request: InitProducerIdRequest,
            init_producer_id_response: InitProducerIdResponse,
            join_group_request: JoinGroupRequest,
            join_group_response: JoinGroupResponse,
            leave_group_request: LeaveGroupRequest,
            leave_group_response: LeaveGroupResponse,
            list_config_resources_request: ListConfigResourcesRequest,
            list_config_resources_response: ListConfigResourcesResponse,
            list_groups_request: ListGroupsRequest,
            list_groups_response: ListGroupsResponse,
            list_offsets_request: ListOffsetsRequest,
            list_offsets_response: ListOffsetsResponse,
            list_partition_reassignments_request: ListPartitionReassignmentsRequest,
            list_partition_reassignments_response: ListPartitionReassignmentsResponse,
            metadata_request: MetadataRequest,
            metadata_response: MetadataResponse,
            offset_commit_request: OffsetCommitRequest,
            offset_commit_response: OffsetCommitResponse,
            offset_delete_request: OffsetDeleteRequest,
            offset_delete_response: OffsetDeleteResponse,
            offset_fetch_request: OffsetFetchRequest,
            offset_fetch_response: OffsetFetchResponse,
            offset_for_leader_epoch_request: OffsetForLeaderEpochRequest,
            offset_for_leader_epoch_response: OffsetForLeaderEpochResponse,
            produce_request: ProduceRequest,
            produce_response: ProduceResponse,
            remove_raft_voter_request: RemoveRaftVoterRequest,
            remove_raft_voter_response: RemoveRaftVoterResponse,
            renew_delegation_token_request: RenewDelegationTokenRequest,
            renew_delegation_token_response: RenewDelegationTokenResponse,
            share_acknowledge_request: ShareAcknowledgeRequest,
            share_acknowledge_response: ShareAcknowledgeResponse,
            share_fetch_request: ShareFetchRequest,
            share_fetch_response: ShareFetchResponse,
            share_group_describe_request: ShareGroupDescribeRequest,
            share_group_describe_response: ShareGroupDescribeResponse,
            share_group_heartbeat_request: ShareGroupHeartbeatRequest,
            share_group_heartbeat_response: ShareGroupHeartbeatResponse,
            sync_group_request: SyncGroupRequest,
            sync_group_response: SyncGroupResponse,
            unregister_broker_request: UnregisterBrokerRequest,
            unregister_broker_response: UnregisterBrokerResponse,
            update_features_request: UpdateFeaturesRequest,
            update_features_response: UpdateFeaturesResponse,
        }
    };
}
pub(crate) use each_message;

use crate::Message;
use bytes::Bytes;

/// The body of a message in one piece.
pub(crate) fn encode<M: Message>(message: &M, version: i16) -> Bytes {
    let mut writer = crate::codec::Writer::new();
    message.encode(&mut writer, version);
    writer.finish().expect("the sample fits its version").concat().into()
}
