//! One suite for every store. S3 takes part when `TIDELOG_TEST_S3_ENDPOINT` and `TIDELOG_TEST_S3_BUCKET` are
//! set, with credentials in the environment.

use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{CopyMode, CopyOptions, GetOptions, ObjectStoreExt, PutMode};
use ulid::Ulid;

use super::{nonce_of, path, signed, sliced};
use crate::store::{CreateError, CreateOutcome, ErrorKind, RequestKind, Store, StoreOptions};

const LONG: Duration = Duration::from_secs(10);

async fn keys(store: &Store, prefix: &str, after: Option<&str>) -> Vec<String> {
    let listing = match after {
        None => store.list(&path(prefix)),
        Some(after) => store.list_after(&path(prefix), &path(after)),
    };
    listing.map_ok(|meta| meta.location.to_string()).try_collect().await.expect("a listing")
}

async fn writes_once(store: &Store) {
    let key = path("a/once");
    let body = b"thirteen byte".repeat(1000);
    store.create(&key, sliced(&body), LONG).await.expect("a free key");
    let again = store.create(&key, sliced(b"other"), LONG).await.expect_err("a taken key");
    assert!(matches!(again, CreateError::AlreadyExists { .. }), "{again:?}");
    assert_eq!((again.kind(), again.path()), (ErrorKind::Fenced, &key));
    assert_eq!(store.get(&key).await.expect("readable"), body);
    store.put(&key, sliced(b"overwritten")).await.expect("overwrites");
    assert_eq!(store.get(&key).await.expect("readable")[..], b"overwritten"[..]);
    store.create(&path("a/empty"), Default::default(), LONG).await.expect("an empty object");
    assert!(store.get(&path("a/empty")).await.expect("readable").is_empty());
}

async fn reads_ranges(store: &Store) {
    let key = path("b/ranges");
    let body: Vec<u8> = (0..50_000u32).flat_map(u32::to_le_bytes).collect();
    let size = body.len() as u64;
    store.put(&key, sliced(&body)).await.expect("written");
    for range in [0..1, 0..size, 5..70_000, 66_666..66_667, size - 3..size, size - 3..size + 100] {
        let read = store.get_range(&key, range.clone()).await.expect("a range");
        assert_eq!(read[..], body[range.start as usize..range.end.min(size) as usize], "{range:?}");
    }
    assert!(store.get_range(&key, size..size + 1).await.is_err());
    for n in [0, 1, 70_000, size, size + 1] {
        let tail = store.get_suffix(&key, n).await.expect("a suffix");
        assert_eq!(tail.size, size);
        assert_eq!(tail.bytes[..], body[body.len() - n.min(size) as usize..], "the last {n}");
    }
    let ranges = [10..20, 15..30, 150_000..150_001];
    let parts = store.data().get_ranges(&key, &ranges).await.expect("ranges");
    for (part, range) in parts.iter().zip(ranges) {
        assert_eq!(part[..], body[range.start as usize..range.end as usize]);
    }
    assert_eq!(store.head(&key).await.expect("a head").size, size);
    let found = store.head(&key).await.expect("a head");
    assert_eq!(found.location, key);
    let stale = GetOptions::new().with_if_none_match(found.e_tag);
    assert!(store.data().get_opts(&key, stale).await.is_err());
}

async fn answers_for_what_is_absent(store: &Store) {
    for key in ["absent", "b/absent", "b/ranges/below", "b"] {
        let key = path(key);
        assert!(store.get(&key).await.expect_err("absent").is_not_found(), "{key}");
        assert!(store.get_range(&key, 0..1).await.expect_err("absent").is_not_found(), "{key}");
        assert!(store.get_suffix(&key, 1).await.expect_err("absent").is_not_found(), "{key}");
        let error = store.head(&key).await.expect_err("absent");
        assert!(error.is_not_found() && error.to_string().contains(key.as_ref()), "{error}");
    }
    store.delete(&path("absent")).await.expect("deleting nothing is fine");
    store.delete(&path("x/y/absent")).await.expect("deleting nothing is fine");
    assert!(keys(store, "absent", None).await.is_empty());
}

async fn lists_in_order(store: &Store) {
    // "a-b" sorts before "a/b", whatever a directory looks like.
    let all = ["l/a-b", "l/a/0", "l/a/1", "l/a/1.x", "l/a0", "l/b/c/d/e", "l/b/z", "l/c"];
    for key in all.iter().rev() {
        store.put(&path(key), sliced(key.as_bytes())).await.expect("written");
    }
    store.put(&path("la/not-below"), sliced(b"x")).await.expect("written");
    assert_eq!(keys(store, "l", None).await, all);
    assert_eq!(keys(store, "l/a", None).await, ["l/a/0", "l/a/1", "l/a/1.x"]);
    for after in 0..all.len() {
        assert_eq!(keys(store, "l", Some(all[after])).await, all[after + 1..], "after {}", all[after]);
    }
    for (after, from) in
        [("l/a", 0), ("l/a-c", 1), ("l/a/0a", 2), ("l/b", 5), ("l/b/c", 5), ("l/b/d", 6), ("z", 8), ("a", 0)]
    {
        assert_eq!(keys(store, "l", Some(after)).await, all[from..], "after {after}");
    }
    let level = store.data().list_with_delimiter(Some(&path("l"))).await.expect("a level");
    assert_eq!(level.common_prefixes, [path("l/a"), path("l/b")]);
    let objects: Vec<_> = level.objects.iter().map(|meta| meta.location.as_ref()).collect();
    assert_eq!(objects, ["l/a-b", "l/a0", "l/c"]);
    let meta = store.list(&path("l/c")).next().await;
    assert!(meta.is_none(), "an object is not below itself");
    let metas: Vec<_> = store.list(&path("l/b")).try_collect().await.expect("a listing");
    assert_eq!(metas.iter().map(|meta| meta.size).collect::<Vec<_>>(), [9, 5]);
}

async fn deletes(store: &Store) {
    for key in 0..10 {
        store.put(&path(&format!("d/e/{key}")), sliced(b"x")).await.expect("written");
    }
    store.delete(&path("d/e/3")).await.expect("deleted");
    store.delete(&path("d/e/3")).await.expect("deleted again");
    assert_eq!(keys(store, "d", None).await.len(), 9);
    let rest = keys(store, "d", None).await.into_iter().map(|key| Ok(path(&key)));
    let gone: Vec<Path> =
        store.data().delete_stream(futures::stream::iter(rest).boxed()).try_collect().await.expect("deleted");
    assert_eq!(gone.len(), 9);
    assert!(keys(store, "d", None).await.is_empty());
    let level = store.data().list_with_delimiter(None).await.expect("a level");
    assert!(!level.common_prefixes.contains(&path("d")), "{level:?}");
    store.create(&path("d/e/3"), sliced(b"back"), LONG).await.expect("the key is free again");
}

async fn copies(store: &Store) {
    let (from, to) = (path("c/from"), path("c/f/to"));
    store.put(&from, sliced(b"copied")).await.expect("written");
    store.data().copy(&from, &to).await.expect("copied");
    store.data().copy(&from, &to).await.expect("copied over itself");
    assert_eq!(store.get(&to).await.expect("readable")[..], b"copied"[..]);
    store.put(&from, sliced(b"changed")).await.expect("written");
    assert_eq!(store.get(&to).await.expect("readable")[..], b"copied"[..]);
    assert!(store.data().copy(&path("c/absent"), &path("c/x")).await.is_err());
    store.data().rename(&from, &to).await.expect("renamed");
    assert_eq!(keys(store, "c", None).await, ["c/f/to"]);
}

async fn uploads_in_parts(store: &Store) {
    let key = path("m/parts");
    let mut upload = store.data().put_multipart(&key).await.expect("an upload");
    let (first, second) = (vec![b'1'; 5 << 20], vec![b'2'; 77]);
    let parts = [upload.put_part(sliced(&first)), upload.put_part(sliced(&second))];
    for part in parts {
        part.await.expect("a part");
    }
    assert!(keys(store, "m", None).await.is_empty(), "nothing shows before the end");
    upload.complete().await.expect("complete");
    assert_eq!(store.get(&key).await.expect("readable"), [first, second].concat());
    let mut upload = store.data().put_multipart(&path("m/aborted")).await.expect("an upload");
    upload.put_part(sliced(b"lost")).await.expect("a part");
    upload.abort().await.expect("aborted");
    assert_eq!(keys(store, "m", None).await, ["m/parts"]);
}

async fn has_one_winner(store: &Store) {
    for round in 0..4 {
        let key = path(&format!("r/{round}/key"));
        let racers = (0..64u8).map(|racer| {
            let (store, key) = (store.clone(), key.clone());
            tokio::spawn(async move { store.create(&key, signed([racer; 16]), LONG).await })
        });
        let answers = join_all(racers).await;
        let won: Vec<_> = (0..).zip(&answers).filter(|(_, answer)| matches!(answer, Ok(Ok(())))).collect();
        assert_eq!(won.len(), 1, "{answers:?}");
        assert_eq!(nonce_of(&store.get(&key).await.expect("readable")), Some([won[0].0; 16]));
        for answer in answers {
            assert!(matches!(answer, Ok(Ok(()) | Err(CreateError::AlreadyExists { .. }))), "{answer:?}");
        }
    }
}

async fn resolves_whose_it_is(store: &Store) {
    let key = path("n/key");
    let create = |nonce: [u8; 16]| store.create_nonce(&key, signed(nonce), nonce, nonce_of, store.policy());
    assert_eq!(create([1; 16]).await.expect("settled"), CreateOutcome::Created);
    assert_eq!(create([1; 16]).await.expect("settled"), CreateOutcome::Created);
    let lost = CreateOutcome::Lost(Bytes::from_iter(signed([1; 16]).into_iter().flatten()));
    assert_eq!(create([2; 16]).await.expect("settled"), lost);
    let key = path("n/empty");
    store.put(&key, Default::default()).await.expect("written");
    let outcome = store.create_nonce(&key, signed([3; 16]), [3; 16], nonce_of, store.policy()).await;
    assert_eq!(outcome.expect("settled"), CreateOutcome::Lost(Bytes::new()));
}

fn counts(store: &Store) {
    let [put, get, list] =
        [RequestKind::Put, RequestKind::Get, RequestKind::List].map(|kind| store.metrics().get(kind));
    assert!(put.requests > 290 && put.conflicts >= 4 * 63 && put.bytes > 200_000, "{put:?}");
    assert!(get.requests > 10 && get.bytes > 200_000, "{get:?}");
    assert!(list.requests > 10 && list.errors == 0, "{list:?}");
    assert!(store.metrics().s3_cost() > 290.0 * 0.000_005);
}

async fn suite(store: Store) {
    writes_once(&store).await;
    reads_ranges(&store).await;
    answers_for_what_is_absent(&store).await;
    lists_in_order(&store).await;
    deletes(&store).await;
    copies(&store).await;
    uploads_in_parts(&store).await;
    has_one_winner(&store).await;
    resolves_whose_it_is(&store).await;
    counts(&store);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory() {
    suite(Store::memory()).await;
    let store = Store::memory();
    let copy = |mode| CopyOptions::new().with_mode(mode);
    store.put(&path("a"), sliced(b"1")).await.expect("written");
    store.data().copy_opts(&path("a"), &path("b"), copy(CopyMode::Create)).await.expect("copied");
    assert!(store.data().copy_opts(&path("a"), &path("b"), copy(CopyMode::Create)).await.is_err());
    let version = store.data().put(&path("a"), sliced(b"2")).await.expect("written");
    let update = || PutMode::Update(version.clone().into()).into();
    store.data().put_opts(&path("a"), sliced(b"3"), update()).await.expect("at that version");
    assert!(store.data().put_opts(&path("a"), sliced(b"4"), update()).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn file() {
    let directory = tempfile::tempdir().expect("a directory");
    let url = format!("file://{}/made/on/demand", directory.path().display());
    let store = Store::open_url(&url, &StoreOptions::default()).await.expect("a store");
    suite(store.clone()).await;
    let copy = CopyOptions::new().with_mode(CopyMode::Create);
    assert!(store.data().copy_opts(&path("c/f/to"), &path("l/c"), copy).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3() {
    let (Ok(endpoint), Ok(bucket)) =
        (std::env::var("TIDELOG_TEST_S3_ENDPOINT"), std::env::var("TIDELOG_TEST_S3_BUCKET"))
    else {
        eprintln!("skipped: TIDELOG_TEST_S3_ENDPOINT and TIDELOG_TEST_S3_BUCKET are not set");
        return;
    };
    let options = StoreOptions { endpoint: Some(endpoint), ..StoreOptions::default() };
    let url = format!("s3://{bucket}/test/{}", Ulid::new());
    suite(Store::open_url(&url, &options).await.expect("a store")).await;
}
