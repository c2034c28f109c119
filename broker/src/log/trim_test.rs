use std::time::Duration;

use coordinator::partition;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tiering::format::checkpoint::Tenure;
use tiering::format::index::Position;
use tiering::metadata::MetadataLog;
use tiering::read::of_partition;
use tiering::seams::Entropy;
use tiering::store::Store;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::*;
use crate::log::tests::{PARTITION, append, begin, opening};
use crate::log::{Contents, Ended, Found};

/// A log that is being served.
struct Running {
    log: Arc<Log>,
    flusher: JoinHandle<Ended>,
}

impl Running {
    async fn begin(store: &Store, metadata: &Arc<MetadataLog>, n: u8) -> Self {
        let (_, log) = begin(store, metadata, n).await;
        let run = Arc::clone(&log).run(Arc::clone(metadata), opening(), std::future::pending());
        Self { log, flusher: tokio::spawn(run) }
    }

    fn partition(&self) -> Arc<Partition> {
        self.log.lead(PARTITION).expect("it leads")
    }

    /// What has been decided, in flight or not.
    fn decided(&self) -> partition::Partition {
        let partition = self.partition();
        let mut open = self.log.open.lock();
        let (decided, _) = open.decided(&partition).expect("it is held");
        decided.state.clone()
    }

    fn trim(&self, to: i64) -> TrimOutcome {
        self.log.trim(&self.partition(), TrimTo::Offset(to)).expect("it leads")
    }

    async fn settle(&self) {
        self.log.barrier().expect("it is open").committed().await.expect("committed");
    }

    /// Returns once everything so far is in a checkpoint.
    async fn checkpoint(&self) {
        let slots = self.log.slots();
        while self.log.last_checkpoint().is_none_or(|last| last.n <= slots) {
            self.log.checkpointing.want();
            self.settle().await;
            sleep(Duration::from_millis(1)).await;
        }
    }

    /// Every position from the log start on, as a reader finds them.
    async fn positions(&self) -> Vec<Position> {
        let Contents { log_start, tenures, positions } = self.partition().contents();
        let mut all: Vec<Position> = Vec::new();
        let mut indexes: Vec<_> = tenures.iter().map(|tenure: &Tenure| tenure.index).collect();
        indexes.dedup();
        for index in indexes {
            let listed = self.log.reader().positions(index).await.expect("an index");
            all.extend(of_partition(&listed, PARTITION));
        }
        all.extend(positions);
        all.retain(|position| position.last_offset() >= log_start);
        all
    }

    /// What is named is what there is: every record from the log start to the high watermark, once.
    async fn assert_whole(&self, context: &str) {
        let partition = self.partition();
        let (log_start, high_watermark) = partition.range();
        let positions = self.positions().await;
        let mut next = log_start;
        for position in &positions {
            assert!(
                position.base_offset <= next && next <= position.last_offset(),
                "{context}: {position:?}"
            );
            next = position.last_offset() + 1;
        }
        assert_eq!(next, high_watermark, "{context}: from {log_start}");
        let least: u64 = positions.iter().map(|position| u64::from(position.length)).sum();
        assert!(partition.size() >= least, "{context}: {} < {least}", partition.size());
        assert_eq!(partition.size() == 0, log_start == high_watermark, "{context}");
        if log_start < high_watermark {
            let found = partition.find(log_start, 1 << 20, true);
            assert!(!matches!(found, Found::OutOfRange | Found::AtEnd), "{context}: {found:?}");
        }
        assert!(matches!(partition.find(log_start - 1, 1, true), Found::OutOfRange), "{context}");
        assert!(matches!(partition.find(high_watermark, 1, true), Found::AtEnd), "{context}");
    }
}

async fn world() -> (Store, Arc<MetadataLog>) {
    let store = Store::memory();
    let metadata = MetadataLog::open(store.clone(), Entropy::from_seed(1)).await.expect("a log");
    (store, Arc::new(metadata))
}

#[tokio::test(start_paused = true)]
async fn a_trim_is_seen_when_its_slot_is_committed() {
    let (store, metadata) = world().await;
    let running = Running::begin(&store, &metadata, 1).await;
    for _ in 0..4 {
        append(&running.log);
    }
    let in_flight = running.trim(4);
    assert!(in_flight.log_start.is_err(), "the records are not committed");
    running.settle().await;
    let partition = running.partition();
    let outcome = running.trim(3);
    assert_eq!((outcome.log_start, partition.range()), (Ok(3), (0, 4)));
    outcome.after.committed().await.expect("committed");
    assert_eq!(partition.range(), (3, 4));
    let back = running.trim(1);
    assert_eq!(back.log_start, Ok(3));
    let all = running.log.trim(&partition, TrimTo::HighWatermark).expect("it leads");
    assert_eq!(all.log_start, Ok(4));
    all.after.committed().await.expect("committed");
    assert_eq!((partition.range(), partition.size()), ((4, 4), 0));
    running.assert_whole("trimmed").await;
}

/// A checkpoint is written while its records are trimmed: its tenures do not come back.
#[tokio::test(start_paused = true)]
async fn a_checkpoint_on_its_way_does_not_bring_back_what_is_trimmed() {
    let (store, metadata) = world().await;
    let running = Running::begin(&store, &metadata, 1).await;
    for _ in 0..4 {
        append(&running.log);
        running.settle().await;
    }
    let capture = { crate::log::checkpoint::Capture::take(&mut running.log.open.lock()) };
    let writing = running.log.checkpoint(capture);
    running.trim(3).after.committed().await.expect("committed");
    append(&running.log);
    running.settle().await;
    writing.await;
    let Contents { log_start, tenures, positions } = running.partition().contents();
    assert_eq!((log_start, tenures.len(), positions.len()), (3, 1, 1));
    running.assert_whole("one left of four").await;
    running.trim(4).after.committed().await.expect("committed");
    assert_eq!(running.partition().contents().tenures, []);
    running.assert_whole("none left of four").await;
}

/// Whatever was acknowledged before a crash is there after it, and what was not may be; the log start and all else
/// are those of one moment in between.
#[tokio::test(start_paused = true)]
async fn trims_survive_crashes_at_any_point() {
    for seed in 0..60 {
        let mut rng = StdRng::seed_from_u64(seed);
        let (store, metadata) = world().await;
        let mut running = Running::begin(&store, &metadata, 1).await;
        // Every state that was decided, and how many of them are acknowledged for certain.
        let (mut states, mut sure) = (vec![running.decided()], 0);
        for session in 2..8u8 {
            for _ in 0..rng.random_range(1..12) {
                match rng.random_range(0..10) {
                    0..5 => drop(append(&running.log)),
                    5..8 => {
                        let end = running.partition().high_watermark();
                        drop(running.trim(rng.random_range(0..=end)));
                    }
                    8 => running.checkpoint().await,
                    _ => running.settle().await,
                }
                let decided = running.decided();
                if states.last() != Some(&decided) {
                    states.push(decided);
                }
                if rng.random_bool(0.4) {
                    running.settle().await;
                    sure = states.len() - 1;
                    running.assert_whole(&format!("seed {seed}, session {session}")).await;
                }
            }
            running.flusher.abort();
            running = Running::begin(&store, &metadata, session).await;
            let recovered = running.decided();
            let found = states[sure..].iter().position(|state| *state == recovered);
            let found = found.unwrap_or_else(|| {
                panic!("seed {seed}, session {session}: {recovered:?} is none of {:?}", &states[sure..])
            });
            states.truncate(sure + found + 1);
            sure = states.len() - 1;
            running.assert_whole(&format!("seed {seed}, recovered by {session}")).await;
        }
        running.flusher.abort();
    }
}

/// A shard's state as another node gets it has the log start, and no positions below it.
#[tokio::test(start_paused = true)]
async fn a_release_hands_the_log_start_over() {
    let (store, metadata) = world().await;
    let running = Running::begin(&store, &metadata, 1).await;
    for _ in 0..4 {
        append(&running.log);
        running.settle().await;
    }
    drop(running.trim(2));
    let shard = running.log.shards.of_partition(PARTITION);
    let shards = [shard].into();
    let latest = running.log.freeze_shards(&shards).await.expect("it is open");
    latest.expect("a trim is in flight").committed().await.expect("committed");
    let refused =
        running.log.trim(&running.log.partition(PARTITION).expect("it is there"), TrimTo::Offset(3));
    assert_eq!(refused.map(|outcome| outcome.log_start), Err(NotLeader), "nothing more is decided");
    let release = running.log.release_shards(&shards).expect("it is open");
    release.committed.committed().await.expect("committed");
    let footer = tiering::session::Footers::new(store, release.session, release.end - 1).next().await;
    let footer = footer.expect("readable").expect("the slot");
    let released = footer.records.into_iter().find_map(|record| match record {
        Record::Release { partitions, .. } => partitions.into_iter().next(),
        _ => None,
    });
    let (id, owned) = released.expect("a RELEASE with the partition");
    assert_eq!((id, owned.state.partition.log_start, owned.positions.len()), (PARTITION, 2, 2));
}

#[tokio::test(start_paused = true)]
async fn what_need_not_be_kept_is_trimmed_by_tenure_and_then_by_batch() {
    let (store, metadata) = world().await;
    let running = Running::begin(&store, &metadata, 1).await;
    for _ in 0..3 {
        append(&running.log);
    }
    running.checkpoint().await;
    append(&running.log);
    append(&running.log);
    running.settle().await;
    let partition = running.partition();
    let each = partition.size() / 5;
    let retain = |ms, bytes, now| {
        let trimmed = running.log.retain_records(now, |_| Some(Retention { ms, bytes }));
        trimmed.into_iter().map(|(_, log_start)| log_start).next()
    };
    assert_eq!(retain(-1, 3 * each as i64, 0), None, "the tenure has three batches");
    assert_eq!(retain(100, -1, 1_100), None, "all have the timestamp 1000");
    assert_eq!(retain(-1, 2 * each as i64, 0), Some(3));
    running.settle().await;
    assert_eq!(retain(-1, each as i64, 0), Some(4));
    running.settle().await;
    assert_eq!((partition.range(), partition.size()), ((4, 5), each));
    assert!(running.log.retain_records(i64::MAX, |_| None).is_empty());
    let slots = running.log.slots();
    assert_eq!(retain(100, -1, 1_100), None);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(running.log.slots(), slots, "nothing to trim, and nothing is written");
    assert_eq!(retain(100, -1, 1_101), Some(5));
    running.settle().await;
    running.assert_whole("everything is too old").await;
}
