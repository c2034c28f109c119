//! Nodes that no answer of the store reaches.

use futures::StreamExt;
use futures::future::ready;
use object_store::ObjectStore;
use protocol::messages::PeerPingRequest;

use super::*;

impl World {
    /// Waits until another process has ended the session of the one on host 1, which must not serve then.
    async fn until_ended_in_time(&self, other: &Broker, leads: impl Fn(&Broker) -> bool) {
        let broker = &self.nodes[&1].broker;
        let (began, mut served) = (Instant::now(), true);
        loop {
            let cluster = other.cluster();
            let mut sessions = cluster.iter().flat_map(|cluster| cluster.open_sessions());
            let known = cluster.as_ref().is_some_and(|cluster| cluster.next().0 > 1);
            if known && sessions.all(|session| session.process != broker.process()) {
                assert!(!served, "its session was ended while it served");
                return;
            }
            served = leads(broker);
            sleep(Duration::from_millis(20)).await;
            assert!(began.elapsed() < Duration::from_secs(60), "it was not taken over");
        }
    }

    /// How many objects lie below a session's key.
    async fn objects_of(&self, session: coordinator::SessionId) -> usize {
        let listed = self.objects.list(Some(&"wal".into()));
        let session = session.to_string();
        listed
            .filter(|object| ready(object.as_ref().is_ok_and(|o| o.location.as_ref().contains(&session))))
            .count()
            .await
    }
}

/// A node that is alone serves from memory what it can while its store is away. It can't read that another has come and
/// has ended its session, and learns it from the other's pings.
#[tokio::test(start_paused = true)]
async fn a_node_that_lost_its_store_learns_from_pings_that_it_is_not_alone() {
    let (mut world, writer) = World::with_topic(1).await;
    let leads = |broker: &Broker| {
        let leads = broker.lead(PartitionId { topic: writer.topic, index: 0 }).is_ok();
        assert_eq!(broker.coordinate("g").is_ok(), leads);
        leads
    };

    // What isn't so is forgotten once the log has been read again.
    let future = PeerPingRequest { metadata_next: i64::MAX };
    world.client(1).ask(0, &future).await;
    sleep(Duration::from_secs(3)).await;
    world.cut.lock().insert(1);
    sleep(Duration::from_secs(20)).await;
    assert!(leads(&world.nodes[&1].broker), "it is alone");

    let newest = world.nodes[&1].broker.cluster().expect("it has read the log");
    let other = world.launch(2, 2);
    world.until_ended_in_time(&other, leads).await;
    sleep(Duration::from_secs(20)).await;
    assert!(!leads(&world.nodes[&1].broker));
    let known = world.nodes[&1].broker.cluster().expect("it has read the log");
    assert_eq!(known.next(), newest.next(), "it can't know from the log");

    world.cut.lock().clear();
    sleep(Duration::from_secs(20)).await;
    world.settle().await;
    assert_eq!(world.leaders(writer.topic).len(), 2);
}

/// The same where the other takes its node id, and opens no session before it has ended that one. A process that has lost
/// its node id tries to open a session for as long as it takes, and leaves next to nothing behind in the store.
#[tokio::test(start_paused = true)]
async fn a_node_that_is_replaced_while_its_store_is_lost_learns_of_it() {
    let (mut world, writer) = World::with_topic(1).await;
    let leads = |broker: &Broker| broker.lead(PartitionId { topic: writer.topic, index: 0 }).is_ok();
    let replaced = Arc::clone(&world.nodes[&1].broker);
    let session = replaced.log().expect("it serves").session();
    world.cut.lock().insert(1);
    sleep(Duration::from_secs(20)).await;
    assert!(leads(&replaced), "it is alone");
    let other = world.launch(2, 1);
    world.until_ended_in_time(&other, leads).await;

    world.cut.lock().clear();
    sleep(Duration::from_secs(30)).await;
    assert!(!leads(&replaced) && leads(&other));
    let before = world.objects_of(session).await;
    sleep(Duration::from_secs(120)).await;
    assert!(world.objects_of(session).await <= before + 1);
    world.kill(2).await;
    sleep(Duration::from_secs(20)).await;
    assert!(leads(&replaced));
}
