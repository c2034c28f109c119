//! A frame as a broker gets it. What can be decoded is encoded and decoded again, to the same.
//!
//! `cargo +nightly fuzz run decode_request -- -malloc_limit_mb=64 -rss_limit_mb=1024`, in `protocol`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use protocol::messages::*;
use protocol::{ApiKey, Request, frame};

fn check<R: Request + PartialEq + std::fmt::Debug>(body: bytes::Bytes, version: i16) {
    let Ok(request) = R::decode(body, version) else { return };
    let chunks = frame::encode_request(1, None, version, &request).expect("what was decoded can be encoded");
    let frame = chunks.concat()[4..].to_vec().into();
    let (_, body) = frame::decode_request_header(frame).expect("the header is right");
    assert_eq!(R::decode(body, version).as_ref(), Ok(&request));
}

fuzz_target!(|data: &[u8]| {
    let Ok((header, body)) = frame::decode_request_header(data.to_vec().into()) else { return };
    let version = header.request_api_version;
    match header.request_api_key {
        ApiKey::AlterShareGroupOffsets => check::<AlterShareGroupOffsetsRequest>(body, version),
        ApiKey::ApiVersions => check::<ApiVersionsRequest>(body, version),
        ApiKey::ConsumerGroupDescribe => check::<ConsumerGroupDescribeRequest>(body, version),
        ApiKey::ConsumerGroupHeartbeat => check::<ConsumerGroupHeartbeatRequest>(body, version),
        ApiKey::CreateTopics => check::<CreateTopicsRequest>(body, version),
        ApiKey::DeleteGroups => check::<DeleteGroupsRequest>(body, version),
        ApiKey::DeleteRecords => check::<DeleteRecordsRequest>(body, version),
        ApiKey::DeleteShareGroupOffsets => check::<DeleteShareGroupOffsetsRequest>(body, version),
        ApiKey::DeleteTopics => check::<DeleteTopicsRequest>(body, version),
        ApiKey::DescribeCluster => check::<DescribeClusterRequest>(body, version),
        ApiKey::DescribeConfigs => check::<DescribeConfigsRequest>(body, version),
        ApiKey::DescribeGroups => check::<DescribeGroupsRequest>(body, version),
        ApiKey::DescribeLogDirs => check::<DescribeLogDirsRequest>(body, version),
        ApiKey::DescribeShareGroupOffsets => check::<DescribeShareGroupOffsetsRequest>(body, version),
        ApiKey::Fetch => check::<FetchRequest>(body, version),
        ApiKey::FindCoordinator => check::<FindCoordinatorRequest>(body, version),
        ApiKey::Heartbeat => check::<HeartbeatRequest>(body, version),
        ApiKey::InitProducerId => check::<InitProducerIdRequest>(body, version),
        ApiKey::JoinGroup => check::<JoinGroupRequest>(body, version),
        ApiKey::LeaveGroup => check::<LeaveGroupRequest>(body, version),
        ApiKey::ListGroups => check::<ListGroupsRequest>(body, version),
        ApiKey::ListOffsets => check::<ListOffsetsRequest>(body, version),
        ApiKey::Metadata => check::<MetadataRequest>(body, version),
        ApiKey::OffsetCommit => check::<OffsetCommitRequest>(body, version),
        ApiKey::OffsetDelete => check::<OffsetDeleteRequest>(body, version),
        ApiKey::OffsetFetch => check::<OffsetFetchRequest>(body, version),
        ApiKey::OffsetForLeaderEpoch => check::<OffsetForLeaderEpochRequest>(body, version),
        ApiKey::PeerControl => check::<PeerControlRequest>(body, version),
        ApiKey::PeerPing => check::<PeerPingRequest>(body, version),
        ApiKey::PeerShareGrant => check::<PeerShareGrantRequest>(body, version),
        ApiKey::PeerShares => check::<PeerSharesRequest>(body, version),
        ApiKey::PeerStatus => check::<PeerStatusRequest>(body, version),
        ApiKey::PeerWitness => check::<PeerWitnessRequest>(body, version),
        ApiKey::Produce => check::<ProduceRequest>(body, version),
        ApiKey::ShareAcknowledge => check::<ShareAcknowledgeRequest>(body, version),
        ApiKey::ShareFetch => check::<ShareFetchRequest>(body, version),
        ApiKey::ShareGroupDescribe => check::<ShareGroupDescribeRequest>(body, version),
        ApiKey::ShareGroupHeartbeat => check::<ShareGroupHeartbeatRequest>(body, version),
        ApiKey::SyncGroup => check::<SyncGroupRequest>(body, version),
        ApiKey::CreatePartitions => check::<CreatePartitionsRequest>(body, version),
        ApiKey::AlterConfigs => check::<AlterConfigsRequest>(body, version),
        ApiKey::IncrementalAlterConfigs => check::<IncrementalAlterConfigsRequest>(body, version),
        ApiKey::ListConfigResources => check::<ListConfigResourcesRequest>(body, version),
        ApiKey::DescribeTopicPartitions => check::<DescribeTopicPartitionsRequest>(body, version),
        ApiKey::AlterReplicaLogDirs => check::<AlterReplicaLogDirsRequest>(body, version),
        ApiKey::ElectLeaders => check::<ElectLeadersRequest>(body, version),
        ApiKey::AlterPartitionReassignments => check::<AlterPartitionReassignmentsRequest>(body, version),
        ApiKey::ListPartitionReassignments => check::<ListPartitionReassignmentsRequest>(body, version),
        ApiKey::DescribeProducers => check::<DescribeProducersRequest>(body, version),
        ApiKey::DescribeQuorum => check::<DescribeQuorumRequest>(body, version),
        ApiKey::UpdateFeatures => check::<UpdateFeaturesRequest>(body, version),
        ApiKey::UnregisterBroker => check::<UnregisterBrokerRequest>(body, version),
        ApiKey::AddRaftVoter => check::<AddRaftVoterRequest>(body, version),
        ApiKey::RemoveRaftVoter => check::<RemoveRaftVoterRequest>(body, version),
        ApiKey::CreateDelegationToken => check::<CreateDelegationTokenRequest>(body, version),
        ApiKey::RenewDelegationToken => check::<RenewDelegationTokenRequest>(body, version),
        ApiKey::ExpireDelegationToken => check::<ExpireDelegationTokenRequest>(body, version),
        ApiKey::DescribeDelegationToken => check::<DescribeDelegationTokenRequest>(body, version),
        _ => {}
    }
});
