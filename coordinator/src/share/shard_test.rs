use super::super::state::Batch;
use super::super::{Acquire, AcquireMode, Acquired, Delivery, State};
use super::*;

fn id(group: &str, index: i32) -> SharePartitionId {
    SharePartitionId { group: group.into(), partition: PartitionId { topic: TopicId([1; 16]), index } }
}

fn settings() -> Settings {
    Settings::default()
}

fn ask(shard: &mut Shard, now: u64, id: &SharePartitionId, request: Request) -> Vec<Effect> {
    let mut effects = Vec::new();
    shard.request((Duration::from_secs(now), 0), &settings(), (id, now), request, &mut effects);
    effects
}

fn acquire(batches: &[(i64, i64)]) -> Request {
    Request::Acquire(Acquire {
        member: "m".into(),
        mode: AcquireMode::BatchOptimized,
        max_records: 100,
        batch_size: 100,
        fetch_offset: batches[0].0,
        batches: batches.to_vec(),
    })
}

#[test]
fn a_share_partition_begins_once() {
    let (mut shard, id) = (Shard::default(), id("g", 0));
    assert_eq!(shard.next_fetch(&settings(), &id, 0), NextFetch::NotBegun);
    let done = |token| Effect::Reply { id: id.clone(), token, reply: Reply::Done(Ok(())) };
    let write = |changes: Vec<Change>| Effect::Write { id: id.clone(), changes: changes.into() };
    let begun = write(vec![Change::Begin { epoch: 0, start: 7 }]);
    assert_eq!(ask(&mut shard, 1, &id, Request::Begin(7)), [begun, Effect::Wake(id.clone()), done(1)]);
    assert_eq!(ask(&mut shard, 2, &id, Request::Begin(9)), [done(2)]);
    assert_eq!(shard.next_fetch(&settings(), &id, 0), NextFetch::At(7));
    let altered = write(vec![Change::Begin { epoch: 3, start: 2 }]);
    let alter = Request::Alter { epoch: 3, start: 2 };
    assert_eq!(ask(&mut shard, 3, &id, alter), [altered, Effect::Wake(id.clone()), done(3)]);
    let deleted = write(vec![Change::Deleted]);
    assert_eq!(ask(&mut shard, 4, &id, Request::Delete), [deleted, Effect::Wake(id.clone()), done(4)]);
    assert_eq!(ask(&mut shard, 5, &id, Request::Delete), [done(5)]);
    assert_eq!(shard.parts().count(), 0);
}

#[test]
fn a_lock_expires_with_a_write_and_wakes_who_waits() {
    let (mut shard, id) = (Shard::default(), id("g", 0));
    ask(&mut shard, 0, &id, Request::Begin(0));
    let given = vec![Acquired { first: 0, last: 9, deliveries: 1 }];
    let reply = Effect::Reply { id: id.clone(), token: 5, reply: Reply::Acquired(given) };
    assert_eq!(
        ask(&mut shard, 5, &id, acquire(&[(0, 9)])),
        [reply],
        "nothing is written for what is in hand"
    );
    assert_eq!(shard.next_tick(), Some(Duration::from_secs(35)));
    let mut effects = Vec::new();
    shard.tick(Duration::from_millis(34_999), &|_| settings(), &mut effects);
    assert_eq!(effects, []);
    shard.tick(Duration::from_secs(35), &|_| settings(), &mut effects);
    let returned = Change::Records { first: 0, last: 9, delivery: Delivery::Available, deliveries: 1 };
    let write = Effect::Write { id: id.clone(), changes: vec![returned].into() };
    assert_eq!(effects, [write, Effect::Wake(id.clone())]);
    assert_eq!(shard.next_tick(), None);
}

#[test]
fn the_log_s_start_takes_the_share_partition_with_it() {
    let (mut shard, id) = (Shard::default(), id("g", 0));
    ask(&mut shard, 0, &id, Request::Begin(0));
    ask(&mut shard, 1, &id, acquire(&[(0, 9)]));
    assert_eq!(shard.next_fetch(&settings(), &id, 40), NextFetch::At(40));
    let mut effects = Vec::new();
    let said = Request::Release("nobody".into());
    shard.request((Duration::from_secs(2), 40), &settings(), (&id, 2), said, &mut effects);
    assert_eq!(effects[0], Effect::Write { id: id.clone(), changes: vec![Change::Start(40)].into() });
    assert_eq!(shard.part(&id).map(|state| state.start), Some(40));
    shard.tick(Duration::from_secs(99), &|_| settings(), &mut effects);
    assert_eq!(effects.len(), 3, "what was in hand is gone");
}

#[test]
fn a_group_s_share_partitions_are_found() {
    let mut shard = Shard::default();
    for (group, index) in [("a", 1), ("b", 0), ("b", 7), ("bb", 0), ("c", 2)] {
        ask(&mut shard, 0, &id(group, index), Request::Begin(0));
    }
    assert_eq!(shard.of_group(&"b".into()).cloned().collect::<Vec<_>>(), [id("b", 0), id("b", 7)]);
}

/// KIP-1226.
#[test]
fn the_lag_is_what_is_in_the_log_and_not_settled() {
    let mut state = State { epoch: 0, start: 5, batches: Default::default() };
    let batch = |last, delivery| Batch { last, delivery, deliveries: 1 };
    state.set(10, batch(19, Delivery::Acknowledged));
    state.set(30, batch(34, Delivery::Archived));
    state.set(35, batch(39, Delivery::Available));
    assert_eq!(state.lag(0..50), 45 - 15);
    assert_eq!(state.lag(5..50), 45 - 15);
    assert_eq!(state.lag(15..50), 35 - 10, "five of those that are settled are below the log's start");
    assert_eq!(state.lag(25..50), 25 - 5);
    assert_eq!(state.lag(40..50), 10);
    assert_eq!(state.lag(50..50), 0);
}
