//! A frame as a client gets it, after four bytes that choose the API and the version.
//!
//! `cargo +nightly fuzz run decode_response -- -malloc_limit_mb=64 -rss_limit_mb=1024`, in `protocol`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use protocol::messages::*;
use protocol::{ApiKey, Request, frame};

fn check<R: Request>(data: &[u8], version: i16)
where
    R::Response: PartialEq + std::fmt::Debug,
{
    let Ok((_, response)) = frame::decode_response::<R>(data.to_vec().into(), version) else { return };
    let chunks = frame::encode_response(1, version, &response).expect("what was decoded can be encoded");
    let again = frame::decode_response::<R>(chunks.concat()[4..].to_vec().into(), version);
    assert_eq!(again.map(|(_, response)| response).as_ref(), Ok(&response));
}

fuzz_target!(|data: &[u8]| {
    let Some(([k0, k1, v0, v1], data)) = data.split_first_chunk() else { return };
    let version = i16::from_be_bytes([*v0, *v1]);
    match ApiKey::from_code(i16::from_be_bytes([*k0, *k1])) {
        Some(ApiKey::AlterShareGroupOffsets) => check::<AlterShareGroupOffsetsRequest>(data, version),
        Some(ApiKey::ApiVersions) => check::<ApiVersionsRequest>(data, version),
        Some(ApiKey::ConsumerGroupDescribe) => check::<ConsumerGroupDescribeRequest>(data, version),
        Some(ApiKey::ConsumerGroupHeartbeat) => check::<ConsumerGroupHeartbeatRequest>(data, version),
        Some(ApiKey::CreateTopics) => check::<CreateTopicsRequest>(data, version),
        Some(ApiKey::DeleteGroups) => check::<DeleteGroupsRequest>(data, version),
        Some(ApiKey::DeleteRecords) => check::<DeleteRecordsRequest>(data, version),
        Some(ApiKey::DeleteShareGroupOffsets) => check::<DeleteShareGroupOffsetsRequest>(data, version),
        Some(ApiKey::DeleteTopics) => check::<DeleteTopicsRequest>(data, version),
        Some(ApiKey::DescribeCluster) => check::<DescribeClusterRequest>(data, version),
        Some(ApiKey::DescribeConfigs) => check::<DescribeConfigsRequest>(data, version),
        Some(ApiKey::DescribeGroups) => check::<DescribeGroupsRequest>(data, version),
        Some(ApiKey::DescribeLogDirs) => check::<DescribeLogDirsRequest>(data, version),
        Some(ApiKey::DescribeShareGroupOffsets) => check::<DescribeShareGroupOffsetsRequest>(data, version),
        Some(ApiKey::Fetch) => check::<FetchRequest>(data, version),
        Some(ApiKey::FindCoordinator) => check::<FindCoordinatorRequest>(data, version),
        Some(ApiKey::Heartbeat) => check::<HeartbeatRequest>(data, version),
        Some(ApiKey::InitProducerId) => check::<InitProducerIdRequest>(data, version),
        Some(ApiKey::JoinGroup) => check::<JoinGroupRequest>(data, version),
        Some(ApiKey::LeaveGroup) => check::<LeaveGroupRequest>(data, version),
        Some(ApiKey::ListGroups) => check::<ListGroupsRequest>(data, version),
        Some(ApiKey::ListOffsets) => check::<ListOffsetsRequest>(data, version),
        Some(ApiKey::Metadata) => check::<MetadataRequest>(data, version),
        Some(ApiKey::OffsetCommit) => check::<OffsetCommitRequest>(data, version),
        Some(ApiKey::OffsetDelete) => check::<OffsetDeleteRequest>(data, version),
        Some(ApiKey::OffsetFetch) => check::<OffsetFetchRequest>(data, version),
        Some(ApiKey::OffsetForLeaderEpoch) => check::<OffsetForLeaderEpochRequest>(data, version),
        Some(ApiKey::PeerControl) => check::<PeerControlRequest>(data, version),
        Some(ApiKey::PeerPing) => check::<PeerPingRequest>(data, version),
        Some(ApiKey::PeerShareGrant) => check::<PeerShareGrantRequest>(data, version),
        Some(ApiKey::PeerShares) => check::<PeerSharesRequest>(data, version),
        Some(ApiKey::PeerStatus) => check::<PeerStatusRequest>(data, version),
        Some(ApiKey::PeerWitness) => check::<PeerWitnessRequest>(data, version),
        Some(ApiKey::Produce) => check::<ProduceRequest>(data, version),
        Some(ApiKey::ShareAcknowledge) => check::<ShareAcknowledgeRequest>(data, version),
        Some(ApiKey::ShareFetch) => check::<ShareFetchRequest>(data, version),
        Some(ApiKey::ShareGroupDescribe) => check::<ShareGroupDescribeRequest>(data, version),
        Some(ApiKey::ShareGroupHeartbeat) => check::<ShareGroupHeartbeatRequest>(data, version),
        Some(ApiKey::SyncGroup) => check::<SyncGroupRequest>(data, version),
        Some(ApiKey::CreatePartitions) => check::<CreatePartitionsRequest>(data, version),
        Some(ApiKey::AlterConfigs) => check::<AlterConfigsRequest>(data, version),
        Some(ApiKey::IncrementalAlterConfigs) => check::<IncrementalAlterConfigsRequest>(data, version),
        Some(ApiKey::ListConfigResources) => check::<ListConfigResourcesRequest>(data, version),
        Some(ApiKey::DescribeTopicPartitions) => check::<DescribeTopicPartitionsRequest>(data, version),
        Some(ApiKey::AlterReplicaLogDirs) => check::<AlterReplicaLogDirsRequest>(data, version),
        Some(ApiKey::ElectLeaders) => check::<ElectLeadersRequest>(data, version),
        Some(ApiKey::AlterPartitionReassignments) => check::<AlterPartitionReassignmentsRequest>(data, version),
        Some(ApiKey::ListPartitionReassignments) => check::<ListPartitionReassignmentsRequest>(data, version),
        Some(ApiKey::DescribeProducers) => check::<DescribeProducersRequest>(data, version),
        Some(ApiKey::DescribeQuorum) => check::<DescribeQuorumRequest>(data, version),
        Some(ApiKey::UpdateFeatures) => check::<UpdateFeaturesRequest>(data, version),
        Some(ApiKey::UnregisterBroker) => check::<UnregisterBrokerRequest>(data, version),
        Some(ApiKey::AddRaftVoter) => check::<AddRaftVoterRequest>(data, version),
        Some(ApiKey::RemoveRaftVoter) => check::<RemoveRaftVoterRequest>(data, version),
        Some(ApiKey::CreateDelegationToken) => check::<CreateDelegationTokenRequest>(data, version),
        Some(ApiKey::RenewDelegationToken) => check::<RenewDelegationTokenRequest>(data, version),
        Some(ApiKey::ExpireDelegationToken) => check::<ExpireDelegationTokenRequest>(data, version),
        Some(ApiKey::DescribeDelegationToken) => check::<DescribeDelegationTokenRequest>(data, version),
        _ => {}
    }
});
