//! Which crate may use which. An edge that is added here is added to the table of `docs/architecture.md`, too.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Each crate of the workspace, and those of the workspace that it may use outside of its tests.
const ALLOWED: [(&str, &[&str]); 8] = [
    ("coordinator", &[]),
    ("protocol-derive", &[]),
    ("protocol", &["protocol-derive"]),
    ("tiering", &["coordinator"]),
    ("broker", &["tiering", "coordinator", "protocol"]),
    ("ingest", &["broker", "tiering", "coordinator", "protocol"]),
    ("server", &["ingest", "broker", "tiering", "coordinator", "protocol"]),
    ("sim", &["ingest", "broker", "tiering", "coordinator", "protocol"]),
];

/// What does I/O, and the crates that do none.
const IO: [&str; 2] = ["tokio", "object_store"];
const WITHOUT_IO: [&str; 2] = ["protocol", "coordinator"];

fn run(program: &str, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(program).args(arguments).output().expect("the toolchain runs");
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Ids of the workspace's crates; names of all packages by id; and what each uses outside of its tests.
struct Graph {
    members: BTreeSet<String>,
    names: BTreeMap<String, String>,
    uses: BTreeMap<String, Vec<String>>,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn graph() -> Graph {
    let version = run("rustc", &["-vV"]);
    let version = String::from_utf8_lossy(&version);
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).expect("rustc names its host");
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let arguments = ["metadata", "--format-version=1", "--locked", "--offline", "--filter-platform", host];
    let arguments = [&arguments[..], &["--manifest-path", manifest]].concat();
    let metadata: Value = serde_json::from_slice(&run(env!("CARGO"), &arguments)).expect("cargo writes JSON");
    let uses = |node: &Value| {
        let outside_of_tests =
            |dependency: &&Value| list(&dependency["dep_kinds"]).any(|kind| kind["kind"] != "dev");
        list(&node["deps"]).filter(outside_of_tests).map(|dependency| text(&dependency["pkg"])).collect()
    };
    Graph {
        members: list(&metadata["workspace_members"]).map(text).collect(),
        names: list(&metadata["packages"]).map(|p| (text(&p["id"]), text(&p["name"]))).collect(),
        uses: list(&metadata["resolve"]["nodes"]).map(|node| (text(&node["id"]), uses(node))).collect(),
    }
}

#[test]
fn crates_use_only_what_they_may() {
    let graph = graph();
    let allowed = BTreeMap::from(ALLOWED);
    for member in &graph.members {
        let name = graph.names[member].as_str();
        let allowed = allowed.get(name).unwrap_or_else(|| panic!("{name} is not in the table"));
        for used in graph.uses[member].iter().filter(|used| graph.members.contains(*used)) {
            let used = graph.names[used].as_str();
            assert!(allowed.contains(&used), "{name} must not use {used}");
        }
    }
}

#[test]
fn the_page_has_the_same_table() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/architecture.md");
    let page = std::fs::read_to_string(page).expect("the page is readable");
    for (name, allowed) in ALLOWED {
        let allowed: Vec<_> = allowed.iter().map(|used| format!("`{used}`")).collect();
        let allowed = if allowed.is_empty() { "nothing".to_owned() } else { allowed.join(", ") };
        let row = format!("| `{name}` | {allowed} |");
        assert!(page.contains(&row), "docs/architecture.md lacks the row {row}");
    }
}

#[test]
fn decisions_and_bytes_do_no_io() {
    let graph = graph();
    for name in WITHOUT_IO {
        let start = graph.members.iter().find(|member| graph.names[*member] == name).expect("a member");
        let mut found = BTreeSet::new();
        let mut open = vec![start];
        while let Some(package) = open.pop() {
            if found.insert(package) {
                open.extend(&graph.uses[package]);
            }
        }
        for package in found {
            let used = graph.names[package].as_str();
            assert!(!IO.contains(&used), "{name} must not use {used}");
        }
    }
}
