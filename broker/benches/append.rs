//! What appending costs when many threads do it at once, each to partitions of its own, while slots are put into memory.
//!
//! Prints for each number of threads: appends a second, CPU nanoseconds of an append (the flusher's among them), and how
//! often a thread waited, for a lock or for a commit: the voluntary context switches of each thousand appends.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use broker::log::{Candidate, Log, LogConfig, LogParts};
use broker::metrics::Metrics;
use coordinator::cluster::{Limits, Op, TopicPlan};
use coordinator::{PartitionId, ProcessId, SessionId, TopicId};
use protocol::records::{Batch, BatchBuilder};
use tiering::metadata::MetadataLog;
use tiering::read::Reader;
use tiering::recover::recover;
use tiering::seams::{Clock, Entropy};
use tiering::store::Store;
use tokio::time::Instant;

const TOPIC: TopicId = TopicId([7; 16]);
const PARTITIONS: i32 = 64;
const THREADS: [usize; 4] = [1, 2, 4, 16];
const MEASURED: Duration = Duration::from_secs(3);
/// How many batches may be appended and not committed.
const AHEAD: u64 = 50_000;

fn batch(bytes: usize) -> Batch {
    let mut builder = BatchBuilder::new();
    builder.push(1_000, None, Some(&vec![0; bytes]), &[]);
    Batch::single(builder.build().expect("a batch")).expect("one batch")
}

async fn begin() -> (Arc<Log>, Arc<MetadataLog>) {
    let store = Store::memory();
    let metadata = Arc::new(MetadataLog::open(store.clone(), Entropy::from_seed(1)).await.expect("a log"));
    let (session, process) = (SessionId([1; 16]), ProcessId([1; 16]));
    let open = Op::Open { session, process, node: None, rack: None, addresses: vec![] };
    drop(metadata.propose(|_| Ok::<_, ()>(vec![open.clone()])).await.expect("an entry"));
    let overrides = BTreeMap::new();
    let plan = TopicPlan { name: "t".into(), partitions: PARTITIONS, replication_factor: 1, overrides };
    let take = metadata.propose(|cluster| {
        let topic = cluster.planner(Limits::default()).create_topic(TOPIC, &plan).ok();
        Ok::<_, ()>([topic.into_iter().collect(), cluster.plan_takeover()].concat())
    });
    let cluster = take.await.expect("an entry").expect("a plan").cluster;
    let recovered = recover(&store, &cluster, session, cluster.shards().all(), BTreeMap::new()).await;
    let parts = LogParts {
        store: store.clone(),
        reader: Reader::new(store, 1 << 20),
        entropy: Entropy::from_seed(1),
        clock: Clock::new(|| 1_000),
        metrics: Metrics::register(&mut Default::default()),
        node: Default::default(),
        settings: Default::default(),
        config: LogConfig {
            slot_bytes: 8 << 20,
            linger: Duration::ZERO,
            window: 4,
            tail_bytes: 64 << 20,
            checkpoint_slots: 1000,
            rotate_after: Duration::from_secs(900),
            rotate_slots: 1 << 20,
            rotate_bytes: 1 << 40,
            producer_expiration: Duration::from_secs(86_400),
        },
        cluster: metadata.subscribe(),
        refusals: Default::default(),
    };
    (Log::new(parts, session, cluster, recovered.whole().expect("whole")), metadata)
}

/// Appends until `until`; how many.
fn work(log: &Log, runtime: &tokio::runtime::Handle, mine: &[i32], until: Instant) -> u64 {
    let batch = batch(1_000).into_bytes();
    let (mut done, mut window) = (0, Vec::new());
    let partitions: Vec<_> =
        mine.iter().map(|&index| log.lead(PartitionId { topic: TOPIC, index }).expect("it leads")).collect();
    while Instant::now() < until {
        for partition in &partitions {
            let candidate = Candidate {
                partition: Arc::clone(partition),
                attributes: 0,
                last_offset_delta: 0,
                max_timestamp: 1_000,
                producer: None,
                bytes: batch.clone(),
            };
            let outcome = log.append(vec![candidate], None).expect("an open session").remove(0);
            done += 1;
            window.push(outcome.after.expect("a slot"));
        }
        if window.len() as u64 > AHEAD / THREADS[THREADS.len() - 1] as u64 {
            let last = window.pop().expect("one");
            window.clear();
            runtime.block_on(async { last.committed().await.expect("committed") });
        }
    }
    done
}

/// CPU nanoseconds of this process so far.
fn cpu() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Ticks of 10 ms, in user mode and in the kernel.
    stat.split(' ').skip(13).take(2).filter_map(|field| field.parse::<u64>().ok()).sum::<u64>() * 10_000_000
}

/// How often this thread has waited for something.
fn waits() -> u64 {
    let status = std::fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
    let waits = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    waits.and_then(|waits| waits.trim().parse().ok()).unwrap_or(0)
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let (log, metadata) = runtime.block_on(begin());
    let opening = Arc::new(|session| Op::Open {
        session,
        process: ProcessId([1; 16]),
        node: None,
        rack: None,
        addresses: vec![],
    });
    runtime.spawn(Arc::clone(&log).run(metadata, opening, std::future::pending()));
    println!("threads  appends/s  CPU ns/append  waits/1000 appends");
    for threads in THREADS {
        let (begun, before) = (Instant::now(), cpu());
        let (count, waited) = (AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for thread in 0..threads {
                let (log, handle, count, waited) = (&log, runtime.handle(), &count, &waited);
                scope.spawn(move || {
                    let share = PARTITIONS / threads as i32;
                    let first = thread as i32 * share;
                    let mine: Vec<_> = (first..first + share).collect();
                    count.fetch_add(work(log, handle, &mine, begun + MEASURED), Relaxed);
                    waited.fetch_add(waits(), Relaxed);
                });
            }
        });
        let (count, seconds) = (count.into_inner(), begun.elapsed().as_secs_f64());
        println!(
            "{threads:>7}  {:>9.0}  {:>13}  {:>18.2}",
            count as f64 / seconds,
            (cpu() - before) / count.max(1),
            waited.into_inner() as f64 * 1000.0 / count.max(1) as f64
        );
    }
    std::process::exit(0);
}
