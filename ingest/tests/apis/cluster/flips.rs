//! Any flipped bit in any stored object is harmless, or an error that names the object.

use std::fmt::{Debug, Write};

use bytes::Bytes;
use futures::future::join_all;
use object_store::ObjectStoreExt;
use object_store::path::Path;
use protocol::messages::delete_records::{DeleteRecordsPartition, DeleteRecordsTopic};
use protocol::messages::offset_commit::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use protocol::messages::offset_fetch::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use protocol::messages::{
    DeleteRecordsRequest, DeleteTopicsRequest, OffsetCommitRequest, OffsetFetchRequest,
};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use super::damage::{keys, object};
use super::*;

/// How many objects are damaged, one bit at a time.
const FLIPS: usize = 240;

/// How long clients try again what may be tried again.
const PATIENCE: Duration = Duration::from_secs(90);

/// What is logged, from warnings on.
#[derive(Clone, Default)]
pub(super) struct Lines(pub(super) Arc<Mutex<String>>);

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::WARN
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        event.record(&mut Fields(&mut self.0.lock()));
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        writeln!(self.0, "{field}: {value:?}").expect("a string takes anything");
    }
}

/// What a bucket says to its readers.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Contents {
    /// By partition: where it begins, and the bytes of all its batches.
    records: BTreeMap<i32, (i64, Bytes)>,
    /// By group: what it committed for partition 0.
    offsets: BTreeMap<String, i64>,
}

/// Everything that there is, read by clients that try again what may be tried again; or the code of the first error
/// that stays.
async fn read(client: &mut Client, groups: &[String]) -> Result<Contents, ErrorCode> {
    let mut records = BTreeMap::new();
    for index in 0..PARTITIONS {
        records.insert(index, read_partition(client, index).await?);
    }
    let mut offsets = BTreeMap::new();
    for group in groups {
        offsets.insert(group.clone(), committed(client, group).await?);
    }
    Ok(Contents { records, offsets })
}

async fn read_partition(client: &mut Client, index: i32) -> Result<(i64, Bytes), ErrorCode> {
    let (mut from, mut next, mut all) = (None, 0, Vec::new());
    let began = Instant::now();
    loop {
        let partition = FetchPartition {
            partition: index,
            fetch_offset: next,
            current_leader_epoch: -1,
            partition_max_bytes: 1 << 20,
            ..Default::default()
        };
        let topic = FetchTopic { topic: "t".into(), partitions: vec![partition], ..Default::default() };
        let request = FetchRequest { max_bytes: 1 << 20, topics: vec![topic], ..Default::default() };
        let answer = client.ask(11, &request).await;
        let data = &answer.responses[0].partitions[0];
        match ErrorCode::from_code(data.error_code).expect("a known error") {
            ErrorCode::None if next >= data.high_watermark => return Ok((from.unwrap_or(next), all.into())),
            ErrorCode::None => {
                let bytes = data.records.clone().into_bytes();
                for batch in protocol::records::Batches::new(bytes.clone()) {
                    let header = *batch.expect("a batch").header();
                    assert!(header.base_offset + i64::from(header.last_offset_delta) >= next, "it goes on");
                    from = from.or(Some(header.base_offset));
                    next = header.base_offset + i64::from(header.last_offset_delta) + 1;
                }
                all.extend_from_slice(&bytes);
            }
            ErrorCode::OffsetOutOfRange if next == 0 && data.log_start_offset > 0 => {
                next = data.log_start_offset;
            }
            ErrorCode::NotLeaderOrFollower if began.elapsed() < PATIENCE => {
                sleep(Duration::from_secs(1)).await;
            }
            // No answer to a fetch below the log start says where the log begins.
            ErrorCode::OffsetOutOfRange if next < 1000 => next += 1,
            code => return Err(code),
        }
    }
}

async fn committed(client: &mut Client, group: &str) -> Result<i64, ErrorCode> {
    let topic =
        OffsetFetchRequestTopics { name: "t".into(), partition_indexes: vec![0], ..Default::default() };
    let group =
        OffsetFetchRequestGroup { group_id: group.into(), topics: Some(vec![topic]), ..Default::default() };
    let request = OffsetFetchRequest { groups: vec![group], ..Default::default() };
    let began = Instant::now();
    loop {
        let answer = client.ask(9, &request).await.groups.remove(0);
        match ErrorCode::from_code(answer.error_code).expect("a known error") {
            ErrorCode::None => return Ok(answer.topics[0].partitions[0].committed_offset),
            ErrorCode::NotCoordinator if began.elapsed() < PATIENCE => sleep(Duration::from_secs(1)).await,
            code => return Err(code),
        }
    }
}

async fn commit(world: &World, group: &str, offset: i64) {
    let partition = OffsetCommitRequestPartition { committed_offset: offset, ..Default::default() };
    let topic =
        OffsetCommitRequestTopic { name: "t".into(), partitions: vec![partition], ..Default::default() };
    let request = OffsetCommitRequest {
        group_id: group.into(),
        generation_id_or_member_epoch: -1,
        topics: vec![topic],
        ..Default::default()
    };
    let cluster = world.cluster();
    let (session, _) = cluster.coordinator(group).expect("a coordinator");
    let answer = world.client(session.node.0).ask(9, &request).await;
    assert_eq!(answer.topics[0].partitions[0].error_code, 0);
}

/// A bucket with every kind of object, left by nodes that were stopped, killed and started.
async fn bucket() -> (BTreeMap<Path, Bytes>, Vec<String>) {
    let mut world = World::new();
    world.rotate_after = Duration::from_secs(20);
    world.start(1).await;
    let mut client = world.client(1);
    client.create_topic("t", PARTITIONS, &[]).await;
    let topic = coordinator::TopicId(*client.topic_id("t").await.as_bytes());
    let mut writer = Writer { topic, sequences: vec![0; PARTITIONS as usize] };
    let groups: Vec<String> = (0..6).map(|n| format!("group-{n}")).collect();
    let write = async |world: &World, writer: &mut Writer, offset: i64| {
        world.until_writable(writer).await;
        for group in &groups {
            commit(world, group, offset).await;
        }
    };
    write(&world, &mut writer, 1).await;
    sleep(Duration::from_secs(30)).await;
    write(&world, &mut writer, 2).await;
    // More entries than a snapshot has.
    for n in 0..70 {
        let name = format!("passing-{n}");
        client.create_topic(&name, 1, &[]).await;
        let names = vec![name.as_str().into()];
        let request = DeleteTopicsRequest { topic_names: names, timeout_ms: 1000, ..Default::default() };
        drop(client.ask(5, &request).await);
    }
    world.start(2).await;
    world.settle().await;
    write(&world, &mut writer, 3).await;
    let partitions = vec![DeleteRecordsPartition { partition_index: 0, offset: 1 }];
    let topics = vec![DeleteRecordsTopic { name: "t".into(), partitions }];
    let (session, _) = world
        .cluster()
        .leader(PartitionId { topic, index: 0 })
        .map(|(s, g)| (s.node.0, *g))
        .expect("a leader");
    let request = DeleteRecordsRequest { topics, timeout_ms: 30_000 };
    assert_eq!(world.client(session).ask(2, &request).await.topics[0].partitions[0].error_code, 0);
    write(&world, &mut writer, 4).await;
    world.kill(1).await;
    world.start(3).await;
    world.settle().await;
    for offset in 5..9 {
        write(&world, &mut writer, offset).await;
    }
    world.kill(3).await;
    world.kill(2).await;
    let keys = keys(&world.objects, "").await;
    let objects = join_all(keys.iter().map(|key| object(&world.objects, key))).await;
    (keys.into_iter().zip(objects.into_iter().map(Bytes::from)).collect(), groups)
}

/// What becomes of a start on these objects.
#[derive(Debug)]
enum Outcome {
    Read(Contents),
    Error(String),
}

async fn outcome(objects: &BTreeMap<Path, Bytes>, groups: &[String]) -> Outcome {
    let world = World::new();
    for (key, object) in objects {
        world.objects.put(key, object.clone().into()).await.expect("it is stored");
    }
    let broker = world.broker(9, 9);
    let running = Arc::clone(&broker);
    let mut task = tokio::spawn(async move { running.run(CancellationToken::new()).await });
    let ready = tokio::select! {
        ready = broker.ready() => ready.is_ok(),
        ended = &mut task => return Outcome::Error(format!("{:?}", ended.expect("no panic"))),
    };
    if !ready {
        return Outcome::Error(format!("{:?}", task.await.expect("no panic")));
    }
    let service = Service::new(broker, ingest::metrics_in(&mut Default::default()));
    let mut client = Client::new(accept(&service));
    let read = read(&mut client, groups).await;
    task.abort();
    match read {
        Ok(contents) => Outcome::Read(contents),
        Err(code) => Outcome::Error(format!("{code:?}")),
    }
}

/// What a key's object is.
fn kind(key: &Path) -> &'static str {
    let key = key.as_ref();
    let kinds = ["meta/log", "meta/snap", "/ckpt/", "/idx/", "wal/", ""];
    kinds.into_iter().find(|kind| key.contains(kind)).unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn a_flipped_bit_is_harmless_or_named() {
    let (objects, groups) = bucket().await;
    let mut kinds: BTreeMap<&str, Vec<&Path>> = BTreeMap::new();
    for key in objects.keys().filter(|key| !key.as_ref().starts_with("probe/")) {
        kinds.entry(kind(key)).or_default().push(key);
    }
    assert_eq!(
        kinds.keys().copied().collect::<Vec<_>>(),
        ["/ckpt/", "/idx/", "meta/log", "meta/snap", "wal/"]
    );
    let Outcome::Read(right) = outcome(&objects, &groups).await else { panic!("nothing is damaged") };
    assert!(right.records.values().all(|(_, bytes)| !bytes.is_empty()), "{right:?}");
    assert!(right.offsets.values().all(|offset| *offset == 8), "{right:?}");

    let lines = Lines::default();
    let _guard = tracing::subscriber::set_default(lines.clone());
    let mut random = StdRng::seed_from_u64(10);
    let (mut harmless, mut named) = (0, 0);
    let kinds: Vec<_> = kinds.into_values().collect();
    for flip in 0..FLIPS {
        // Newer objects are more likely to be read.
        let keys = &kinds[flip % kinds.len()];
        let from = if random.random_bool(0.7) { keys.len().saturating_sub(12) } else { 0 };
        let key = *keys[from..].choose(&mut random).expect("a key");
        let mut damaged = objects.clone();
        let mut bytes = damaged[key].to_vec();
        let bit = random.random_range(0..bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        damaged.insert(key.clone(), bytes.into());
        lines.0.lock().clear();
        let outcome = timeout(Duration::from_secs(3600), outcome(&damaged, &groups));
        let context = format!("bit {bit} of {key}");
        match outcome.await.unwrap_or_else(|_| panic!("{context}: it hangs")) {
            Outcome::Read(read) => {
                assert_eq!(read, right, "{context}");
                harmless += 1;
            }
            Outcome::Error(error) => {
                let logged = lines.0.lock().clone();
                let told = error.contains(key.as_ref()) || logged.contains(key.as_ref());
                assert!(told, "{context}: {error}, and in the log\n{logged}");
                named += 1;
            }
        }
    }
    assert!(harmless > FLIPS / 20 && named > FLIPS / 20, "{harmless} were harmless, {named} named");
}
