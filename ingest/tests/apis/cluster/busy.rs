//! Steps of groups that take long, as on another thread.

use std::collections::BTreeSet;

use broker::log::{Log, NotLeader};
use coordinator::TopicId;
use coordinator::group::classic::Caller;
use coordinator::group::offsets::{Commit, Offset};
use coordinator::group::{GroupId, Reply, Request};
use protocol::messages::DeleteTopicsRequest;
use tiering::seams::Pauses;
use tokio::sync::Notify;
use tokio::task;

use super::*;

/// Tasks that wait where they have locked the groups of a shard, until the gate opens.
#[derive(Default)]
pub(crate) struct Gate {
    held: Mutex<BTreeSet<task::Id>>,
    opens: Notify,
}

impl Gate {
    pub(crate) fn pauses(self: &Arc<Self>) -> Pauses {
        let gate = Arc::clone(self);
        Pauses::new(move || {
            let gate = Arc::clone(&gate);
            async move {
                let opened = gate.opens.notified();
                if task::try_id().is_some_and(|id| gate.held.lock().contains(&id)) {
                    opened.await;
                }
            }
        })
    }

    /// Commits an offset of a group, in a task that waits where it has locked the group's shard.
    fn hold(
        self: &Arc<Self>,
        log: &Arc<Log>,
        group: &str,
        topic: TopicId,
    ) -> JoinHandle<Result<Reply, NotLeader>> {
        let (gate, log, id) = (Arc::clone(self), Arc::clone(log), GroupId::from(group));
        tokio::spawn(async move {
            gate.held.lock().insert(task::id());
            let caller = Caller { member: "".into(), instance: None, generation: -1 };
            let offset = Offset { offset: 1, leader_epoch: -1, metadata: String::new() };
            let offsets = vec![(PartitionId { topic, index: 0 }, offset)];
            let commit = Commit { caller, retention_ms: None, knows_group_not_found: true, offsets };
            log.group(&id, Request::Commit(commit), None).await
        })
    }

    fn open(&self) {
        self.held.lock().clear();
        self.opens.notify_waiters();
    }
}

/// While steps take long, shards are to be given away, and a topic is deleted whose offsets are looked for: all of them
/// want the same groups.
#[tokio::test(start_paused = true)]
async fn shards_are_given_away_and_topics_forgotten_while_groups_are_busy() {
    let (mut world, writer) = World::with_topic(1).await;
    world.client(1).create_topic("doomed", 1, &[]).await;
    let log = world.nodes[&1].broker.log().expect("it serves");
    let busy: Vec<_> = (0..50).map(|n| world.gate.hold(&log, &format!("g{n}"), writer.topic)).collect();
    world.start(2).await;
    // Shards are being released, and wait.
    sleep(Duration::from_secs(2)).await;
    let delete =
        DeleteTopicsRequest { topic_names: vec!["doomed".into()], timeout_ms: 1000, ..Default::default() };
    let mut client = world.client(1);
    timeout(Duration::from_secs(5), client.ask(5, &delete)).await.expect("an answer");
    sleep(Duration::from_secs(2)).await;
    assert!(busy.iter().all(|task| !task.is_finished()));
    world.gate.open();
    for task in busy {
        let committed =
            timeout(Duration::from_secs(10), task).await.expect("its turn comes").expect("no panic");
        assert!(matches!(committed, Ok(Reply::Offsets(Ok(_))) | Err(NotLeader)), "{committed:?}");
    }
    world.settle().await;
    assert_eq!(world.leaders(writer.topic).len(), 2);
}
