//! The listener, over TCP.

use std::io::ErrorKind;
use std::time::Duration;

use broker::node::BrokerConfig;
use broker::peer::{Identity, ping, tcp};
use coordinator::cluster::Address;
use ingest::listener::{self, Listener};
use protocol::frame;
use protocol::messages::ApiVersionsRequest;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::node::{LISTENER, Node, config};

async fn listen(node: &Node) -> (u16, JoinHandle<()>) {
    let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = socket.local_addr().expect("an address").port();
    (port, serve(node, vec![(LISTENER, socket)]))
}

fn serve(node: &Node, sockets: Vec<(&str, TcpListener)>) -> JoinHandle<()> {
    let listener = |(name, socket): (&str, TcpListener)| Listener { name: name.into(), socket };
    let listeners = sockets.into_iter().map(listener).collect();
    tokio::spawn(listener::run(listeners, node.service.clone(), node.stop.clone()))
}

/// Whether a request is answered.
async fn is_served(socket: &mut TcpStream) -> bool {
    let request = frame::encode_request(1, None, 0, &ApiVersionsRequest::default()).expect("a request");
    if socket.write_all(&request.concat()).await.is_err() {
        return false;
    }
    let Ok(length) = socket.read_i32().await else { return false };
    let mut response = vec![0; usize::try_from(length).expect("a length")];
    socket.read_exact(&mut response).await.is_ok()
}

async fn connect(port: u16) -> TcpStream {
    TcpStream::connect(("127.0.0.1", port)).await.expect("a connection")
}

#[tokio::test]
async fn connections_over_the_limit_are_refused() {
    let node = Node::with(BrokerConfig { max_connections: 2, ..config() }).await;
    let (port, _) = listen(&node).await;
    let (mut first, mut second) = (connect(port).await, connect(port).await);
    assert!(is_served(&mut first).await && is_served(&mut second).await);
    assert!(!is_served(&mut connect(port).await).await);
    drop(first);
    // The place is free as soon as the node has seen that.
    while !is_served(&mut connect(port).await).await {
        tokio::task::yield_now().await;
    }
    assert!(is_served(&mut second).await);
}

#[tokio::test]
async fn the_limit_is_for_all_listeners_together() {
    let node = Node::with(BrokerConfig { max_connections: 2, ..config() }).await;
    let mut sockets = Vec::new();
    for name in ["ONE", "TWO"] {
        sockets.push((name, TcpListener::bind("127.0.0.1:0").await.expect("a port")));
    }
    let ports: Vec<u16> =
        sockets.iter().map(|(_, socket)| socket.local_addr().expect("an address").port()).collect();
    serve(&node, sockets);
    let (mut first, mut second) = (connect(ports[0]).await, connect(ports[1]).await);
    assert!(is_served(&mut first).await && is_served(&mut second).await);
    for port in ports {
        assert!(!is_served(&mut connect(port).await).await);
    }
}

#[tokio::test]
async fn nodes_reach_each_other_over_ipv6() {
    let Ok(socket) = TcpListener::bind("[::1]:0").await else {
        eprintln!("this machine has no ::1");
        return;
    };
    let node = Node::start().await;
    let port = socket.local_addr().expect("an address").port();
    serve(&node, vec![(LISTENER, socket)]);
    let address = Address { listener: LISTENER.to_owned(), host: "::1".to_owned(), port };
    assert_eq!(address.to_string(), format!("[::1]:{port}"));
    let answer = ping(&tcp(), &address, 0, Duration::from_secs(10)).await.expect("an answer");
    assert_eq!(Identity::of(&answer).process, node.broker.process());
}

#[tokio::test]
async fn shutting_down_ends_connections_and_refuses_new_ones() {
    let node = Node::start().await;
    let (port, listening) = listen(&node).await;
    let mut idle = connect(port).await;
    assert!(is_served(&mut idle).await);
    node.stop.cancel();
    listening.await.expect("the listener ends");
    assert!(!is_served(&mut idle).await);
    assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err());
}

#[tokio::test]
async fn a_node_tells_who_it_is_and_a_dead_one_does_not() {
    let node = Node::start().await;
    let (port, listening) = listen(&node).await;
    let address = Address { listener: "PLAINTEXT".to_owned(), host: "127.0.0.1".to_owned(), port };
    let cluster = node.broker.cluster().expect("a cluster").id().to_string();
    let own = Identity { cluster, process: node.broker.process() };
    let (connect, within) = (tcp(), Duration::from_secs(10));
    let answer = ping(&connect, &address, 0, within).await.expect("an answer");
    assert_eq!(Identity::of(&answer), own);
    node.stop.cancel();
    listening.await.expect("the listener ends");
    let refused = ping(&connect, &address, 0, within).await.map_err(|error| error.kind());
    assert_eq!(refused, Err(ErrorKind::ConnectionRefused));
    // Somebody who listens and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = silent.local_addr().expect("an address").port();
    let silence = ping(&connect, &Address { port, ..address }, 0, Duration::from_millis(20)).await;
    assert_eq!(silence.map_err(|error| error.kind()), Err(ErrorKind::TimedOut));
}
