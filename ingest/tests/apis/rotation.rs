//! When one session follows another.

use std::time::Duration;

use protocol::messages::ListOffsetsRequest;
use protocol::messages::list_offsets::{LATEST_TIMESTAMP, ListOffsetsPartition, ListOffsetsTopic};
use tokio::time::sleep;

use crate::client::Client;
use crate::node::{Node, config};

/// Asks for the end of a log, for which a slot is put that holds nothing.
async fn end_offset(client: &mut Client) -> i64 {
    let timestamp = LATEST_TIMESTAMP;
    let partition = ListOffsetsPartition { partition_index: 0, current_leader_epoch: -1, timestamp };
    let topics = vec![ListOffsetsTopic { name: "t".into(), partitions: vec![partition] }];
    let request = ListOffsetsRequest { replica_id: -1, topics, ..Default::default() };
    client.ask(8, &request).await.topics[0].partitions[0].offset
}

/// A client that looks now and then costs a slot each time: neither a session nor what its next owner reads
/// grows for ever. But a node that gets no requests is not to begin one session after the other.
#[tokio::test(start_paused = true)]
async fn a_session_is_full_of_empty_slots_in_the_end_and_never_of_none() {
    let mut config = config();
    (config.log.rotate_slots, config.log.checkpoint_slots) = (40, 5);
    let node = Node::with(config).await;
    let mut client = node.with_topic("t", 1).await;
    let log = node.broker.log().expect("it serves");
    let (mut sessions, mut most) = (vec![log.session()], 0);
    for _ in 0..300 {
        assert_eq!(end_offset(&mut client).await, 0);
        sleep(Duration::from_secs(1)).await;
        if sessions.last() != Some(&log.session()) {
            sessions.push(log.session());
        }
        most = most.max(log.slots());
        let covered = log.last_checkpoint().map_or(0, |last| last.n);
        assert!(log.slots() - covered <= 6, "{covered} of {} slots are in a checkpoint", log.slots());
    }
    assert!((40..=70).contains(&most), "a session of {most} slots");
    assert!((4..=6).contains(&sessions.len()), "{sessions:?}");
    // It may have become full with the last of them.
    sleep(Duration::from_secs(120)).await;
    let (session, slots) = (log.session(), log.slots());
    sleep(Duration::from_secs(4 * 3600)).await;
    assert_eq!((log.session(), log.slots()), (session, slots), "nothing happened");
    assert_eq!(end_offset(&mut node.connect()).await, 0);
}
