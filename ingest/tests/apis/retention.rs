//! DeleteRecords, retention by time and size, and what readers and administrators see of them.

use std::sync::atomic::Ordering;
use std::time::Duration;

use protocol::ErrorCode;
use protocol::messages::delete_records::{
    DeleteRecordsPartition, DeleteRecordsPartitionResult, DeleteRecordsTopic, HIGH_WATERMARK,
};
use protocol::messages::describe_log_dirs::{DescribableLogDirTopic, DescribeLogDirsTopic};
use protocol::messages::fetch::{FetchPartition, FetchTopic, PartitionData};
use protocol::messages::list_offsets::{
    EARLIEST_LOCAL_TIMESTAMP, EARLIEST_TIMESTAMP, LATEST_TIMESTAMP, ListOffsetsPartition, ListOffsetsTopic,
    MAX_TIMESTAMP,
};
use protocol::messages::{
    DeleteRecordsRequest, DescribeLogDirsRequest, DescribeLogDirsResponse, FetchRequest, ListOffsetsRequest,
};
use tokio::time::{Instant, sleep};

use crate::client::{Client, batch, idempotent, stamped};
use crate::node::{NOW, Node, config};
use crate::store::Fault;

fn deletion(topic: &str, wanted: &[(i32, i64)]) -> DeleteRecordsRequest {
    let partition =
        |&(partition_index, offset): &(i32, i64)| DeleteRecordsPartition { partition_index, offset };
    let partitions = wanted.iter().map(partition).collect();
    let topics = vec![DeleteRecordsTopic { name: topic.into(), partitions }];
    DeleteRecordsRequest { topics, timeout_ms: 30_000 }
}

type Deleted = (i32, ErrorCode, i64);

fn deleted(result: &DeleteRecordsPartitionResult) -> Deleted {
    let code = ErrorCode::from_code(result.error_code).expect("a known error");
    (result.partition_index, code, result.low_watermark)
}

async fn delete(client: &mut Client, topic: &str, wanted: &[(i32, i64)]) -> Vec<Deleted> {
    let response = client.ask(2, &deletion(topic, wanted)).await;
    assert_eq!(response.topics[0].name, topic);
    response.topics[0].partitions.iter().map(deleted).collect()
}

/// The first record of partition 0 with this timestamp, as (offset, timestamp).
async fn listed(client: &mut Client, topic: &str, timestamp: i64) -> (i64, i64) {
    let partition = ListOffsetsPartition { partition_index: 0, current_leader_epoch: -1, timestamp };
    let topic = ListOffsetsTopic { name: topic.into(), partitions: vec![partition] };
    let request = ListOffsetsRequest { replica_id: -1, topics: vec![topic], ..Default::default() };
    let response = client.ask(8, &request).await;
    let found = &response.topics[0].partitions[0];
    assert_eq!(found.error_code, 0);
    (found.offset, found.timestamp)
}

fn fetching(topic: &str, offset: i64, max_wait_ms: i32, min_bytes: i32) -> FetchRequest {
    let partition = FetchPartition {
        partition: 0,
        current_leader_epoch: -1,
        fetch_offset: offset,
        last_fetched_epoch: -1,
        partition_max_bytes: 1 << 20,
        ..Default::default()
    };
    let topic = FetchTopic { topic: topic.into(), partitions: vec![partition], ..Default::default() };
    FetchRequest {
        replica_id: -1,
        max_wait_ms,
        min_bytes,
        max_bytes: 1 << 20,
        session_epoch: -1,
        topics: vec![topic],
        ..Default::default()
    }
}

async fn fetch(client: &mut Client, topic: &str, offset: i64) -> PartitionData {
    let response = client.ask(12, &fetching(topic, offset, 0, 1)).await;
    response.responses[0].partitions[0].clone()
}

async fn log_dirs(client: &mut Client, topics: Option<&[(&str, &[i32])]>) -> DescribeLogDirsResponse {
    let topic = |(topic, partitions): &(&str, &[i32])| DescribableLogDirTopic {
        topic: (*topic).into(),
        partitions: partitions.to_vec(),
    };
    let topics = topics.map(|topics| topics.iter().map(topic).collect());
    client.ask(5, &DescribeLogDirsRequest { topics }).await
}

fn size(values: &[&str]) -> i64 {
    batch(values).len() as i64
}

fn sizes(response: &DescribeLogDirsResponse) -> Vec<(&str, Vec<(i32, i64)>)> {
    let of = |topic: &DescribeLogDirsTopic| {
        topic.partitions.iter().map(|p| (p.partition_index, p.partition_size)).collect()
    };
    response.results[0].topics.iter().map(|topic| (topic.name.as_str(), of(topic))).collect()
}

#[tokio::test(start_paused = true)]
async fn records_are_deleted_up_to_an_offset_or_the_high_watermark() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 2).await;
    for _ in 0..4 {
        client.produce("t", batch(&["a", "b"])).await;
        client.produce_to(9, "t", 1, batch(&["c"])).await;
    }
    for version in 0..=2 {
        let response = client.ask(version, &deletion("t", &[(0, 3 + i64::from(version))])).await;
        let expected = (0, ErrorCode::None, 3 + i64::from(version));
        assert_eq!(deleted(&response.topics[0].partitions[0]), expected);
    }
    let both = delete(&mut client, "t", &[(0, 2), (1, HIGH_WATERMARK)]).await;
    assert_eq!(both, [(0, ErrorCode::None, 5), (1, ErrorCode::None, 4)], "never back");
    assert_eq!(client.produce("t", batch(&["x"])).await.log_start_offset, 5);
    assert_eq!(client.ask(2, &DeleteRecordsRequest::default()).await.topics, []);
}

#[tokio::test(start_paused = true)]
async fn readers_see_the_log_start() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    for _ in 0..4 {
        client.produce("t", batch(&["a", "b"])).await;
    }
    delete(&mut client, "t", &[(0, 3)]).await;
    let below = fetch(&mut client, "t", 2).await;
    assert_eq!(ErrorCode::from_code(below.error_code), Some(ErrorCode::OffsetOutOfRange));
    assert_eq!((below.log_start_offset, below.records.len()), (3, 0));
    let whole = fetch(&mut client, "t", 3).await;
    assert_eq!((whole.error_code, whole.log_start_offset, whole.high_watermark), (0, 3, 8));
    let bytes = whole.records.into_bytes();
    assert_eq!(bytes[..8], 2i64.to_be_bytes(), "a batch is never divided");
    delete(&mut client, "t", &[(0, HIGH_WATERMARK)]).await;
    let empty = fetch(&mut client, "t", 8).await;
    assert_eq!((empty.error_code, empty.log_start_offset, empty.records.len()), (0, 8, 0));
    for (timestamp, offset) in [(EARLIEST_TIMESTAMP, 8), (EARLIEST_LOCAL_TIMESTAMP, 8), (LATEST_TIMESTAMP, 8)]
    {
        assert_eq!(listed(&mut client, "t", timestamp).await.0, offset);
    }
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_waits_sees_that_its_records_are_gone() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    let mut reader = node.connect();
    client.produce("t", batch(&["a", "b"])).await;
    let began = Instant::now();
    let waiting = reader.send(12, &fetching("t", 0, 20_000, 1 << 19)).await;
    sleep(Duration::from_millis(500)).await;
    delete(&mut client, "t", &[(0, 1)]).await;
    let response = reader.receive::<FetchRequest>(12, waiting).await;
    let data = &response.responses[0].partitions[0];
    assert_eq!(
        (ErrorCode::from_code(data.error_code), data.log_start_offset),
        (Some(ErrorCode::OffsetOutOfRange), 1)
    );
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_deleted_is_refused() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    client.create_topic("compacted", 1, &[("cleanup.policy", "compact")]).await;
    client.create_topic("kept", 1, &[("cleanup.policy", "")]).await;
    client.create_topic("both", 1, &[("cleanup.policy", "compact,delete")]).await;
    client.produce("t", batch(&["a", "b"])).await;
    for (topic, wanted, expected) in [
        ("t", (0, 3), ErrorCode::OffsetOutOfRange),
        ("t", (0, -2), ErrorCode::OffsetOutOfRange),
        ("t", (1, 0), ErrorCode::UnknownTopicOrPartition),
        ("t", (-1, 0), ErrorCode::UnknownTopicOrPartition),
        ("none", (0, 0), ErrorCode::UnknownTopicOrPartition),
        ("compacted", (0, 0), ErrorCode::PolicyViolation),
        ("kept", (0, -1), ErrorCode::PolicyViolation),
    ] {
        assert_eq!(delete(&mut client, topic, &[wanted]).await, [(wanted.0, expected, -1)], "{topic}");
    }
    assert_eq!(delete(&mut client, "both", &[(0, -1)]).await, [(0, ErrorCode::None, 0)]);
    // One partition's error is none of another's business.
    let mixed = delete(&mut client, "t", &[(0, 9), (0, 1), (5, 0)]).await;
    let codes: Vec<_> = mixed.iter().map(|(_, code, _)| *code).collect();
    use ErrorCode::{None as Done, OffsetOutOfRange, UnknownTopicOrPartition};
    assert_eq!(codes, [OffsetOutOfRange, Done, UnknownTopicOrPartition]);
}

#[tokio::test(start_paused = true)]
async fn a_deletion_is_answered_when_it_is_durable() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    client.produce("t", batch(&["a", "b"])).await;
    node.store.set(Fault::SlotsHeld);
    let mut request = deletion("t", &[(0, 1)]);
    request.timeout_ms = 700;
    let began = Instant::now();
    let response = client.ask(2, &request).await;
    assert_eq!(deleted(&response.topics[0].partitions[0]), (0, ErrorCode::RequestTimedOut, -1));
    assert!((700..800).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
    assert_eq!(fetch(&mut client, "t", 0).await.log_start_offset, 0, "it is not durable yet");
    let refused = client.ask(2, &DeleteRecordsRequest { timeout_ms: 100, ..deletion("t", &[(0, 9)]) }).await;
    assert_eq!(deleted(&refused.topics[0].partitions[0]).1, ErrorCode::RequestTimedOut, "nor is the end");
    // The outcome was unknown, and then it came about.
    node.store.set(Fault::None);
    assert_eq!(delete(&mut client, "t", &[(0, 0)]).await, [(0, ErrorCode::None, 1)]);
}

#[tokio::test(start_paused = true)]
async fn a_lost_session_does_not_answer_for_what_follows() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    client.produce("t", batch(&["a", "b"])).await;
    node.store.set(Fault::SlotsHeld);
    let waiting = client.send(2, &deletion("t", &[(0, 1)])).await;
    sleep(Duration::from_millis(100)).await;
    node.lose_session();
    let response = client.receive::<DeleteRecordsRequest>(2, waiting).await;
    assert_eq!(deleted(&response.topics[0].partitions[0]), (0, ErrorCode::NotLeaderOrFollower, -1));
}

/// What stays known of a producer does not depend on its records (KIP-360).
#[tokio::test(start_paused = true)]
async fn producers_go_on_after_their_records_are_gone() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    for sequence in [0, 2] {
        client.produce("t", idempotent(5, 0, sequence, 2)).await;
    }
    delete(&mut client, "t", &[(0, HIGH_WATERMARK)]).await;
    assert_eq!(client.produce("t", idempotent(5, 0, 2, 2)).await.base_offset, 2, "a duplicate");
    assert_eq!(client.produce("t", idempotent(5, 0, 4, 1)).await.base_offset, 4);
    let gap = client.produce("t", idempotent(5, 0, 9, 1)).await;
    assert_eq!(ErrorCode::from_code(gap.error_code), Some(ErrorCode::OutOfOrderSequenceNumber));
}

/// With the records in the tail, and with all of them behind an index object.
#[tokio::test(start_paused = true)]
async fn timestamps_are_looked_for_from_the_log_start_on() {
    for checkpoint_slots in [1000, 1] {
        let mut config = config();
        config.log.checkpoint_slots = checkpoint_slots;
        config.log.tail_bytes = 0;
        let node = Node::with(config).await;
        let mut client = node.with_topic("t", 1).await;
        for timestamps in [&[NOW - 5, NOW - 1][..], &[NOW - 9, NOW - 2, NOW - 3], &[NOW - 8], &[NOW - 4]] {
            client.produce("t", stamped(timestamps)).await;
            sleep(Duration::from_millis(100)).await;
        }
        let found = |offset, before: i64| (offset, NOW - before);
        assert_eq!(listed(&mut client, "t", MAX_TIMESTAMP).await, found(1, 1));
        delete(&mut client, "t", &[(0, 1)]).await;
        assert_eq!(listed(&mut client, "t", MAX_TIMESTAMP).await, found(1, 1));
        delete(&mut client, "t", &[(0, 2)]).await;
        assert_eq!(listed(&mut client, "t", MAX_TIMESTAMP).await, found(3, 2));
        assert_eq!(listed(&mut client, "t", NOW - 9).await, found(2, 9));
        // The log start divides a batch: what its header says of the records before is no longer true.
        delete(&mut client, "t", &[(0, 4)]).await;
        assert_eq!(listed(&mut client, "t", MAX_TIMESTAMP).await, found(4, 3));
        assert_eq!(listed(&mut client, "t", NOW - 2).await, (-1, -1));
        assert_eq!(listed(&mut client, "t", NOW - 9).await, found(4, 3));
        delete(&mut client, "t", &[(0, 5)]).await;
        assert_eq!(listed(&mut client, "t", MAX_TIMESTAMP).await, found(6, 4));
        assert_eq!(listed(&mut client, "t", NOW - 5).await, found(6, 4));
        delete(&mut client, "t", &[(0, 7)]).await;
        assert_eq!(listed(&mut client, "t", MAX_TIMESTAMP).await, (-1, -1));
        assert_eq!(listed(&mut client, "t", 0).await, (-1, -1));
    }
}

/// A node that looks every second.
async fn impatient(checkpoint_slots: u64) -> Node {
    let mut config = config();
    config.retention_check_interval = Duration::from_secs(1);
    config.log.checkpoint_slots = checkpoint_slots;
    Node::with(config).await
}

#[tokio::test(start_paused = true)]
async fn records_that_are_too_old_are_dropped() {
    for checkpoint_slots in [1000, 1] {
        let node = impatient(checkpoint_slots).await;
        let mut client = node.with_configured("t", 1, &[("retention.ms", "60000")]).await;
        client.create_topic("compacted", 1, &[("retention.ms", "1"), ("cleanup.policy", "compact")]).await;
        client.create_topic("forever", 1, &[("retention.ms", "-1")]).await;
        // The checkpoint of what the session began with is written: each slot may have one of its own.
        sleep(Duration::from_secs(1)).await;
        for topic in ["t", "compacted", "forever"] {
            for batch in [batch(&["a", "b"]), stamped(&[NOW + 5000]), stamped(&[NOW])] {
                client.produce(topic, batch).await;
                sleep(Duration::from_millis(100)).await;
            }
        }
        for _ in 0..6 {
            node.clock.fetch_add(10_000, Ordering::Relaxed);
            sleep(Duration::from_secs(10)).await;
        }
        assert_eq!(listed(&mut client, "t", EARLIEST_TIMESTAMP).await.0, 0, "not older than a minute");
        node.clock.store(NOW + 60_001, Ordering::Relaxed);
        sleep(Duration::from_secs(2)).await;
        assert_eq!(listed(&mut client, "t", EARLIEST_TIMESTAMP).await.0, 2, "what is younger keeps the rest");
        node.clock.store(NOW + 65_001, Ordering::Relaxed);
        sleep(Duration::from_secs(2)).await;
        assert_eq!(listed(&mut client, "t", EARLIEST_TIMESTAMP).await.0, 4, "the last batch, too");
        node.clock.fetch_add(400 * DAY, Ordering::Relaxed);
        pass(&node, 62).await;
        for topic in ["compacted", "forever"] {
            assert_eq!(range(&node, topic).await.0, 0, "{topic}");
        }
    }
}

/// Time passes for both clocks of the node.
async fn pass(node: &Node, minutes: i64) {
    for _ in 0..minutes * 6 {
        sleep(Duration::from_secs(10)).await;
        node.clock.fetch_add(10_000, Ordering::Relaxed);
    }
}

/// The first offset of a topic's log, and its end.
async fn range(node: &Node, topic: &str) -> (i64, i64) {
    let mut client = node.connect();
    let first = listed(&mut client, topic, EARLIEST_TIMESTAMP).await.0;
    (first, listed(&mut client, topic, LATEST_TIMESTAMP).await.0)
}

const DAY: i64 = 24 * 3_600_000;

/// What is deleted is gone for good: a clock that is wrong for a while must not have anything deleted.
#[tokio::test(start_paused = true)]
async fn nothing_is_too_old_while_the_clock_may_be_wrong() {
    let (week, most) = ((7 * DAY).to_string(), (2 * size(&["a"])).to_string());
    let node = impatient(1000).await;
    let mut client = node.with_configured("t", 1, &[("retention.ms", &week)]).await;
    client.create_topic("large", 1, &[("retention.ms", &week), ("retention.bytes", &most)]).await;
    client.produce("t", batch(&["a"])).await;
    pass(&node, 5).await;
    // For some seconds, and then for most of an hour.
    for (minutes, end) in [(0, 3), (55, 6)] {
        node.clock.fetch_add(8 * DAY, Ordering::Relaxed);
        sleep(Duration::from_secs(5)).await;
        for _ in 0..3 {
            node.connect().produce("large", batch(&["a"])).await;
        }
        pass(&node, minutes).await;
        sleep(Duration::from_secs(5)).await;
        assert_eq!(range(&node, "t").await, (0, 1));
        assert_eq!(range(&node, "large").await, (end - 2, end), "there are too many, whatever the time");
        node.clock.fetch_sub(8 * DAY, Ordering::Relaxed);
        sleep(Duration::from_secs(5)).await;
    }
    // The week passes, or so both clocks say.
    node.clock.fetch_add(8 * DAY, Ordering::Relaxed);
    pass(&node, 59).await;
    assert_eq!(range(&node, "t").await, (0, 1));
    pass(&node, 3).await;
    assert_eq!(range(&node, "t").await, (1, 1));
}

/// A producer that is forgotten is not recognised when it sends something again.
#[tokio::test(start_paused = true)]
async fn no_producer_is_forgotten_while_the_clock_may_be_wrong() {
    let node = impatient(1000).await;
    let mut client = node.with_topic("t", 1).await;
    client.produce("t", idempotent(7, 0, 0, 1)).await;
    pass(&node, 15).await;
    node.clock.fetch_add(2 * DAY, Ordering::Relaxed);
    pass(&node, 25).await;
    node.connect().produce("t", idempotent(7, 0, 0, 1)).await;
    assert_eq!(range(&node, "t").await, (0, 1), "it is a duplicate");
    pass(&node, 60).await;
    node.connect().produce("t", idempotent(7, 0, 0, 1)).await;
    assert_eq!(range(&node, "t").await, (0, 2), "its producer was forgotten");
}

/// A node whose clock is wrong from the start has something to compare it with.
#[tokio::test(start_paused = true)]
async fn a_node_that_starts_with_a_wrong_clock_deletes_nothing_at_once() {
    for (ahead, first) in [(0, 1), (2 * DAY, 0)] {
        let node = impatient(1000).await;
        let mut client = node.with_configured("t", 1, &[("retention.ms", "60000")]).await;
        client.produce("t", batch(&["a"])).await;
        let node = node.restart(120_000 + ahead).await;
        sleep(Duration::from_secs(5)).await;
        assert_eq!(range(&node, "t").await, (first, 1), "{ahead} ms ahead");
        pass(&node, 62).await;
        assert_eq!(range(&node, "t").await, (1, 1));
    }
}

/// Records without timestamps are as old as the list of their positions.
#[tokio::test(start_paused = true)]
async fn records_without_timestamps_get_old_too() {
    let node = impatient(1).await;
    let mut client = node.with_configured("t", 1, &[("retention.ms", "60000")]).await;
    client.produce("t", stamped(&[-1])).await;
    client.produce("t", stamped(&[NOW])).await;
    assert_eq!(listed(&mut client, "t", MAX_TIMESTAMP).await, (1, NOW));
    sleep(Duration::from_secs(2)).await;
    assert_eq!(listed(&mut client, "t", EARLIEST_TIMESTAMP).await.0, 0);
    node.clock.store(NOW + 60_001, Ordering::Relaxed);
    sleep(Duration::from_secs(2)).await;
    assert_eq!(listed(&mut client, "t", EARLIEST_TIMESTAMP).await.0, 2);
}

#[tokio::test(start_paused = true)]
async fn as_many_bytes_are_left_as_wanted() {
    let each = size(&["a"]);
    let node = impatient(1000).await;
    let most = (3 * each).to_string();
    let mut client =
        node.with_configured("t", 2, &[("retention.bytes", &most), ("retention.ms", "-1")]).await;
    for index in [0, 0, 0, 0, 0, 1, 1, 1] {
        client.produce_to(9, "t", index, batch(&["a"])).await;
    }
    assert_eq!(sizes(&log_dirs(&mut client, None).await), [("t", vec![(0, 5 * each), (1, 3 * each)])]);
    sleep(Duration::from_secs(2)).await;
    assert_eq!(listed(&mut client, "t", EARLIEST_TIMESTAMP).await.0, 2);
    assert_eq!(sizes(&log_dirs(&mut client, None).await), [("t", vec![(0, 3 * each), (1, 3 * each)])]);
    client.produce("t", batch(&["bb"])).await;
    sleep(Duration::from_secs(2)).await;
    assert_eq!(listed(&mut client, "t", EARLIEST_TIMESTAMP).await.0, 3, "and one byte more");
}

#[tokio::test(start_paused = true)]
async fn the_one_log_dir_has_the_partitions_that_the_node_leads() {
    let node = Node::start().await;
    let mut client = node.with_topic("b", 2).await;
    client.create_topic("a", 1, &[]).await;
    let each = size(&["a"]);
    for _ in 0..3 {
        client.produce_to(9, "b", 1, batch(&["a"])).await;
    }
    for version in 1..=5 {
        let response = client.ask(version, &DescribeLogDirsRequest { topics: None }).await;
        let [dir] = &response.results[..] else { panic!("one directory: {response:?}") };
        assert_eq!((response.error_code, dir.error_code), (0, 0));
        assert_eq!((dir.total_bytes, dir.usable_bytes, dir.is_cordoned), (-1, -1, false));
        assert!(dir.log_dir.starts_with("memory"), "{}", dir.log_dir);
        assert_eq!(sizes(&response), [("a", vec![(0, 0)]), ("b", vec![(0, 0), (1, 3 * each)])]);
        let lags = dir.topics.iter().flat_map(|t| &t.partitions).map(|p| (p.offset_lag, p.is_future_key));
        assert!(lags.into_iter().all(|lag| lag == (0, false)));
    }
    let some = log_dirs(&mut client, Some(&[("b", &[1, 1, 7, -1]), ("none", &[0]), ("a", &[])])).await;
    assert_eq!(sizes(&some), [("b", vec![(1, 3 * each)])]);
    assert_eq!(sizes(&log_dirs(&mut client, Some(&[])).await), []);
    delete(&mut client, "b", &[(1, 2)]).await;
    assert_eq!(sizes(&log_dirs(&mut client, Some(&[("b", &[1])])).await), [("b", vec![(1, each)])]);
}

/// The session that follows finds the log start where it was, whether by replay or from a checkpoint.
#[tokio::test(start_paused = true)]
async fn the_next_session_begins_where_the_log_began() {
    for checkpoint_slots in [1000, 1] {
        let mut config = config();
        config.log.checkpoint_slots = checkpoint_slots;
        let node = Node::with(config).await;
        let mut client = node.with_topic("t", 1).await;
        for _ in 0..4 {
            client.produce("t", batch(&["a"])).await;
        }
        delete(&mut client, "t", &[(0, 3)]).await;
        sleep(Duration::from_secs(1)).await;
        node.lose_session();
        sleep(Duration::from_secs(1)).await;
        let below = fetch(&mut client, "t", 0).await;
        assert_eq!(ErrorCode::from_code(below.error_code), Some(ErrorCode::OffsetOutOfRange));
        assert_eq!((below.log_start_offset, below.high_watermark), (3, 4));
        assert_eq!(listed(&mut client, "t", EARLIEST_TIMESTAMP).await.0, 3);
        assert_eq!(sizes(&log_dirs(&mut client, None).await), [("t", vec![(0, size(&["a"]))])]);
        assert_eq!(client.produce("t", batch(&["a"])).await.base_offset, 4);
    }
}
