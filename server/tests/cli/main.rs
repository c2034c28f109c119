//! The binary as it is used: a node on a port of its own, and commands against it.

mod cluster;
mod groups;
mod limits;
mod listeners;
mod member;
mod node;
mod settings;

use std::io::Read;
use std::process::Stdio;

use node::{Node, file_url, output, text, tidelog};
use serde_json::Value;

#[test]
fn records_go_in_and_come_out() {
    let node = Node::start("memory://");
    node.run(&["topic", "create", "orders", "-p", "3", "-c", "retention.ms=60000"]);
    assert!(node.fails(&["topic", "create", "orders"]).contains("TopicAlreadyExists"));
    node.run(&["topic", "create", "orders", "--if-not-exists"]);
    assert!(node.run(&["topic", "list"]).contains("orders  3           1\n"));
    node.feed(&["produce", "orders", "-p", "1", "-K", ":", "-H", "h=1", "-z", "zstd"], "a:1\nb:2\nc:\n");
    let format = "%t %p %o %k=%s %S %h\\n";
    let all = node.run(&["consume", "orders", "-e", "-f", format]);
    assert_eq!(all, "orders 1 0 a=1 1 h=1\norders 1 1 b=2 1 h=1\norders 1 2 c= 0 h=1\n");
    assert_eq!(node.run(&["consume", "orders", "-p", "1", "-o", "-1", "-e", "-f", "%k"]), "c");
    assert_eq!(node.run(&["consume", "orders", "-p", "1", "-o", "1", "-c", "1"]), "2\n");
    assert_eq!(node.run(&["consume", "orders", "-o", "s@2999-01-01T00:00:00Z", "-e"]), "");
    let json = node.run(&["consume", "orders", "-e", "--json"]);
    node.feed(&["produce", "copy", "--format", "json", "-p", "0"], &json.replace("\"partition\":1,", ""));
    let copied = node.run(&["consume", "copy", "-e", "-f", "%o %k=%s %h\\n"]);
    assert_eq!(copied, "0 a=1 h=1\n1 b=2 h=1\n2 c= h=1\n");
    let described: Value =
        serde_json::from_str(&node.run(&["topic", "describe", "orders", "-o", "json"])).expect("JSON");
    assert_eq!(described["partitions"][1]["end_offset"], 3);
    let own = described["configs"].as_array().into_iter().flatten().find(|config| config["own"] == true);
    assert_eq!(own.map(|config| config["name"].clone()), Some("retention.ms".into()));
    node.run(&["topic", "delete", "orders"]);
    assert!(node.fails(&["topic", "describe", "orders"]).contains("there is no topic orders"));
    assert!(node.fails(&["topic", "delete", "orders"]).contains("there is no topic orders"));
    assert_eq!(node.stop(), Some(0));
}

#[test]
fn many_lines_keep_their_order() {
    let node = Node::start("memory://");
    let lines: String = (0..50_000).map(|number| format!("{number}\n")).collect();
    node.feed(&["produce", "lines", "--batch-size", "16KiB"], &lines);
    assert!(node.run(&["consume", "lines", "-e"]) == lines);
    assert_eq!(node.stop(), Some(0));
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let node = Node::start("memory://");
    let lines = "0123456789\n".repeat(100_000);
    node.feed(&["produce", "lines"], &lines);
    let mut consume = tidelog(&["consume", "lines", "-e", "-b", &node.bootstrap])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut first = [0; 11];
    let mut out = consume.stdout.take().expect("it is piped");
    out.read_exact(&mut first).expect("a line");
    drop(out);
    let output = consume.wait_with_output().expect("it ends");
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
}

#[test]
fn health_and_metrics() {
    let node = Node::start("memory://");
    let health = node.page("/health");
    assert!(health.starts_with("HTTP/1.1 200") && health.contains("\"status\":\"ready\""), "{health}");
    node.feed(&["produce", "t"], "x\n");
    let metrics = node.page("/metrics");
    for name in [
        "tidelog_appended_records_total 1",
        "tidelog_requests_total{api=\"Produce\"} 1",
        "tidelog_store_requests_total{kind=\"put\"} ",
        "tidelog_store_s3_cost_dollars_total 0.",
        "process_resident_memory_bytes ",
    ] {
        assert!(metrics.contains(name), "{name} in {metrics}");
    }
    assert_eq!(node.stop(), Some(0));
}

#[test]
fn pages_are_told_to_who_asks_for_this_machine() {
    let node = Node::start("memory://");
    for host in ["127.0.0.1:8080", "[::1]", "localhost:8080"] {
        assert!(node.page_of(host, "/health").starts_with("HTTP/1.1 200"), "{host}");
    }
    for page in ["/health", "/metrics"] {
        assert!(node.page_of("evil.example", page).starts_with("HTTP/1.1 421"), "{page}");
    }
    let flags = ["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--http-hosts", "node.example,other"];
    let node = Node::with("memory://", &flags);
    assert!(node.page_of("node.example:80", "/health").starts_with("HTTP/1.1 200"));
    assert!(node.page_of("evil.example", "/health").starts_with("HTTP/1.1 421"));
}

#[test]
fn reading_goes_on_behind_what_retention_deletes() {
    let flags = ["--listen", "127.0.0.1:0", "--http", "off", "--retention-check-interval", "50ms"];
    let node = Node::with("memory://", &flags);
    node.run(&["topic", "create", "t", "-c", "retention.ms=1"]);
    node.feed(&["produce", "t"], "1\n2\n3\n");
    for attempt in 0.. {
        if node.run(&["consume", "t", "-e"]).is_empty() {
            break;
        }
        assert!(attempt < 600, "retention deletes them");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    let (out, error) = node.told(&["consume", "t", "-o", "0", "-e"], "");
    assert_eq!(out, "");
    assert_eq!(error, "tidelog: 3 records of partition 0 were deleted before being read: offsets 0 to 2\n");
}

#[test]
fn a_directory_outlives_its_node() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = file_url(&directory.path().join("data"));
    let node = Node::start(&store);
    node.feed(&["produce", "t"], "one\n");
    assert_eq!(node.stop(), Some(0));
    let doctor = output(&["doctor", "--store", &store, "-o", "json"]);
    let findings: Value = serde_json::from_slice(&doctor.stdout).expect("JSON");
    assert_eq!((findings["ok"].clone(), findings["cluster"]["topics"].clone()), (true.into(), 1.into()));
    assert_eq!(findings["cluster"]["open_sessions"], Value::Array(Vec::new()));
    let mut killed = Node::start(&store);
    killed.feed(&["produce", "t"], "two\n");
    killed.process.kill().expect("it is ours");
    killed.ended();
    let findings: Value =
        serde_json::from_slice(&output(&["doctor", "--store", &store, "-o", "json"]).stdout).expect("JSON");
    assert_eq!(findings["cluster"]["open_sessions"].as_array().map(Vec::len), Some(1));
    let node = Node::start(&store);
    assert_eq!(node.run(&["consume", "t", "-e"]), "one\ntwo\n");
    let id = node.id.to_string();
    let second = ["serve", "--store", &store, "--listen", "127.0.0.1:0", "--http", "off", "--node-id", &id];
    let second = output(&second);
    assert_eq!(second.status.code(), Some(1));
    let error = text(&second.stderr);
    assert!(error.lines().last().is_some_and(|line| line.starts_with("tidelog: ")), "{error}");
    let taken = format!("node {id} is another process, which serves this cluster at {}", node.bootstrap);
    assert!(error.contains(&taken), "{error}");
    assert_eq!(node.stop(), Some(0));
}

#[test]
fn a_port_in_use_is_named() {
    let node = Node::start("memory://");
    for (flag, address) in [("--listen", &node.bootstrap), ("--http", &node.http.replace("http://", ""))] {
        let mut arguments = vec!["serve", "--store", "memory://", "--listen", "127.0.0.1:0", "--http", "off"];
        let place = arguments.iter().position(|argument| *argument == flag).expect("it is there");
        arguments[place + 1] = address;
        let output = output(&arguments);
        assert_eq!(output.status.code(), Some(1));
        let error = text(&output.stderr);
        let last = error.lines().last().unwrap_or_default();
        assert!(last.starts_with(&format!("tidelog: {address}: ")) && last.ends_with(flag), "{error}");
    }
}

#[test]
fn mistakes_have_one_line_and_a_code() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("tidelog.toml");
    std::fs::write(&file, "lingr = \"5ms\"\n").expect("writable");
    let file = file.display().to_string();
    for (arguments, code, message) in [
        (&["serve", "--config", &file][..], 2, "lingr: there is no such setting: did you mean linger?"),
        (&["serve", "--config", "/nowhere.toml"], 1, "configuration file /nowhere.toml: "),
        (
            &["serve", "--request-memory", "2MiB", "--max-request-size", "3MiB"],
            2,
            "request-memory is less than max-request-size",
        ),
        (&["topic", "list", "-b", "127.0.0.1:1"], 1, "no broker at 127.0.0.1:1"),
        (&["consume", "t", "-b", "127.0.0.1:1"], 1, "no broker at 127.0.0.1:1"),
        (&["doctor", "--store", "file:///proc/nowhere"], 1, "/proc/nowhere"),
    ] {
        let output = output(arguments);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {error}");
        assert!(error.starts_with("tidelog: ") && error.lines().count() == 1, "{arguments:?}: {error}");
        assert!(error.contains(message), "{arguments:?}: {error}");
    }
}

#[test]
fn benchmarks_measure() {
    let node = Node::start("memory://");
    let bench = |arguments: &[&str]| -> Value {
        serde_json::from_str(&node.run(&[&["bench"], arguments, &["--json"]].concat())).expect("JSON")
    };
    let produced = bench(&["produce", "-c", "5000", "-p", "2", "--idempotent", "--batch-size", "16KiB"]);
    assert!(produced["records"].as_u64().is_some_and(|records| records >= 5000), "{produced}");
    assert!(produced["ack_ms"]["p99"].as_f64().is_some_and(|ms| ms > 0.0), "{produced}");
    let fetched = bench(&["fetch", "--decode"]);
    assert_eq!(fetched["records"], produced["records"]);
    let latency = bench(&["latency", "-c", "100", "--rate", "1000"]);
    assert_eq!(latency["records"], 100);
    assert!(latency["end_to_end_ms"]["p50"].as_f64().is_some_and(|ms| ms > 0.0), "{latency}");
    assert_eq!(node.stop(), Some(0));
}

#[test]
fn completions_name_the_commands() {
    let script = text(&output(&["completions", "bash"]).stdout);
    for word in ["serve", "consume", "--advertise"] {
        assert!(script.contains(word), "{word}");
    }
}
