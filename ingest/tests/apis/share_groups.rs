//! Share groups (KIP-932): members get records that are theirs for a while, and say what became of them, across
//! restarts and failovers, too.

mod begin;
mod bounds;
mod membership;
mod nodes;
mod offsets;
mod records;
mod sessions;
mod silence;

use std::time::Duration;

use protocol::messages::alter_share_group_offsets::{
    AlterShareGroupOffsetsRequestPartition, AlterShareGroupOffsetsRequestTopic,
};
use protocol::messages::create_topics::CreatableTopic;
use protocol::messages::delete_share_group_offsets::DeleteShareGroupOffsetsRequestTopic;
use protocol::messages::describe_share_group_offsets::{
    DescribeShareGroupOffsetsRequestGroup, DescribeShareGroupOffsetsRequestTopic,
    DescribeShareGroupOffsetsResponseGroup,
};
use protocol::messages::incremental_alter_configs::{AlterConfigsResource, AlterableConfig};
use protocol::messages::share_fetch::{
    AcknowledgementBatch, FetchPartition, FetchTopic, ForgottenTopic, PartitionData,
};
use protocol::messages::{
    AlterShareGroupOffsetsRequest, ApiVersionsRequest, CreateTopicsRequest, DeleteGroupsRequest,
    DeleteShareGroupOffsetsRequest, DescribeShareGroupOffsetsRequest, IncrementalAlterConfigsRequest,
    ListGroupsRequest, ShareAcknowledgeRequest, ShareFetchRequest, ShareFetchResponse,
    ShareGroupDescribeRequest, ShareGroupHeartbeatRequest, ShareGroupHeartbeatResponse, share_acknowledge,
};
use protocol::{ErrorCode, Uuid};
use tokio::time::{Instant, sleep};

use crate::client::{Client, batch, stamped};
use crate::cluster::World;
use crate::node::{NOW, Node};

const GROUP: &str = "group-1";

const ACCEPT: i8 = 1;
const RELEASE: i8 = 2;
const REJECT: i8 = 3;
const RENEW: i8 = 4;

/// A member of the group that reads by one connection.
struct Consumer {
    client: Client,
    id: &'static str,
    /// Of its next request.
    epoch: i32,
    topic: Uuid,
}

impl Consumer {
    /// One that is a member of the group, if its node coordinates it.
    async fn new(mut client: Client, id: &'static str) -> Self {
        beat(&mut client, id, 0).await;
        Self::stranger(client, id).await
    }

    /// One that has not joined the group by this connection.
    async fn stranger(mut client: Client, id: &'static str) -> Self {
        let topic = client.topic_id("t").await;
        Self { client, id, epoch: 0, topic }
    }

    fn request(&self, said: Vec<(i64, i64, Vec<i8>)>) -> ShareFetchRequest {
        let batch = |(first_offset, last_offset, acknowledge_types)| AcknowledgementBatch {
            first_offset,
            last_offset,
            acknowledge_types,
        };
        let partition = FetchPartition {
            partition_index: 0,
            acknowledgement_batches: said.into_iter().map(batch).collect(),
        };
        ShareFetchRequest {
            group_id: Some(GROUP.into()),
            member_id: Some(self.id.into()),
            share_session_epoch: self.epoch,
            max_wait_ms: 500,
            min_bytes: 1,
            max_bytes: 1 << 20,
            max_records: 500,
            batch_size: 500,
            topics: vec![FetchTopic { topic_id: self.topic, partitions: vec![partition] }],
            ..Default::default()
        }
    }

    async fn send(&mut self, version: i16, request: &ShareFetchRequest) -> ShareFetchResponse {
        let response = self.client.ask(version, request).await;
        if response.error_code == 0 {
            self.epoch += 1;
        }
        response
    }

    /// Says something of earlier records and fetches; what there is of partition 0.
    async fn fetch(&mut self, said: Vec<(i64, i64, Vec<i8>)>) -> PartitionData {
        let request = self.request(said);
        let response = self.send(1, &request).await;
        assert_eq!(response.error_code, 0, "{:?}", response.error_message);
        assert_eq!(response.acquisition_lock_timeout_ms, 30_000);
        only(response)
    }

    /// What it gets.
    async fn get(&mut self) -> Vec<(i64, i64, i16)> {
        let data = self.fetch(vec![]).await;
        assert_eq!((data.error_code, data.acknowledge_error_code), (0, 0));
        acquired(&data)
    }

    /// Says something of records.
    async fn acknowledge(&mut self, first: i64, last: i64, types: &[i8]) -> ErrorCode {
        let request = self.acknowledgement(first, last, types);
        let response = self.client.ask(1, &request).await;
        assert_eq!(response.error_code, 0);
        self.epoch += 1;
        ErrorCode::from_code(response.responses[0].partitions[0].error_code).expect("an error code")
    }

    fn acknowledgement(&self, first: i64, last: i64, types: &[i8]) -> ShareAcknowledgeRequest {
        let batch = share_acknowledge::AcknowledgementBatch {
            first_offset: first,
            last_offset: last,
            acknowledge_types: types.to_vec(),
        };
        let partition = share_acknowledge::AcknowledgePartition {
            partition_index: 0,
            acknowledgement_batches: vec![batch],
        };
        let topic = share_acknowledge::AcknowledgeTopic { topic_id: self.topic, partitions: vec![partition] };
        ShareAcknowledgeRequest {
            group_id: Some(GROUP.into()),
            member_id: Some(self.id.into()),
            share_session_epoch: self.epoch,
            topics: vec![topic],
            ..Default::default()
        }
    }

    async fn close(&mut self) {
        let request = ShareFetchRequest { share_session_epoch: -1, topics: vec![], ..self.request(vec![]) };
        assert_eq!(self.client.ask(1, &request).await.error_code, 0);
        self.epoch = 0;
    }
}

/// What a response says of its only partition; nothing of note if it says nothing.
fn only(mut response: ShareFetchResponse) -> PartitionData {
    assert!(response.responses.len() <= 1);
    response.responses.pop().map(|mut topic| topic.partitions.remove(0)).unwrap_or_default()
}

fn acquired(data: &PartitionData) -> Vec<(i64, i64, i16)> {
    data.acquired_records.iter().map(|r| (r.first_offset, r.last_offset, r.delivery_count)).collect()
}

/// The offsets of the records that came along.
fn offsets(data: &PartitionData) -> Vec<i64> {
    let batches = protocol::records::Batches::new(data.records.clone().into_bytes());
    batches
        .flat_map(|batch| {
            let header = *batch.expect("a batch").header();
            header.base_offset..=header.base_offset + i64::from(header.last_offset_delta)
        })
        .collect()
}

/// Gives the group a setting.
async fn configure(client: &mut Client, name: &str, value: &str) {
    let config = AlterableConfig { name: name.into(), config_operation: 0, value: Some(value.into()) };
    let resource =
        AlterConfigsResource { resource_type: 32, resource_name: GROUP.into(), configs: vec![config] };
    let request = IncrementalAlterConfigsRequest { resources: vec![resource], validate_only: false };
    let response = client.ask(1, &request).await;
    assert_eq!(response.responses[0].error_code, 0, "{:?}", response.responses[0].error_message);
}

/// A node where the group begins with the first record, and a topic.
async fn node() -> (Node, Client) {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    configure(&mut client, "share.auto.offset.reset", "earliest").await;
    (node, client)
}

fn heartbeat(member: &str, epoch: i32) -> ShareGroupHeartbeatRequest {
    ShareGroupHeartbeatRequest {
        group_id: GROUP.into(),
        member_id: member.into(),
        member_epoch: epoch,
        rack_id: None,
        subscribed_topic_names: (epoch == 0).then(|| vec!["t".into()]),
    }
}

async fn beat(client: &mut Client, member: &str, epoch: i32) -> ShareGroupHeartbeatResponse {
    client.ask(1, &heartbeat(member, epoch)).await
}
