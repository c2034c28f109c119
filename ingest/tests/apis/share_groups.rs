//! Share groups (KIP-932): members get records that are theirs for a while, and say what became of them, across
//! restarts and failovers, too.

use std::time::Duration;

use protocol::messages::alter_share_group_offsets::{
    AlterShareGroupOffsetsRequestPartition, AlterShareGroupOffsetsRequestTopic,
};
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
    AlterShareGroupOffsetsRequest, ApiVersionsRequest, DeleteGroupsRequest, DeleteShareGroupOffsetsRequest,
    DescribeShareGroupOffsetsRequest, IncrementalAlterConfigsRequest, ListGroupsRequest,
    ShareAcknowledgeRequest, ShareFetchRequest, ShareFetchResponse, ShareGroupDescribeRequest,
    ShareGroupHeartbeatRequest, ShareGroupHeartbeatResponse, share_acknowledge,
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
    async fn new(mut client: Client, id: &'static str) -> Self {
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

#[tokio::test(start_paused = true)]
async fn members_join_and_the_group_is_described() {
    let (_node, mut client) = node().await;
    let topic = client.topic_id("t").await;
    let request =
        ApiVersionsRequest { client_software_name: "test".into(), client_software_version: "1".into() };
    let features = client.ask(4, &request).await;
    let finalized = features.finalized_features.iter().find(|f| &*f.name == "share.version");
    assert_eq!(finalized.map(|f| f.max_version_level), Some(1));
    let joined = beat(&mut client, "m1", 0).await;
    assert_eq!((joined.error_code, joined.member_epoch, joined.heartbeat_interval_ms), (0, 2, 5000));
    let assigned = joined.assignment.expect("an assignment").topic_partitions;
    assert_eq!((assigned[0].topic_id, &assigned[0].partitions[..]), (topic, &[0][..]));
    let second = beat(&mut client, "m2", 0).await;
    let assigned = second.assignment.expect("an assignment").topic_partitions;
    assert_eq!(assigned.len(), usize::from(second.member_epoch > 2), "targets are computed once a second");
    sleep(Duration::from_secs(2)).await;
    let again = beat(&mut client, "m2", second.member_epoch).await;
    assert_eq!(again.assignment.expect("an assignment").topic_partitions[0].partitions, [0]);
    let refused = beat(&mut client, "m1", 99).await;
    assert_eq!(refused.error_code, ErrorCode::FencedMemberEpoch.code());
    let long = beat(&mut client, &"x".repeat(37), 0).await;
    assert_eq!(long.error_code, ErrorCode::InvalidRequest.code());

    let request = ShareGroupDescribeRequest {
        group_ids: vec![GROUP.into(), "absent".into(), "".into()],
        include_authorized_operations: true,
    };
    let described = client.ask(1, &request).await.groups;
    let group = &described[0];
    assert_eq!((&*group.group_state, &*group.assignor_name, group.members.len()), ("Stable", "simple", 2));
    assert_eq!(group.members[0].assignment.topic_partitions[0].partitions, [0]);
    assert_ne!(group.authorized_operations, i32::MIN);
    assert_eq!(described[1].error_code, ErrorCode::GroupIdNotFound.code());
    assert_eq!(described[1].error_message.as_deref(), Some("Group absent not found."));
    assert_eq!(described[2].error_code, ErrorCode::InvalidGroupId.code());
    let listed = client.ask(5, &ListGroupsRequest::default()).await.groups;
    assert_eq!((&*listed[0].group_type, &*listed[0].protocol_type), ("share", "share"));
    assert_eq!(&*listed[0].group_state, "Stable");

    assert_eq!(beat(&mut client, "m1", -1).await.member_epoch, -1);
    assert_eq!(beat(&mut client, "m2", -1).await.error_code, 0);
    let described = client.ask(1, &request).await.groups;
    assert_eq!(&*described[0].group_state, "Empty");
}

#[tokio::test(start_paused = true)]
async fn records_are_accepted_released_and_rejected() {
    let (node, mut client) = node().await;
    client.produce("t", batch(&["a", "b", "c"])).await;
    client.produce("t", batch(&["d", "e"])).await;
    let mut one = Consumer::new(node.connect(), "one").await;
    let mut two = Consumer::new(node.connect(), "two").await;
    let data = one.fetch(vec![]).await;
    assert_eq!((acquired(&data), offsets(&data)), (vec![(0, 4, 1)], vec![0, 1, 2, 3, 4]));
    let nothing = two.fetch(vec![]).await;
    assert_eq!((acquired(&nothing), nothing.records.len()), (vec![], 0), "all are in hand");
    assert_eq!(two.acknowledge(0, 0, &[ACCEPT]).await, ErrorCode::InvalidRecordState);
    assert_eq!(one.acknowledge(0, 3, &[ACCEPT, ACCEPT, REJECT, RELEASE]).await, ErrorCode::None);
    assert_eq!(one.acknowledge(0, 3, &[ACCEPT]).await, ErrorCode::InvalidRecordState);
    assert_eq!(one.acknowledge(4, 9, &[ACCEPT]).await, ErrorCode::InvalidRequest);
    let data = two.fetch(vec![]).await;
    assert_eq!((acquired(&data), offsets(&data)), (vec![(3, 3, 2)], vec![3, 4]), "the batch comes whole");
    // What is said in a fetch has its effect before it.
    let data = two.fetch(vec![(3, 3, vec![RELEASE])]).await;
    assert_eq!((acquired(&data), data.acknowledge_error_code), (vec![(3, 3, 3)], 0));
    let data = two.fetch(vec![(4, 4, vec![ACCEPT])]).await;
    assert_eq!(data.acknowledge_error_code, ErrorCode::InvalidRecordState.code());
    assert_eq!(two.acknowledge(3, 3, &[ACCEPT]).await, ErrorCode::None);
    assert_eq!(one.acknowledge(4, 4, &[ACCEPT]).await, ErrorCode::None);
    assert_eq!(one.get().await, []);
    for types in [&[][..], &[9], &[-1], &[RENEW], &[ACCEPT, ACCEPT, ACCEPT]] {
        assert_eq!(one.acknowledge(0, 1, types).await, ErrorCode::InvalidRequest, "{types:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_fetch_waits_for_records() {
    let (node, mut client) = node().await;
    let mut one = Consumer::new(node.connect(), "one").await;
    let began = Instant::now();
    assert_eq!(one.get().await, []);
    assert_eq!(began.elapsed(), Duration::from_millis(500));
    let waiting = tokio::spawn(async move { (one.get().await, one) });
    sleep(Duration::from_millis(100)).await;
    let began = Instant::now();
    client.produce("t", batch(&["a"])).await;
    let (got, one) = waiting.await.expect("it gets some");
    assert!(began.elapsed() < Duration::from_millis(50), "{:?}", began.elapsed());
    assert_eq!(got, [(0, 0, 1)]);

    // Whoever waits gets what another gives back.
    let mut two = Consumer::new(node.connect(), "two").await;
    two.get().await;
    let waiting = tokio::spawn(async move { (two.get().await, two) });
    sleep(Duration::from_millis(100)).await;
    let mut one = one;
    let began = Instant::now();
    assert_eq!(one.acknowledge(0, 0, &[RELEASE]).await, ErrorCode::None);
    let (got, _two) = waiting.await.expect("it gets some");
    assert!(began.elapsed() < Duration::from_millis(50), "{:?}", began.elapsed());
    assert_eq!(got, [(0, 0, 2)]);
}

#[tokio::test(start_paused = true)]
async fn locks_expire_unless_they_are_renewed() {
    let (node, mut client) = node().await;
    client.produce("t", batch(&["a", "b"])).await;
    let mut one = Consumer::new(node.connect(), "one").await;
    let mut two = Consumer::new(node.connect(), "two").await;
    assert_eq!(one.get().await, [(0, 1, 1)]);
    sleep(Duration::from_secs(20)).await;
    let renewal = ShareAcknowledgeRequest { is_renew_ack: true, ..one.acknowledgement(0, 0, &[RENEW]) };
    let renewed = one.client.ask(2, &renewal).await;
    one.epoch += 1;
    assert_eq!(renewed.responses[0].partitions[0].error_code, 0);
    assert_eq!(renewed.acquisition_lock_timeout_ms, 30_000);
    let waits = ShareFetchRequest { max_wait_ms: 60_000, ..two.request(vec![]) };
    let began = Instant::now();
    let data = only(two.send(1, &waits).await);
    assert_eq!(acquired(&data), [(1, 1, 2)]);
    assert!((10..11).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    assert_eq!(one.acknowledge(1, 1, &[ACCEPT]).await, ErrorCode::InvalidRecordState);
    assert_eq!(one.acknowledge(0, 0, &[ACCEPT]).await, ErrorCode::None);
    // A renewal in a fetch reads nothing, and must not want to.
    let renewal = ShareFetchRequest { is_renew_ack: true, ..two.request(vec![(1, 1, vec![RENEW])]) };
    assert_eq!(two.send(2, &renewal).await.error_code, ErrorCode::InvalidRequest.code());
    let renewal = ShareFetchRequest { max_bytes: 0, min_bytes: 0, max_records: 0, max_wait_ms: 0, ..renewal };
    let data = only(two.send(2, &renewal).await);
    assert_eq!((data.acknowledge_error_code, data.records.len()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn what_is_in_hand_comes_back_when_its_session_ends() {
    let (node, mut client) = node().await;
    client.produce("t", batch(&["a"])).await;
    let mut one = Consumer::new(node.connect(), "one").await;
    let mut two = Consumer::new(node.connect(), "two").await;
    assert_eq!(one.get().await, [(0, 0, 1)]);
    one.close().await;
    assert_eq!(two.get().await, [(0, 0, 2)]);
    drop(two);
    sleep(Duration::from_millis(10)).await;
    assert_eq!(one.get().await, [(0, 0, 3)], "its connection is gone");
    let last = ShareAcknowledgeRequest { share_session_epoch: -1, ..one.acknowledgement(0, 0, &[ACCEPT]) };
    let response = one.client.ask(1, &last).await;
    assert_eq!((response.error_code, response.responses[0].partitions[0].error_code), (0, 0));
    assert_eq!(one.client.ask(1, &last).await.error_code, ErrorCode::ShareSessionNotFound.code());
}

#[tokio::test(start_paused = true)]
async fn requests_that_do_not_fit_their_session_are_refused() {
    let (node, mut client) = node().await;
    client.produce("t", batch(&["a"])).await;
    let mut one = Consumer::new(node.connect(), "one").await;
    let mut ask = async |change: &dyn Fn(ShareFetchRequest) -> ShareFetchRequest| {
        let request = change(one.request(vec![]));
        let response = one.client.ask(1, &request).await;
        ErrorCode::from_code(response.error_code).expect("an error code")
    };
    use ErrorCode::{InvalidRequest, InvalidShareSessionEpoch, ShareSessionNotFound};
    let at = |epoch| move |request| ShareFetchRequest { share_session_epoch: epoch, ..request };
    assert_eq!(ask(&at(1)).await, ShareSessionNotFound);
    assert_eq!(ask(&at(-1)).await, ShareSessionNotFound);
    assert_eq!(ask(&|r| ShareFetchRequest { member_id: None, ..r }).await, InvalidRequest);
    assert_eq!(ask(&|r| ShareFetchRequest { group_id: None, ..r }).await, InvalidRequest);
    assert_eq!(ask(&at(0)).await, ErrorCode::None);
    assert_eq!(ask(&at(2)).await, InvalidShareSessionEpoch);
    assert_eq!(ask(&at(1)).await, ErrorCode::None);
    assert_eq!(ask(&at(1)).await, InvalidShareSessionEpoch);
    let forget = |request: ShareFetchRequest| {
        let forgotten = ForgottenTopic { topic_id: request.topics[0].topic_id, partitions: vec![0] };
        let (topics, forgotten_topics_data) = (vec![], vec![forgotten]);
        ShareFetchRequest { share_session_epoch: 2, topics, forgotten_topics_data, ..request }
    };
    assert_eq!(ask(&forget).await, ErrorCode::None);
    client.produce("t", batch(&["b"])).await;
    let mut empty = one.request(vec![]);
    (empty.share_session_epoch, empty.topics) = (3, vec![]);
    assert_eq!(one.client.ask(1, &empty).await.responses, [], "it reads nothing any more");

    let unknown = FetchTopic { topic_id: Uuid::from_bytes([9; 16]), partitions: vec![Default::default()] };
    let mut request = one.request(vec![]);
    request.topics[0].partitions[0].partition_index = 7;
    request.topics.push(unknown);
    let response = one.client.ask(1, &request).await;
    let codes: Vec<_> = response.responses.iter().map(|t| t.partitions[0].error_code).collect();
    assert!(codes.contains(&ErrorCode::UnknownTopicId.code()), "{codes:?}");
    assert!(codes.contains(&ErrorCode::UnknownTopicOrPartition.code()), "{codes:?}");
}

#[tokio::test(start_paused = true)]
async fn a_strict_limit_is_kept() {
    let (node, mut client) = node().await;
    client.produce("t", batch(&["a", "b", "c", "d"])).await;
    let mut one = Consumer::new(node.connect(), "one").await;
    let strict = ShareFetchRequest { share_acquire_mode: 1, max_records: 3, ..one.request(vec![]) };
    assert_eq!(acquired(&only(one.send(2, &strict).await)), [(0, 2, 1)]);
    let loose = ShareFetchRequest { max_records: 1, ..one.request(vec![]) };
    assert_eq!(acquired(&only(one.send(2, &loose).await)), [(3, 3, 1)]);
    let wrong = ShareFetchRequest { share_acquire_mode: 2, ..one.request(vec![]) };
    assert_eq!(one.send(2, &wrong).await.error_code, ErrorCode::InvalidRequest.code());
}

#[tokio::test(start_paused = true)]
async fn a_group_begins_where_it_is_told() {
    for (reset, first) in
        [("latest", None), ("earliest", Some(0)), ("by_duration:PT1M", Some(1)), ("by_duration:PT0S", None)]
    {
        let node = Node::start().await;
        let mut client = node.with_topic("t", 1).await;
        configure(&mut client, "share.auto.offset.reset", reset).await;
        client.produce("t", stamped(&[NOW - 61_000, NOW - 59_000, NOW - 1])).await;
        let mut one = Consumer::new(node.connect(), "one").await;
        let expected: Vec<_> = first.map(|first| (first, 2, 1)).into_iter().collect();
        assert_eq!(one.get().await, expected, "{reset}");
        client.produce("t", batch(&["new"])).await;
        assert_eq!(one.get().await, [(3, 3, 1)], "{reset}");
    }
}

/// The offsets that a group has of topic `t`.
async fn described(
    client: &mut Client,
    partitions: Option<Vec<i32>>,
) -> DescribeShareGroupOffsetsResponseGroup {
    let topic = |partitions| DescribeShareGroupOffsetsRequestTopic { topic_name: "t".into(), partitions };
    let group = DescribeShareGroupOffsetsRequestGroup {
        group_id: GROUP.into(),
        topics: partitions.map(|partitions| vec![topic(partitions)]),
    };
    let request = DescribeShareGroupOffsetsRequest { groups: vec![group] };
    client.ask(1, &request).await.groups.remove(0)
}

fn starts(group: &DescribeShareGroupOffsetsResponseGroup) -> Vec<(i64, i64)> {
    assert_eq!(group.error_code, 0);
    let partitions = group.topics.iter().flat_map(|topic| &topic.partitions);
    partitions
        .map(|p| {
            assert_eq!(p.error_code, 0, "{}", p.partition_index);
            (p.start_offset, p.lag)
        })
        .collect()
}

async fn alter(client: &mut Client, start_offset: i64) -> ErrorCode {
    let partition =
        |partition_index| AlterShareGroupOffsetsRequestPartition { partition_index, start_offset };
    let topic = AlterShareGroupOffsetsRequestTopic {
        topic_name: "t".into(),
        partitions: vec![partition(0), partition(1000)],
    };
    let request = AlterShareGroupOffsetsRequest { group_id: GROUP.into(), topics: vec![topic] };
    let response = client.ask(0, &request).await;
    if response.error_code == 0 {
        let partitions = &response.responses[0].partitions;
        assert_eq!(partitions[0].error_code, 0);
        assert_eq!(partitions[1].error_code, ErrorCode::UnknownTopicOrPartition.code());
    }
    ErrorCode::from_code(response.error_code).expect("an error code")
}

async fn forget(client: &mut Client, topic: &str) -> (ErrorCode, Option<ErrorCode>) {
    let topics = vec![DeleteShareGroupOffsetsRequestTopic { topic_name: topic.into() }];
    let request = DeleteShareGroupOffsetsRequest { group_id: GROUP.into(), topics };
    let response = client.ask(0, &request).await;
    let code = |code| ErrorCode::from_code(code).expect("an error code");
    (code(response.error_code), response.responses.first().map(|topic| code(topic.error_code)))
}

#[tokio::test(start_paused = true)]
async fn offsets_are_described_altered_and_deleted() {
    let (node, mut client) = node().await;
    assert_eq!(starts(&described(&mut client, Some(vec![0])).await), [(-1, -1)]);
    assert_eq!(described(&mut client, None).await.topics, []);
    assert_eq!(forget(&mut client, "t").await.0, ErrorCode::GroupIdNotFound);
    client.produce("t", batch(&["a", "b", "c", "d"])).await;
    beat(&mut client, "one", 0).await;
    assert_eq!(starts(&described(&mut client, None).await), [(-1, -1)]);
    let mut one = Consumer::new(node.connect(), "one").await;
    assert_eq!(one.get().await, [(0, 3, 1)]);
    assert_eq!(one.acknowledge(0, 3, &[ACCEPT, RELEASE, ACCEPT, RELEASE]).await, ErrorCode::None);
    assert_eq!(starts(&described(&mut client, None).await), [(1, 2)], "one in between is settled");
    assert_eq!(alter(&mut client, 2).await, ErrorCode::NonEmptyGroup);
    assert_eq!(forget(&mut client, "t").await.0, ErrorCode::NonEmptyGroup);
    beat(&mut client, "one", -1).await;
    one.close().await;
    assert_eq!(alter(&mut client, 2).await, ErrorCode::None);
    assert_eq!(starts(&described(&mut client, Some(vec![0, 9])).await), [(2, 2), (-1, -1)]);
    assert_eq!(one.get().await, [(2, 3, 1)], "what was known is forgotten");
    one.close().await;
    assert_eq!(forget(&mut client, "absent").await.1, Some(ErrorCode::UnknownTopicOrPartition));
    assert_eq!(forget(&mut client, "t").await, (ErrorCode::None, Some(ErrorCode::None)));
    assert_eq!(forget(&mut client, "t").await.1, Some(ErrorCode::UnknownTopicOrPartition));
    assert_eq!(starts(&described(&mut client, Some(vec![0])).await), [(-1, -1)]);
    assert_eq!(described(&mut client, None).await.topics, []);
    assert_eq!(one.get().await, [(0, 3, 1)], "it begins anew");
    one.close().await;

    beat(&mut client, "one", 0).await;
    let delete = DeleteGroupsRequest { groups_names: vec![GROUP.into()] };
    let refused = client.ask(2, &delete).await.results.remove(0);
    assert_eq!(refused.error_code, ErrorCode::NonEmptyGroup.code());
    beat(&mut client, "one", -1).await;
    assert_eq!(client.ask(2, &delete).await.results[0].error_code, 0);
    assert_eq!(starts(&described(&mut client, Some(vec![0])).await), [(-1, -1)], "they went along");
    let gone = client.ask(2, &delete).await.results.remove(0);
    assert_eq!(gone.error_code, ErrorCode::GroupIdNotFound.code());
}

#[tokio::test(start_paused = true)]
async fn what_was_acknowledged_survives_and_what_was_in_hand_comes_back() {
    let mut world = World::new();
    world.start(1).await;
    let mut client = world.client(1);
    client.create_topic("t", 1, &[]).await;
    let mut one = Consumer::new(world.client(1), "one").await;
    assert_eq!(one.get().await, [], "it begins at the end");
    client.produce("t", batch(&["a", "b", "c"])).await;
    client.produce("t", batch(&["d"])).await;
    assert_eq!(one.get().await, [(0, 3, 1)]);
    assert_eq!(one.acknowledge(0, 1, &[ACCEPT, RELEASE]).await, ErrorCode::None);
    for _ in 0..2 {
        world.kill(1).await;
        world.start(1).await;
        world.settle().await;
        let mut one = Consumer::new(world.client(1), "one").await;
        let stale = one.acknowledgement(2, 2, &[ACCEPT]);
        let stale = ShareAcknowledgeRequest { share_session_epoch: 5, ..stale };
        let refused = one.client.ask(1, &stale).await.error_code;
        assert_eq!(refused, ErrorCode::ShareSessionNotFound.code());
        assert_eq!(one.get().await, [(1, 1, 2), (2, 3, 1)], "nobody was told of what was in hand");
        // Nothing of it is settled, so that the next owner begins with the same.
    }
}

#[tokio::test(start_paused = true)]
async fn partitions_of_many_nodes_are_read_and_their_offsets_kept_together() {
    let mut world = World::new();
    for node in 1..=3 {
        world.start(node).await;
    }
    let mut client = world.client(1);
    client.create_topic("t", 6, &[]).await;
    world.settle().await;
    let topic = client.topic_id("t").await;
    let id = coordinator::TopicId(*topic.as_bytes());
    let leader = |world: &World, index| {
        let cluster = world.cluster();
        cluster.leader(coordinator::PartitionId { topic: id, index }).expect("a leader").0.node.0
    };
    let coordinator = world.cluster().coordinator(GROUP).expect("an owner").0.node.0;
    let mut at_coordinator = world.client(coordinator);
    assert_eq!(beat(&mut at_coordinator, "one", 0).await.error_code, 0);
    let wrong = world.client(coordinator % 3 + 1).ask(1, &heartbeat("one", 0)).await;
    assert_eq!(wrong.error_code, ErrorCode::NotCoordinator.code());
    for index in 0..6 {
        let leader = leader(&world, index);
        let mut one = Consumer::new(world.client(leader), "one").await;
        one.topic = topic;
        let mut request = one.request(vec![]);
        request.topics[0].partitions[0].partition_index = index;
        assert_eq!(acquired(&only(one.send(1, &request).await)), []);
        one.client.produce_to(9, "t", index, batch(&["a", "b"])).await;
        request.share_session_epoch = 1;
        assert_eq!(acquired(&only(one.send(1, &request).await)), [(0, 1, 1)]);
        // Somebody else is told where the partition is.
        let mut other = Consumer::new(world.client(leader % 3 + 1), "one").await;
        request.share_session_epoch = 0;
        let data = only(other.send(1, &request).await);
        assert_eq!(data.error_code, ErrorCode::NotLeaderOrFollower.code());
        assert_eq!(data.current_leader.leader_id, leader);
    }
    sleep(Duration::from_millis(10)).await;
    assert_eq!(starts(&described(&mut at_coordinator, None).await), [(0, 2); 6]);
    assert_eq!(beat(&mut at_coordinator, "one", -1).await.error_code, 0);
    assert_eq!(alter(&mut at_coordinator, 1).await, ErrorCode::None);
    assert_eq!(starts(&described(&mut at_coordinator, Some(vec![0, 5])).await), [(1, 1), (0, 2)]);
    let delete = DeleteGroupsRequest { groups_names: vec![GROUP.into()] };
    assert_eq!(at_coordinator.ask(2, &delete).await.results[0].error_code, 0);
    let all = Some((0..6).collect());
    assert_eq!(starts(&described(&mut at_coordinator, all).await), [(-1, -1); 6]);
}

#[tokio::test(start_paused = true)]
async fn shards_that_move_take_share_partitions_along() {
    let mut world = World::new();
    world.start(1).await;
    let mut client = world.client(1);
    client.create_topic("t", 12, &[]).await;
    let mut sessions = Vec::new();
    for index in 0..12 {
        let mut one = Consumer::new(world.client(1), "one").await;
        one.topic = client.topic_id("t").await;
        let mut request = one.request(vec![]);
        request.topics[0].partitions[0].partition_index = index;
        assert_eq!(acquired(&only(one.send(1, &request).await)), []);
        one.client.produce_to(9, "t", index, batch(&["a", "b", "c"])).await;
        request.share_session_epoch = 1;
        assert_eq!(acquired(&only(one.send(1, &request).await)), [(0, 2, 1)]);
        let mut said = one.acknowledgement(0, 1, &[ACCEPT, RELEASE]);
        said.topics[0].partitions[0].partition_index = index;
        assert_eq!(one.client.ask(1, &said).await.responses[0].partitions[0].error_code, 0);
        sessions.push(one);
    }
    world.start(2).await;
    world.settle().await;
    let id = coordinator::TopicId(*client.topic_id("t").await.as_bytes());
    let mut moved = 0;
    for index in 0..12 {
        let cluster = world.cluster();
        let leader =
            cluster.leader(coordinator::PartitionId { topic: id, index }).expect("a leader").0.node.0;
        if leader == 2 {
            moved += 1;
            let mut one = Consumer::new(world.client(2), "two").await;
            one.topic = Uuid::from_bytes(id.0);
            let mut request = one.request(vec![]);
            request.topics[0].partitions[0].partition_index = index;
            assert_eq!(acquired(&only(one.send(1, &request).await)), [(1, 1, 2), (2, 2, 1)]);
        }
    }
    assert!(moved > 0, "something moved");
}
