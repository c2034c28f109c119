//! Single faults of the disk, and what one who puts an object is told.

use std::sync::Arc;
use std::time::Duration;

use object_store::PutPayload;
use object_store::path::Path;
use tempfile::TempDir;
use tokio::time::{Instant, sleep, timeout};

use super::super::FileStore;
use super::disk::{Machine, Weather};
use crate::store::{CreateError, CreateOutcome, CreatePolicy, ErrorKind, Store, StoreKind};

/// Shorter than any slow sync takes.
const ATTEMPT: Duration = Duration::from_millis(50);

const MINE: [u8; 16] = [1; 16];
const THEIRS: [u8; 16] = [2; 16];
const SLOT: &str = "wal/00/session/0";

struct Case {
    machine: Arc<Machine>,
    store: Store,
    _directory: TempDir,
}

impl Case {
    async fn new() -> Self {
        Self::of(7).await
    }

    async fn of(seed: u64) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let machine = Machine::new(directory.path().into(), seed);
        let store = Self::open(&machine, &directory).await;
        // Its directory is there.
        let first = Path::from("wal/00/session/-first");
        let put = store.create_nonce(&first, MINE.to_vec().into(), MINE, nonce_of, store.policy());
        assert_eq!(put.await.expect("written"), CreateOutcome::Created);
        Self { machine, store, _directory: directory }
    }

    async fn open(machine: &Arc<Machine>, directory: &TempDir) -> Store {
        let files = FileStore::open_on(directory.path().into(), machine.process(None)).await;
        let files = Arc::new(files.expect("a store"));
        let policy = CreatePolicy::of(StoreKind::File).with_attempt_timeout(ATTEMPT);
        Store::assemble(StoreKind::File, "a disk".into(), files.clone() as _, files, policy)
    }

    async fn create(&self, nonce: [u8; 16]) -> Result<CreateOutcome, CreateError> {
        let payload: PutPayload = nonce.to_vec().into();
        let path = Path::from(SLOT);
        let put = self.store.create_nonce(&path, payload, nonce, nonce_of, self.store.policy());
        timeout(Duration::from_secs(600), put).await.expect("an answer")
    }

    /// Whether the object is left by a power loss that takes all that it can.
    fn survives(&self) -> bool {
        self.machine.power_loss_that_leaves(0.0).is_empty() && self.machine.read(SLOT).is_some()
    }
}

fn nonce_of(head: &[u8]) -> Option<[u8; 16]> {
    head.first_chunk().copied()
}

fn failing() -> Weather {
    Weather { failing: 1000, ..Weather::default() }
}

#[tokio::test(start_paused = true)]
async fn a_create_syncs_its_file_and_its_directory_once() {
    let case = Case::new().await;
    let before = case.machine.counts();
    assert_eq!(case.create(MINE).await.expect("written"), CreateOutcome::Created);
    let after = case.machine.counts();
    assert_eq!(after.writes - before.writes, 1);
    assert_eq!(after.file_syncs - before.file_syncs, 1);
    assert_eq!(after.directory_syncs - before.directory_syncs, 1);
    assert!(case.survives());
}

#[tokio::test(start_paused = true)]
async fn a_name_counts_once_its_directory_is_synced_however_long_that_takes() {
    let case = Case::new().await;
    case.machine.set(Weather { slow: 1000, only_names: true, ..Weather::default() });
    let began = Instant::now();
    assert_eq!(case.create(MINE).await.expect("written"), CreateOutcome::Created);
    assert!(began.elapsed() >= Duration::from_millis(100), "as long as the fastest slow sync");
    assert!(case.survives());
}

#[tokio::test(start_paused = true)]
async fn another_ones_object_counts_once_it_is_durable() {
    let case = Case::new().await;
    case.machine.set(Weather { slow: 1000, only_names: true, ..Weather::default() });
    let theirs = case.create(THEIRS);
    let mine = async {
        sleep(Duration::from_millis(20)).await;
        case.create(MINE).await
    };
    tokio::select! {
        lost = mine => assert!(matches!(lost.expect("an answer"), CreateOutcome::Lost(head) if head[..16] == THEIRS)),
        created = theirs => assert_eq!(created.expect("an answer"), CreateOutcome::Created),
    }
    assert!(case.survives());
}

#[tokio::test(start_paused = true)]
async fn a_failed_sync_of_a_file_is_told_at_once_and_leaves_nothing() {
    let case = Case::new().await;
    case.machine.set(failing());
    let before = case.machine.counts();
    let error = case.create(MINE).await.expect_err("the sync failed");
    assert!(
        matches!(error, CreateError::Unsynced { .. }) && error.kind() == ErrorKind::Unsynced,
        "{error:?}"
    );
    assert!(error.to_string().contains("the sync of") && error.to_string().contains(SLOT), "{error}");
    assert_eq!(case.machine.counts().file_syncs - before.file_syncs, 1, "not repeated");
    assert!(case.machine.read(SLOT).is_none() && case.machine.staged().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_failed_sync_of_a_directory_is_told_at_once_and_to_whoever_asks_again() {
    let case = Case::new().await;
    case.machine.set(Weather { only_names: true, ..failing() });
    let before = case.machine.counts();
    let error = case.create(MINE).await.expect_err("the sync failed");
    assert!(matches!(error, CreateError::Unsynced { .. }), "{error:?}");
    assert_eq!(case.machine.counts().directory_syncs - before.directory_syncs, 1, "not repeated");
    assert!(case.machine.read(SLOT).is_some(), "it can be read");
    case.machine.set(Weather::default());
    let error = case.create(MINE).await.expect_err("a sync that succeeds now says nothing");
    assert!(matches!(error, CreateError::Unsynced { .. }), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn the_failure_of_an_attempt_that_nobody_waits_for_is_told() {
    let case = Case::new().await;
    case.machine.set(Weather { slow: 1000, only_names: true, ..failing() });
    let began = Instant::now();
    let error = case.create(MINE).await.expect_err("the sync failed");
    assert!(began.elapsed() > ATTEMPT, "the first attempt was given up");
    assert!(matches!(error, CreateError::Unsynced { .. }), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_in_doubt_is_written_anew_before_others_go_by_it() {
    for is_other in [false, true] {
        let mut case = Case::new().await;
        case.machine.set(Weather { only_names: true, ..failing() });
        case.create(MINE).await.expect_err("the sync failed");
        case.machine.set(Weather::default());
        if is_other {
            case.store = Case::open(&case.machine, &case._directory).await;
        }
        case.store.settle(&SLOT.into()).await.expect("settled");
        assert_eq!(case.machine.read(SLOT).as_deref(), Some(&MINE[..]));
        assert!(case.machine.staged().is_empty(), "no note is left");
        assert!(case.survives());
    }
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_settled_is_in_doubt() {
    let case = Case::new().await;
    assert_eq!(case.create(MINE).await.expect("written"), CreateOutcome::Created);
    case.machine.set(Weather { only_names: true, ..failing() });
    let error = case.store.settle(&SLOT.into()).await.expect_err("the sync failed");
    assert!(error.to_string().contains("the sync of"), "{error}");
    assert_eq!(case.machine.staged().len(), 1, "a note");
    case.machine.set(Weather::default());
    case.store.settle(&SLOT.into()).await.expect("settled");
    assert!(case.machine.staged().is_empty() && case.survives());
    case.store.settle(&"wal/00/session/9".into()).await.expect("nothing after the last one");
    case.store.settle(&"wal/none/0".into()).await.expect("nothing at all");
}

#[tokio::test(start_paused = true)]
async fn a_name_whose_sync_is_under_way_is_written_anew_before_others_go_by_it() {
    let mut ended_late = 0;
    for (seed, create) in (0..16).flat_map(|seed| [(seed, true), (seed, false)]) {
        let case = Case::of(seed).await;
        case.machine.set(Weather { slow: 1000, only_names: true, ..Weather::default() });
        let slow = async {
            let (path, payload) = (SLOT.into(), MINE.to_vec().into());
            match create {
                true => case.store.create(&path, payload, Duration::from_secs(10)).await,
                false => case.store.put(&path, payload).await,
            }
        };
        let meanwhile = async {
            sleep(Duration::from_millis(40)).await;
            case.machine.set(Weather { only_names: true, ..failing() });
            let next = case.store.create(&"wal/00/session/1".into(), THEIRS.to_vec().into(), ATTEMPT).await;
            next.expect_err("the sync failed, and it may have lost both names");
            case.machine.set(Weather::default());
            let other = Case::open(&case.machine, &case._directory).await;
            other.settle(&SLOT.into()).await.expect("settled");
        };
        tokio::select! {
            biased;
            early = slow => drop(early.expect_err("its handle was open before the sync that failed")),
            () = meanwhile => {
                assert!(case.survives(), "seed {seed}, create {create}");
                ended_late += 1;
            }
        }
    }
    assert!(ended_late > 16, "{ended_late}");
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_is_waited_for() {
    let case = Case::new().await;
    case.machine.set(Weather { full: true, ..Weather::default() });
    let room = async {
        sleep(Duration::from_secs(30)).await;
        assert!(case.machine.read(SLOT).is_none() && case.machine.counts().full_writes > 3);
        case.machine.set(Weather::default());
        std::future::pending().await
    };
    tokio::select! {
        created = case.create(MINE) => assert_eq!(created.expect("written"), CreateOutcome::Created),
        () = room => unreachable!("it waits"),
    }
    assert!(case.machine.staged().is_empty() && case.survives());
}
