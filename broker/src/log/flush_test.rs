use std::collections::BTreeSet;

use coordinator::cluster::Op;
use coordinator::partition::ProducerBatch;
use coordinator::{ProcessId, SessionId, partition};
use object_store::memory::InMemory;
use object_store::throttle::{ThrottleConfig, ThrottledStore};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tiering::format::keys;
use tiering::seams::Entropy;
use tiering::store::{Store, StoreKind};
use tokio::time::sleep;

use super::*;
use crate::log::LogConfig;
use crate::log::tests::{
    PARTITION, append, append_by, append_of, append_value, begin, begin_with, config, opening,
};
use crate::log::{Answer, Outcome};

async fn world() -> (Store, Arc<MetadataLog>) {
    let store = Store::memory();
    let metadata = MetadataLog::open(store.clone(), Entropy::from_seed(1)).await.expect("a log");
    (store, Arc::new(metadata))
}

fn decided(log: &Log) -> partition::Partition {
    let partition = log.lead(PARTITION).expect("it leads");
    let mut open = log.open.lock();
    let (decided, _) = open.decided(&partition).expect("it is held");
    decided.state.clone()
}

/// The answer to a PUT may be taken after the node has learned that another process ended its session.
/// Nothing is acknowledged then, and no checkpoint is written of what has been forgotten: the next owners
/// find every record.
#[tokio::test]
async fn nothing_is_committed_of_a_session_that_has_ended() {
    let (store, metadata) = world().await;
    let (_, log) = begin(&store, &metadata, 1).await;
    let outcomes: Vec<_> = (0..3).map(|_| append(&log)).collect();
    log.checkpointing.want();
    let put = log.freeze();
    assert!(put.capture.is_some(), "a checkpoint is due after this slot");
    let (put, landed) = log.put(put).await;
    landed.expect("it landed");
    let (_, second) = begin(&store, &metadata, 2).await;
    assert_eq!(second.lead(PARTITION).expect("it leads").high_watermark(), 3);
    log.fail();
    assert!(!log.commit(put), "the session has ended");
    for outcome in outcomes {
        assert_eq!(outcome.after.expect("a slot").committed().await, Err(crate::log::NotLeader));
    }
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    let (_, third) = begin(&store, &metadata, 3).await;
    assert_eq!(third.lead(PARTITION).expect("it leads").high_watermark(), 3);
}

/// Whatever waited in an outage goes out in slots of the size that was asked for, in order.
#[tokio::test(start_paused = true)]
async fn what_waits_is_cut_into_slots() {
    let (store, metadata) = world().await;
    let small = LogConfig { slot_bytes: 1000, window: 2, ..config() };
    let (_, log) = begin_with(&store, &metadata, 1, small.clone()).await;
    let outcomes: Vec<_> = (0..100).map(|_| append(&log)).collect();
    assert!(log.slots() > 10, "{} slots", log.slots());
    let waiting: Vec<_> = log.open.lock().cut.iter().map(|cut| cut.builder.weight()).collect();
    assert!(waiting.iter().all(|weight| (500..=1000).contains(weight)), "{waiting:?}");
    let run = tokio::spawn(Arc::clone(&log).run(Arc::clone(&metadata), opening(), std::future::pending()));
    for outcome in outcomes {
        outcome.after.expect("a slot").committed().await.expect("committed");
    }
    assert_eq!(log.open_bytes(), 0);
    run.abort();
    let (_, second) = begin_with(&store, &metadata, 2, small).await;
    assert_eq!(decided(&second), decided(&log));
}

/// A batch larger than a slot is to be gets a slot of its own.
#[tokio::test(start_paused = true)]
async fn a_batch_that_is_larger_than_a_slot_stands_alone() {
    let (store, metadata) = world().await;
    let (_, log) = begin_with(&store, &metadata, 1, LogConfig { slot_bytes: 10, ..config() }).await;
    drop([append(&log), append(&log), append(&log)]);
    let open = log.open.lock();
    assert_eq!((open.cut.len(), open.pending.len()), (2, 1));
}

/// Small slots that wait, checkpoints in the middle of them and sessions that follow one another: whatever was
/// acknowledged before a crash is there after it, and the state is one that was decided.
#[tokio::test(start_paused = true)]
async fn slots_that_wait_survive_checkpoints_rotations_and_crashes() {
    for seed in 0..80 {
        let mut rng = StdRng::seed_from_u64(seed);
        let (store, metadata) = world().await;
        let config = LogConfig {
            slot_bytes: rng.random_range(100..1500),
            window: rng.random_range(1..4),
            checkpoint_slots: rng.random_range(1..6),
            rotate_after: Duration::from_millis(rng.random_range(2..20)),
            rotate_slots: rng.random_range(2..12),
            ..config()
        };
        let (_, mut log) = begin_with(&store, &metadata, 1, config.clone()).await;
        let mut sure = 0;
        for session in 2..7u8 {
            let run = Arc::clone(&log).run(Arc::clone(&metadata), opening(), std::future::pending());
            let flusher = tokio::spawn(run);
            for _ in 0..rng.random_range(1..12) {
                let mut last = append(&log);
                for _ in 1..rng.random_range(1..25) {
                    last = append(&log);
                }
                match rng.random_range(0..4) {
                    0 => log.checkpointing.want(),
                    1 => sleep(Duration::from_millis(rng.random_range(0..8))).await,
                    2 => {
                        last.after.expect("a slot").committed().await.expect("committed");
                        sure = decided(&log).log_end;
                    }
                    _ => tokio::task::yield_now().await,
                }
            }
            let before = decided(&log).log_end;
            flusher.abort();
            drop(flusher.await);
            (_, log) = begin_with(&store, &metadata, session, config.clone()).await;
            let after = decided(&log).log_end;
            assert!(
                (sure..=before).contains(&after),
                "seed {seed}, session {session}: {sure} {after} {before}"
            );
            sure = after;
            let positions = log.lead(PARTITION).expect("it leads").contents();
            let first = positions.tenures.first().map(|t| t.first_offset);
            let first = first.or(positions.positions.first().map(|p| p.base_offset));
            assert_eq!(first, (after > 0).then_some(0), "seed {seed}, session {session}: {positions:?}");
        }
    }
}

/// A checkpoint that can't be put keeps no session from being followed by another.
#[tokio::test(start_paused = true)]
async fn a_checkpoint_on_its_way_does_not_block_rotation() {
    let (store, metadata) = world().await;
    let config = LogConfig { rotate_after: Duration::from_millis(10), ..config() };
    let (_, log) = begin_with(&store, &metadata, 1, config).await;
    let first = log.session();
    // A checkpoint is under way, and never comes to an end.
    assert!(log.checkpointing.claim(0, 0));
    let run = tokio::spawn(Arc::clone(&log).run(Arc::clone(&metadata), opening(), std::future::pending()));
    append(&log).after.expect("a slot").committed().await.expect("committed");
    sleep(Duration::from_secs(1)).await;
    assert_ne!(log.session(), first);
    run.abort();
    let (_, second) = begin(&store, &metadata, 2).await;
    assert_eq!(decided(&second).log_end, 1);
}

/// Where a checkpoint is due after each slot, each slot's batches are listed by an index object of their own.
#[tokio::test(start_paused = true)]
async fn a_checkpoint_after_each_slot_lists_its_batches_alone() {
    let (store, metadata) = world().await;
    let (_, log) = begin_with(&store, &metadata, 1, LogConfig { checkpoint_slots: 1, ..config() }).await;
    let run = tokio::spawn(Arc::clone(&log).run(Arc::clone(&metadata), opening(), std::future::pending()));
    // The one of what was inherited is written first.
    sleep(Duration::from_millis(1)).await;
    for batches in 1..5 {
        append(&log).after.expect("a slot").committed().await.expect("committed");
        sleep(Duration::from_millis(1)).await;
        let contents = log.lead(PARTITION).expect("it leads").contents();
        let first: Vec<_> = contents.tenures.iter().map(|tenure| tenure.first_offset).collect();
        assert_eq!((first, contents.positions.len()), ((0..batches).collect(), 0));
    }
    run.abort();
}

/// A shard that was given away and came back is held as it was before that until it is rebuilt. A session that begins
/// meanwhile must not take it over: its other owner may have acknowledged records.
#[tokio::test(start_paused = true)]
async fn what_left_and_came_back_is_not_held_on() {
    let (store, metadata) = world().await;
    let (cluster, log) = begin(&store, &metadata, 1).await;
    let shard = cluster.shards().of_partition(PARTITION);
    let flusher =
        tokio::spawn(Arc::clone(&log).run(Arc::clone(&metadata), opening(), std::future::pending()));
    append(&log).after.expect("a slot").committed().await.expect("committed");
    let shards = BTreeSet::from([shard]);
    if let Some(ticket) = log.freeze_shards(&shards).await.expect("it is open") {
        ticket.committed().await.expect("committed");
    }
    let release = log.release_shards(&shards).expect("it is open");
    release.committed.committed().await.expect("committed");
    flusher.abort();
    drop(flusher.await);
    let (first, other) = (log.session(), SessionId([9; 16]));
    let open =
        Op::Open { session: other, process: ProcessId([9; 16]), node: None, rack: None, addresses: vec![] };
    drop(metadata.propose(|_| Ok::<_, ()>(vec![open.clone()])).await.expect("an entry"));
    let moved =
        metadata.propose(|cluster| Ok::<_, ()>(cluster.plan_released(first, release.end, &[(shard, other)])));
    drop(moved.await.expect("an entry"));
    assert_eq!(metadata.current().assigned(shard).map(|g| g.session), Some(other));
    let back = metadata.propose(|cluster| Ok::<_, ()>(cluster.plan_released(other, 1, &[(shard, first)])));
    drop(back.await.expect("an entry"));
    assert_eq!(metadata.current().assigned(shard).map(|g| g.session), Some(first));
    assert!(log.rotate(&metadata, &opening()).await.expect("it is followed"));
    let (held, cluster) = (log.held(), metadata.current());
    assert!(!held.contains_key(&shard) && log.lead(PARTITION).is_err(), "it must be rebuilt");
    let others: Vec<_> = cluster.shards().all().filter(|other| *other != shard).collect();
    assert!(others.iter().all(|other| held.get(other) == cluster.assigned(*other).map(|g| g.epoch).as_ref()));
    assert_eq!(held.len(), others.len());
    assert!(log.open.lock().as_of <= cluster.assigned(shard).expect("it is assigned").epoch);
}

/// Sessions that write little follow one another, and each lets go of what the ones before it held.
#[tokio::test(start_paused = true)]
async fn holdings_of_sessions_that_were_followed_are_forgotten() {
    let (store, metadata) = world().await;
    let config = LogConfig { rotate_after: Duration::from_millis(10), ..config() };
    let (_, log) = begin_with(&store, &metadata, 1, config).await;
    let run = tokio::spawn(Arc::clone(&log).run(Arc::clone(&metadata), opening(), std::future::pending()));
    let mut sessions = BTreeSet::new();
    for _ in 0..30 {
        append(&log).after.expect("a slot").committed().await.expect("committed");
        sessions.insert(log.session());
        sleep(Duration::from_secs(1)).await;
    }
    run.abort();
    assert!(sessions.len() > 20, "{}", sessions.len());
    let cluster = metadata.current();
    let longest = cluster.shards().all().map(|shard| cluster.grants(shard).len()).max();
    assert!(longest <= Some(3), "{longest:?} holdings of a shard");
    let (_, second) = begin(&store, &metadata, 2).await;
    assert_eq!(decided(&second).log_end, 30);
}

/// A session that has ended while it was about to be followed puts no CLOSE: where the next slot would go, it no longer
/// knows.
#[tokio::test]
async fn a_session_that_has_ended_is_not_followed() {
    let (store, metadata) = world().await;
    let (_, log) = begin(&store, &metadata, 1).await;
    append(&log);
    let lost = log.freeze();
    log.fail();
    let followed = log.rotate(&metadata, &opening()).await;
    assert!(matches!(followed, Err(EndReason::Recorded)), "{followed:?}");
    let slots = [lost.slot.header.n, lost.slot.header.n + 1];
    for n in slots {
        let found = store.get(&keys::slot(lost.slot.header.session, n)).await;
        assert!(found.is_err_and(|error| error.is_not_found()), "slot {n}");
    }
}

/// A node may say that it does not lead, and lead again while a batch is on its way that was sent behind the refused
/// one: of a new producer that one must not be taken first.
#[tokio::test(start_paused = true)]
async fn a_new_producer_begins_with_its_first_batch_where_one_was_turned_away() {
    const SETTLED: Duration = Duration::from_secs(6);
    let (store, metadata) = world().await;
    let (cluster, log) = begin(&store, &metadata, 1).await;
    let taken = |id, base_sequence| {
        let producer = ProducerBatch { id, epoch: 0, base_sequence };
        append_by(&log, PARTITION, Some(producer)).answer != Answer::NotLeader
    };
    assert!(!taken(1, 1), "it has just come");
    sleep(SETTLED).await;
    assert!(taken(1, 1), "its state may have expired");
    log.lead(PARTITION).expect("it leads").turned_away();
    assert!(!taken(2, 1) && taken(1, 2));
    assert!(taken(2, 0) && taken(2, 1));
    sleep(SETTLED).await;
    assert!(taken(3, 7));
    // What was about to be given away and stays refused batches, too.
    let shards = BTreeSet::from([cluster.shards().of_partition(PARTITION)]);
    drop(log.freeze_shards(&shards).await.expect("it is open"));
    sleep(SETTLED).await;
    assert!(log.lead(PARTITION).is_err());
    let run = tokio::spawn(Arc::clone(&log).run(Arc::clone(&metadata), opening(), std::future::pending()));
    sleep(Duration::from_secs(1)).await;
    run.abort();
    drop(run.await);
    assert!(log.rotate(&metadata, &opening()).await.expect("it is followed"));
    assert!(!taken(4, 1) && taken(4, 0) && taken(3, 8));
}

/// What is sent behind a batch that was turned away comes again behind it. librdkafka goes on in another epoch when such a
/// batch is called out of order, and then sends again what other partitions may have.
#[tokio::test(start_paused = true)]
async fn what_comes_behind_a_batch_that_was_turned_away_is_turned_away() {
    const SETTLED: Duration = Duration::from_secs(6);
    let (store, metadata) = world().await;
    let (_, log) = begin(&store, &metadata, 1).await;
    let answer = |epoch, base_sequence| {
        append_by(&log, PARTITION, Some(ProducerBatch { id: 1, epoch, base_sequence })).answer
    };
    let taken = |answer| matches!(answer, Answer::Offset { .. });
    assert!(taken(answer(0, 0)));
    sleep(SETTLED).await;
    log.lead(PARTITION).expect("it leads").turned_away();
    assert_eq!(answer(0, 2), Answer::NotLeader);
    assert_eq!(answer(1, 1), Answer::NotLeader, "the first one of the next epoch was turned away");
    assert!(taken(answer(0, 1)) && taken(answer(0, 2)));
    // Being turned away is no reason to turn others away for longer.
    sleep(SETTLED / 2).await;
    assert_eq!(answer(0, 4), Answer::NotLeader);
    sleep(SETTLED / 2).await;
    assert!(matches!(answer(0, 4), Answer::Reject(_)));
    // It may have waited for memory since it came.
    let came = Instant::now();
    log.lead(PARTITION).expect("it leads").turned_away();
    sleep(SETTLED * 10).await;
    let waited =
        |id| append_of(&log, PARTITION, Some(ProducerBatch { id, epoch: 0, base_sequence: 4 }), came).answer;
    assert_eq!([waited(1), waited(2)], [Answer::NotLeader; 2]);
}

/// A partition may have come here after a batch of it was refused, and while others are on their way behind that.
#[tokio::test(start_paused = true)]
async fn what_was_refused_before_a_partition_came_counts() {
    let answer = |log: &Arc<Log>, base_sequence| {
        append_by(log, PARTITION, Some(ProducerBatch { id: 1, epoch: 0, base_sequence })).answer
    };
    let taken = |answer| matches!(answer, Answer::Offset { .. });
    for refused_before in [true, false] {
        let (store, metadata) = world().await;
        let (_, log) = begin(&store, &metadata, 1).await;
        if refused_before {
            log.parts.refusals.note();
        } else {
            assert_eq!(answer(&log, 1), Answer::NotLeader);
        }
        assert!(taken(answer(&log, 0)));
        assert_eq!(answer(&log, 2), Answer::NotLeader);
        assert!(taken(answer(&log, 1)) && taken(answer(&log, 2)));
        sleep(Duration::from_secs(6)).await;
        assert!(matches!(answer(&log, 4), Answer::Reject(_)));
    }
    // Where none was refused, none is on its way.
    let (store, metadata) = world().await;
    let (_, log) = begin(&store, &metadata, 1).await;
    assert!(taken(answer(&log, 0)));
    assert!(matches!(answer(&log, 2), Answer::Reject(_)));
}

/// A log on a store whose PUTs take 20 ms, which is served, with a linger of 100 ms.
async fn begin_far() -> (Arc<Log>, AbortOnDropHandle<Ended>) {
    let latency = ThrottleConfig { wait_put_per_call: Duration::from_millis(20), ..Default::default() };
    let far = Arc::new(ThrottledStore::new(InMemory::new(), latency));
    let store = Store::new(StoreKind::Memory, far.clone(), far);
    let metadata = Arc::new(MetadataLog::open(store.clone(), Entropy::from_seed(1)).await.expect("a log"));
    let config =
        LogConfig { linger: Duration::from_millis(100), slot_bytes: 8 << 20, window: 16, ..config() };
    let (_, log) = begin_with(&store, &metadata, 1, config).await;
    let run = Arc::clone(&log).run(metadata, opening(), std::future::pending());
    (log, AbortOnDropHandle::new(tokio::spawn(run)))
}

async fn committed(outcome: Outcome) {
    outcome.after.expect("a slot").committed().await.expect("committed");
}

/// A producer that waits for each acknowledgement and sends much at a time runs at the store's latency.
#[tokio::test(start_paused = true)]
async fn a_megabyte_at_a_time_does_not_wait_for_the_linger() {
    let (log, _run) = begin_far().await;
    let began = Instant::now();
    for _ in 0..100 {
        committed(append_value(&log, 1 << 20)).await;
    }
    assert!(began.elapsed() < Duration::from_millis(100 * 25), "{:?}", began.elapsed());
    assert_eq!(log.slots(), 100);
}

/// What comes now and then does not wait; what comes all the time costs a PUT per linger.
#[tokio::test(start_paused = true)]
async fn records_that_come_together_share_a_slot_and_puts_are_as_many_as_is_paid_for() {
    let (log, _run) = begin_far().await;
    for _ in 0..10 {
        sleep(Duration::from_millis(150)).await;
        let began = Instant::now();
        let (first, second) = (append(&log), append(&log));
        tokio::join!(committed(first), committed(second));
        assert!(began.elapsed() < Duration::from_millis(25), "{:?}", began.elapsed());
    }
    assert_eq!(log.slots(), 10);
    let (began, mut last) = (Instant::now(), append(&log));
    while began.elapsed() < Duration::from_secs(10) {
        sleep(Duration::from_millis(3)).await;
        last = append(&log);
    }
    committed(last).await;
    let slots = log.slots() - 10;
    assert!((100..=125).contains(&slots), "{slots} slots in 10 s");
}
