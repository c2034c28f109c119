//! What is stored in the end must not contradict itself.
//!
//! A checkpoint holds all that the slots before it say, and all that the one before it held, of shards that
//! its session still holds. A partition may be missing only because its topic is deleted. An owner that would
//! lose records by it comes later, and rarely: so it is looked at here.

use std::collections::BTreeMap;

use coordinator::cluster::Cluster;
use coordinator::{Epoch, PartitionId, SessionId};
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use tiering::format::checkpoint::Checkpoint;
use tiering::format::keys;
use tiering::format::slot::{Record, Tail, decode_tail};
use tiering::store::MemoryStore;

/// How many contradictions are reported.
const REPORTED: usize = 5;

/// By partition, and by the epoch at which its shard is held: where its log ends.
type Ends = BTreeMap<(PartitionId, Epoch), i64>;

/// What contradicts itself, in words. `cluster` is the state in the end.
pub async fn contradictions(objects: &MemoryStore, cluster: &Cluster) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    for (session, checkpoints) in checkpoints(objects).await? {
        let (mut ends, mut next) = (Ends::new(), 0);
        for (path, checkpoint) in checkpoints {
            for n in next..checkpoint.n {
                read_slot(objects, session, n, &mut ends).await?;
            }
            next = checkpoint.n;
            let mut held = Ends::new();
            for state in checkpoint.shards.values() {
                let of = |(id, p): (&PartitionId, _)| ((*id, state.epoch), log_end(p));
                held.extend(state.partitions.iter().map(of));
            }
            let lives = |id: &PartitionId| cluster.topic(id.topic).is_some();
            let holds = |(id, epoch): &(PartitionId, Epoch)| {
                let shard = checkpoint.shards.get(&cluster.shards().of_partition(*id));
                shard.is_some_and(|shard| shard.epoch == *epoch)
            };
            let missing = ends.iter().filter(|(at, _)| lives(&at.0) && holds(at));
            let missing = missing.filter(|(at, end)| held.get(at).is_none_or(|held| held < end));
            found.extend(missing.map(|((id, _), end)| {
                let held = held.iter().find(|((held, _), _)| held == id).map(|(_, end)| *end);
                format!(
                    "contradiction: {path} has {held:?} as the end of {id:?}, and slots before it have {end}"
                )
            }));
            ends = held;
        }
    }
    found.truncate(REPORTED);
    Ok(found)
}

fn log_end(state: &tiering::format::checkpoint::PartitionState) -> i64 {
    state.partition.log_end
}

/// By session: its checkpoints, in order.
async fn checkpoints(objects: &MemoryStore) -> anyhow::Result<BTreeMap<SessionId, Vec<(Path, Checkpoint)>>> {
    let mut by_session: BTreeMap<_, Vec<_>> = BTreeMap::new();
    let listed: Vec<_> = objects.list(Some(&Path::from("wal"))).try_collect().await?;
    for object in listed {
        if object.location.parts().nth(3).is_none_or(|part| part.as_ref() != "ckpt") {
            continue;
        }
        let bytes = objects.get(&object.location).await?.bytes().await?;
        let checkpoint = Checkpoint::decode(&bytes)?;
        by_session.entry(checkpoint.session).or_default().push((object.location, checkpoint));
    }
    Ok(by_session)
}

/// Notes where the batches of a slot end, if it is still there.
async fn read_slot(objects: &MemoryStore, session: SessionId, n: u64, ends: &mut Ends) -> anyhow::Result<()> {
    let Ok(object) = objects.get(&keys::slot(session, n)).await else { return Ok(()) };
    let Tail::Whole(footer) = decode_tail(session, n, &object.bytes().await?)? else {
        anyhow::bail!("{}: a part of the slot is missing", keys::slot(session, n));
    };
    for record in footer.records {
        if let Record::Batch(batch) = record {
            let end = batch.appended.base_offset + i64::from(batch.appended.batch.last_offset_delta) + 1;
            ends.insert((batch.partition, batch.epoch), end);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use coordinator::cluster::{FORMAT_LEVEL, Format, Op};
    use coordinator::partition::{Appended, BatchSummary, Partition};
    use coordinator::{ClusterId, Shards, TopicId};
    use tiering::format::checkpoint::{PartitionState, ShardState};
    use tiering::format::slot::{BatchRecord, Builder};

    use super::*;

    const SESSION: SessionId = SessionId([1; 16]);
    const ID: PartitionId = PartitionId { topic: TopicId([2; 16]), index: 0 };
    const EPOCH: Epoch = Epoch(5);

    fn cluster(has_topic: bool) -> Cluster {
        let mut cluster = Cluster::new(Format {
            cluster: ClusterId([0; 16]),
            shards: Shards::DEFAULT,
            level: FORMAT_LEVEL,
        });
        let created = Op::CreateTopic {
            topic: ID.topic,
            name: "t".into(),
            partitions: 1,
            replication_factor: 1,
            overrides: BTreeMap::new(),
        };
        let ops = if has_topic { vec![created] } else { Vec::new() };
        cluster.apply(cluster.next(), &ops).expect("the next entry");
        cluster
    }

    /// Slot `n`, with one batch of two records.
    async fn put_slot(objects: &MemoryStore, n: u64, base_offset: i64) {
        let mut builder = Builder::default();
        let position =
            builder.push_batch(Bytes::from_static(&[0; 16]), Bytes::from_static(&[0; 50])).expect("room");
        let (last_offset_delta, max_timestamp, leader_epoch, now, producer) = (1, 0, 0, 0, None);
        let batch = BatchSummary { last_offset_delta, max_timestamp, leader_epoch, now, producer };
        let appended = Appended { base_offset, batch };
        let (partition, epoch, length, attributes) = (ID, EPOCH, 66, 0);
        builder.push(Record::Batch(BatchRecord { partition, epoch, position, length, attributes, appended }));
        let object = builder.freeze(SESSION, n, 0, [3; 16]).object.into_iter().collect();
        objects.put(&keys::slot(SESSION, n), object).await.expect("written");
    }

    /// A checkpoint over the slots before `n`, in which the log ends there, if it is in it.
    async fn put_checkpoint(objects: &MemoryStore, n: u64, epoch: Epoch, log_end: Option<i64>) {
        let state = |log_end| PartitionState {
            partition: Partition { log_end, ..Partition::default() },
            tenures: Vec::new(),
        };
        let partitions = log_end.into_iter().map(|end| (ID, state(end))).collect();
        let (groups, shares) = Default::default();
        let shard = ShardState { epoch, partitions, groups, shares };
        let shards = BTreeMap::from([(Shards::DEFAULT.of_partition(ID), shard)]);
        let checkpoint = Checkpoint { session: SESSION, n, as_of: Epoch(9), previous: 0, shards };
        let object = checkpoint.encode([4; 16]);
        objects.put(&keys::checkpoint(SESSION, n), object.into()).await.expect("written");
    }

    async fn found(objects: &MemoryStore, has_topic: bool) -> usize {
        contradictions(objects, &cluster(has_topic)).await.expect("readable").len()
    }

    #[tokio::test]
    async fn a_checkpoint_holds_what_the_slots_before_it_say() {
        for (log_end, wrong) in [(Some(2), 0), (Some(1), 1), (None, 1)] {
            let objects = MemoryStore::new();
            put_slot(&objects, 0, 0).await;
            put_slot(&objects, 1, 2).await;
            put_checkpoint(&objects, 1, EPOCH, log_end).await;
            assert_eq!(found(&objects, true).await, wrong, "{log_end:?}");
            assert_eq!(found(&objects, false).await, 0, "its topic is deleted");
            put_checkpoint(&objects, 1, Epoch(6), log_end).await;
            assert_eq!(found(&objects, true).await, 0, "it is about another holding");
        }
    }

    #[tokio::test]
    async fn a_checkpoint_holds_what_the_one_before_it_held() {
        let objects = MemoryStore::new();
        put_checkpoint(&objects, 0, EPOCH, Some(7)).await;
        put_checkpoint(&objects, 1, EPOCH, Some(7)).await;
        assert_eq!(found(&objects, true).await, 0);
        put_checkpoint(&objects, 2, EPOCH, None).await;
        put_checkpoint(&objects, 3, EPOCH, None).await;
        assert_eq!(found(&objects, true).await, 1, "it is reported once");
    }
}
