//! Joining, and what is told of a group.

use super::*;

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
