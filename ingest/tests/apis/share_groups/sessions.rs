//! Share sessions.

use protocol::messages::CreatePartitionsRequest;
use protocol::messages::create_partitions::CreatePartitionsTopic;

use super::*;
use crate::store::Fault;

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

/// A node that can't read the metadata log does not know that a partition does not exist.
#[tokio::test(start_paused = true)]
async fn what_may_exist_stays_in_its_session() {
    let (node, mut client) = node().await;
    let mut one = Consumer::new(node.connect(), "one").await;
    assert_eq!(one.get().await, []);
    let mut request = one.request(vec![]);
    request.topics[0].partitions[0].partition_index = 1;
    node.store.set(Fault::MetadataUnreadable);
    let data = only(one.send(1, &request).await);
    assert_eq!((data.partition_index, data.error_code), (1, ErrorCode::NotLeaderOrFollower.code()));
    node.store.set(Fault::None);
    let topic = CreatePartitionsTopic { name: "t".into(), count: 2, assignments: None };
    let grow = CreatePartitionsRequest { topics: vec![topic], timeout_ms: 1000, validate_only: false };
    assert_eq!(client.ask(3, &grow).await.results[0].error_code, 0);
    // Assignments are computed once a second.
    sleep(Duration::from_secs(1)).await;
    beat(&mut client, "one", 0).await;
    client.produce_to(9, "t", 1, batch(&["a"])).await;
    let rest = ShareFetchRequest { topics: vec![], share_session_epoch: one.epoch, ..request };
    let data = only(one.send(1, &rest).await);
    assert_eq!((data.partition_index, acquired(&data)), (1, vec![(0, 0, 1)]));
}
