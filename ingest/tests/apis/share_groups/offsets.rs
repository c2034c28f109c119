//! Where a group is in its partitions: described, altered, deleted.

use super::*;

/// The offsets that a group has of topic `t`.
pub(super) async fn described(
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

pub(super) fn starts(group: &DescribeShareGroupOffsetsResponseGroup) -> Vec<(i64, i64)> {
    assert_eq!(group.error_code, 0);
    let partitions = group.topics.iter().flat_map(|topic| &topic.partitions);
    partitions
        .map(|p| {
            assert_eq!(p.error_code, 0, "{}", p.partition_index);
            (p.start_offset, p.lag)
        })
        .collect()
}

pub(super) async fn alter(client: &mut Client, start_offset: i64) -> ErrorCode {
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

pub(super) async fn forget(client: &mut Client, topic: &str) -> (ErrorCode, Option<ErrorCode>) {
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
    let mut one = Consumer::stranger(node.connect(), "one").await;
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
    assert_eq!(one.get().await, [], "it is no member");
    assert_eq!(starts(&described(&mut client, Some(vec![0])).await), [(-1, -1)]);
    // Assignments are computed once a second.
    sleep(Duration::from_secs(1)).await;
    beat(&mut client, "one", 0).await;
    assert_eq!(one.get().await, [(0, 3, 1)], "it begins anew");
    one.close().await;

    let delete = DeleteGroupsRequest { groups_names: vec![GROUP.into()] };
    let refused = client.ask(2, &delete).await.results.remove(0);
    assert_eq!(refused.error_code, ErrorCode::NonEmptyGroup.code());
    beat(&mut client, "one", -1).await;
    assert_eq!(client.ask(2, &delete).await.results[0].error_code, 0);
    assert_eq!(starts(&described(&mut client, Some(vec![0])).await), [(-1, -1)], "they went along");
    let gone = client.ask(2, &delete).await.results.remove(0);
    assert_eq!(gone.error_code, ErrorCode::GroupIdNotFound.code());
}
