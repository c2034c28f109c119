//! How much a fetch may take: bytes of the answer, and partitions of a request and of a session.

use super::*;

/// So many partitions of a topic.
fn partitions(topic: Uuid, indexes: std::ops::Range<i32>) -> FetchTopic {
    let partition = |partition_index| FetchPartition { partition_index, ..Default::default() };
    FetchTopic { topic_id: topic, partitions: indexes.map(partition).collect() }
}

#[tokio::test(start_paused = true)]
async fn an_answer_has_no_more_bytes_than_asked_for() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 4).await;
    configure(&mut client, "share.auto.offset.reset", "earliest").await;
    let value = "x".repeat(1000);
    for index in 0..4 {
        for _ in 0..20 {
            assert_eq!(client.produce_to(9, "t", index, batch(&[&value])).await.error_code, 0);
        }
    }
    let mut one = Consumer::new(node.connect(), "one").await;
    let topics = vec![partitions(one.topic, 0..4)];
    let mut got = 0;
    for max_bytes in [10_000, 30_000, 1, 200_000] {
        let request = ShareFetchRequest { max_bytes, topics: topics.clone(), ..one.request(vec![]) };
        let response = one.send(1, &request).await;
        let all = response.responses.iter().flat_map(|topic| &topic.partitions);
        let lengths: Vec<_> = all.clone().map(|data| data.records.len()).collect();
        let bytes: usize = lengths.iter().sum();
        let most = usize::try_from(max_bytes).expect("positive");
        assert!(
            bytes > 0 && (bytes <= most || lengths.len() == 1 && bytes < 1200),
            "{max_bytes}: {lengths:?}"
        );
        got += all.flat_map(acquired).map(|(first, last, _)| last - first + 1).sum::<i64>();
    }
    assert_eq!(got, 80, "each record comes once");
}

#[tokio::test(start_paused = true)]
async fn a_session_keeps_partitions_that_exist() {
    let (node, mut client) = node().await;
    client.produce("t", batch(&["a"])).await;
    let mut one = Consumer::new(node.connect(), "one").await;
    let invented = partitions(Uuid::from_bytes([9; 16]), 0..5000);
    let topics = vec![partitions(one.topic, -1000..4000), invented];
    let request = ShareFetchRequest { topics, ..one.request(vec![]) };
    let response = one.send(1, &request).await;
    let counts: Vec<_> = response.responses.iter().map(|topic| topic.partitions.len()).collect();
    assert_eq!(
        (response.error_code, counts.iter().sum::<usize>()),
        (0, 10_000),
        "each has its own answer, once"
    );
    let free = node.broker.answers().available();
    client.produce("t", batch(&["b"])).await;
    let next = ShareFetchRequest { topics: vec![], ..one.request(vec![]) };
    let data = only(one.send(1, &next).await);
    assert_eq!((data.partition_index, acquired(&data)), (0, vec![(1, 1, 1)]));
    assert_eq!(node.broker.answers().available(), free, "no answer is held any more");
}

#[tokio::test(start_paused = true)]
async fn a_request_names_only_so_many_partitions() {
    let (node, _client) = node().await;
    let mut one = Consumer::new(node.connect(), "one").await;
    let request = |one: &Consumer, count| ShareFetchRequest {
        topics: vec![partitions(one.topic, 0..count)],
        ..one.request(vec![])
    };
    let refused = request(&one, 10_001);
    assert_eq!(one.send(1, &refused).await.error_code, ErrorCode::InvalidRequest.code());
    let most = request(&one, 10_000);
    assert_eq!(one.send(1, &most).await.error_code, 0);
    let mut said = one.acknowledgement(0, 0, &[ACCEPT]);
    said.topics = vec![said.topics[0].clone(); 10_001];
    assert_eq!(one.client.ask(1, &said).await.error_code, ErrorCode::InvalidRequest.code());
}
