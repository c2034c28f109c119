//! Nodes that join a cluster, and find or are found by others, or not.

use super::*;

fn sessions(world: &World) -> Vec<coordinator::SessionId> {
    world.cluster().open_sessions().map(|s| s.id).collect()
}

/// One connection that is refused may be the trouble of whoever dials.
#[tokio::test(start_paused = true)]
async fn a_node_that_starts_asks_others_before_it_ends_a_session() {
    let (mut world, mut writer) = World::with_topic(2).await;
    world.until_writable(&mut writer).await;
    let before = sessions(&world);
    world.network.lock().refused = vec![(host(3), host(1))];
    world.start(3).await;
    assert_eq!(sessions(&world)[..2], before, "another node reaches it");
    sleep(Duration::from_secs(60)).await;
    assert_eq!(sessions(&world)[..2], before);
    world.settle().await;
    assert_eq!(world.leaders(writer.topic).len(), 3);
    writer.verify(&world).await;
}

#[tokio::test(start_paused = true)]
async fn a_node_that_starts_ends_at_once_what_no_node_reaches() {
    let (mut world, mut writer) = World::with_topic(3).await;
    world.until_writable(&mut writer).await;
    let gone = world.nodes[&1].broker.log().expect("it serves").session();
    world.kill(1).await;
    let began = Instant::now();
    world.start(4).await;
    assert!(began.elapsed() < Duration::from_millis(100), "{:?}", began.elapsed());
    assert!(!sessions(&world).contains(&gone));
    world.settle().await;
    writer.verify(&world).await;
}
