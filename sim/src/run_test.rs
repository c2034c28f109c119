use ingest::log::Answer;
use tokio::time::timeout;

use super::*;
use crate::fault::{Fault, Operation};
use crate::history::Record;

/// The search in short; `tidelog-sim --seeds 1000` is the long one.
#[test]
fn no_acknowledged_record_is_lost_doubled_or_moved() {
    for seed in 0..25 {
        let report = run(Plan::of(seed));
        assert_eq!(report.violations, Vec::<String>::new(), "repeat it: tidelog-sim --seed {seed}");
        assert!(report.acknowledged > 100 && report.kills > 0 && !report.faults.is_empty(), "{report:?}");
    }
}

/// A client loses patience and sends its batch again while the first PUT of the slot hangs; then another
/// process seals that slot. Neither attempt is acknowledged, and a third one appends the batch once.
#[tokio::test(start_paused = true)]
async fn a_batch_sent_again_while_its_slot_hangs_and_is_then_sealed() {
    let (objects, rng) = (Arc::new(MemoryStore::new()), StdRng::seed_from_u64(1));
    let mut world = World { objects, started: Instant::now(), rng, stores: Vec::new() };
    let old = world.start_node(FaultPlan::calm());
    let topic = create_topic(&old.broker, 1).await;
    let partition = PartitionId { topic, index: 0 };
    let (current, seen) = watch::channel(Arc::clone(&old.broker));
    let (_running, stopped) = watch::channel(false);
    let (history, rng) = (Arc::default(), StdRng::seed_from_u64(2));
    let client = client::Client { current: seen, stopped, history, rng };
    let offset = |answer| match answer {
        Some(Answer::Offset { base_offset, .. }) => base_offset,
        other => panic!("not acknowledged: {other:?}"),
    };
    let first = client::encode(1, 0, 1);
    assert_eq!(offset(client.send(partition, 1, &first).await), 0);

    // Every attempt at the next slot hangs, hedges included, and none of them lands.
    let session = old.broker.log().expect("it serves").session().to_string();
    for _ in 0..8 {
        let session = session.clone();
        let hit = move |path: &object_store::path::Path| {
            path.as_ref().contains(&session) && path.as_ref().ends_with("/0000000001")
        };
        world.stores[0].script(Operation::Put, hit, Fault::Stall);
    }
    let second = client::encode(1, 1, 2);
    let patience = Duration::from_secs(5);
    assert!(timeout(patience, client.send(partition, 1, &second)).await.is_err(), "the slot hangs");
    assert!(timeout(patience, client.send(partition, 1, &second)).await.is_err(), "I10: no early answer");

    let waiting = client.send(partition, 1, &second);
    let taker = world.start_node(FaultPlan::calm());
    let (answer, ready) = tokio::join!(waiting, taker.broker.ready());
    assert!(ready.is_ok());
    assert_eq!(answer, None, "the slot was sealed: nothing of it is acknowledged");
    drop(old);

    let last = world.start_node(FaultPlan::calm());
    drop(taker);
    assert!(last.broker.ready().await.is_ok());
    current.send_replace(Arc::clone(&last.broker));
    let mut answer = None;
    while answer.is_none() {
        answer = client.send(partition, 1, &second).await;
    }
    assert_eq!(offset(answer), 1);
    let record = |sequence| Record { producer: 1, sequence };
    let log = client::read_all(&last.broker, partition).await;
    assert_eq!(log, vec![(0, record(0)), (1, record(1)), (2, record(2))]);
}
