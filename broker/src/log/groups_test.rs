use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use coordinator::group::classic::{Caller, Join};
use coordinator::group::offsets::{Commit, Offset};
use coordinator::share::{Request as ShareRequest, SharePartitionId, State as SharePartition};
use coordinator::{PartitionId, SessionId};
use tiering::format::slot::Record;
use tiering::metadata::MetadataLog;
use tiering::recover::Recovered;
use tiering::seams::Entropy;
use tiering::store::Store;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::*;
use crate::log::open::Cut;
use crate::log::tests::{PARTITION, append, begin, opening};
use crate::log::{Ended, Holding};

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
    let checkpointed = async {
        while log.last_checkpoint().is_none_or(|last| last.n <= slots) {
            log.checkpointing.want();
            log.barrier().expect("it is open").committed().await.expect("committed");
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(SESSION, checkpointed).await.expect("a checkpoint");
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
    assert_eq!(members(busy).await, 0, "its turn has come");
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
        let frozen = log.groups.frozen(shard);
        assert_eq!(frozen.is_none(), ends);
        let written: Vec<_> = log.open.lock().hosted.groups.values().flatten().cloned().collect();
        let groups = frozen.iter().flat_map(BTreeMap::values).chain(&written);
        assert!(groups.into_iter().all(|group| group.offsets.is_empty()), "nothing of it is written");
    }
}

/// A shard comes back with another state while others of the same release wait for their turn: what is released then is
/// not this new holding, of which nothing has been frozen.
#[tokio::test(start_paused = true)]
async fn what_is_installed_while_a_release_waits_is_not_released() {
    let (log, _flusher) = serve(&Store::memory()).await;
    let [first, busy] = &names(&log, 2)[..] else { panic!("two names") };
    let [shard, later] = [first, busy].map(|id| log.shards.of_group(id));
    let committed = log.group(first, commit(PARTITION, 1), None).await;
    assert!(matches!(committed, Ok(Reply::Offsets(Ok(_)))), "{committed:?}");
    let step = log.groups.lock(later).await.expect("it is served");
    let freezing = tokio::spawn({
        let log = Arc::clone(&log);
        async move { log.freeze_shards(&[shard, later].into()).await.map(drop) }
    });
    sleep(Duration::from_millis(1)).await;
    let groups = log.groups.frozen(shard).expect("it is frozen");
    let holding = Holding { epoch: coordinator::Epoch(99), leader_epoch: 9 };
    let recovered = Recovered { groups: [(shard, groups)].into(), ..Recovered::default() };
    assert!(log.install(log.session(), &[(shard, holding)], recovered));
    drop(step);
    freezing.await.expect("no panic").expect("it is open");
    let release = log.release_shards(&[shard, later].into()).expect("it is open");
    assert_eq!(release.released.keys().collect::<Vec<_>>(), [&later]);
    let committed = log.group(first, commit(PARTITION, 2), None).await;
    assert!(matches!(committed, Ok(Reply::Offsets(Ok(_)))), "{committed:?}");
    let group = log.group_state(first).await.expect("it is served").expect("a group");
    assert_eq!(group.offsets[&PARTITION].offset, 2);
}

/// Whatever else is due, and whatever was due before.
#[tokio::test(start_paused = true)]
async fn what_is_served_anew_has_its_timers() {
    let (log, _flusher) = serve(&Store::memory()).await;
    let [id] = &names(&log, 1)[..] else { panic!("a name") };
    let shard = log.shards.of_group(id);
    let members = async || log.peek_group(id).await.map_or(0, |group| group.members.len());
    let joined = log.group(id, join(), None).await;
    assert!(matches!(joined, Ok(Reply::Join(Ok(_)))), "{joined:?}");
    let freeze = async || {
        drop(log.freeze_shards(&[shard].into()).await.expect("it is open"));
        // What was due of it is gone through meanwhile.
        sleep(SESSION * 3).await;
        assert!(!log.coordinates(id));
    };
    let thaw = |ready| {
        let mut open = log.open.lock();
        open.shards.get_mut(&shard).expect("it is held").frozen = false;
        log.thaw(ready);
    };
    freeze().await;
    thaw(log.begin_frozen());
    assert_eq!(members().await, 1);
    sleep(SESSION * 2).await;
    assert_eq!(members().await, 0, "it was silent for too long");

    let joined = log.group(id, join(), None).await;
    assert!(matches!(joined, Ok(Reply::Join(Ok(_)))), "{joined:?}");
    freeze().await;
    // It takes long from when they are ready until they are served.
    let ready = log.begin_frozen();
    sleep(SESSION * 2).await;
    thaw(ready);
    sleep(Duration::from_millis(1)).await;
    assert_eq!(members().await, 0, "it is late already");
}

/// What a slot holds. Requests that wait for it fail: it is never put.
fn records(log: &Log, slot: Cut) -> Vec<Record> {
    slot.builder.freeze(SessionId([1; 16]), 0, 0, log.parts.entropy.nonce()).records
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
        let (slots, changed) = {
            let mut open = log.open.lock();
            open.cut();
            (std::mem::take(&mut open.cut), std::mem::take(&mut open.hosted.groups))
        };
        for record in slots.into_iter().flat_map(|slot| records(&log, slot)) {
            if let Record::Group { group, changes, .. } = record {
                Group::replay(&mut written, &group, &changes);
            }
        }
        cuts += usize::from(!changed.is_empty());
        done.store(cuts >= 500, Ordering::Relaxed);
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

/// The same of share partitions.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_checkpoint_holds_the_share_partitions_that_the_slots_before_it_do() {
    let store = Store::memory();
    let metadata = metadata(&store).await;
    let (_, log) = begin(&store, &metadata, 1).await;
    let done = Arc::new(AtomicBool::new(false));
    let changing = (0..4).map(|n| {
        let (log, done) = (Arc::clone(&log), Arc::clone(&done));
        std::thread::spawn(move || {
            let id = SharePartitionId { group: format!("s{}", n % 3).into(), partition: PARTITION };
            for k in 0.. {
                let request = match k % 3 {
                    0 => ShareRequest::Delete,
                    _ => ShareRequest::Begin(k),
                };
                drop(log.share(&id, request, None).expect("it is led here"));
                if done.load(Ordering::Relaxed) {
                    return;
                }
            }
        })
    });
    let changing: Vec<_> = changing.collect();
    let (mut written, mut image) = (BTreeMap::new(), BTreeMap::new());
    let mut cuts = 0;
    while cuts < 500 {
        let (slots, changed) = {
            let mut open = log.open.lock();
            open.cut();
            (std::mem::take(&mut open.cut), std::mem::take(&mut open.hosted.shares))
        };
        for record in slots.into_iter().flat_map(|slot| records(&log, slot)) {
            if let Record::Share { id, changes, .. } = record {
                let mut state = written.remove(&id);
                SharePartition::replay(&mut state, &changes);
                written.extend(state.map(|state| (id, state)));
            }
        }
        cuts += usize::from(!changed.is_empty());
        for ((_, id), share) in changed {
            match share {
                Some(share) => drop(image.insert(id, SharePartition::clone(&share))),
                None => drop(image.remove(&id)),
            }
        }
        assert_eq!(image, written);
    }
    done.store(true, Ordering::Relaxed);
    for thread in changing {
        thread.join().expect("no panic");
    }
}
