//! Groups, as those who run them see them.

use serde_json::{Value, json};

use crate::member::Member;
use crate::node::{Node, file_url, output, text, tidelog};

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// A node with six records in each of a topic's two partitions.
fn node() -> Node {
    let node = Node::start("memory://");
    for topic in ["t", "u"] {
        node.run(&["topic", "create", topic, "-p", "2"]);
        for partition in ["0", "1"] {
            node.feed(&["produce", topic, "-p", partition], "1\n2\n3\n4\n5\n6\n");
        }
    }
    node
}

fn reset(node: &Node, arguments: &[&str]) -> Value {
    parsed(&node.run(&[&["group", "reset", "g", "-o", "json"], arguments].concat()))
}

/// Old and new offset of each partition.
fn moves(plan: &Value) -> Vec<(Option<i64>, Option<i64>)> {
    let partitions = plan["partitions"].as_array().expect("a list").iter();
    partitions.map(|p| (p["old_offset"].as_i64(), p["new_offset"].as_i64())).collect()
}

#[test]
fn where_a_group_reads_is_set_anew() {
    let node = node();
    assert!(node.fails(&["group", "describe", "g"]).contains("there is no group g"));
    assert_eq!(node.run(&["group", "list"]), "GROUP  TYPE  PROTOCOL  STATE  MEMBERS  COORDINATOR\n");
    // A plan changes nothing.
    let table = node.run(&["group", "reset", "g", "--to-earliest", "--topic", "t"]);
    let expected = "TOPIC  PARTITION  OLD  NEW  NOTE\nt      0          -    0\nt      1          -    0\n\n\
                    Nothing was changed: add --execute to do it.\n";
    assert_eq!(table, expected);
    assert!(node.fails(&["group", "describe", "g"]).contains("there is no group g"));
    assert!(node.fails(&["group", "reset", "g", "--to-earliest", "--all-topics"]).contains("no group g"));

    let done = reset(&node, &["--to-offset", "4", "--topic", "t", "--execute"]);
    assert_eq!(
        (done["executed"].as_bool(), done["partitions"][1]["done"].as_bool()),
        (Some(true), Some(true))
    );
    assert_eq!(moves(&done), [(None, Some(4)), (None, Some(4))]);
    let described = parsed(&node.run(&["group", "describe", "g", "-o", "json"]));
    let group = &described[0];
    assert_eq!((group["state"].as_str(), group["type"].as_str()), (Some("Empty"), Some("classic")));
    assert_eq!(group["coordinator"], json!({"id": node.id, "address": node.bootstrap}));
    assert_eq!((group["lag"].as_i64(), group["members"].as_array().map(Vec::len)), (Some(4), Some(0)));
    let partition = &group["partitions"][1];
    assert_eq!((partition["topic"].as_str(), partition["partition"].as_i64()), (Some("t"), Some(1)));
    assert_eq!(
        (partition["committed_offset"].as_i64(), partition["end_offset"].as_i64()),
        (Some(4), Some(6))
    );
    let page = node.run(&["group", "describe", "g"]);
    assert!(page.contains("lag          4\n\nTOPIC  PARTITION  COMMITTED  END  LAG"), "{page}");

    let shifted = reset(&node, &["--shift-by", "-1", "--topic", "t:1", "--execute"]);
    assert_eq!(moves(&shifted), [(Some(4), Some(3))]);
    // What the log does not have becomes what it has, with a note.
    let clamped = reset(&node, &["--shift-by", "100", "--all-topics"]);
    assert_eq!(moves(&clamped), [(Some(4), Some(6)), (Some(3), Some(6))]);
    assert_eq!(clamped["partitions"][0]["note"], "104 is behind the end of the log");
    let all = |to: &[&str]| moves(&reset(&node, &[to, &["--all-topics"]].concat()));
    assert_eq!(all(&["--to-latest"]), [(Some(4), Some(6)), (Some(3), Some(6))]);
    assert_eq!(all(&["--to-earliest"]), [(Some(4), Some(0)), (Some(3), Some(0))]);
    assert_eq!(all(&["--to-current"]), [(Some(4), Some(4)), (Some(3), Some(3))]);
    assert_eq!(all(&["--by-duration", "1h"]), [(Some(4), Some(0)), (Some(3), Some(0))]);
    let late = ["--to-datetime", "2999-01-01T00:00:00Z"];
    assert_eq!(all(&late), [(Some(4), Some(6)), (Some(3), Some(6))]);

    for (arguments, message) in [
        (&["--to-earliest", "--topic", "nowhere"][..], "there is no topic nowhere"),
        (&["--to-earliest", "--topic", "t:7"], "topic t has no partition 7"),
        (&["--shift-by", "1", "--topic", "u:0"], "there is no offset of partition 0 of topic u to shift"),
    ] {
        let error = node.fails(&[&["group", "reset", "g"], arguments].concat());
        assert!(error.contains(message), "{error}");
    }
    assert_eq!(node.stop(), Some(0));
}

#[test]
fn groups_with_members_are_described_and_left_alone() {
    let node = node();
    node.run(&["group", "reset", "old", "--to-offset", "1", "--topic", "t", "--execute"]);
    node.run(&["group", "reset", "idle", "--to-latest", "--topic", "u:1", "--execute"]);
    let classic = Member::classic(&node.bootstrap, "old", "t", &[0, 1]);
    let consumer = Member::consumer(&node.bootstrap, "new", "u");

    let listed = parsed(&node.run(&["group", "list", "-o", "json"]));
    let coordinator = json!({"id": node.id, "address": node.bootstrap});
    let group = |id: &str, kind: &str, protocol: &str, state: &Value, members: i64| {
        json!({"group": id, "type": kind, "protocol": protocol, "state": state, "members": members,
               "coordinator": coordinator})
    };
    // How far the new member is on its way is its own affair.
    let state = &listed[1]["state"];
    assert!(["Stable", "Assigning", "Reconciling"].map(Some).contains(&state.as_str()), "{listed}");
    let expected = json!([
        group("idle", "classic", "", &json!("Empty"), 0),
        group("new", "consumer", "consumer", state, 1),
        group("old", "classic", "consumer", &json!("Stable"), 1),
    ]);
    assert_eq!(listed, expected);
    let names = |arguments: &[&str]| {
        let listed = parsed(&node.run(&[&["group", "list", "-o", "json"], arguments].concat()));
        let names = listed.as_array().expect("a list").iter();
        names.map(|group| group["group"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&["--state", "empty"]), ["idle"]);
    assert_eq!(names(&["--type", "Classic"]), ["idle", "old"]);
    assert_eq!(
        names(&["--type", "classic,consumer", "--state", "stable", "--state", "empty"]).len(),
        names(&["--state", "Empty,Stable"]).len()
    );
    assert!(names(&["--type", "share"]).is_empty());
    assert!(node.run(&["group", "list"]).contains("\nidle   classic   -         Empty"));

    let described = parsed(&node.run(&["group", "describe", "old", "new", "-o", "json"]));
    let (old, new) = (&described[0], &described[1]);
    assert_eq!((old["assignor"].as_str(), old["epoch"].is_null()), (Some("range"), true));
    assert_eq!(old["lag"], 10);
    let has = &old["partitions"][1];
    assert_eq!((has["member"].as_str(), has["lag"].as_i64()), (Some(&*classic.id), Some(5)));
    assert_eq!((has["client"].as_str(), has["host"].as_str()), (Some("a-client"), Some("127.0.0.1")));
    let member = &old["members"][0];
    assert_eq!(
        (member["assignment"].clone(), member["topics"].clone()),
        (json!({"t": [0, 1]}), json!(["t"]))
    );
    assert_eq!(new["type"], "consumer");
    assert!(new["epoch"].as_i64().is_some_and(|epoch| epoch > 0), "{new}");
    assert_eq!(new["members"][0]["member"], consumer.id.as_str());
    assert_eq!(new["members"][0]["target"], json!({"u": [0, 1]}));
    let page = node.run(&["group", "describe", "old", "new"]);
    assert!(page.contains(&format!("t      0          1          6    5    {}", classic.id)), "{page}");
    assert!(page.contains("  t:0-1\n") && page.contains("\n\ngroup        new\n"), "{page}");
    // What there is is shown, and what there is not fails.
    let partly =
        tidelog(&["group", "describe", "old", "nobody", "-b", &node.bootstrap]).output().expect("it runs");
    assert_eq!(
        (partly.status.code(), text(&partly.stdout).lines().next()),
        (Some(1), Some("group        old"))
    );
    assert!(text(&partly.stderr).contains("there is no group nobody"));

    for id in ["old", "new"] {
        let error = node.fails(&["group", "reset", id, "--to-latest", "--topic", "t", "--execute"]);
        assert!(error.contains(&format!("group {id} is in use (")) && error.contains("1 member)"), "{error}");
        assert!(error.contains("and try again"), "{error}");
        assert!(node.fails(&["group", "delete", id]).contains("NonEmptyGroup"));
    }
    assert!(node.fails(&["group", "delete", "old", "--topic", "t"]).contains("GroupSubscribedToTopic"));
    classic.leave_classic();
    consumer.leave_consumer();
    let mine = ["group", "reset", "old", "--to-latest", "--topic", "t", "--execute"];
    assert!(node.run(&mine).contains("t      0          1    6\n"));
    assert_eq!(node.stop(), Some(0));
}

#[test]
fn groups_and_offsets_are_deleted() {
    let node = node();
    for group in ["a", "b"] {
        for topic in ["t", "u"] {
            node.run(&["group", "reset", group, "--to-earliest", "--topic", topic, "--execute"]);
        }
    }
    let left = |group: &str| {
        let described = parsed(&node.run(&["group", "describe", group, "-o", "json"]));
        let left = described[0]["partitions"].as_array().expect("a list").iter();
        left.map(|p| format!("{}:{}", p["topic"].as_str().unwrap_or_default(), p["partition"]))
            .collect::<Vec<_>>()
    };
    assert_eq!(left("a"), ["t:0", "t:1", "u:0", "u:1"]);
    let told = node.run(&["group", "delete", "a", "--topic", "t:1"]);
    assert_eq!(told, "GROUP  TOPIC  PARTITION  RESULT\na      t      1          deleted\n");
    node.run(&["group", "delete", "a", "--topic", "u"]);
    assert_eq!(left("a"), ["t:0"]);
    assert!(
        node.fails(&["group", "delete", "a", "--topic", "u"]).contains("group a has no offsets of topic u")
    );
    assert!(node.fails(&["group", "delete", "x", "--topic", "u"]).contains("there is no group x"));
    assert_eq!(left("b").len(), 4);

    let arguments = ["group", "delete", "a", "nobody", "b", "-o", "json", "-b", &node.bootstrap];
    let deleted = tidelog(&arguments).output().expect("it runs");
    assert_eq!(deleted.status.code(), Some(1));
    let error = text(&deleted.stderr);
    assert!(error.contains("1 of 3 were not deleted: there is no group nobody"), "{error}");
    let told = parsed(&text(&deleted.stdout));
    assert_eq!(told[0], json!({"group": "a", "deleted": true, "error": null}));
    assert_eq!((told[1]["deleted"].as_bool(), told[2]["deleted"].as_bool()), (Some(false), Some(true)));
    assert_eq!(parsed(&node.run(&["group", "list", "-o", "json"])), json!([]));
    assert_eq!(node.stop(), Some(0));
}

#[test]
fn every_node_is_asked() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = file_url(&directory.path().join("data"));
    let start = || Node::with(&store, &["--listen", "127.0.0.1:0"]);
    let (one, two) = (start(), start());
    one.run(&["topic", "create", "t", "-p", "2"]);
    let groups: Vec<String> = (0..24).map(|number| format!("g{number:02}")).collect();
    for group in &groups {
        two.run(&["group", "reset", group, "--to-earliest", "--topic", "t", "--execute"]);
    }
    for node in [&one, &two] {
        let listed = parsed(&node.run(&["group", "list", "-o", "json"]));
        let listed = listed.as_array().expect("a list");
        let names: Vec<_> = listed.iter().filter_map(|group| group["group"].as_str()).collect();
        assert_eq!(names, groups);
        for node in [&one, &two] {
            assert!(listed.iter().any(|group| group["coordinator"]["id"] == node.id), "{listed:?}");
        }
    }
    let mut all = vec!["group", "delete"];
    all.extend(groups.iter().map(String::as_str));
    assert_eq!(one.run(&all).matches("deleted").count(), groups.len());
    assert_eq!([two, one].map(Node::stop), [Some(0); 2]);
}

#[test]
fn what_does_not_answer_fails() {
    for command in [
        &["group", "list"][..],
        &["group", "describe", "g"],
        &["group", "delete", "g"],
        &["group", "delete", "g", "--topic", "t"],
        &["group", "reset", "g", "--to-earliest", "--all-topics"],
    ] {
        let output = output(&[command, &["-b", "127.0.0.1:1"]].concat());
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert!(error.contains("no broker at 127.0.0.1:1"), "{error}");
    }
}
