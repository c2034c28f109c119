use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use coordinator::Epoch;
use object_store::client::{HttpError, HttpErrorKind};
use object_store::path::Path;
use object_store::{Error, GetOptions, GetResult, ObjectStore};
use parking_lot::Mutex;
use rustix::io::Errno;

use super::*;
use crate::format::slot::Builder;
use crate::store::testing::{Way, by};
use crate::store::{MemoryStore, StoreKind};

const SESSION: SessionId = SessionId([5; 16]);
const BY: ProcessId = ProcessId([6; 16]);

/// A session of so many slots without records, the last one a CLOSE if it closed itself.
async fn session(slots: u64, closed: bool) -> Store {
    session_in(Store::memory(), slots, closed).await
}

async fn session_in(store: Store, slots: u64, closed: bool) -> Store {
    let mut previous = 0;
    for n in 0..slots {
        let mut builder = Builder::default();
        if closed && n + 1 == slots {
            builder.push(Record::Close);
        }
        let slot = builder.freeze(SESSION, n, previous, [n as u8; 16]);
        previous = slot.header.hash();
        let object: Bytes = slot.object.concat().into();
        store.put(&keys::slot(SESSION, n), object.into()).await.expect("it is stored");
    }
    store
}

async fn checkpoint(store: &Store, n: u64) {
    let previous = match n.checked_sub(1) {
        None => 0,
        Some(last) => {
            let slot = store.get(&keys::slot(SESSION, last)).await.expect("a slot");
            Header::decode(&slot).expect("a header").hash()
        }
    };
    let checkpoint = Checkpoint { session: SESSION, n, as_of: Epoch(9), previous, shards: BTreeMap::new() };
    let object = checkpoint.encode([1; 16]);
    store.put(&keys::checkpoint(SESSION, n), object.into()).await.expect("it is stored");
}

/// Flips these bytes of an object.
async fn damage(store: &Store, path: &Path, bytes: &[usize]) {
    let mut object = store.get(path).await.expect("an object").to_vec();
    for byte in bytes {
        object[*byte] ^= 0x10;
    }
    store.put(path, object.into()).await.expect("it is stored");
}

async fn sealed(store: &Store) -> (u64, bool, Option<u64>, Option<usize>) {
    let sealed = seal(store, SESSION, BY).await.expect("it can be ended");
    let reference = sealed.end.checkpoint.map(|c| c.n);
    (sealed.end.cut, sealed.closed, reference, sealed.footers.map(|footers| footers.len()))
}

#[tokio::test]
async fn damage_does_not_keep_a_session_from_ending() {
    let (head, index, tail) = (3, slot::HEADER + 1, slot::HEADER + 50);
    let cases: [(&[usize], bool); 5] = [
        (&[head], true),
        (&[tail], true),
        (&[index], false),
        (&[head, index], false),
        (&[head, tail], false),
    ];
    for (bytes, whole) in cases {
        let store = session(6, false).await;
        damage(&store, &keys::slot(SESSION, 2), bytes).await;
        let footers = whole.then_some(6);
        assert_eq!(sealed(&store).await, (6, false, None, footers), "bytes {bytes:?}");
        assert_eq!(sealed(&store).await, (6, false, None, footers), "it was sealed, bytes {bytes:?}");
    }
}

#[tokio::test]
async fn a_damaged_end_is_an_end() {
    for byte in [1, 40, 99, 101, 104, 150, 208] {
        let store = session(4, true).await;
        damage(&store, &keys::slot(SESSION, 3), &[byte]).await;
        let (cut, closed, ..) = sealed(&store).await;
        assert_eq!((cut, closed), (3, true), "byte {byte} of a CLOSE");
    }
    for byte in 0..slot::HEADER {
        let store = session(4, false).await;
        sealed(&store).await;
        damage(&store, &keys::slot(SESSION, 4), &[byte]).await;
        let (cut, closed, ..) = sealed(&store).await;
        assert_eq!((cut, closed), (4, false), "byte {byte} of a seal");
    }
}

#[tokio::test]
async fn an_older_checkpoint_serves_where_the_newest_is_damaged() {
    let store = session(6, false).await;
    checkpoint(&store, 2).await;
    checkpoint(&store, 4).await;
    damage(&store, &keys::checkpoint(SESSION, 4), &[60]).await;
    assert_eq!(sealed(&store).await, (6, false, Some(2), None));
    let found = checkpoints(&store, SESSION).await.expect("they are listed");
    assert_eq!((found.newest.map(|c| c.n), found.covered, found.damaged.len()), (Some(2), 4, 1));
    let named = found.damaged[0].to_string();
    assert!(named.contains("ckpt/0000000004"), "{named}");
}

/// What a checkpoint covers was there, whether the checkpoint can be read or not: a slot that is gone since then is
/// no end.
#[tokio::test]
async fn no_seal_goes_where_a_damaged_checkpoint_covers_the_slot() {
    let store = session(6, false).await;
    checkpoint(&store, 4).await;
    damage(&store, &keys::checkpoint(SESSION, 4), &[60]).await;
    store.delete(&keys::slot(SESSION, 1)).await.expect("it can be deleted");
    assert_eq!(sealed(&store).await, (6, false, None, None));
}

/// Why an object can't be read.
#[derive(Clone, Copy, Debug, Default)]
enum Trouble {
    #[default]
    Sector,
    Descriptors,
    Connection,
}

impl From<Trouble> for Error {
    fn from(trouble: Trouble) -> Self {
        let source: Box<dyn std::error::Error + Send + Sync> = match trouble {
            Trouble::Sector => std::io::Error::from(Errno::IO).into(),
            Trouble::Descriptors => std::io::Error::from(Errno::MFILE).into(),
            Trouble::Connection => {
                HttpError::new(HttpErrorKind::Timeout, std::io::Error::other("cut off")).into()
            }
        };
        Self::Generic { store: "test", source }
    }
}

/// Objects of which some can't be read, though they are there.
#[derive(Debug, Default)]
struct Sectors {
    objects: MemoryStore,
    bad: Mutex<Vec<Path>>,
    trouble: Mutex<Trouble>,
    /// Whether the store does not answer for any object.
    away: Mutex<bool>,
}

#[async_trait]
impl Way for Sectors {
    fn objects(&self) -> &MemoryStore {
        &self.objects
    }

    async fn get(&self, at: &Path, options: GetOptions) -> object_store::Result<GetResult> {
        if *self.away.lock() || !options.head && self.bad.lock().contains(at) {
            return Err((*self.trouble.lock()).into());
        }
        self.objects.get_opts(at, options).await
    }
}

#[tokio::test(start_paused = true)]
async fn an_object_that_cannot_be_read_keeps_no_session_from_ending() {
    for unreadable in [keys::slot(SESSION, 4), keys::slot(SESSION, 5), keys::checkpoint(SESSION, 4)] {
        let sectors: Arc<Sectors> = Arc::default();
        let store = session_in(by(&sectors, StoreKind::Memory), 6, false).await;
        checkpoint(&store, 2).await;
        checkpoint(&store, 4).await;
        sectors.bad.lock().push(unreadable.clone());
        let reference = if unreadable == keys::checkpoint(SESSION, 4) { 2 } else { 4 };
        assert_eq!(sealed(&store).await, (6, false, Some(reference), None), "{unreadable}");
        let found = checkpoints(&store, SESSION).await.expect("they are listed");
        assert_eq!((found.newest.map(|c| c.n), found.covered), (Some(reference), 4), "{unreadable}");
        let mut walk = Footers::new(store, SESSION, found.covered);
        let read = walk.next().await.and(walk.next().await);
        let damage = read.err().or(found.damaged.into_iter().next()).expect("it is damage").to_string();
        assert!(damage.contains(unreadable.as_ref()) && damage.contains("can't be read"), "{damage}");
    }
}

/// Where nothing of a seal can be read, the end stays where it was: what lies behind it belongs to no session, and an
/// end that is recorded is final.
#[tokio::test(start_paused = true)]
async fn a_seal_that_cannot_be_read_is_an_end() {
    let sectors: Arc<Sectors> = Arc::default();
    let store = session_in(by(&sectors, StoreKind::Memory), 6, false).await;
    assert_eq!(sealed(&store).await, (6, false, None, Some(6)));
    for n in 7..9 {
        let object: Bytes = Builder::default().freeze(SESSION, n, 0, [n as u8; 16]).object.concat().into();
        store.put(&keys::slot(SESSION, n), object.into()).await.expect("it is stored");
    }
    sectors.bad.lock().push(keys::slot(SESSION, 6));
    assert_eq!(sealed(&store).await, (6, false, None, Some(6)));
}

/// A way that answers for no object while this process has no file descriptors left, or its connections break.
#[tokio::test(start_paused = true)]
async fn trouble_of_this_process_is_no_damage() {
    for trouble in [Trouble::Descriptors, Trouble::Connection] {
        let sectors: Arc<Sectors> = Arc::default();
        let store = session_in(by(&sectors, StoreKind::Memory), 6, false).await;
        sectors.bad.lock().push(keys::slot(SESSION, 4));
        *sectors.trouble.lock() = trouble;
        let error = seal(&store, SESSION, BY).await.expect_err("it can't be ended");
        assert!(!error.is_damage() && error.kind() == crate::store::ErrorKind::Retry, "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_is_no_damage() {
    let sectors: Arc<Sectors> = Arc::default();
    let store = session_in(by(&sectors, StoreKind::Memory), 6, false).await;
    sectors.bad.lock().push(keys::slot(SESSION, 4));
    *sectors.away.lock() = true;
    let error = seal(&store, SESSION, BY).await.expect_err("it can't be ended");
    assert!(!error.is_damage() && error.kind() == crate::store::ErrorKind::Retry, "{error}");
}
