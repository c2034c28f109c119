//! Names as long as a string may be, and longer: what one version brings, every other can carry.

use bytes::Bytes;
use coordinator::group::classic::Caller;
use coordinator::group::offsets::{Commit, Offset};
use coordinator::group::{GroupId, MemberId, Reply, Request};
use coordinator::{PartitionId, TopicId};
use protocol::messages::join_group::JoinGroupRequestProtocol;
use protocol::messages::{DescribeGroupsRequest, JoinGroupRequest, ListGroupsRequest, SyncGroupRequest};
use protocol::{ErrorCode, Str};

use crate::client::Client;
use crate::node::Node;

/// The ids of the groups, as every version of ListGroups tells them.
async fn listed(client: &mut Client) -> Vec<Str> {
    let mut ids = Vec::new();
    for version in 0..=5 {
        let response = client.ask(version, &ListGroupsRequest::default()).await;
        assert_eq!(response.error_code, 0);
        let mut all: Vec<_> = response.groups.into_iter().map(|group| group.group_id).collect();
        all.sort();
        assert!(version == 0 || ids == all, "version {version}: {all:?}");
        ids = all;
    }
    ids
}

/// OffsetCommit 9, which has compact strings, for a group whose id has so many bytes; the topic is `t`.
fn commit(length: usize) -> Vec<u8> {
    let mut frame = [&[0, 8, 0, 9][..], &7i32.to_be_bytes(), &[0, 4], b"test", &[0]].concat();
    let mut rest = length + 1;
    while rest >= 0x80 {
        frame.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    frame.push(rest as u8);
    frame.extend(std::iter::repeat_n(b'G', length));
    // Generation −1, no member, no instance, one topic, one partition, offset 5, epoch −1, no metadata, tags.
    frame.extend([&(-1i32).to_be_bytes()[..], &[1, 0, 2, 2, b't', 2, 0, 0, 0, 0]].concat());
    frame.extend([&5i64.to_be_bytes()[..], &(-1i32).to_be_bytes(), &[1, 0, 0, 0]].concat());
    [&(frame.len() as i32).to_be_bytes()[..], &frame].concat()
}

#[tokio::test(start_paused = true)]
async fn a_longer_group_id_than_all_versions_carry_is_refused_in_each() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    client.send_raw(&commit(32_767)).await;
    let answer = client.receive_raw().await.expect("the longest id is an id");
    assert_eq!(answer[answer.len() - 5..], [0, 0, 0, 0, 0], "no error");
    assert_eq!(listed(&mut client).await, [Str::from("G".repeat(32_767))]);
    for length in [32_768, 40_000] {
        let mut client = node.connect();
        client.send_raw(&commit(length)).await;
        assert!(client.is_closed().await, "{length}");
    }
    assert_eq!(listed(&mut client).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_stored_id_that_no_answer_can_carry_hides_no_other_group() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    let topic = TopicId(*client.topic_id("t").await.as_bytes());
    let log = node.broker.log().expect("the node serves");
    for group in ["a", &"G".repeat(40_000), "z"] {
        let caller = Caller { member: MemberId::from(""), instance: None, generation: -1 };
        let offset = Offset { offset: 5, leader_epoch: -1, metadata: String::new() };
        let commit = Commit {
            caller,
            retention_ms: None,
            knows_group_not_found: true,
            offsets: vec![(PartitionId { topic, index: 0 }, offset)],
        };
        let reply = log.group(&GroupId::from(group), Request::Commit(commit), None).await;
        assert!(matches!(reply, Ok(Reply::Offsets(Ok(_)))), "{reply:?}");
    }
    assert_eq!(listed(&mut client).await, ["a", "z"]);
}

#[tokio::test(start_paused = true)]
async fn the_longest_client_id_makes_a_member_id_that_can_be_told() {
    let node = Node::start().await;
    let mut client = node.connect();
    client.id = "ä".repeat(16_383).leak();
    let join = |member: &Str| JoinGroupRequest {
        group_id: "g".into(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 30_000,
        member_id: member.clone(),
        protocol_type: "consumer".into(),
        protocols: vec![JoinGroupRequestProtocol { name: "range".into(), metadata: Bytes::new() }],
        ..Default::default()
    };
    for version in [0, 4, 9] {
        let mut joined = client.ask(version, &join(&Str::default())).await;
        if joined.error_code == ErrorCode::MemberIdRequired.code() {
            joined = client.ask(version, &join(&joined.member_id)).await;
        }
        assert_eq!(joined.error_code, 0, "version {version}");
        assert!(joined.member_id.len() <= 32_767 && joined.member_id.starts_with('ä'));
        let sync = SyncGroupRequest {
            group_id: "g".into(),
            generation_id: joined.generation_id,
            member_id: joined.member_id.clone(),
            ..Default::default()
        };
        assert_eq!(client.ask(3, &sync).await.error_code, 0);
        let describe = DescribeGroupsRequest { groups: vec!["g".into()], ..Default::default() };
        assert_eq!(client.ask(0, &describe).await.groups[0].members[0].member_id, joined.member_id);
        let leave = protocol::messages::LeaveGroupRequest {
            group_id: "g".into(),
            member_id: joined.member_id,
            ..Default::default()
        };
        assert_eq!(client.ask(0, &leave).await.error_code, 0);
    }
}
