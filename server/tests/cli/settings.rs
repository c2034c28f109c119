//! Settings, as those who run a cluster see and change them.

use serde_json::{Value, json};

use crate::node::{Node, file_url, output, text};

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// What `config describe -o json` tells of one setting.
fn setting(node: &Node, whose: &[&str], name: &str) -> Value {
    let arguments = [&["config", "describe", "-o", "json"], whose, &[name]].concat();
    let described = parsed(&node.run(&arguments));
    assert_eq!(described["settings"].as_array().map(Vec::len), Some(1), "{described}");
    described["settings"][0].clone()
}

/// Its value, and where that comes from.
fn value(setting: &Value) -> (Option<&str>, Option<&str>) {
    (setting["value"].as_str(), setting["source"].as_str())
}

fn synonym(name: &str, value: &str, source: &str) -> Value {
    json!({"name": name, "value": value, "source": source})
}

/// How many requests of an API a node has taken.
fn requests(node: &Node, api: &str) -> u64 {
    let (page, name) = (node.page("/metrics"), format!("tidelog_requests_total{{api=\"{api}\"}} "));
    let counted = page.lines().find_map(|line| line.strip_prefix(&*name));
    counted.map_or(0, |counted| counted.parse().expect("a number"))
}

#[test]
fn a_topic_s_settings_are_set_shown_and_taken_back() {
    let node = Node::start("memory://");
    let topic = ["--topic", "orders"];
    let (set, unset) = (["config", "set", "--topic", "orders"], ["config", "unset", "--topic", "orders"]);
    node.run(&["topic", "create", "orders"]);
    let retained = || setting(&node, &topic, "retention.ms");
    let at_first = retained();
    assert_eq!(value(&at_first), (Some("604800000"), Some("default")));

    // What could be done is not.
    let dry = node.run(&[&set[..], &["retention.ms=1000", "--dry-run"]].concat());
    assert_eq!(
        (dry.as_str(), retained()),
        ("Nothing was changed: leave out --dry-run to do it.\n", at_first)
    );

    assert_eq!(node.run(&[&set[..], &["retention.ms=1000", "max.message.bytes=2000"]].concat()), "");
    node.run(&["config", "set", "--broker-defaults", "log.retention.ms=5000"]);
    let told = retained();
    let documentation = told["documentation"].clone();
    assert!(documentation.as_str().is_some_and(|text| text.contains("ms")), "{told}");
    let synonyms = [
        synonym("retention.ms", "1000", "topic"),
        synonym("log.retention.ms", "5000", "broker-defaults"),
        synonym("log.retention.hours", "168", "default"),
    ];
    let expected = json!({
        "name": "retention.ms", "value": "1000", "type": "long", "source": "topic", "own": true,
        "read_only": false, "sensitive": false, "synonyms": synonyms, "documentation": documentation,
    });
    assert_eq!(told, expected);
    let own = "NAME               VALUE  TYPE  SOURCE  READ-ONLY  OTHERWISE\n\
               max.message.bytes  2000   int   topic   no         message.max.bytes=1048588 (default)\n\
               retention.ms       1000   long  topic   no         log.retention.ms=5000 (broker-defaults), \
               log.retention.hours=168 (default)\n";
    assert_eq!(node.run(&["config", "describe", "--topic", "orders", "--own"]), own);
    let all = node.run(&["config", "describe", "--topic", "orders"]);
    let names: Vec<_> = all.lines().skip(1).filter_map(|line| line.split(' ').next()).collect();
    assert!(names.len() > 30 && names.is_sorted(), "{all}");

    let taken = parsed(&node.run(&[&unset[..], &["retention.ms", "-o", "json"]].concat()));
    let expected = json!({"type": "topic", "name": "orders", "settings": ["retention.ms"], "changed": true});
    assert_eq!((taken, value(&retained())), (expected, (Some("5000"), Some("broker-defaults"))));
    // What is not set need not be taken back.
    node.run(&[&unset[..], &["retention.ms"]].concat());

    let policy = || setting(&node, &topic, "cleanup.policy")["value"].clone();
    node.run(&[&set[..], &["--append", "cleanup.policy=compact"]].concat());
    assert_eq!(policy(), "delete,compact");
    node.run(&[&set[..], &["--subtract", "cleanup.policy=delete"]].concat());
    assert_eq!(policy(), "compact");
    assert_eq!(node.stop(), Some(0));
}

#[test]
fn a_node_s_settings_go_to_that_node() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = file_url(&directory.path().join("data"));
    let start = || Node::with(&store, &["--listen", "127.0.0.1:0"]);
    let (one, two) = (start(), start());
    let threads = |node: &Node, id: &str| setting(node, &["--broker", id], "num.io.threads");
    let ids = [&one, &two].map(|node| node.id.to_string());
    one.run(&["config", "set", "--broker-defaults", "num.io.threads=10"]);
    // Each is asked to change the other.
    two.run(&["config", "set", "--broker", &ids[0], "num.io.threads=11"]);
    one.run(&["config", "set", "--broker", &ids[1], "num.io.threads=12"]);
    for node in [&one, &two] {
        for (id, value) in [(&ids[0], "11"), (&ids[1], "12")] {
            let told = threads(node, id);
            let synonyms = json!([
                synonym("num.io.threads", value, "broker"),
                synonym("num.io.threads", "10", "broker-defaults"),
                synonym("num.io.threads", "8", "default"),
            ]);
            assert_eq!((&told["own"], &told["synonyms"]), (&json!(true), &synonyms));
        }
        let listed = parsed(&node.run(&["config", "list", "-o", "json"]));
        let of = |kind: &str, name: &str, value: &str| json!({"type": kind, "name": name, "settings": {"num.io.threads": value}});
        let expected = json!([
            of("broker-defaults", "", "10"),
            of("broker", &ids[0], "11"),
            of("broker", &ids[1], "12")
        ]);
        assert_eq!(listed, expected);
    }
    let id = setting(&one, &["--broker", &ids[1]], "node.id");
    assert_eq!((value(&id), id["read_only"].as_bool()), ((Some(&*ids[1]), Some("static")), Some(true)));
    two.run(&["config", "unset", "--broker", &ids[0], "num.io.threads"]);
    assert_eq!(value(&threads(&two, &ids[0])), (Some("10"), Some("broker-defaults")));
    two.run(&["config", "unset", "--broker-defaults", "num.io.threads", "log.retention.ms"]);
    assert_eq!(value(&threads(&two, &ids[0])), (Some("8"), Some("default")));
    let none = "NAME  VALUE  TYPE  SOURCE  READ-ONLY  OTHERWISE\n";
    assert_eq!(one.run(&["config", "describe", "--broker-defaults"]), none);
    assert_eq!([two, one].map(Node::stop), [Some(0); 2]);
}

#[test]
fn what_has_settings_is_listed() {
    let node = Node::start("memory://");
    assert_eq!(node.run(&["config", "list"]), "TYPE  NAME  SETTING  VALUE\n");
    for topic in ["b", "a", "c"] {
        node.run(&["topic", "create", topic]);
    }
    node.run(&["config", "set", "--topic", "b", "retention.ms=1", "cleanup.policy=compact"]);
    node.run(&["config", "set", "--topic", "a", "follower.replication.throttled.replicas="]);
    // A group need not be there.
    node.run(&["config", "set", "--group", "g", "consumer.session.timeout.ms=50000"]);
    let listed = "TYPE   NAME  SETTING                                  VALUE\n\
                  topic  a     follower.replication.throttled.replicas  \"\"\n\
                  topic  b     cleanup.policy                           compact\n\
                  topic  b     retention.ms                             1\n\
                  group  g     consumer.session.timeout.ms              50000\n";
    let asked = || requests(&node, "DescribeConfigs");
    let before = asked();
    assert_eq!(node.run(&["config", "list"]), listed);
    assert_eq!(asked() - before, 2, "the node about itself, and any about all the rest");
    let all = parsed(&node.run(&["config", "list", "--all", "-o", "json"]));
    let of =
        |kind: &str, name: &str, settings: &Value| json!({"type": kind, "name": name, "settings": settings});
    let expected = json!([
        of("broker-defaults", "", &json!({})),
        of("broker", &node.id.to_string(), &json!({})),
        of("topic", "a", &json!({"follower.replication.throttled.replicas": ""})),
        of("topic", "b", &json!({"cleanup.policy": "compact", "retention.ms": "1"})),
        of("topic", "c", &json!({})),
        of("group", "g", &json!({"consumer.session.timeout.ms": "50000"})),
    ]);
    assert_eq!(all, expected);
    let all = node.run(&["config", "list", "--all"]);
    assert!(
        all.contains("\nbroker-defaults  -     -  ") && all.contains("\ntopic            c     -  "),
        "{all}"
    );

    let timeout = || setting(&node, &["--group", "g"], "consumer.session.timeout.ms");
    assert_eq!(value(&timeout()), (Some("50000"), Some("group")));
    node.run(&["config", "unset", "--group", "g", "consumer.session.timeout.ms"]);
    assert_eq!(value(&timeout()), (Some("45000"), Some("default")));
    assert!(!node.run(&["config", "list"]).contains("group"));
    assert_eq!(node.stop(), Some(0));
}

#[test]
fn what_can_t_be_changed_or_shown_is_said_in_a_line() {
    let node = Node::start("memory://");
    node.run(&["topic", "create", "t", "-c", "retention.ms=1"]);
    let id = node.id.to_string();
    for (arguments, message) in [
        (
            &["describe", "--topic", "t", "retention.m"][..],
            "topic t has no setting retention.m: did you mean retention.ms?",
        ),
        (&["describe", "--topic", "t", "xyz"], "topic t has no setting xyz: tidelog config describe shows"),
        (&["describe", "--topic", "u"], "there is no topic u"),
        (&["describe", "--broker", "12345"], "there is no node 12345 in this cluster"),
        (&["describe", "--broker-defaults", "num.io.threads"], "num.io.threads is not set for all nodes"),
        (
            &["set", "--topic", "t", "retention.ms=2", "xyz=1"],
            "topic t: InvalidConfig (Unknown topic config name: xyz)",
        ),
        (
            &["set", "--topic", "t", "retention.ms=x"],
            "topic t: InvalidConfig (Invalid value x for configuration",
        ),
        (&["set", "--topic", "t", "--append", "retention.ms=2"], "Can't APPEND to key retention.ms"),
        (&["set", "--topic", "u", "retention.ms=2"], "there is no topic u"),
        (&["set", "--broker", "12345", "num.io.threads=9"], "there is no node 12345 in this cluster"),
        (&["set", "--broker", &id, "node.id=9"], "Cannot update these configs dynamically: [node.id]"),
        (
            &["set", "--broker-defaults", "xyz=1"],
            "all nodes: InvalidConfig (Unknown broker config name: xyz)",
        ),
        (&["set", "--group", "g", "xyz=1"], "group g: InvalidConfig (Unknown group config name: xyz)"),
        (
            &["set", "--group", "g", "consumer.session.timeout.ms=1"],
            "group g: InvalidConfig (consumer.session",
        ),
        (&["unset", "--topic", "t", "retention.ms", "xyz"], "topic t has no setting xyz"),
        (&["unset", "--topic", "u", "retention.ms"], "there is no topic u"),
        (&["unset", "--broker", "12345", "num.io.threads"], "there is no node 12345 in this cluster"),
    ] {
        let error = node.fails(&[&["config"], arguments].concat());
        assert!(error.contains(message), "{arguments:?}: {error}");
    }
    // All or nothing.
    assert_eq!(setting(&node, &["--topic", "t"], "retention.ms")["value"], "1");
    assert_eq!(node.stop(), Some(0));
    for command in [
        &["config", "list"][..],
        &["config", "describe", "--topic", "t"],
        &["config", "set", "--broker", "1", "num.io.threads=9"],
        &["config", "unset", "--group", "g", "consumer.session.timeout.ms"],
        &["topic", "alter", "t", "-p", "2"],
    ] {
        let output = output(&[command, &["-b", "127.0.0.1:1"]].concat());
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert!(error.contains("no broker at 127.0.0.1:1"), "{error}");
    }
    assert_eq!(output(&["config", "set", "--topic", "t", "retention.ms"]).status.code(), Some(2));
    assert_eq!(output(&["config", "describe", "--topic", "t", "--group", "g"]).status.code(), Some(2));
}

#[test]
fn topics_grow() {
    let node = Node::start("memory://");
    node.run(&["topic", "create", "t", "-p", "2"]);
    node.feed(&["produce", "t", "-p", "1"], "before\n");
    let partitions = || parsed(&node.run(&["topic", "list", "-o", "json"]))[0]["partitions"].clone();
    let dry = node.run(&["topic", "alter", "t", "--partitions", "5", "--dry-run"]);
    assert_eq!(
        (dry.as_str(), partitions()),
        ("Nothing was changed: leave out --dry-run to do it.\n", json!(2))
    );
    assert_eq!(node.run(&["topic", "alter", "t", "--partitions", "5"]), "");
    assert_eq!(partitions(), 5);
    node.feed(&["produce", "t", "-p", "4"], "after\n");
    assert_eq!(node.run(&["consume", "t", "-e", "-p", "1"]), "before\n");
    assert_eq!(node.run(&["consume", "t", "-e", "-p", "4"]), "after\n");
    let grown = parsed(&node.run(&["topic", "alter", "t", "-p", "6", "-o", "json"]));
    assert_eq!(grown, json!({"topic": "t", "partitions": 6, "changed": true}));
    for (topic, count, message) in [
        (
            "t",
            "4",
            "topic t: InvalidPartitions (The topic t currently has 6 partition(s); 4 would not be an increase.)",
        ),
        ("t", "6", "topic t: InvalidPartitions (Topic already has 6 partition(s).)"),
        ("u", "6", "there is no topic u"),
    ] {
        let error = node.fails(&["topic", "alter", topic, "-p", count]);
        assert!(error.contains(message), "{error}");
    }
    assert_eq!(partitions(), 6);
    assert_eq!(node.stop(), Some(0));
}
