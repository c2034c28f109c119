//! Objects that are not what they were: one shard's damage is no other's, and whatever is read is right.

use futures::TryStreamExt;
use object_store::ObjectStore;
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutPayload};
use protocol::messages::fetch::{FetchPartition, FetchTopic};
use protocol::messages::{FetchRequest, PeerStatusRequest, PeerStatusResponse};

use super::*;

/// An object's bytes.
pub(super) async fn object(objects: &MemoryStore, path: &Path) -> Vec<u8> {
    objects.get(path).await.expect("an object").bytes().await.expect("its bytes").to_vec()
}

/// The keys below a prefix, in order.
pub(super) async fn keys(objects: &MemoryStore, prefix: &str) -> Vec<Path> {
    let listed: Vec<_> = objects.list(Some(&Path::from(prefix))).try_collect().await.expect("a list");
    listed.into_iter().map(|meta| meta.location).collect()
}

async fn status(world: &World, node: i32) -> PeerStatusResponse {
    world.client(node).ask(0, &PeerStatusRequest {}).await
}

/// What a partition's node answers to a record.
async fn produced(world: &World, writer: &mut Writer, node: i32, index: i32) -> ErrorCode {
    let sequence = writer.sequences[index as usize];
    let answer = world.client(node).produce_to(9, "t", index, idempotent(77, 0, sequence, 1)).await;
    if answer.error_code == 0 {
        assert_eq!(answer.base_offset, i64::from(sequence), "partition {index}");
        writer.sequences[index as usize] += 1;
    }
    ErrorCode::from_code(answer.error_code).expect("a known error")
}

/// Two nodes wrote, and both are gone. The last slot with records that the second one put has a damaged index.
async fn with_a_damaged_slot() -> (World, Writer, Path, Vec<u8>, Vec<i32>) {
    let (mut world, mut writer) = World::with_topic(2).await;
    for _ in 0..3 {
        world.until_writable(&mut writer).await;
    }
    let cluster = world.cluster();
    let second = cluster.open_sessions().find(|s| s.node == NodeId(2)).expect("it is open").id;
    let led = |index: &i32| {
        let id = PartitionId { topic: writer.topic, index: *index };
        cluster.leader(id).is_some_and(|(session, _)| session.id == second)
    };
    let led: Vec<i32> = (0..PARTITIONS).filter(led).collect();
    assert!(!led.is_empty() && led.len() < PARTITIONS as usize, "{led:?}");
    world.kill(1).await;
    world.kill(2).await;
    let slots = keys(&world.objects, &tiering::format::keys::session(second)).await;
    let slots: Vec<_> = slots.into_iter().filter(|path| path.parts().count() == 4).collect();
    let damaged = slots.last().expect("it wrote").clone();
    let whole = object(&world.objects, &damaged).await;
    let mut bad = whole.clone();
    let index = bad.len() - 110;
    bad[index] ^= 1;
    world.objects.put(&damaged, PutPayload::from(bad)).await.expect("it is stored");
    (world, writer, damaged, whole, led)
}

#[tokio::test(start_paused = true)]
async fn one_damaged_slot_is_a_matter_of_its_shards_alone() {
    let (mut world, mut writer, damaged, whole, broken) = with_a_damaged_slot().await;
    world.start(3).await;
    sleep(Duration::from_secs(5)).await;
    let entries = world.cluster().next();
    for _ in 0..6 {
        for index in 0..PARTITIONS {
            let code = produced(&world, &mut writer, 3, index).await;
            let expected =
                if broken.contains(&index) { ErrorCode::KafkaStorageError } else { ErrorCode::None };
            assert_eq!(code, expected, "partition {index}");
        }
        sleep(Duration::from_secs(20)).await;
    }
    assert_eq!(world.cluster().next(), entries, "attempts are no entries");
    let told = status(&world, 3).await;
    assert!(told.unserved_shards as usize >= broken.len() && told.unserved_shards < 1024, "{told:?}");
    assert_eq!(told.unserved_shards + told.shards, 1024);
    assert!(told.unserved.iter().all(|unserved| unserved.error.contains(damaged.as_ref())), "{told:?}");

    // The next owner finds it no better, and no worse: after one that was killed, and after one that stopped.
    world.kill(3).await;
    world.start(4).await;
    sleep(Duration::from_secs(40)).await;
    assert_eq!(status(&world, 4).await.unserved_shards, told.unserved_shards);
    let leaving = world.nodes.remove(&4).expect("it runs");
    leaving.stop.cancel();
    timeout(Duration::from_secs(30), leaving.task).await.expect("it ends").expect("it ends well");
    world.network.lock().nodes.remove(&host(4));
    world.start(5).await;
    sleep(Duration::from_secs(40)).await;
    assert_eq!(status(&world, 5).await.unserved_shards, told.unserved_shards);

    world.objects.put(&damaged, PutPayload::from(whole)).await.expect("it is stored");
    sleep(Duration::from_secs(35)).await;
    assert_eq!(status(&world, 5).await.unserved_shards, 0);
    for index in 0..PARTITIONS {
        assert_eq!(produced(&world, &mut writer, 5, index).await, ErrorCode::None, "partition {index}");
    }
    writer.verify(&world).await;
    // And what was healed is in its session's checkpoints like anything else.
    world.kill(5).await;
    world.start(6).await;
    world.settle().await;
    writer.verify(&world).await;
}

/// A node that has damaged shards goes on: its session is followed by another, it gives what it has to others, and
/// what it lacks stays where it is.
#[tokio::test(start_paused = true)]
async fn sessions_rotate_and_shards_move_around_a_damaged_one() {
    let (mut world, mut writer, damaged, whole, broken) = with_a_damaged_slot().await;
    world.rotate_after = Duration::from_secs(20);
    world.start(3).await;
    let first = world.cluster().open_sessions().map(|s| s.id).next();
    for _ in 0..60 {
        for index in (0..PARTITIONS).filter(|index| !broken.contains(index)) {
            assert_eq!(produced(&world, &mut writer, 3, index).await, ErrorCode::None, "partition {index}");
        }
        sleep(Duration::from_secs(1)).await;
    }
    assert_ne!(world.cluster().open_sessions().map(|s| s.id).next(), first, "it rotates");
    let unserved = status(&world, 3).await.unserved_shards;
    world.start(4).await;
    sleep(Duration::from_secs(60)).await;
    let (three, four) = (status(&world, 3).await, status(&world, 4).await);
    assert!(four.shards > 0, "it got some");
    assert_eq!(three.shards + four.shards + unserved, 1024, "all the others are served");
    assert_eq!(three.unserved_shards + four.unserved_shards, unserved);
    world.objects.put(&damaged, PutPayload::from(whole)).await.expect("it is stored");
    sleep(Duration::from_secs(35)).await;
    world.settle().await;
    world.until_writable(&mut writer).await;
    writer.verify(&world).await;
}

/// The code of a fetch from partition `index`, and how many bytes it brought.
async fn fetched(world: &World, index: i32, offset: i64, max_bytes: i32) -> (ErrorCode, usize) {
    let partition = FetchPartition {
        partition: index,
        fetch_offset: offset,
        current_leader_epoch: -1,
        partition_max_bytes: max_bytes,
        ..Default::default()
    };
    let topic = FetchTopic { topic: "t".into(), partitions: vec![partition], ..Default::default() };
    let request = FetchRequest { max_bytes, topics: vec![topic], ..Default::default() };
    let answer = world.client(2).ask(11, &request).await;
    let data = &answer.responses[0].partitions[0];
    (ErrorCode::from_code(data.error_code).expect("a known error"), data.records.len())
}

#[tokio::test(start_paused = true)]
async fn what_lies_before_a_damaged_batch_is_served() {
    const WRITTEN: i64 = 4;
    /// Among the records of a slot's first batch.
    const RECORDS: usize = tiering::format::slot::HEADER + 65;
    let (mut world, mut writer) = World::with_topic(1).await;
    for _ in 0..WRITTEN {
        world.until_writable(&mut writer).await;
    }
    let session = world.cluster().open_sessions().next().expect("it is open").id;
    world.kill(1).await;
    let slots = keys(&world.objects, &tiering::format::keys::session(session)).await;
    for path in slots.iter().filter(|path| path.parts().count() == 4).rev() {
        let mut bad = object(&world.objects, path).await;
        if tiering::format::slot::Header::decode(&bad).is_ok_and(|header| header.body_len > 0) {
            bad[RECORDS] ^= 1;
            world.objects.put(path, PutPayload::from(bad)).await.expect("it is stored");
            break;
        }
    }
    world.start(2).await;
    sleep(Duration::from_secs(5)).await;
    let mut damaged = 0;
    for index in 0..PARTITIONS {
        let mut first = WRITTEN;
        for offset in (0..WRITTEN).rev() {
            if fetched(&world, index, offset, 1).await.0 == ErrorCode::KafkaStorageError {
                first = offset;
            }
        }
        damaged += i32::from(first < WRITTEN);
        for offset in 0..WRITTEN {
            let (code, bytes) = fetched(&world, index, offset, 1 << 20).await;
            let served = code == ErrorCode::None && bytes > 0;
            assert_eq!(
                served,
                offset != first,
                "partition {index}, offset {offset}: {code:?}, {bytes} bytes"
            );
        }
    }
    assert_eq!(damaged, 1);
}
