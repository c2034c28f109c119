//! The private APIs for operators.

use std::time::Duration;

use futures::future::join_all;
use protocol::messages::peer::{DRAIN, PeerStoreRequests, UNDRAIN};
use protocol::messages::{
    ApiVersionsRequest, PeerControlRequest, PeerPingRequest, PeerStatusRequest, PeerStatusResponse,
};
use protocol::{ErrorCode, Uuid};
use tiering::store::RequestKind;
use tokio::time::Instant;

use crate::client::{Client, batch};
use crate::node::{NODE, Node, config};

async fn status(client: &mut Client) -> PeerStatusResponse {
    client.ask(0, &PeerStatusRequest {}).await
}

async fn control(client: &mut Client, node_id: i32, action: i8) -> (ErrorCode, Option<String>) {
    let told = client.ask(0, &PeerControlRequest { node_id, action }).await;
    let code = ErrorCode::from_code(told.error_code).expect("a known error");
    (code, told.error_message.map(|message| message.to_string()))
}

#[tokio::test(start_paused = true)]
async fn a_node_tells_how_it_is() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 3).await;
    let before = status(&mut client).await;
    client.produce("t", batch(&["a"])).await;
    tokio::time::advance(Duration::from_secs(5)).await;
    let told = status(&mut client).await;
    let cluster = node.broker.cluster().expect("a cluster");
    let session = Uuid::from_bytes(*node.broker.log().expect("a log").session().as_bytes());
    assert_eq!(told.cluster_id.as_str(), cluster.id().to_string());
    assert_eq!((told.node_id, told.session_id), (NODE, session));
    assert_eq!(told.process_id.as_bytes(), node.broker.process().as_bytes());
    assert!(!told.version.is_empty() && told.uptime_ms >= 5000 && told.window_ms >= 5000, "{told:?}");
    assert_eq!(told.metadata_next, cluster.next().0 as i64);
    assert!((0..5000).contains(&told.store_age_ms), "{told:?}");
    assert_eq!((told.shards, told.unassigned_shards), (1024, 0));
    assert_eq!((told.partitions, told.slots, told.checkpoint_lag), (1, 1, 1));
    assert!(told.tail_bytes > 0 && told.bytes_taken > 0 && told.bytes_given == 0, "{told:?}");
    let puts = |told: &PeerStatusResponse| {
        let is_put = |requests: &&PeerStoreRequests| requests.kind == "put";
        told.store_requests.iter().find(is_put).map(|requests| requests.count).unwrap_or_default()
    };
    assert_eq!(puts(&told), puts(&before) + 1);
    assert!(told.s3_microdollars_per_month > 0);
    let [own] = &told.sessions[..] else { panic!("{:?}", told.sessions) };
    assert_eq!((own.session_id, own.node_id, own.rack.as_deref()), (session, NODE, Some("r1")));
    assert_eq!((own.host.as_str(), own.port, own.shards), ("node7.test", 9092, 1024));
    assert!(!own.draining && !own.suspected && !own.unreached);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_not_ready_tells_that_much() {
    let node = Node::not_started(config());
    let told = status(&mut node.connect()).await;
    assert_eq!((told.error_code, told.node_id, told.store_age_ms), (0, -1, -1));
    assert!(told.session_id.is_zero() && told.cluster_id.is_empty() && told.sessions.is_empty());
    assert!(!told.process_id.is_zero());
}

#[tokio::test(start_paused = true)]
async fn what_can_not_be_is_refused() {
    let node = Node::start().await;
    let mut client = node.connect();
    let (code, message) = control(&mut client, NODE, DRAIN).await;
    assert_eq!(code, ErrorCode::InvalidRequest, "there is no other node");
    assert!(message.is_some_and(|message| message.contains("no other node could take the shards of node 7")));
    assert_eq!(control(&mut client, 8, DRAIN).await.0, ErrorCode::BrokerIdNotRegistered);
    assert_eq!(control(&mut client, NODE, 99).await.0, ErrorCode::InvalidRequest);
    assert_eq!(control(&mut client, -1, UNDRAIN).await, (ErrorCode::None, None), "it is so already");
}

/// A peer that speaks of entries which do not exist costs one GET a second, and no request waits for them.
#[tokio::test(start_paused = true)]
async fn a_ping_from_the_future_costs_next_to_nothing() {
    let node = Node::start().await;
    let gets = || node.broker.store().metrics().get(RequestKind::Get).requests;
    let known = node.broker.cluster().expect("a cluster").next().0 as i64;
    // The node reads the log's end once a second by itself: not in what follows, which takes less.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let (before, began) = (gets(), Instant::now());
    let ping = async || {
        let mut client = node.connect();
        for metadata_next in [i64::MAX, known + 1, known + 1_000_000] {
            let told = client.ask(0, &PeerPingRequest { metadata_next }).await;
            assert_eq!(told.metadata_next, known);
        }
    };
    join_all((0..20).map(|_| ping())).await;
    assert_eq!((gets() - before, began.elapsed() < Duration::from_millis(100)), (1, true));
    let before = gets();
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        ping().await;
    }
    assert!((5..=10).contains(&(gets() - before)), "{}, and 5 are the node's own", gets() - before);
}

#[tokio::test(start_paused = true)]
async fn clients_are_not_told_of_these() {
    let node = Node::start().await;
    let told = node.connect().ask(3, &ApiVersionsRequest::default()).await;
    assert!(told.api_keys.iter().all(|api| api.api_key < 1000));
}
