use std::collections::BTreeMap;
use std::time::Duration;

use coordinator::cluster::{Limits, Op, TopicPlan};
use coordinator::partition::ProducerBatch;
use coordinator::{ProcessId, TopicId};
use protocol::records::{Batch, BatchBuilder};
use tiering::metadata::MetadataLog;
use tiering::recover::recover;
use tiering::session::seal;
use tokio::time::Instant;

use super::*;

const TOPIC: TopicId = TopicId([7; 16]);
pub(in crate::log) const PARTITION: PartitionId = PartitionId { topic: TOPIC, index: 0 };

/// A store with a topic, and a session that holds every shard of it.
pub(in crate::log) async fn begin(store: &Store, metadata: &MetadataLog, n: u8) -> (Arc<Cluster>, Arc<Log>) {
    begin_with(store, metadata, n, config()).await
}

pub(in crate::log) fn config() -> LogConfig {
    LogConfig {
        slot_bytes: 1 << 20,
        linger: Duration::ZERO,
        window: 4,
        tail_bytes: 1 << 20,
        checkpoint_slots: 1000,
        rotate_after: Duration::from_secs(900),
        rotate_slots: 1 << 20,
        rotate_bytes: 1 << 40,
        producer_expiration: Duration::from_secs(86_400),
    }
}

pub(in crate::log) async fn begin_with(
    store: &Store,
    metadata: &MetadataLog,
    n: u8,
    config: LogConfig,
) -> (Arc<Cluster>, Arc<Log>) {
    let (session, process) = (SessionId([n; 16]), ProcessId([n; 16]));
    let mut sealed = BTreeMap::new();
    for open in metadata.current().open_sessions() {
        sealed.insert(open.id, seal(store, open.id, process).await.expect("it can be sealed"));
    }
    let dead: Vec<_> = sealed.iter().map(|(&session, s)| Op::Dead { session, end: s.end }).collect();
    let open = Op::Open { session, process, node: None, rack: None, addresses: vec![] };
    let ops = [dead, vec![open]].concat();
    drop(metadata.propose(|_| Ok::<_, ()>(ops.clone())).await.expect("an entry"));
    let plan =
        TopicPlan { name: "t".into(), partitions: 1, replication_factor: 1, overrides: BTreeMap::new() };
    let take = metadata.propose(|cluster| {
        let topic = cluster.planner(Limits::default()).create_topic(TOPIC, &plan).ok();
        Ok::<_, ()>([topic.into_iter().collect(), cluster.plan_takeover()].concat())
    });
    let cluster = take.await.expect("an entry").expect("a plan").cluster;
    let recovered =
        recover(store, &cluster, session, cluster.shards().all(), sealed).await.whole().expect("whole");
    let parts = LogParts {
        store: store.clone(),
        reader: Reader::new(store.clone(), 1 << 20),
        entropy: Entropy::from_seed(n.into()),
        clock: Clock::new(|| 1_000),
        metrics: Metrics::register(&mut Default::default()),
        node: Default::default(),
        settings: Default::default(),
        config,
        cluster: metadata.subscribe(),
        refusals: Default::default(),
    };
    (Arc::clone(&cluster), Log::new(parts, session, cluster, recovered))
}

pub(in crate::log) fn append(log: &Log) -> Outcome {
    append_to(log, PARTITION)
}

pub(in crate::log) fn append_to(log: &Log, id: PartitionId) -> Outcome {
    append_by(log, id, None)
}

/// Appends a record of a producer.
pub(in crate::log) fn append_by(log: &Log, id: PartitionId, producer: Option<ProducerBatch>) -> Outcome {
    append_of(log, id, producer, Instant::now())
}

/// The same, of a request that began to come then.
pub(in crate::log) fn append_of(
    log: &Log,
    id: PartitionId,
    producer: Option<ProducerBatch>,
    came: Instant,
) -> Outcome {
    append_with(log, id, producer, came, b"value")
}

/// Appends a record with a value of so many bytes.
pub(in crate::log) fn append_value(log: &Log, bytes: usize) -> Outcome {
    append_with(log, PARTITION, None, Instant::now(), &vec![0; bytes])
}

fn append_with(
    log: &Log,
    id: PartitionId,
    producer: Option<ProducerBatch>,
    came: Instant,
    value: &[u8],
) -> Outcome {
    let mut builder = BatchBuilder::new();
    builder.push(1_000, None, Some(value), &[]);
    let batch = Batch::single(builder.build().expect("a batch")).expect("one batch");
    let candidate = Candidate {
        partition: log.lead(id).expect("it leads"),
        attributes: batch.header().attributes,
        last_offset_delta: 0,
        max_timestamp: 1_000,
        producer,
        bytes: batch.into_bytes(),
    };
    log.append_at(vec![candidate], came, log.parts.clock.now_ms(), Vec::new())
        .expect("an open session")
        .remove(0)
}

/// How the process of the tests opens its next session.
pub(in crate::log) fn opening() -> Opening {
    Arc::new(|session| Op::Open {
        session,
        process: ProcessId([1; 16]),
        node: None,
        rack: None,
        addresses: vec![],
    })
}

/// Clients may be served as soon as a session is announced, which is before its flusher first runs: what they
/// append must not slip into the checkpoint of what the session inherited.
#[tokio::test]
async fn what_is_appended_before_the_flusher_runs_is_not_inherited() {
    let store = Store::memory();
    let metadata = Arc::new(MetadataLog::open(store.clone(), Entropy::from_seed(1)).await.expect("a log"));
    for n in 1..4u8 {
        let (_, log) = begin(&store, &metadata, n).await;
        let early = append(&log);
        let expected = Answer::Offset { base_offset: i64::from(n) - 1, append_time: 1_000 };
        assert_eq!(early.answer, expected, "session {n}");
        let running =
            tokio::spawn(Arc::clone(&log).run(Arc::clone(&metadata), opening(), std::future::pending()));
        early.after.expect("a slot").committed().await.expect("committed");
        while log.last_checkpoint().is_none() {
            tokio::task::yield_now().await;
        }
        running.abort();
    }
}

/// A request may slip in while the session is about to close. It is committed before the CLOSE, or it is refused;
/// it is never in the last checkpoint without being in a slot.
#[tokio::test]
async fn what_is_appended_while_the_session_closes_is_committed_or_refused() {
    let store = Store::memory();
    let metadata = Arc::new(MetadataLog::open(store.clone(), Entropy::from_seed(1)).await.expect("a log"));
    let (_, log) = begin(&store, &metadata, 1).await;
    let late = append(&log);
    assert!(log.end_if_idle().is_none(), "a decided batch is in no slot yet");
    let ended = Arc::clone(&log).run(Arc::clone(&metadata), opening(), std::future::ready(())).await;
    assert!(matches!(ended, Ended::Closed { cut: 1 }), "{ended:?}");
    late.after.expect("a slot").committed().await.expect("committed before the CLOSE");
    assert_eq!(log.barrier().expect_err("the log has ended"), NotLeader);
    let (_, log) = begin(&store, &metadata, 2).await;
    append(&log);
    log.fail();
    assert!(log.end_if_idle().is_none(), "a refused batch is in no slot, and never will be");
    let (_, log) = begin(&store, &metadata, 3).await;
    let next = append(&log);
    assert_eq!(next.answer, Answer::Offset { base_offset: 1, append_time: 1_000 });
}

/// A node follows the metadata log in one task, and serves requests in others, which may know a newer state of the
/// cluster: a topic that the older one lacks is new, and not deleted.
#[tokio::test]
async fn a_topic_that_is_newer_than_the_state_that_is_followed_stays() {
    let store = Store::memory();
    let metadata = Arc::new(MetadataLog::open(store.clone(), Entropy::from_seed(1)).await.expect("a log"));
    let (older, log) = begin(&store, &metadata, 1).await;
    let topic = TopicId([8; 16]);
    let plan =
        TopicPlan { name: "new".into(), partitions: 1, replication_factor: 1, overrides: BTreeMap::new() };
    let created = metadata
        .propose(|cluster| cluster.planner(Limits::default()).create_topic(topic, &plan).map(|op| vec![op]));
    drop(created.await.expect("an entry").expect("a topic"));
    let id = PartitionId { topic, index: 0 };
    let first = append_to(&log, id);
    assert_eq!(first.answer, Answer::Offset { base_offset: 0, append_time: 1_000 });
    log.follow(&older).await;
    let second = append_to(&log, id);
    assert_eq!(second.answer, Answer::Offset { base_offset: 1, append_time: 1_000 });
    log.follow(&metadata.current()).await;
    assert!(log.partition(id).is_some());
    let deleted = metadata.propose(|_| Ok::<_, ()>(vec![Op::DeleteTopic { topic }]));
    drop(deleted.await.expect("an entry"));
    log.follow(&metadata.current()).await;
    assert!(log.partition(id).is_none(), "its topic was deleted");
    // A request that looked the topic up before comes late.
    assert!(log.lead(id).is_err(), "it does not begin anew");
    assert!(log.partition(PARTITION).is_none() && log.lead(PARTITION).is_ok(), "not asked for so far");
}
