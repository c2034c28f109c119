//! Each fault does what it says, a seed repeats a run, and a conditional write comes to the right end
//! whatever happens to it.

use std::time::Duration;

use bytes::Bytes;
use coordinator::{ProcessId, SessionId};
use futures::future::join_all;
use futures::{FutureExt, StreamExt, TryStreamExt};
use object_store::{MultipartUpload, ObjectStoreExt, PutPayload};
use rand::SeedableRng;
use tiering::store::{CreateError, CreateOutcome, CreatePolicy, Hedge, MemoryStore, Store, StoreKind};
use tokio::time::{Instant, sleep, timeout};

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn path(text: &str) -> Path {
    Path::parse(text).expect("a valid key")
}

fn faulty(plan: FaultPlan, seed: u64) -> (MemoryStore, FaultStore) {
    let truth = MemoryStore::new();
    let faulty = FaultStore::new(Arc::new(truth.clone()), StdRng::seed_from_u64(seed), plan);
    (truth, faulty)
}

async fn holds(store: &MemoryStore, key: &str) -> Option<Bytes> {
    match store.get(&path(key)).await {
        Ok(found) => Some(found.bytes().await.expect("readable")),
        Err(_) => None,
    }
}

#[tokio::test(start_paused = true)]
async fn writes_meet_what_is_scripted() {
    let late = Fault::Late { lands: SECOND * 40, fails: SECOND * 10 };
    for (fault, answers, lands_at_once, lands_in_the_end) in [
        (Fault::DropBefore, Some(false), false, false),
        (Fault::DropAfter, Some(false), true, true),
        (late, Some(false), false, true),
        (Fault::Refuse(Status::Unavailable), Some(false), false, false),
        (Fault::Refuse(Status::Conflict), Some(false), false, false),
        (Fault::Slow(SECOND * 3), Some(true), true, true),
        (Fault::Truncate, Some(true), true, true),
        (Fault::Flip(0), Some(true), true, true),
        (Fault::Stall, None, false, false),
        (Fault::StallAfter, None, true, true),
        (Fault::Lock(SECOND * 30), None, false, false),
    ] {
        let (truth, store) = faulty(FaultPlan::calm(), 0);
        store.script(Operation::Put, |at| at.as_ref().starts_with("a/"), fault);
        store.put(&path("b"), "unaffected".into()).await.expect("another key");
        store.get(&path("b")).await.expect("another operation");
        assert_eq!((store.pending(), store.injected().len()), (1, 0));
        let begun = Instant::now();
        let answer = timeout(SECOND * 20, store.put(&path("a/b"), "x".into())).await;
        assert_eq!(answer.ok().map(|answer| answer.is_ok()), answers, "{fault:?}");
        assert_eq!(holds(&truth, "a/b").await.is_some(), lands_at_once, "{fault:?}");
        let locked = timeout(SECOND, store.get(&path("a/b"))).await.is_err();
        assert_eq!(locked, matches!(fault, Fault::Lock(_)), "{fault:?}");
        match fault {
            Fault::Slow(extra) => assert_eq!(begun.elapsed(), extra),
            Fault::Late { fails, .. } => assert_eq!(begun.elapsed(), fails),
            _ => {}
        }
        sleep(SECOND * 60).await;
        assert_eq!(holds(&truth, "a/b").await.is_some(), lands_in_the_end, "{fault:?}");
        assert_eq!((store.pending(), store.injected()), (0, BTreeMap::from([(fault.kind(), 1)])));
        store.put(&path("a/c"), "once".into()).await.expect("a script is met once");
    }
}

#[tokio::test(start_paused = true)]
async fn reads_and_deletes_meet_what_is_scripted() {
    let (truth, store) = faulty(FaultPlan::calm(), 0);
    for key in 0..10 {
        truth.put(&path(&format!("k/{key}")), "0123456789".into()).await.expect("written");
    }
    let any = |_: &Path| true;
    store.script(Operation::Get, any, Fault::Truncate);
    let mut body = store.get(&path("k/0")).await.expect("the head comes").into_stream();
    assert_eq!(body.next().await.expect("a piece").expect("half")[..], b"01234"[..]);
    assert!(body.next().await.expect("an end").is_err() && body.next().await.is_none());
    store.script(Operation::Get, any, Fault::Truncate);
    assert!(store.get_ranges(&path("k/0"), &[0..1, 2..3]).await.is_err());

    store.script(Operation::List, any, Fault::Truncate);
    let listed: Vec<_> = store.list(Some(&path("k"))).collect().await;
    assert_eq!((listed.len(), listed.iter().filter(|item| item.is_err()).count()), (6, 1));
    store.script(Operation::List, any, Fault::Refuse(Status::Internal));
    assert!(store.list_with_offset(None, &path("k/5")).try_collect::<Vec<_>>().await.is_err());
    assert_eq!(store.list_with_offset(None, &path("k/5")).count().await, 4);
    store.script(Operation::Head, any, Fault::Refuse(Status::Forbidden));
    assert!(matches!(store.head(&path("k/0")).await, Err(Error::PermissionDenied { .. })));

    store.script(Operation::Delete, any, Fault::Late { lands: SECOND, fails: Duration::ZERO });
    store.delete(&path("k/0")).await.expect_err("no answer");
    assert!(holds(&truth, "k/0").await.is_some());
    sleep(SECOND * 2).await;
    assert!(holds(&truth, "k/0").await.is_none());

    store.script(Operation::Put, any, Fault::StallAfter);
    let mut upload = store.put_multipart(&path("m")).now_or_never();
    assert!(upload.take().is_none(), "it stalls");
    let mut upload = store.put_multipart(&path("m")).await.expect("an upload");
    upload.put_part("part".into()).await.expect("a part");
    store.script(Operation::Put, any, Fault::DropAfter);
    upload.complete().await.expect_err("no answer");
    assert_eq!(holds(&truth, "m").await.as_deref(), Some(&b"part"[..]));

    store.set_reachable(false);
    assert!(timeout(SECOND * 29, store.get(&path("k/1"))).await.is_err());
    let begun = Instant::now();
    store.get(&path("k/1")).await.expect_err("the client gives up");
    assert_eq!(begun.elapsed(), PATIENCE);
    store.set_reachable(true);
    store.get(&path("k/1")).await.expect("back again");
}

/// How many bits differ.
fn difference(one: &[u8], other: &[u8]) -> u32 {
    assert_eq!(one.len(), other.len());
    one.iter().zip(other).map(|(a, b)| (a ^ b).count_ones()).sum()
}

#[tokio::test(start_paused = true)]
async fn a_flipped_bit_is_read_once() {
    let (truth, store) = faulty(FaultPlan::calm(), 0);
    let body = Bytes::from_static(b"0123456789");
    let pieces: PutPayload = [body.slice(..4), body.slice(4..)].into_iter().collect();
    truth.put(&path("k"), pieces).await.expect("written");
    let mut seen = std::collections::BTreeSet::new();
    for which in (0..80u64).map(|bit| (bit << 32) / 80 + 1) {
        store.script(Operation::Get, |_| true, Fault::Flip(which as u32));
        let read = store.get(&path("k")).await.expect("an answer").bytes().await.expect("all of it");
        assert_eq!(difference(&read, &body), 1);
        seen.insert(read);
        store.script(Operation::Get, |_| true, Fault::Flip(which as u32));
        let parts = store.get_ranges(&path("k"), &[2..3, 3..6]).await.expect("two ranges");
        assert_eq!((difference(&parts[0], b"2"), difference(&parts[1], b"345")), (1, 0));
        let read = store.get(&path("k")).await.expect("an answer").bytes().await.expect("all of it");
        assert_eq!(read, body);
    }
    assert_eq!(seen.len(), 80, "every bit can be the one");
    assert_eq!(store.injected(), BTreeMap::from([(FaultKind::Flip, 160)]));
}

#[tokio::test(start_paused = true)]
async fn damage_is_read_by_everybody_until_it_is_undone() {
    /// What counts as the difference to an object that can't be read.
    const UNREADABLE: u32 = 99;
    let (truth, store) = faulty(FaultPlan::calm(), 1);
    let ledger = Arc::clone(&store.view.ledger);
    let mut rng = StdRng::seed_from_u64(1);
    assert!(Damage::anywhere(&truth, &ledger, &mut rng).await.is_none());
    let keys = ["wal/a", "meta/a"];
    for key in keys {
        truth.put(&path(key), "0123456789".into()).await.expect("written");
    }
    let read = async |key: &str| match store.get(&path(key)).await {
        Ok(found) => difference(&found.bytes().await.expect("all of it"), b"0123456789"),
        Err(_) => {
            let range = store.get_range(&path(key), 0..1).await;
            assert!(range.is_err() && store.head(&path(key)).await.is_ok(), "it is there");
            UNREADABLE
        }
    };
    let differ = async || [read(keys[0]).await, read(keys[1]).await];
    let (mut both, mut kinds) = ([false; 2], std::collections::BTreeSet::new());
    for _ in 0..100 {
        let damage = Damage::anywhere(&truth, &ledger, &mut rng).await.expect("an object");
        let damaged = differ().await;
        let kind = damaged[0] + damaged[1];
        assert!(damaged.contains(&0) && [1, UNREADABLE].contains(&kind), "{damaged:?}");
        kinds.insert(kind);
        both[usize::from(damaged[1] > 0)] = true;
        let other = Damage::to(&truth, &ledger, &path("wal/a"), 2, &mut rng).await.expect("that object");
        damage.undo(&truth, &ledger).await;
        let left = differ().await;
        assert!([1, UNREADABLE].contains(&left[0]) && left[1] == 0, "other damage remains: {left:?}");
        assert_eq!(holds(&truth, "wal/a").await.expect("there")[..8], b"01234567"[..]);
        other.undo(&truth, &ledger).await;
        assert_eq!(differ().await, [0, 0]);
    }
    assert_eq!((both, kinds.len()), ([true; 2], 2));
    let damage = Damage::to(&truth, &ledger, &path("wal/a"), 10, &mut rng).await.expect("that object");
    truth.delete(&path("wal/a")).await.expect("deleted");
    damage.undo(&truth, &ledger).await;
    assert_eq!(holds(&truth, "wal/a").await, None, "what was deleted meanwhile stays so");
}

#[tokio::test(start_paused = true)]
async fn a_seal_is_damaged_in_one_byte_alone() {
    let (truth, store) = faulty(FaultPlan::calm(), 1);
    let seal = tiering::format::slot::seal(SessionId([1; 16]), 0, ProcessId([2; 16]));
    truth.put(&path("wal/seal"), seal.clone().into()).await.expect("written");
    let mut rng = StdRng::seed_from_u64(1);
    for _ in 0..100 {
        drop(Damage::anywhere(&truth, &store.view.ledger, &mut rng).await);
    }
    let found = holds(&truth, "wal/seal").await.expect("there");
    assert_eq!(difference(&found, &seal), 1);
}

#[tokio::test(start_paused = true)]
async fn some_writes_are_denied_for_long_and_reads_are_not() {
    let (truth, store) = faulty(FaultPlan::calm(), 0);
    truth.put(&path("wal/0"), "0".into()).await.expect("written");
    let forbidden = Fault::Refuse(Status::Forbidden);
    for (target, denied) in [
        (Target::Writes, ["wal/a", "meta/a"]),
        (Target::Wal, ["wal/a", "wal/b"]),
        (Target::Metadata, ["meta/b"; 2]),
    ] {
        store.deny(Some(Denial { target, fault: forbidden }));
        for key in denied {
            let answer = store.put(&path(key), "x".into()).await;
            assert!(matches!(answer, Err(Error::PermissionDenied { .. })), "{target:?} {key}: {answer:?}");
        }
        store.get(&path("wal/0")).await.expect("reads go on");
        let other = if target == Target::Wal { "meta/c" } else { "wal/c" };
        assert_eq!(store.put(&path(other), "x".into()).await.is_ok(), target != Target::Writes);
    }
    store.deny(Some(Denial { target: Target::Writes, fault: Fault::Stall }));
    assert!(timeout(SECOND * 29, store.put(&path("wal/a"), "x".into())).await.is_err());
    store.deny(None);
    store.put(&path("wal/a"), "x".into()).await.expect("allowed again");
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_held_back_once() {
    let (truth, store) = faulty(FaultPlan::calm(), 0);
    let blow = Blow::Hold(SECOND);
    store.strike(Strike { blow, moment: Moment::After, target: Target::Wal, after: 1 });
    for (key, held) in [("wal/a", false), ("meta/a", false), ("wal/b", true), ("wal/c", false)] {
        let begun = Instant::now();
        let key_path = path(key);
        let put = store.put(&key_path, "x".into());
        let (answer, landed) = tokio::join!(put, async {
            sleep(SECOND / 2).await;
            holds(&truth, key).await.is_some()
        });
        assert!(answer.is_ok() && landed, "{key}");
        assert_eq!(begun.elapsed() >= SECOND, held, "{key}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_for_everybody() {
    let truth: Arc<dyn ObjectStore> = Arc::new(MemoryStore::new());
    let ledger: Arc<Ledger> = Arc::default();
    let views = [0, 1].map(|id| {
        let view = View { process: Process::new(id), ledger: Arc::clone(&ledger), trace: None };
        FaultStore::of(view, Arc::clone(&truth), StdRng::seed_from_u64(id), FaultPlan::calm())
    });
    ledger.set_outage(Some(Fault::Refuse(Status::Unavailable)));
    for view in &views {
        assert!(view.put(&path("k"), "x".into()).await.is_err() && view.get(&path("k")).await.is_err());
        assert!(view.list(None).try_collect::<Vec<_>>().await.is_err());
    }
    ledger.set_outage(None);
    views[0].put(&path("k"), "x".into()).await.expect("the store is back");
    views[1].get(&path("k")).await.expect("for everybody");
}

#[tokio::test(start_paused = true)]
async fn bodies_take_as_long_as_their_bytes_and_share_the_way() {
    let (truth, store) = faulty(FaultPlan { survives: 0.0, ..FaultPlan::calm() }, 0);
    store.set_rates(Some(10_000), Some(100_000));
    let body = || PutPayload::from(vec![7; 20_000]);
    let begun = Instant::now();
    store.put(&path("a"), body()).await.expect("written");
    assert_eq!(begun.elapsed(), SECOND * 2);
    let begun = Instant::now();
    store.get(&path("a")).await.expect("read");
    assert_eq!(begun.elapsed(), SECOND / 5);

    // Two at a time take turns: both end at the end. What is given up makes room.
    let begun = Instant::now();
    let keys = [path("b"), path("c")];
    let (one, other) =
        tokio::join!(store.put(&keys[0], body()), timeout(SECOND * 2, store.put(&keys[1], body())));
    assert!(one.is_ok() && other.is_err());
    assert!(
        begun.elapsed() > SECOND * 29 / 10 && begun.elapsed() <= SECOND * 31 / 10,
        "{:?}",
        begun.elapsed()
    );
    assert!(holds(&truth, "b").await.is_some());

    let mut upload = store.put_multipart(&path("d")).await.expect("an upload");
    let begun = Instant::now();
    upload.put_part(body()).await.expect("a part");
    assert_eq!(begun.elapsed(), SECOND * 2);
    upload.complete().await.expect("all of it");

    store.set_rates(None, None);
    store.view.ledger.up.set_rate(Some(5000));
    let begun = Instant::now();
    store.put(&path("e"), body()).await.expect("written");
    assert_eq!(begun.elapsed(), SECOND * 4);
}

/// Everything that can be seen of a run: answers, times, faults.
async fn transcript(seed: u64) -> String {
    let (truth, store) = faulty(FaultPlan::storm(), seed);
    let begun = Instant::now();
    let workers = (0..4).map(|worker| {
        let store = store.clone();
        tokio::spawn(async move {
            let mut seen = String::new();
            for round in 0..200 {
                let key = path(&format!("{}", round % 16));
                let body = format!("{worker} {round}");
                let answer =
                    timeout(SECOND * 5, store.put(&key, body.into())).await.map(|answer| answer.is_ok());
                let read = timeout(SECOND * 5, async { store.get(&key).await?.bytes().await }).await;
                let read = read.map(|read| read.map_err(|error| error.to_string()));
                seen += &format!("{:?} {answer:?} {read:?}\n", begun.elapsed());
            }
            seen
        })
    });
    let seen: Vec<_> = join_all(workers).await.into_iter().map(|seen| seen.expect("no panic")).collect();
    sleep(SECOND * 60).await;
    let left: Vec<_> = truth.list(None).try_collect().await.expect("a listing");
    format!("{seen:?}\n{:?}\n{left:?}", store.injected())
}

#[tokio::test(start_paused = true)]
async fn a_seed_repeats_a_run() {
    let once = transcript(7).await;
    assert_eq!(once, transcript(7).await);
    assert_ne!(once, transcript(8).await);
}

#[tokio::test(start_paused = true)]
async fn a_storm_has_every_fault_at_its_rate() {
    let (_, store) = faulty(FaultPlan::storm(), 1);
    const OPERATIONS: u64 = 20_000;
    for _ in 0..OPERATIONS {
        let _ = store.draw(Operation::Put, &path("k"));
    }
    let injected = store.injected();
    let share = |kinds: &[FaultKind]| {
        kinds.iter().map(|kind| injected.get(kind).copied().unwrap_or(0)).sum::<u64>() as f64
            / OPERATIONS as f64
    };
    for (rate, kinds) in [
        (0.03, &[FaultKind::DropBefore][..]),
        (0.04, &[FaultKind::DropAfter]),
        (0.03, &[FaultKind::Late]),
        (0.04, &[FaultKind::Slow]),
        (0.05, &Status::DRAWN.map(FaultKind::Refuse)),
        (0.01, &[FaultKind::Stall, FaultKind::StallAfter]),
    ] {
        assert!((share(kinds) - rate).abs() < 0.005, "{kinds:?}: {} for {rate}", share(kinds));
    }
    assert!(Status::DRAWN.iter().all(|status| injected[&FaultKind::Refuse(*status)] > 100), "{injected:?}");
}

fn signed(nonce: u8) -> PutPayload {
    [Bytes::copy_from_slice(&[nonce; 16]), Bytes::from_static(b" and the rest")].into_iter().collect()
}

fn nonce_of(head: &[u8]) -> Option<[u8; 16]> {
    head.get(..16)?.try_into().ok()
}

async fn create(
    store: &Store,
    key: &str,
    nonce: u8,
    policy: CreatePolicy,
) -> Result<CreateOutcome, CreateError> {
    store.create_nonce(&path(key), signed(nonce), [nonce; 16], nonce_of, policy).await
}

fn over(faulty: &FaultStore) -> Store {
    Store::new(StoreKind::S3, Arc::new(faulty.clone()), Arc::new(faulty.clone()))
}

#[tokio::test(start_paused = true)]
async fn a_write_that_lands_after_forty_seconds_changes_nothing() {
    let (truth, faulty) = faulty(FaultPlan::cloud(), 3);
    let store = over(&faulty);
    let policy = CreatePolicy { hedge: Hedge::Off, ..store.policy() };
    let late = Fault::Late { lands: SECOND * 40, fails: SECOND * 60 };

    faulty.script(Operation::Put, |_| true, late);
    let begun = Instant::now();
    assert_eq!(create(&store, "own", 1, policy).await.expect("settled"), CreateOutcome::Created);
    assert!(begun.elapsed() < SECOND * 11, "{:?}", begun.elapsed());
    sleep(SECOND * 60).await;
    assert_eq!(holds(&truth, "own").await, Some(signed(1).into()));

    // Another writer takes the key while the write is on its way; the writer learns it at the next attempt.
    faulty.script(Operation::Put, |_| true, late);
    let (mine, theirs) = tokio::join!(create(&store, "taken", 1, policy), async {
        sleep(SECOND).await;
        create(&store, "taken", 2, policy).await
    });
    assert_eq!(theirs.expect("settled"), CreateOutcome::Created);
    assert_eq!(mine.expect("settled"), CreateOutcome::Lost(signed(2).into()));
    sleep(SECOND * 60).await;
    assert_eq!(holds(&truth, "taken").await, Some(signed(2).into()));

    // With a hedge, the writer does not wait for the time-out.
    faulty.script(Operation::Put, |_| true, late);
    let begun = Instant::now();
    assert_eq!(create(&store, "hedged", 1, store.policy()).await.expect("settled"), CreateOutcome::Created);
    assert!(begun.elapsed() < SECOND * 3, "{:?}", begun.elapsed());
}

/// A frozen client's half-sent conditional PUT holds its key for 30 s: writes and reads of it get no answer.
#[tokio::test(start_paused = true)]
async fn a_seal_waits_for_a_key_that_is_held_for_thirty_seconds() {
    let (truth, faulty) = faulty(FaultPlan::cloud(), 4);
    let store = over(&faulty);
    let (view, held) = (faulty.clone(), Instant::now());
    view.set_reachable(false);
    tokio::spawn(async move {
        sleep(SECOND * 30).await;
        view.set_reachable(true);
    });
    let patient = store.policy().with_patience(SECOND * 35);
    let impatient = store.policy().with_patience(SECOND * 15);
    let (sealed, gave_up) =
        tokio::join!(create(&store, "slot", 9, patient), create(&store, "other", 9, impatient));
    assert_eq!(sealed.expect("settled"), CreateOutcome::Created);
    assert!(matches!(gave_up, Err(CreateError::Unknown { .. })), "{gave_up:?}");
    assert!(held.elapsed() < SECOND * 35);
    assert_eq!(holds(&truth, "slot").await, Some(signed(9).into()));
}

#[tokio::test(start_paused = true)]
async fn racing_writers_agree_in_a_storm() {
    let mut injected = 0;
    for seed in 0..100 {
        let (truth, faulty) = faulty(FaultPlan::storm(), seed);
        let store = over(&faulty);
        for round in 0..10 {
            let key = format!("{round}");
            let racers = (1..=4).map(|nonce| create(&store, &key, nonce, store.policy()));
            let outcomes = join_all(racers).await;
            let owner = holds(&truth, &key).await.expect("somebody won");
            for (nonce, outcome) in (1..).zip(outcomes) {
                let expected = match owner == Bytes::from(signed(nonce)) {
                    true => CreateOutcome::Created,
                    false => CreateOutcome::Lost(owner.clone()),
                };
                assert_eq!(outcome.expect("settled"), expected, "seed {seed}, round {round}, writer {nonce}");
            }
        }
        let before: Vec<_> = truth.list(None).try_collect().await.expect("a listing");
        sleep(SECOND * 100).await;
        let after: Vec<_> = truth.list(None).try_collect().await.expect("a listing");
        assert_eq!(before, after, "seed {seed}: nothing that lands late changes anything");
        injected += faulty.injected().values().sum::<u64>();
    }
    assert!(injected > 1000, "{injected}");
}
