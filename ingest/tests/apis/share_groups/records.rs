//! Records in hand: acquired, acknowledged, taken back.

use super::*;

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

    // A request that waits gets what another gives back.
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
