//! What a directory must survive, and what it must refuse.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path as FilePath;
use std::time::Duration;

use futures::future::join_all;
use futures::{StreamExt, TryStreamExt};
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use tempfile::TempDir;
use tokio::time::Instant;

use super::{path, sliced};
use crate::store::{CreateError, ErrorKind, FileStore, OpenError, Store, StoreOptions};

const LONG: Duration = Duration::from_secs(10);

async fn open(directory: &FilePath) -> Store {
    let url = format!("file://{}", directory.display());
    Store::open_url(&url, &StoreOptions::default()).await.expect("a store")
}

fn root() -> TempDir {
    tempfile::tempdir().expect("a directory")
}

/// Every file below a directory, objects or not, but for locks.
fn files(directory: &FilePath) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).expect("a directory") {
        let entry = entry.expect("an entry");
        match entry.file_type().expect("a type").is_dir() {
            true => found.extend(files(&entry.path())),
            false => found.push(entry.path().display().to_string()),
        }
    }
    found.retain(|name| !name.ends_with("/lock") && !name.ends_with("/owner"));
    found
}

#[tokio::test]
async fn leaves_nothing_but_objects() {
    let root = root();
    let store = open(root.path()).await;
    store.create(&path("a/b"), sliced(b"won"), LONG).await.expect("written");
    store.create(&path("a/b"), sliced(b"lost"), LONG).await.expect_err("taken");
    store.put(&path("a/b"), sliced(b"over")).await.expect("overwritten");
    store.data().copy(&path("a/b"), &path("a/b")).await.expect("copied over itself");
    assert_eq!(files(root.path()), [root.path().join("a/b").display().to_string()]);
    drop(store);
    assert_eq!(fs::read_dir(root.path().join(".tidelog-tmp")).expect("an area").count(), 1, "only the lock");
}

#[tokio::test]
async fn what_is_half_written_is_no_object() {
    let root = root();
    let store = open(root.path()).await;
    let mut upload = store.data().put_multipart(&path("a/upload")).await.expect("an upload");
    upload.put_part(sliced(b"half")).await.expect("a part");
    assert_eq!(files(root.path()).len(), 1);
    let listed: Vec<_> = store.data().list(None).try_collect().await.expect("a listing");
    assert!(listed.is_empty(), "{listed:?}");
    let level = store.data().list_with_delimiter(None).await.expect("a level");
    assert!(level.common_prefixes.is_empty() && level.objects.is_empty(), "{level:?}");
    drop(upload);
    assert!(files(root.path()).is_empty(), "a dropped upload is removed");
}

#[tokio::test]
async fn a_crash_leaves_files_that_the_next_start_removes_and_a_live_neighbour_keeps() {
    let root = root();
    let dead = root.path().join(".tidelog-tmp/7");
    fs::create_dir_all(&dead).expect("made");
    fs::write(dead.join("owner"), "").expect("written");
    fs::write(dead.join("0"), "half of an obj").expect("written");
    fs::create_dir_all(root.path().join(".tidelog-tmp/8")).expect("made");

    let first = open(root.path()).await;
    assert!(!dead.exists() && !root.path().join(".tidelog-tmp/8").exists());
    let mut upload = first.data().put_multipart(&path("a/upload")).await.expect("an upload");
    upload.put_part(sliced(b"all of it")).await.expect("a part");

    let second = open(root.path()).await;
    second.create(&path("a/other"), sliced(b"x"), LONG).await.expect("written");
    upload.complete().await.expect("the neighbour's file is untouched");
    assert_eq!(second.get(&path("a/upload")).await.expect("readable")[..], b"all of it"[..]);
}

#[tokio::test]
async fn what_a_dead_process_may_not_have_synced_keeps_its_mark_until_it_is_written_anew() {
    let root = root();
    let (dead, object) = (root.path().join(".tidelog-tmp/7"), root.path().join("a/b"));
    fs::create_dir_all(&dead).expect("made");
    fs::create_dir(root.path().join("a")).expect("made");
    fs::create_dir(dead.join("0")).expect("made");
    fs::write(dead.join("1"), "whole").expect("written");
    fs::write(dead.join("2"), "half of an obj").expect("written");
    fs::hard_link(dead.join("1"), &object).expect("linked");
    let names = || fs::metadata(&object).expect("there").nlink();

    let store = open(root.path()).await;
    assert_eq!(files(&dead), [dead.join("1").display().to_string()]);
    assert_eq!(names(), 2);
    store.settle(&path("a/b")).await.expect("settled");
    assert_eq!(names(), 1);
    assert_eq!(store.get(&path("a/b")).await.expect("readable")[..], b"whole"[..]);
    drop(store);
    drop(open(root.path()).await);
    assert!(!dead.exists());
}

#[tokio::test]
async fn nothing_is_settled_where_marks_cannot_be_looked_for() {
    let root = root();
    let store = open(root.path()).await;
    store.create(&path("a/b"), sliced(b"x"), LONG).await.expect("written");
    drop(store);
    let store = open(root.path()).await;
    let unreadable = root.path().join(".tidelog-tmp/7");
    std::os::unix::fs::symlink(&unreadable, &unreadable).expect("linked");
    let refused = store.settle(&path("a/b")).await.expect_err("a mark may be in there").to_string();
    assert!(refused.contains(".tidelog-tmp/7 can't be read"), "{refused}");
}

#[tokio::test]
async fn an_empty_directory_is_replaced_and_others_stay() {
    let root = root();
    let at = |name: &str| root.path().join(name);
    for name in ["empty", "full", "elsewhere"] {
        fs::create_dir(at(name)).expect("made");
    }
    fs::write(at("full/0"), "x").expect("written");
    std::os::unix::fs::symlink(at("elsewhere"), at("link")).expect("linked");
    let inodes = || ["empty", "full", "link"].map(|name| fs::metadata(at(name)).expect("there").ino());
    let before = inodes();

    let store = open(root.path()).await;
    for name in ["empty/1", "full/1", "link/1"] {
        store.create(&path(name), sliced(b"x"), LONG).await.expect("written");
    }
    let after = inodes();
    assert_ne!(before[0], after[0]);
    assert_eq!(before[1..], after[1..]);
    assert!(at("elsewhere/1").exists() && at("full/0").exists());
}

#[tokio::test]
async fn refuses_what_is_no_directory() {
    let root = root();
    let file = root.path().join("file");
    fs::write(&file, "").expect("written");
    for bad in [file.clone(), file.join("below"), "/proc/tidelog".into()] {
        let error = FileStore::open(bad.clone()).await.expect_err("no directory");
        let text = error.to_string();
        assert!(matches!(error, OpenError::Directory { .. }) && error.kind() == ErrorKind::Invalid);
        assert!(text.contains(&file.display().to_string()) || text.contains("/proc/tidelog"), "{text}");
    }
}

#[tokio::test]
async fn refuses_keys_that_cannot_be_files() {
    let root = root();
    let store = open(root.path()).await;
    store.put(&path("a/b"), sliced(b"x")).await.expect("written");
    let long = "x".repeat(300);
    for key in [".tidelog-tmp/0", "", "a", "a/b/c", long.as_str()] {
        for result in
            [store.create(&path(key), sliced(b"y"), LONG).await, store.put(&path(key), sliced(b"y")).await]
        {
            let error = result.expect_err("refused");
            assert!(matches!(error, CreateError::NotApplied { .. }), "{key}: {error:?}");
            assert_eq!(error.kind(), ErrorKind::Invalid, "{key}");
        }
    }
    assert_eq!(files(root.path()).len(), 1);
}

#[tokio::test]
async fn a_directory_that_was_removed_is_made_again() {
    let root = root();
    let store = open(root.path()).await;
    for round in 0..3 {
        store.create(&path("a/b/c"), sliced(b"x"), LONG).await.expect("written");
        match round {
            0 => fs::remove_dir_all(root.path().join("a")).expect("removed"),
            _ => store.delete(&path("a/b/c")).await.expect("deleted"),
        }
        assert!(!root.path().join("a").exists());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_and_deleters_share_a_directory() {
    let root = root();
    let (one, two) = (open(root.path()).await, open(root.path()).await);
    let workers = (0..8).map(|worker| {
        let store = if worker % 2 == 0 { one.clone() } else { two.clone() };
        tokio::spawn(async move {
            for round in 0..50 {
                let key = path(&format!("a/b/c/{worker}-{round}"));
                store.create(&key, sliced(b"x"), LONG).await.expect("written");
                assert_eq!(store.get(&key).await.expect("readable")[..], b"x"[..]);
                store.delete(&key).await.expect("deleted");
            }
        })
    });
    for done in join_all(workers).await {
        done.expect("no panic");
    }
    assert!(files(root.path()).is_empty() && !root.path().join("a").exists());
}

#[tokio::test]
async fn large_objects_come_in_pieces() {
    let root = root();
    let store = open(root.path()).await;
    let body: Vec<u8> = (0..(20u32 << 20) + 7).map(|n| (n % 251) as u8).collect();
    store.put(&path("large"), sliced(&body)).await.expect("written");
    assert!(store.get(&path("large")).await.expect("readable") == body);
    let mut pieces = store.data().get(&path("large")).await.expect("a stream").into_stream();
    let first = pieces.next().await.expect("a piece").expect("readable");
    assert!(first.len() < body.len() && body.starts_with(&first));
}

/// `cargo test --release -p tiering --lib store::tests::file::measure -- --ignored --nocapture`
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures, and takes a while"]
async fn measure() {
    let base = std::env::var("TIDELOG_MEASURE_DIR").unwrap_or_else(|_| "/var/tmp".into());
    let root = tempfile::tempdir_in(base).expect("a directory");
    let store = open(root.path()).await;
    for (size, at_once, rounds) in
        [(8 << 10, 1, 2000), (8 << 10, 8, 500), (1 << 20, 1, 200), (8 << 20, 1, 50)]
    {
        let payload: PutPayload = std::iter::repeat_n(bytes::Bytes::from(vec![7; size / 64]), 64).collect();
        let workers = (0..at_once).map(|worker| {
            let (store, payload) = (store.clone(), payload.clone());
            tokio::spawn(async move {
                let mut taken = Vec::new();
                for round in 0..rounds {
                    let key = path(&format!("wal/00/{size}-{at_once}/{worker:03}-{round:010}"));
                    let begun = Instant::now();
                    store.create(&key, payload.clone(), LONG).await.expect("written");
                    taken.push(begun.elapsed());
                }
                taken
            })
        });
        let mut taken: Vec<_> =
            join_all(workers).await.into_iter().flat_map(|taken| taken.expect("done")).collect();
        taken.sort_unstable();
        let at = |share: usize| taken[(taken.len() - 1) * share / 1000];
        eprintln!("PUT {size} B, {at_once} at once: p50 {:?} p99 {:?} max {:?}", at(500), at(990), at(1000));
    }
    for n in 0..100_000 {
        let name = root.path().join(format!("many/{n:010}"));
        fs::create_dir_all(name.parent().expect("a parent")).expect("made");
        fs::write(name, "x").expect("written");
    }
    for after in ["many/0000000000", "many/0000050000", "many/0000099990"] {
        let begun = Instant::now();
        let all = store.list_after(&path("many"), &path(after)).count().await;
        let whole = begun.elapsed();
        let begun = Instant::now();
        let first = store.list_after(&path("many"), &path(after)).next().await.is_some();
        eprintln!(
            "LIST after {after}: {all} keys in {whole:?}, the first ({first}) in {:?}",
            begun.elapsed()
        );
    }
    let begun = Instant::now();
    let keys = store.data().list(None).map_ok(|meta| meta.location).boxed();
    let gone = store.data().delete_stream(keys).count().await;
    eprintln!("DELETE {gone} in {:?}", begun.elapsed());
}
