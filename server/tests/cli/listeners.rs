//! Where a node is reached.

use std::net::TcpListener;

use crate::node::{Node, output, text};

#[test]
fn clients_of_each_listener_are_told_its_own_address() {
    let listen = ["--listen", "127.0.0.1:0", "--listen", "INSIDE://127.0.0.1:0"];
    let flags = [&listen[..], &["--advertise", "inside=localhost", "--http", "off"]].concat();
    let node = Node::with("memory://", &flags);
    let [plain, inside] = node.bootstrap.split(',').collect::<Vec<_>>()[..] else {
        panic!("{}", node.bootstrap)
    };
    assert!(plain.starts_with("PLAINTEXT://127.0.0.1:"), "{plain}");
    assert!(inside.starts_with("INSIDE://localhost:"), "{inside}");
    for address in [plain, inside] {
        // Whoever finds the leader was told of an address that leads to it.
        let name = address.split("://").next().unwrap_or_default();
        node.feed(&["produce", name, "-b", address], "x\n");
        assert_eq!(node.run(&["consume", name, "-e", "-b", address]), "x\n");
    }
    assert_eq!(node.stop(), Some(0));
}

#[test]
fn operators_are_answered_on_the_inter_node_listener_alone() {
    let listen = ["--listen", "127.0.0.1:0,INSIDE=127.0.0.1:0", "--inter-node-listener", "inside"];
    let node = Node::with("memory://", &[&listen[..], &["--http", "off"]].concat());
    let [inside, plain] = node.bootstrap.split(',').collect::<Vec<_>>()[..] else {
        panic!("{}", node.bootstrap)
    };
    assert!(inside.starts_with("INSIDE://") && plain.starts_with("PLAINTEXT://"), "{}", node.bootstrap);
    let id = node.id.to_string();
    for command in [&["status"][..], &["node", "list"], &["node", "rebalance"], &["node", "drain", &id]] {
        let error = node.fails(&[command, &["-b", plain]].concat());
        assert!(error.contains("is it the inter-node listener (--inter-node-listener)"), "{error}");
    }
    assert!(node.run(&["status", "-b", inside]).contains("nodes     1: 1 alive\n"));
    assert_eq!(node.run(&["node", "rebalance", "-b", inside]), "1 nodes even out their load\n");
    assert!(
        node.fails(&["node", "drain", &id, "-b", inside]).contains("no other node could take the shards")
    );
    assert_eq!(node.stop(), Some(0));
}

#[test]
fn ipv6_is_served() {
    if TcpListener::bind("[::1]:0").is_err() {
        eprintln!("this machine has no ::1");
        return;
    }
    let node = Node::with("memory://", &["--listen", "[::1]:0", "--http", "[::1]:0"]);
    assert_eq!(node.listen, node.bootstrap);
    assert!(node.bootstrap.starts_with("[::1]:") && node.http.starts_with("http://[::1]:"), "{}", node.http);
    node.feed(&["produce", "t"], "x\n");
    assert_eq!(node.run(&["consume", "t", "-e"]), "x\n");
    assert!(node.page("/health").contains("ready"));
    assert_eq!(node.stop(), Some(0));
}

#[test]
fn a_default_port_in_use_keeps_nobody_from_starting() {
    // Whether or not something else has it.
    let _taken = TcpListener::bind("127.0.0.1:8080");
    let node = Node::with("memory://", &["--listen", "127.0.0.1:0"]);
    assert!(node.http.starts_with("http://127.0.0.1:") && !node.http.ends_with(":8080"), "{}", node.http);
    assert!(node.page("/health").contains("ready"));
    assert_eq!(node.stop(), Some(0));
}

#[test]
fn listeners_that_do_not_go_together_are_refused() {
    for (flags, message) in [
        (&["--listen", ":1", "--listen", ":2"][..], "listen has two listeners called PLAINTEXT"),
        (&["--listen", ":1", "--advertise", "a=h:1"], "advertise names A, which listen does not"),
        (&["--inter-node-listener", "inside"], "inter-node-listener is INSIDE, which listen does not have"),
        (&["--listen", "::1:9092"], "write an IPv6 address in brackets"),
    ] {
        let output = output(&[&["serve", "--store", "memory://"], flags].concat());
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains(message), "{error}");
    }
}
