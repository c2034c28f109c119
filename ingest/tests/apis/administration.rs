//! APIs that Kafka's tools ask and that have little or nothing to do here.

use protocol::ErrorCode;
use protocol::messages::alter_partition_reassignments::{ReassignablePartition, ReassignableTopic};
use protocol::messages::alter_replica_log_dirs::{AlterReplicaLogDir, AlterReplicaLogDirTopic};
use protocol::messages::elect_leaders::TopicPartitions;
use protocol::messages::update_features::FeatureUpdateKey;
use protocol::messages::*;

use crate::node::{NODE, Node};

#[tokio::test(start_paused = true)]
async fn no_leader_needs_to_be_elected() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    let topics = [("t", vec![0, 9]), ("no", vec![0])];
    let topics = topics.map(|(topic, partitions)| TopicPartitions { topic: topic.into(), partitions });
    for version in 0..=2 {
        let mut request =
            ElectLeadersRequest { topic_partitions: Some(topics.to_vec()), ..Default::default() };
        let response = client.ask(version, &request).await;
        let results = response.replica_election_results.iter().flat_map(|t| &t.partition_result);
        let results: Vec<_> =
            results.map(|p| (p.error_code, p.error_message.as_deref().unwrap_or_default())).collect();
        let expected = [
            (84, ErrorCode::ElectionNotNeeded.message()),
            (3, "No such partition as t-9"),
            (3, "No such topic as no"),
        ];
        assert_eq!((response.error_code, results), (0, expected.to_vec()));
        request.topic_partitions = None;
        assert_eq!(client.ask(version, &request).await, ElectLeadersResponse::default());
    }
    let odd = ElectLeadersRequest { election_type: 2, ..Default::default() };
    assert_eq!(client.ask(2, &odd).await.error_code, ErrorCode::InvalidRequest.code());
}

#[tokio::test(start_paused = true)]
async fn partitions_are_not_placed_by_hand() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    for version in 0..=1 {
        let partition = |partition_index, replicas: Option<&[i32]>| ReassignablePartition {
            partition_index,
            replicas: replicas.map(<[_]>::to_vec),
        };
        let mut reassign = async |name: &str, wanted: ReassignablePartition| {
            let topics = vec![ReassignableTopic { name: name.into(), partitions: vec![wanted] }];
            let request = AlterPartitionReassignmentsRequest { topics, ..Default::default() };
            let response = client.ask(version, &request).await;
            assert_eq!((response.error_code, response.allow_replication_factor_change), (0, true));
            let partition = response.responses[0].partitions[0].clone();
            let message = partition.error_message.as_deref().unwrap_or_default().to_owned();
            (ErrorCode::from_code(partition.error_code).expect("known"), message)
        };
        assert_eq!(reassign("t", partition(0, Some(&[NODE]))).await, (ErrorCode::None, String::new()));
        let (code, message) = reassign("t", partition(0, Some(&[9]))).await;
        assert_eq!(code, ErrorCode::InvalidReplicaAssignment);
        assert_eq!(
            message,
            "The manual partition assignment includes broker 9, but no such broker is registered."
        );
        let (code, message) = reassign("t", partition(0, None)).await;
        assert_eq!(code, ErrorCode::NoReassignmentInProgress, "{message}");
        let unknown = ErrorCode::UnknownTopicOrPartition;
        let nowhere = reassign("no", partition(0, None)).await;
        assert_eq!(nowhere, (unknown, "Unable to find a topic named no.".to_owned()));
        let nowhere = reassign("t", partition(7, None)).await;
        assert_eq!(nowhere, (unknown, "Unable to find partition t:7.".to_owned()));
    }
    let response = client.ask(0, &ListPartitionReassignmentsRequest::default()).await;
    assert_eq!(response, ListPartitionReassignmentsResponse::default());
}

#[tokio::test(start_paused = true)]
async fn there_are_no_directories() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 2).await;
    let topics = vec![AlterReplicaLogDirTopic { name: "t".into(), partitions: vec![0, 1] }];
    let request =
        AlterReplicaLogDirsRequest { dirs: vec![AlterReplicaLogDir { path: "/tmp".into(), topics }] };
    for version in 1..=2 {
        let response = client.ask(version, &request).await;
        let codes: Vec<_> = response.results[0].partitions.iter().map(|p| p.error_code).collect();
        assert_eq!(codes, [ErrorCode::LogDirNotFound.code(); 2]);
    }
}

#[tokio::test(start_paused = true)]
async fn there_is_no_quorum() {
    let node = Node::start().await;
    let mut client = node.connect();
    let unsupported = ErrorCode::UnsupportedVersion.code();
    for version in 0..=2 {
        let response = client.ask(version, &DescribeQuorumRequest::default()).await;
        assert_eq!((response.error_code, response.error_message.is_some()), (unsupported, version == 2));
    }
    for version in 0..=1 {
        let response = client.ask(version, &AddRaftVoterRequest::default()).await;
        assert_eq!((response.error_code, response.error_message.is_some()), (unsupported, true));
    }
    let response = client.ask(0, &RemoveRaftVoterRequest::default()).await;
    assert_eq!((response.error_code, response.error_message.is_some()), (unsupported, true));
}

#[tokio::test(start_paused = true)]
async fn features_are_not_set_by_hand() {
    let node = Node::start().await;
    let mut client = node.connect();
    for version in 0..=2 {
        let nothing = client.ask(version, &UpdateFeaturesRequest::default()).await;
        assert_eq!(nothing.error_code, 0);
        let feature =
            FeatureUpdateKey { feature: "group.version".into(), max_version_level: 1, ..Default::default() };
        let request = UpdateFeaturesRequest { feature_updates: vec![feature], ..Default::default() };
        let response = client.ask(version, &request).await;
        assert_eq!(response.error_code, ErrorCode::InvalidUpdateVersion.code());
        let message = response.error_message.expect("a message");
        assert!(
            message.contains("Invalid update version 1 for feature group.version"),
            "{}",
            message.as_str()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_in_service_is_not_forgotten() {
    let node = Node::start().await;
    let mut client = node.connect();
    for (broker_id, code) in [(NODE, ErrorCode::InvalidRequest), (9, ErrorCode::BrokerIdNotRegistered)] {
        let response = client.ask(0, &UnregisterBrokerRequest { broker_id }).await;
        assert_eq!((response.error_code, response.error_message.is_some()), (code.code(), true));
    }
}

#[tokio::test(start_paused = true)]
async fn there_are_no_delegation_tokens() {
    let node = Node::start().await;
    let mut client = node.connect();
    let disabled = ErrorCode::DelegationTokenAuthDisabled.code();
    for version in 1..=3 {
        let created = client.ask(version, &CreateDelegationTokenRequest::default()).await;
        assert_eq!((created.error_code, created.expiry_timestamp_ms), (disabled, -1));
        let described = client.ask(version, &DescribeDelegationTokenRequest::default()).await;
        assert_eq!((described.error_code, described.tokens.len()), (disabled, 0));
    }
    for version in 1..=2 {
        let renewed = client.ask(version, &RenewDelegationTokenRequest::default()).await;
        assert_eq!((renewed.error_code, renewed.expiry_timestamp_ms), (disabled, -1));
        let expired = client.ask(version, &ExpireDelegationTokenRequest::default()).await;
        assert_eq!((expired.error_code, expired.expiry_timestamp_ms), (disabled, -1));
    }
}
