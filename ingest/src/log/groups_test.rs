use std::sync::atomic::{AtomicBool, Ordering};

use coordinator::group::classic::{Caller, Join};
use coordinator::group::offsets::{Commit, Offset};
use coordinator::{PartitionId, SessionId};
use tiering::metadata::MetadataLog;
use tiering::seams::Entropy;
use tiering::store::Store;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::*;
use crate::log::Ended;
use crate::log::tests::{PARTITION, append, begin, opening};

const SESSION: Duration = Duration::from_secs(10);

async fn metadata(store: &Store) -> Arc<MetadataLog> {
    Arc::new(MetadataLog::open(store.clone(), Entropy::from_seed(1)).await.expect("a log"))
}

/// A log that is being served.
async fn serve(store: &Store) -> (Arc<Log>, JoinHandle<Ended>) {
    let metadata = metadata(store).await;
    let (_, log) = begin(store, &metadata, 1).await;
    let run = Arc::clone(&log).run(metadata, opening(), std::future::pending());
    (log, tokio::spawn(run))
}

/// Names of groups, each of a shard of its own.
fn names(log: &Log, count: usize) -> Vec<GroupId> {
    let mut by_shard = BTreeMap::new();
    for n in 0.. {
        let id = GroupId::from(format!("g{n}"));
        by_shard.entry(log.shards.of_group(&id)).or_insert(id);
        if by_shard.len() == count {
            break;
        }
    }
    by_shard.into_values().collect()
}

fn commit(partition: PartitionId, offset: i64) -> Request {
    let caller = Caller { member: "".into(), instance: None, generation: -1 };
    let offsets = vec![(partition, Offset { offset, leader_epoch: -1, metadata: String::new() })];
    Request::Commit(Commit { caller, retention_ms: None, knows_group_not_found: true, offsets })
}

fn join() -> Request {
    Request::Join(Join {
        member: "".into(),
        fresh: "m".into(),
        requires_known_id: false,
        instance: None,
        client_id: "c".to_owned(),
        client_host: "h".to_owned(),
        session_timeout_ms: SESSION.as_millis() as i32,
        rebalance_timeout_ms: SESSION.as_millis() as i32,
        protocol_type: "consumer".to_owned(),
        protocols: vec![("range".to_owned(), bytes::Bytes::new())],
        supports_skipping: true,
    })
}

/// However long a step takes, it holds up only what belongs to its own shard.
#[tokio::test(start_paused = true)]
async fn groups_that_are_busy_keep_no_others_waiting() {
    let (log, _flusher) = serve(&Store::memory()).await;
    let [busy, other] = &names(&log, 2)[..] else { panic!("two names") };
    let step = log.groups.lock(log.shards.of_group(busy)).await.expect("it is served");
    let waiting = tokio::spawn({
        let (log, busy) = (Arc::clone(&log), GroupId::clone(busy));
        async move { log.group(&busy, commit(PARTITION, 1), None).await }
    });
    let committed = log.group(other, commit(PARTITION, 1), None).await;
    assert!(matches!(committed, Ok(Reply::Offsets(Ok(_)))), "{committed:?}");
    assert!(log.group_state(other).await.expect("it is served").is_some());
    append(&log);
    // Slots are put, and checkpoints written.
    let slots = log.slots();
    while log.last_checkpoint().is_none_or(|last| last.n <= slots) {
        log.checkpointing.want();
        log.barrier().expect("it is open").committed().await.expect("committed");
        sleep(Duration::from_millis(1)).await;
    }
    assert!(!waiting.is_finished());
    drop(step);
    let committed = waiting.await.expect("no panic");
    assert!(matches!(committed, Ok(Reply::Offsets(Ok(_)))), "{committed:?}");
}

#[tokio::test(start_paused = true)]
async fn members_expire_while_groups_of_another_shard_are_busy() {
    let (log, _flusher) = serve(&Store::memory()).await;
    let [busy, other] = &names(&log, 2)[..] else { panic!("two names") };
    for id in [busy, other] {
        let joined = log.group(id, join(), None).await;
        assert!(matches!(joined, Ok(Reply::Join(Ok(_)))), "{joined:?}");
    }
    let members = async |id: &GroupId| log.peek_group(id).await.map_or(0, |group| group.members.len());
    assert_eq!((members(busy).await, members(other).await), (1, 1));
    let step = log.groups.lock(log.shards.of_group(busy)).await.expect("it is served");
    sleep(SESSION * 2).await;
    assert_eq!(
        (step.groups.group(busy).map_or(0, |group| group.members.len()), members(other).await),
        (1, 0)
    );
    drop(step);
    sleep(BUSY * 2).await;
    assert_eq!(members(busy).await, 0, "it was looked at again");
}

/// A request that waits for its turn while the shard is given away, or the session ends, learns that the groups are
/// elsewhere, as does one that was parked; and nothing of either is written.
#[tokio::test(start_paused = true)]
async fn what_waits_for_a_shard_that_goes_is_refused() {
    for ends in [false, true] {
        let (log, _flusher) = serve(&Store::memory()).await;
        let [id] = &names(&log, 1)[..] else { panic!("a name") };
        let shard = log.shards.of_group(id);
        let ask = |request: Request| {
            let (log, id) = (Arc::clone(&log), GroupId::clone(id));
            tokio::spawn(async move { log.group(&id, request, None).await.map(drop) })
        };
        // The group's first member waits for others.
        let parked = ask(join());
        sleep(Duration::from_millis(1)).await;
        let step = log.groups.lock(shard).await.expect("it is served");
        let freezing = tokio::spawn({
            let (log, shards) = (Arc::clone(&log), [shard].into());
            async move { log.freeze_shards(&shards).await.map(drop) }
        });
        tokio::task::yield_now().await;
        let waiting = ask(commit(PARTITION, 1));
        tokio::task::yield_now().await;
        if ends {
            log.fail();
        }
        drop(step);
        for asked in [parked, waiting] {
            let asked = timeout(SESSION, asked).await.expect("it is answered").expect("no panic");
            assert_eq!(asked, Err(NotLeader), "ends: {ends}");
        }
        assert_eq!(freezing.await.expect("no panic"), if ends { Err(NotLeader) } else { Ok(()) });
        assert!(!log.coordinates(id));
        assert!(log.groups.frozen(shard).get(id).is_none_or(|group| group.offsets.is_empty()));
    }
}

/// While threads commit, a cut is made again and again: what goes to a checkpoint is what the slots before the cut
/// hold, and nothing that was decided and has no place in a slot yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_checkpoint_holds_what_the_slots_before_it_do() {
    let store = Store::memory();
    let metadata = metadata(&store).await;
    let (_, log) = begin(&store, &metadata, 1).await;
    let names = names(&log, 3);
    let done = Arc::new(AtomicBool::new(false));
    let committing = (0..12).map(|n| {
        let (log, id, done) = (Arc::clone(&log), GroupId::clone(&names[n % names.len()]), Arc::clone(&done));
        tokio::spawn(async move {
            for k in 0.. {
                let request = match k % 7 {
                    0 => Request::Delete,
                    _ => commit(PartitionId { index: n as i32, ..PARTITION }, k),
                };
                // No slot of this log is ever put.
                assert!(log.group(&id, request, None).await.is_err());
                if done.load(Ordering::Relaxed) {
                    return;
                }
            }
        })
    });
    let committing: Vec<_> = committing.collect();
    let (mut written, mut image, mut cuts) = (BTreeMap::new(), BTreeMap::new(), 0);
    while !committing.iter().all(JoinHandle::is_finished) {
        let (cut, changed) = {
            let mut open = log.open.lock();
            open.cut();
            (open.cut.pop_back().expect("a slot"), std::mem::take(&mut open.groups))
        };
        let frozen = cut.builder.freeze(SessionId([1; 16]), 0, 0, log.parts.entropy.nonce());
        drop(cut.stub);
        for record in frozen.records {
            if let Record::Group { group, changes, .. } = record {
                Group::replay(&mut written, &group, &changes);
            }
        }
        cuts += usize::from(!changed.is_empty());
        done.store(cuts >= 3000, Ordering::Relaxed);
        for ((_, id), group) in changed {
            match group {
                Some(group) => drop(image.insert(id, Group::clone(&group))),
                None => drop(image.remove(&id)),
            }
        }
        assert_eq!(image, written);
        tokio::task::yield_now().await;
    }
    for task in committing {
        task.await.expect("no panic");
    }
}
