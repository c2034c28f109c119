//! Classic groups and committed offsets: on one node, across its restart, and across a failover.

use std::time::Duration;

use bytes::Bytes;
use protocol::messages::join_group::JoinGroupRequestProtocol;
use protocol::messages::leave_group::MemberIdentity;
use protocol::messages::offset_commit::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use protocol::messages::offset_delete::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic};
use protocol::messages::offset_fetch::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics, OffsetFetchResponsePartitions,
};
use protocol::messages::sync_group::SyncGroupRequestAssignment;
use protocol::messages::{
    DeleteGroupsRequest, DeleteTopicsRequest, DescribeGroupsRequest, FindCoordinatorRequest,
    HeartbeatRequest, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, ListGroupsRequest,
    OffsetCommitRequest, OffsetDeleteRequest, OffsetFetchRequest, SyncGroupRequest, SyncGroupResponse,
};
use protocol::{ErrorCode, Str};
use tokio::time::{Instant, sleep};

use crate::client::Client;
use crate::cluster::World;
use crate::node::{NODE, Node};

const GROUP: &str = "group-1";

/// The id, the generation and the assignment of a member.
#[derive(Clone, Debug)]
struct Member {
    id: Str,
    generation: i32,
    assignment: Bytes,
}

fn join(member: &str, instance: Option<&str>) -> JoinGroupRequest {
    let protocol =
        JoinGroupRequestProtocol { name: "range".into(), metadata: Bytes::from_static(b"subscription") };
    JoinGroupRequest {
        group_id: GROUP.into(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 30_000,
        member_id: member.into(),
        group_instance_id: instance.map(Into::into),
        protocol_type: "consumer".into(),
        protocols: vec![protocol],
        reason: None,
    }
}

fn sync(joined: &JoinGroupResponse, assignments: &[(&Str, &'static str)]) -> SyncGroupRequest {
    let assigned = |(id, bytes): &(&Str, &'static str)| SyncGroupRequestAssignment {
        member_id: (*id).clone(),
        assignment: Bytes::from_static(bytes.as_bytes()),
    };
    SyncGroupRequest {
        group_id: GROUP.into(),
        generation_id: joined.generation_id,
        member_id: joined.member_id.clone(),
        assignments: assignments.iter().map(assigned).collect(),
        ..Default::default()
    }
}

/// Joins as a member that is given its id first (KIP-394).
async fn enter(client: &mut Client) -> JoinGroupResponse {
    let first = client.ask(9, &join("", None)).await;
    assert_eq!(first.error_code, ErrorCode::MemberIdRequired.code());
    assert!(first.member_id.starts_with("test-"), "{}", first.member_id);
    client.ask(9, &join(&first.member_id, None)).await
}

/// A group with one member, which has its assignment.
async fn alone(client: &mut Client) -> Member {
    let joined = enter(client).await;
    assert_eq!((joined.error_code, joined.generation_id), (0, 1), "{joined:?}");
    assert_eq!((&joined.leader, joined.members.len()), (&joined.member_id, 1));
    let synced = client.ask(5, &sync(&joined, &[(&joined.member_id, "all of it")])).await;
    assert_eq!((synced.error_code, &synced.assignment[..]), (0, &b"all of it"[..]));
    Member { id: joined.member_id, generation: joined.generation_id, assignment: synced.assignment }
}

async fn beat(client: &mut Client, member: &Member) -> ErrorCode {
    let request = HeartbeatRequest {
        group_id: GROUP.into(),
        generation_id: member.generation,
        member_id: member.id.clone(),
        group_instance_id: None,
    };
    ErrorCode::from_code(client.ask(4, &request).await.error_code).expect("a known error")
}

async fn commit(client: &mut Client, member: Option<&Member>, topic: &str, offset: i64) -> ErrorCode {
    let partition = OffsetCommitRequestPartition {
        partition_index: 0,
        committed_offset: offset,
        committed_leader_epoch: 0,
        committed_metadata: Some("note".into()),
    };
    let request = OffsetCommitRequest {
        group_id: GROUP.into(),
        generation_id_or_member_epoch: member.map_or(-1, |m| m.generation),
        member_id: member.map(|m| m.id.clone()).unwrap_or_default(),
        topics: vec![OffsetCommitRequestTopic {
            name: topic.into(),
            partitions: vec![partition],
            ..Default::default()
        }],
        ..Default::default()
    };
    let response = client.ask(9, &request).await;
    ErrorCode::from_code(response.topics[0].partitions[0].error_code).expect("a known error")
}

/// The committed offset of partition 0, or the group's error.
async fn committed(client: &mut Client, topic: &str) -> Result<OffsetFetchResponsePartitions, ErrorCode> {
    let topic =
        OffsetFetchRequestTopics { name: topic.into(), partition_indexes: vec![0], ..Default::default() };
    let group =
        OffsetFetchRequestGroup { group_id: GROUP.into(), topics: Some(vec![topic]), ..Default::default() };
    let request = OffsetFetchRequest { groups: vec![group], ..Default::default() };
    let response = client.ask(9, &request).await.groups.remove(0);
    match ErrorCode::from_code(response.error_code).expect("a known error") {
        ErrorCode::None => Ok(response.topics[0].partitions[0].clone()),
        error => Err(error),
    }
}

async fn node() -> (Node, Client) {
    let node = Node::start().await;
    let client = node.with_topic("t", 2).await;
    (node, client)
}

#[tokio::test(start_paused = true)]
async fn the_coordinator_is_the_node() {
    let (_node, mut client) = node().await;
    let request = FindCoordinatorRequest {
        key_type: 0,
        coordinator_keys: vec![GROUP.into(), "another".into()],
        ..Default::default()
    };
    let found = client.ask(6, &request).await.coordinators;
    assert_eq!(
        found.iter().map(|c| (&*c.key, c.error_code)).collect::<Vec<_>>(),
        [(GROUP, 0), ("another", 0)]
    );
    assert_eq!((found[0].node_id, &*found[0].host, found[0].port), (NODE, "node7.test", 9092));
    let old = FindCoordinatorRequest { key: GROUP.into(), ..Default::default() };
    let found = client.ask(0, &old).await;
    assert_eq!((found.error_code, found.node_id, &*found.host), (0, NODE, "node7.test"));
    let transaction = FindCoordinatorRequest { key: "tx".into(), key_type: 1, ..Default::default() };
    let refused = client.ask(3, &transaction).await;
    assert_eq!(refused.error_code, ErrorCode::TransactionalIdAuthorizationFailed.code());
    assert_eq!((refused.node_id, refused.port), (-1, -1));
}

#[tokio::test(start_paused = true)]
async fn an_empty_group_waits_for_more_members_and_gives_each_its_assignment() {
    let (node, mut one) = node().await;
    let mut two = node.connect();
    let began = Instant::now();
    let (first, second) = tokio::join!(enter(&mut one), enter(&mut two));
    assert!(began.elapsed() >= Duration::from_secs(3), "the initial rebalance delay");
    assert_eq!((first.generation_id, second.generation_id), (1, 1));
    let (leader, follower) = if first.members.is_empty() { (second, first) } else { (first, second) };
    assert_eq!((&leader.leader, &follower.leader), (&leader.member_id, &leader.member_id));
    assert_eq!((leader.members.len(), follower.members.len()), (2, 0));
    assert!(leader.members.iter().all(|m| &m.metadata[..] == b"subscription"));
    let assignments = [(&leader.member_id, "0"), (&follower.member_id, "1")];
    let (leading, following) = (sync(&leader, &assignments), sync(&follower, &[]));
    let (mut a, mut b) = (node.connect(), node.connect());
    let (led, followed): (SyncGroupResponse, SyncGroupResponse) =
        tokio::join!(a.ask(5, &leading), b.ask(5, &following));
    assert_eq!((led.error_code, &led.assignment[..]), (0, &b"0"[..]));
    assert_eq!((followed.error_code, &followed.assignment[..]), (0, &b"1"[..]));
}

#[tokio::test(start_paused = true)]
async fn a_second_member_makes_the_first_join_again() {
    let (node, mut one) = node().await;
    let first = alone(&mut one).await;
    assert_eq!(beat(&mut one, &first).await, ErrorCode::None);
    let mut two = node.connect();
    let entering = tokio::spawn(async move { enter(&mut two).await });
    while beat(&mut one, &first).await != ErrorCode::RebalanceInProgress {
        sleep(Duration::from_millis(50)).await;
    }
    let again = one.ask(9, &join(&first.id, None)).await;
    let second = entering.await.expect("it joins");
    assert_eq!((again.generation_id, second.generation_id), (2, 2));
    assert_eq!(beat(&mut one, &first).await, ErrorCode::IllegalGeneration);
}

#[tokio::test(start_paused = true)]
async fn who_is_silent_is_removed_and_who_leaves_is_gone() {
    let (_node, mut client) = node().await;
    let member = alone(&mut client).await;
    sleep(Duration::from_secs(9)).await;
    assert_eq!(beat(&mut client, &member).await, ErrorCode::None, "its session is 10 s long");
    sleep(Duration::from_secs(11)).await;
    assert_eq!(beat(&mut client, &member).await, ErrorCode::UnknownMemberId);
    let member = {
        let joined = enter(&mut client).await;
        let synced = client.ask(5, &sync(&joined, &[(&joined.member_id, "x")])).await;
        Member { id: joined.member_id, generation: joined.generation_id, assignment: synced.assignment }
    };
    let identity = MemberIdentity { member_id: member.id.clone(), ..Default::default() };
    let leave = LeaveGroupRequest { group_id: GROUP.into(), members: vec![identity], ..Default::default() };
    let left = client.ask(5, &leave).await;
    assert_eq!((left.error_code, left.members[0].error_code), (0, 0));
    assert_eq!(client.ask(5, &leave).await.members[0].error_code, ErrorCode::UnknownMemberId.code());
    assert_eq!(beat(&mut client, &member).await, ErrorCode::UnknownMemberId);
}

#[tokio::test(start_paused = true)]
async fn offsets_are_committed_fetched_and_deleted() {
    let (_node, mut client) = node().await;
    let none = committed(&mut client, "t").await.expect("an unknown group is no error");
    assert_eq!((none.committed_offset, none.metadata.as_deref()), (-1, Some("")));
    assert_eq!(commit(&mut client, None, "t", 5).await, ErrorCode::None, "a simple consumer commits");
    let found = committed(&mut client, "t").await.expect("an offset");
    assert_eq!((found.committed_offset, found.committed_leader_epoch), (5, 0));
    assert_eq!(found.metadata.as_deref(), Some("note"));
    assert_eq!(commit(&mut client, None, "absent", 5).await, ErrorCode::UnknownTopicOrPartition);
    let member = alone(&mut client).await;
    assert_eq!(commit(&mut client, Some(&member), "t", 7).await, ErrorCode::None);
    let old = Member { generation: member.generation - 1, ..member.clone() };
    assert_eq!(commit(&mut client, Some(&old), "t", 6).await, ErrorCode::IllegalGeneration);
    let stranger = Member { id: "stranger".into(), ..member.clone() };
    assert_eq!(commit(&mut client, Some(&stranger), "t", 6).await, ErrorCode::UnknownMemberId);
    assert_eq!(committed(&mut client, "t").await.expect("an offset").committed_offset, 7);
    // The oldest version that is served.
    let topic = OffsetFetchRequestTopic { name: "t".into(), partition_indexes: vec![0, 1] };
    let request =
        OffsetFetchRequest { group_id: GROUP.into(), topics: Some(vec![topic]), ..Default::default() };
    let response = client.ask(1, &request).await;
    let offsets: Vec<_> = response.topics[0].partitions.iter().map(|p| p.committed_offset).collect();
    assert_eq!(offsets, [7, -1]);
    let delete = DeleteGroupsRequest { groups_names: vec![GROUP.into(), "absent".into()] };
    let refused: Vec<_> = client.ask(2, &delete).await.results.iter().map(|r| r.error_code).collect();
    assert_eq!(refused, [ErrorCode::NonEmptyGroup.code(), ErrorCode::GroupIdNotFound.code()]);
    sleep(Duration::from_secs(11)).await;
    let partition = OffsetDeleteRequestPartition { partition_index: 0 };
    let topic = OffsetDeleteRequestTopic { name: "t".into(), partitions: vec![partition] };
    let request = OffsetDeleteRequest { group_id: GROUP.into(), topics: vec![topic] };
    let deleted = client.ask(0, &request).await;
    assert_eq!((deleted.error_code, deleted.topics[0].partitions[0].error_code), (0, 0));
    assert_eq!(committed(&mut client, "t").await.expect("a group").committed_offset, -1);
}

#[tokio::test(start_paused = true)]
async fn a_deleted_topic_takes_its_offsets_along() {
    let (_node, mut client) = node().await;
    assert_eq!(commit(&mut client, None, "t", 5).await, ErrorCode::None);
    let delete =
        DeleteTopicsRequest { topic_names: vec!["t".into()], timeout_ms: 1000, ..Default::default() };
    assert_eq!(client.ask(3, &delete).await.responses[0].error_code, 0);
    let all = OffsetFetchRequestGroup { group_id: GROUP.into(), topics: None, ..Default::default() };
    let request = OffsetFetchRequest { groups: vec![all], ..Default::default() };
    assert!(client.ask(9, &request).await.groups[0].topics.is_empty());
    client.create_topic("t", 2, &[]).await;
    assert_eq!(committed(&mut client, "t").await.expect("a group").committed_offset, -1);
}

#[tokio::test(start_paused = true)]
async fn groups_are_listed_described_and_deleted() {
    let (_node, mut client) = node().await;
    let member = alone(&mut client).await;
    let listed = client.ask(5, &ListGroupsRequest::default()).await.groups;
    assert_eq!(listed.len(), 1);
    let seen =
        (&*listed[0].group_id, &*listed[0].protocol_type, &*listed[0].group_state, &*listed[0].group_type);
    assert_eq!(seen, (GROUP, "consumer", "Stable", "classic"));
    let empty = ListGroupsRequest { states_filter: vec!["Empty".into()], ..Default::default() };
    assert!(client.ask(5, &empty).await.groups.is_empty());
    let request = DescribeGroupsRequest { groups: vec![GROUP.into(), "absent".into()], ..Default::default() };
    let described = client.ask(6, &request).await.groups;
    assert_eq!((described[0].error_code, &*described[0].group_state), (0, "Stable"));
    assert_eq!((&*described[0].protocol_type, &*described[0].protocol_data), ("consumer", "range"));
    let told = &described[0].members[0];
    assert_eq!((&told.member_id, &told.member_assignment), (&member.id, &member.assignment));
    assert_eq!((&*told.client_id, &*told.client_host), ("test", "/test"));
    assert_eq!((described[1].error_code, &*described[1].group_state), (69, "Dead"));
    assert_eq!(described[1].error_message.as_deref(), Some("Group absent not found."));
    assert_eq!(client.ask(5, &request).await.groups[1].error_code, 0, "no error before version 6");
    sleep(Duration::from_secs(11)).await;
    let delete = DeleteGroupsRequest { groups_names: vec![GROUP.into()] };
    assert_eq!(client.ask(2, &delete).await.results[0].error_code, 0);
    assert!(client.ask(5, &ListGroupsRequest::default()).await.groups.is_empty());
}

/// The node that coordinates the group, by the metadata log.
fn owner(world: &World) -> i32 {
    world.cluster().coordinator(GROUP).expect("somebody does").0.node.0
}

#[tokio::test(start_paused = true)]
async fn a_failover_loses_no_offset_and_causes_no_rebalance() {
    let (mut world, _) = World::with_topic(3).await;
    let mut client = world.client(owner(&world));
    let member = alone(&mut client).await;
    let others = (1..=3).filter(|node| *node != owner(&world));
    for node in others {
        let mut elsewhere = world.client(node);
        assert_eq!(beat(&mut elsewhere, &member).await, ErrorCode::NotCoordinator);
        assert_eq!(committed(&mut elsewhere, "t").await, Err(ErrorCode::NotCoordinator));
        let topic = OffsetFetchRequestTopic { name: "t".into(), partition_indexes: vec![0] };
        let request =
            OffsetFetchRequest { group_id: GROUP.into(), topics: Some(vec![topic]), ..Default::default() };
        for version in [1, 2, 7] {
            let response = elsewhere.ask(version, &request).await;
            // Some clients look at the partitions alone.
            let found = &response.topics[0].partitions[0];
            assert_eq!((found.error_code, found.committed_offset), (ErrorCode::NotCoordinator.code(), -1));
        }
    }
    for offset in 1..=3 {
        assert_eq!(commit(&mut client, Some(&member), "t", offset * 10).await, ErrorCode::None);
        let before = owner(&world);
        world.kill(before).await;
        while world.cluster().coordinator(GROUP).is_none_or(|(session, _)| session.node.0 == before) {
            sleep(Duration::from_millis(100)).await;
        }
        client = world.client(owner(&world));
        while let error @ (ErrorCode::NotCoordinator | ErrorCode::CoordinatorLoadInProgress) =
            beat(&mut client, &member).await
        {
            tracing::debug!(?error, "the new owner is not ready");
            sleep(Duration::from_millis(100)).await;
            client = world.client(owner(&world));
        }
        assert_eq!(beat(&mut client, &member).await, ErrorCode::None, "the generation is the same");
        let found = committed(&mut client, "t").await.expect("an offset");
        assert_eq!(found.committed_offset, offset * 10);
        world.start(before).await;
        world.settle().await;
        client = world.client(owner(&world));
    }
    let described = DescribeGroupsRequest { groups: vec![GROUP.into()], ..Default::default() };
    let group = client.ask(6, &described).await.groups.remove(0);
    assert_eq!((&*group.group_state, group.members.len()), ("Stable", 1));
    assert_eq!(group.members[0].member_assignment, member.assignment);
}

#[tokio::test(start_paused = true)]
async fn a_rotation_keeps_groups_and_whoever_waits_in_them() {
    let mut world = World::new();
    world.rotate_after = Duration::from_secs(5);
    world.start(1).await;
    let mut client = world.client(1);
    client.create_topic("t", 1, &[]).await;
    let member = alone(&mut client).await;
    let session = world.cluster().coordinator(GROUP).expect("an owner").0.id;
    assert_eq!(commit(&mut client, Some(&member), "t", 1).await, ErrorCode::None);
    // The second member waits for the first one, which does not come for a while.
    let mut two = world.client(1);
    let entering = tokio::spawn(async move { enter(&mut two).await });
    let mut offset = 1;
    while world.cluster().coordinator(GROUP).expect("an owner").0.id == session {
        offset += 1;
        sleep(Duration::from_millis(500)).await;
        assert_eq!(commit(&mut client, Some(&member), "t", offset).await, ErrorCode::None);
    }
    assert!(!entering.is_finished(), "it still waits");
    let again = client.ask(9, &join(&member.id, None)).await;
    assert_eq!((again.error_code, again.generation_id), (0, 2));
    assert_eq!(entering.await.expect("it joins").generation_id, 2);
    assert_eq!(committed(&mut client, "t").await.expect("an offset").committed_offset, offset);
}

/// Every group of a node waits for each: a list is refused by its length before anything is compared.
#[tokio::test(start_paused = true)]
async fn a_list_of_assignors_that_fills_a_request_is_refused() {
    let node = Node::start().await;
    let mut client = node.connect();
    let protocol =
        |n: usize| JoinGroupRequestProtocol { name: format!("{n:x}").into(), metadata: Bytes::new() };
    let mut request = JoinGroupRequest { protocols: (0..60_000).map(protocol).collect(), ..join("", None) };
    for version in [3, 9] {
        let refused = client.ask(version, &request).await;
        assert_eq!(refused.error_code, ErrorCode::InconsistentGroupProtocol.code(), "{version}");
    }
    request.protocols = vec![protocol(1), protocol(2), protocol(1)];
    let refused = client.ask(9, &request).await;
    assert_eq!(refused.error_code, ErrorCode::InconsistentGroupProtocol.code(), "one is twice on it");
    assert_eq!(alone(&mut client).await.generation, 1, "there was no group");
}
