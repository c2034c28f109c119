//! A node, and commands against it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;

const BINARY: &str = env!("CARGO_BIN_EXE_tidelog");

/// How long anything here may take.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn tidelog(arguments: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TIDELOG_") || name == "RUST_LOG" {
            command.env_remove(name);
        }
    }
    command.args(arguments).stdin(Stdio::null());
    command
}

pub(crate) fn output(arguments: &[&str]) -> Output {
    tidelog(arguments).output().expect("the binary runs")
}

pub(crate) fn file_url(path: &Path) -> String {
    format!("file://{}", path.display())
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A node that serves.
pub(crate) struct Node {
    pub(crate) process: Child,
    pub(crate) id: i32,
    pub(crate) listen: String,
    pub(crate) bootstrap: String,
    pub(crate) http: String,
}

impl Node {
    pub(crate) fn start(store: &str) -> Self {
        let node = Self::with(store, &["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"]);
        assert_eq!(node.listen, node.bootstrap);
        node
    }

    /// A node with these flags, besides its store.
    pub(crate) fn with(store: &str, flags: &[&str]) -> Self {
        Self::by(tidelog(&[&["serve", "--store", store], flags].concat()))
    }

    /// As [`Node::with`], under these limits of open files: the soft and the hard one.
    pub(crate) fn limited(limits: (u32, u32), store: &str, flags: &[&str]) -> Self {
        let (soft, hard) = limits;
        let script = format!("ulimit -S -n {soft} && ulimit -H -n {hard} && exec \"$0\" \"$@\"");
        let node = tidelog(&[&["serve", "--store", store], flags].concat());
        let mut command = Command::new("sh");
        command.args(["-c", &script]).arg(node.get_program()).args(node.get_args());
        command.stdin(Stdio::null());
        Self::by(command)
    }

    fn by(mut command: Command) -> Self {
        let mut process = command.stderr(Stdio::piped()).spawn().expect("the binary runs");
        let log = process.stderr.take().expect("it is piped");
        let mut lines = BufReader::new(log).lines();
        let ready: Value = loop {
            let line = lines.next().expect("the node serves before it ends").expect("text");
            let event: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"));
            if event["message"] == "ready" {
                break event;
            }
        };
        // Nobody may hold up what is logged later.
        std::thread::spawn(move || lines.for_each(drop));
        let field = |name: &str| ready[name].as_str().unwrap_or_default().to_owned();
        for name in ["store", "cluster", "session", "node"] {
            assert!(!field(name).is_empty(), "{name} in {ready}");
        }
        let (listen, bootstrap, http) = (field("listen"), field("advertise"), field("http"));
        let id = field("node").parse().expect("a number");
        Self { process, id, listen, bootstrap, http }
    }

    /// Runs a client command, which must succeed.
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        self.feed(arguments, "")
    }

    pub(crate) fn feed(&self, arguments: &[&str], input: &str) -> String {
        self.told(arguments, input).0
    }

    /// What a client command that must succeed says on standard output, and on standard error.
    pub(crate) fn told(&self, arguments: &[&str], input: &str) -> (String, String) {
        let mut command = tidelog(arguments);
        command.env("TIDELOG_BOOTSTRAP", &self.bootstrap);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().expect("the binary runs");
        process.stdin.take().expect("it is piped").write_all(input.as_bytes()).expect("it reads");
        let output = process.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        (text(&output.stdout), text(&output.stderr))
    }

    pub(crate) fn fails(&self, arguments: &[&str]) -> String {
        let output = tidelog(arguments).env("TIDELOG_BOOTSTRAP", &self.bootstrap).output().expect("it runs");
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let error = text(&output.stderr);
        assert!(error.starts_with("tidelog: ") && error.lines().count() == 1, "{error}");
        error
    }

    pub(crate) fn page(&self, path: &str) -> String {
        self.page_of("localhost", path)
    }

    /// A page, asked of this host.
    pub(crate) fn page_of(&self, host: &str, path: &str) -> String {
        let address = self.http.strip_prefix("http://").expect("a URL");
        let mut socket = TcpStream::connect(address).expect("HTTP is served");
        write!(socket, "GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n").expect("it reads");
        let mut page = String::new();
        socket.read_to_string(&mut page).expect("it answers");
        page
    }

    pub(crate) fn stop(mut self) -> Option<i32> {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("kill runs").success());
        self.ended()
    }

    pub(crate) fn ended(&mut self) -> Option<i32> {
        let pause = Duration::from_millis(10);
        for _ in 0..PATIENCE.as_millis() / pause.as_millis() {
            if let Some(status) = self.process.try_wait().expect("it is ours") {
                return status.code();
            }
            std::thread::sleep(pause);
        }
        panic!("the node does not end");
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
