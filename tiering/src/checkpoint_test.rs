use coordinator::TopicId;
use coordinator::partition::Partition;

use super::*;
use crate::format::checkpoint::Checkpoint;
use crate::session::checkpoints;

const SESSION: SessionId = SessionId([1; 16]);
const SHARD: ShardId = ShardId(3);
const ID: PartitionId = PartitionId { topic: TopicId([2; 16]), index: 0 };

fn held() -> BTreeMap<ShardId, Epoch> {
    [(SHARD, Epoch(5))].into()
}

fn state(log_end: i64, tenures: Vec<Tenure>) -> PartitionState {
    PartitionState { partition: Partition { log_end, ..Partition::default() }, tenures }
}

/// One batch of one record at each of these offsets, in a slot of its own.
fn positions(offsets: std::ops::Range<i64>) -> Vec<Position> {
    let position = |offset| Position {
        session: SESSION,
        epoch: Epoch(5),
        slot: offset as u64,
        position: 0,
        length: 70,
        base_offset: offset,
        last_offset_delta: 0,
        max_timestamp: 0,
    };
    offsets.map(position).collect()
}

async fn write(image: &mut Image, store: &Store, n: u64) -> Result<Listed, CheckpointError> {
    let head = Head { session: SESSION, n, as_of: Epoch(6), previous: 0, now: 0 };
    image.write(store, &Entropy::from_seed(n), head, |_| SHARD).await
}

async fn last_checkpoint(store: &Store, session: SessionId) -> Option<Checkpoint> {
    checkpoints(store, session).await.expect("they can be read").newest
}

async fn written(store: &Store) -> ShardState {
    let checkpoint = last_checkpoint(store, SESSION).await.expect("a checkpoint");
    checkpoint.shards.get(&SHARD).cloned().unwrap_or_default()
}

#[tokio::test]
async fn what_has_not_changed_stays_and_what_was_deleted_goes() {
    let (store, mut image) = (Store::memory(), Image::default());
    let other = PartitionId { index: 1, ..ID };
    image.hold(&held());
    image.put((SHARD, ID), state(2, vec![]), positions(0..2));
    image.put((SHARD, other), state(1, vec![]), positions(0..1));
    let listed = write(&mut image, &store, 2).await.expect("written");
    assert_eq!(listed[&ID].0, 2);
    image.hold(&held());
    image.put((SHARD, ID), state(3, listed[&ID].1.clone()), positions(2..3));
    write(&mut image, &store, 3).await.expect("written");
    let partitions = written(&store).await.partitions;
    assert_eq!(partitions[&ID].partition.log_end, 3);
    assert_eq!(partitions[&ID].tenures.iter().map(|t| t.first_offset).collect::<Vec<_>>(), [0, 2]);
    assert_eq!(partitions[&other].tenures, listed[&other].1);
    image.hold(&held());
    image.forget(SHARD, other);
    write(&mut image, &store, 4).await.expect("written");
    assert_eq!(written(&store).await.partitions.into_keys().collect::<Vec<_>>(), [ID]);
    image.hold(&BTreeMap::new());
    write(&mut image, &store, 5).await.expect("written");
    assert_eq!(written(&store).await, ShardState::default());
}

#[tokio::test]
async fn what_a_failed_write_was_to_list_is_listed_by_the_next() {
    let (store, mut image) = (Store::memory(), Image::default());
    let foreign = bytes::Bytes::from_static(b"another process's, at the key of the checkpoint after slot 2");
    store.put(&keys::checkpoint(SESSION, 2), foreign.into()).await.expect("it is stored");
    image.hold(&held());
    image.put((SHARD, ID), state(2, vec![]), positions(0..2));
    assert!(matches!(write(&mut image, &store, 2).await, Err(CheckpointError::Foreign(_))));
    image.hold(&held());
    image.put_again((SHARD, ID), vec![], positions(0..2));
    let listed = write(&mut image, &store, 3).await.expect("written");
    assert_eq!(written(&store).await.partitions[&ID], state(2, listed[&ID].1.clone()));
    assert_eq!(listed[&ID].1[0].index, (SESSION, 3));
}

#[tokio::test]
async fn a_log_whose_positions_do_not_lead_to_its_end_is_not_written() {
    for (log_end, listed) in [(3, positions(0..2)), (1, positions(0..2))] {
        let (store, mut image) = (Store::memory(), Image::default());
        image.hold(&held());
        image.put((SHARD, ID), state(log_end, vec![]), listed);
        let error = write(&mut image, &store, 2).await.expect_err("a gap");
        assert!(matches!(error, CheckpointError::Gap { partition: ID, .. }), "{error}");
        assert!(last_checkpoint(&store, SESSION).await.is_none());
    }
    // Nothing of a log that was trimmed to its end needs a position.
    let (store, mut image) = (Store::memory(), Image::default());
    image.hold(&held());
    let mut trimmed = state(2, vec![]);
    trimmed.partition.log_start = 2;
    image.put((SHARD, ID), trimmed.clone(), vec![]);
    write(&mut image, &store, 2).await.expect("written");
    assert_eq!(written(&store).await.partitions[&ID], trimmed);
}
