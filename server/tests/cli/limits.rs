//! A node under a small limit of open files.

use std::net::TcpStream;

use serde_json::Value;

use crate::node::{Node, file_url};

const FLAGS: [&str; 4] = ["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"];

/// How many connections the node takes.
fn most(node: &Node) -> Value {
    let id = node.id.to_string();
    let told = node.run(&["config", "describe", "--broker", &id, "max.connections", "-o", "json"]);
    let told: Value = serde_json::from_str(&told).expect("JSON");
    told["settings"][0]["value"].clone()
}

#[test]
fn connections_fit_the_limit_of_open_files() {
    let directory = tempfile::tempdir().expect("a directory");
    let node = Node::limited((200, 300), &file_url(&directory.path().join("data")), &FLAGS);
    assert_eq!(most(&node), "150", "the soft limit is raised, and half of it left");
    let mut open: Vec<_> =
        (0..400).map(|_| TcpStream::connect(&node.bootstrap).expect("it listens")).collect();
    let health = node.page("/health");
    assert!(health.starts_with("HTTP/1.1 200"), "{health}");
    assert!(node.page("/metrics").contains("tidelog_connections_open "), "it is told");
    // The first are served, and write to the store's files.
    open.clear();
    for attempt in 0.. {
        let connections = node.page("/metrics");
        if connections.lines().any(|line| line == "tidelog_connections_open 0") {
            break;
        }
        assert!(attempt < 600, "they end");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    node.feed(&["produce", "t"], "x\n");
    assert_eq!(node.run(&["consume", "t", "-e"]), "x\n");
}
