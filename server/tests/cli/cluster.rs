//! Several nodes on one directory, and the commands of those who run them.

use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;

use crate::node::{Node, file_url, output, text};

/// How long anything here may take, and how often it is looked at.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(100);

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Asks `node` again and again, until the nodes that it lists are as they should be.
fn until(node: &Node, what: &str, hold: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    let mut seen = Vec::new();
    for _ in 0..PATIENCE.as_millis() / PAUSE.as_millis() {
        let Value::Array(nodes) = json(&node.run(&["node", "list", "-o", "json"])) else { panic!("a list") };
        if hold(&nodes) {
            return nodes;
        }
        seen = nodes;
        sleep(PAUSE);
    }
    panic!("{what}: {seen:?}");
}

fn number(node: &Value, field: &str) -> i64 {
    node[field].as_i64().unwrap_or_else(|| panic!("{field} of {node}"))
}

fn signal(node: &Node, name: &str) {
    let pid = node.process.id().to_string();
    assert!(Command::new("kill").args([name, &pid]).status().expect("kill runs").success());
}

#[test]
fn nodes_join_are_listed_drained_and_missed() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = file_url(&directory.path().join("data"));
    // Nothing but a store and a port, which is asked for only because tests share a machine.
    let start = |rack: &str| Node::with(&store, &["--listen", "127.0.0.1:0", "--rack", rack]);
    let (one, two, three) = (start("a"), start("b"), start("c"));
    let even =
        |nodes: &[Value]| nodes.len() == 3 && nodes.iter().all(|n| (300..400).contains(&number(n, "shards")));
    let nodes = until(&one, "nodes share the shards", even);
    one.run(&["topic", "create", "t", "-p", "12"]);
    one.feed(&["produce", "t"], "x\n");
    for (node, rack) in [(&one, "a"), (&two, "b"), (&three, "c")] {
        let listed = nodes.iter().find(|n| number(n, "id") == i64::from(node.id)).expect("it is listed");
        assert_eq!(
            (listed["rack"].as_str(), listed["address"].as_str()),
            (Some(rack), Some(&*node.bootstrap))
        );
        assert_eq!(
            (listed["state"].as_str(), listed["session"].as_str().map(str::len)),
            (Some("alive"), Some(26))
        );
    }
    let table = two.run(&["node", "list"]);
    assert_eq!(table.lines().count(), 4, "{table}");
    assert!(table.starts_with("ID  ADDRESS"), "{table}");

    let status = json(&two.run(&["status", "-o", "json"]));
    assert_eq!((status["ok"].as_bool(), status["problems"].as_array().map(Vec::len)), (Some(true), Some(0)));
    assert_eq!((number(&status, "topics"), number(&status, "partitions")), (1, 12));
    assert_eq!((number(&status, "shards"), number(&status, "shards_unassigned")), (1024, 0));
    assert!(two.run(&["status"]).contains("nodes     3: 3 alive\n"));

    // A drain is asked of any node, about any node.
    let id = three.id.to_string();
    let told = one.run(&["node", "drain", &id]);
    assert_eq!(told, format!("node {id} holds no shards: it can be stopped\n"));
    let is_three = |node: &&Value| number(node, "id") == i64::from(three.id);
    let drained = until(&one, "the list knows", |nodes| {
        nodes.iter().find(is_three).is_some_and(|n| n["state"] == "drained")
    });
    let leads: i64 = drained.iter().map(|node| number(node, "partitions")).sum();
    assert_eq!((drained.iter().find(is_three).map(|n| number(n, "partitions")), leads), (Some(0), 12));
    assert_eq!(one.run(&["consume", "t", "-e"]), "x\n");
    one.run(&["node", "drain", &id, "--undo"]);
    until(&one, "shards come back", even);
    assert_eq!(one.run(&["node", "rebalance"]), "3 nodes even out their load\n");
    assert!(one.fails(&["node", "drain", "12345"]).contains("there is no node 12345 in this cluster"));

    // A frozen node is part of the answer, and the others go on without it.
    signal(&three, "-STOP");
    let seen = until(&one, "it is missed", |nodes| {
        nodes.iter().find(is_three).is_none_or(|n| n["state"] != "alive")
    });
    if let Some(three) = seen.iter().find(is_three) {
        assert_eq!(three["state"], "unreachable", "{three}");
        assert!(three["error"].as_str().is_some_and(|error| error.contains("did not answer")), "{three}");
    }
    until(&one, "it is left out", |nodes| nodes.len() == 2 && nodes.iter().all(|n| n["shards"] == 512));
    // Whoever is told of it first finds another.
    let both = format!("{},{}", three.bootstrap, one.bootstrap);
    assert!(one.run(&["status", "-b", &both]).contains("nodes     2: 2 alive\n"));
    signal(&three, "-CONT");
    until(&one, "it comes back", even);
    assert_eq!([three, two, one].map(Node::stop), [Some(0); 3]);
}

#[test]
fn a_node_alone_is_not_drained() {
    let node = Node::start("memory://");
    let error = node.fails(&["node", "drain", &node.id.to_string()]);
    assert!(error.contains("no other node could take the shards"), "{error}");
    assert!(node.run(&["status"]).contains("1: 1 alive"));
    assert_eq!(node.stop(), Some(0));
}

#[test]
fn what_does_not_answer_fails() {
    for command in [&["status"][..], &["node", "list"], &["node", "drain", "1"], &["node", "rebalance"]] {
        let output = output(&[command, &["-b", "127.0.0.1:1"]].concat());
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert!(error.contains("no broker at 127.0.0.1:1"), "{error}");
    }
    assert_eq!(output(&["node", "drain", "x"]).status.code(), Some(2));
}
