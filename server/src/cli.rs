//! What may be typed.

use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use coordinator::cluster::Address;

use crate::client::Client;
use crate::config::{AddressSpec, KAFKA_PORT, ListenerSpec};
use crate::{bench, config, consume, doctor, group, node, produce, settings, status, topic};

/// A log service that speaks Kafka's protocol and keeps everything in one object store.
#[derive(Debug, Parser)]
#[command(name = "tidelog", version, propagate_version = true, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a node
    Serve(config::ServeArguments),
    /// Show the cluster, and what is wrong with it
    Status(status::Arguments),
    /// List nodes, and take one out of service
    #[command(subcommand)]
    Node(node::Arguments),
    /// Create, list, describe, alter and delete topics
    #[command(subcommand)]
    Topic(topic::Arguments),
    /// Show and change settings of topics, nodes and groups
    #[command(subcommand)]
    Config(settings::Arguments),
    /// List groups, show how far they have read and set it anew, and delete them
    #[command(subcommand)]
    Group(group::Arguments),
    /// Append records from standard input, one a line
    Produce(produce::Arguments),
    /// Print records
    Consume(consume::Arguments),
    /// Check that a store keeps what the log relies on, and show what is in it
    Doctor(doctor::Arguments),
    /// Measure a broker; any that speaks Kafka's protocol
    #[command(subcommand)]
    Bench(bench::Arguments),
    /// Print a script that completes this command in a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print docs/configuration.md
    #[command(hide = true)]
    ConfigReference,
}

/// Which cluster to talk to.
#[derive(Debug, Clone, Args)]
pub(crate) struct Target {
    /// Broker to ask first; several with commas between them
    #[arg(
        short = 'b',
        long,
        value_name = "HOST:PORT",
        env = "TIDELOG_BOOTSTRAP",
        default_value = "localhost:9092",
        value_delimiter = ',',
        value_parser = broker
    )]
    pub(crate) bootstrap: Vec<String>,
    /// How long an operation may take, with all its attempts
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration)]
    pub(crate) timeout: Duration,
}

impl Target {
    /// A client of that cluster.
    pub(crate) fn client(&self) -> Client {
        Client::new(&self.bootstrap, self.timeout)
    }
}

/// How an answer is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people
    Table,
    /// For programs
    Json,
}

/// A broker's address, with its port; Kafka's clients allow a listener's name in front.
pub(crate) fn broker(text: &str) -> Result<String, String> {
    let AddressSpec { host, port } = text.parse::<ListenerSpec>()?.address;
    if host.is_empty() {
        return Err(format!("{text:?} names no host: write HOST:PORT"));
    }
    let port = port.unwrap_or(KAFKA_PORT);
    Ok(Address { listener: String::new(), host, port }.to_string())
}

/// A duration with its unit.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    text.parse::<config::Span>().map(|span| span.0)
}

/// A setting's name and its value.
pub(crate) fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) =
        text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or("write NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// A size with its unit.
pub(crate) fn size(text: &str) -> Result<usize, String> {
    text.parse::<config::ByteSize>().map(|size| usize::try_from(size.0).unwrap_or(usize::MAX))
}

/// Bytes in millions of them.
pub(crate) fn megabytes(bytes: f64) -> String {
    format!("{:.2}", bytes / 1e6)
}

/// Prints a table; the first row is its header.
pub(crate) fn print_table(rows: &[Vec<String>]) -> std::io::Result<()> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell: &String| cell.chars().count()).max()
    };
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    std::io::Write::write_all(&mut std::io::stdout(), text.as_bytes())
}

/// A text, or a dash where there is none.
pub(crate) fn dash(text: &str) -> String {
    if text.is_empty() { "-" } else { text }.to_owned()
}

/// Prints that a command with `--dry-run` would succeed.
pub(crate) fn print_dry_run() -> std::io::Result<()> {
    print_line("Nothing was changed: leave out --dry-run to do it.")
}

/// Prints a line.
pub(crate) fn print_line(line: &str) -> std::io::Result<()> {
    std::io::Write::write_all(&mut std::io::stdout(), format!("{line}\n").as_bytes())
}

/// Prints a value for programs.
pub(crate) fn print_json(value: &serde_json::Value) -> std::io::Result<()> {
    let mut text = serde_json::to_string_pretty(value)?;
    text.push('\n');
    std::io::Write::write_all(&mut std::io::stdout(), text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Cli, String> {
        Cli::try_parse_from(line.split_whitespace()).map_err(|error| error.to_string())
    }

    #[test]
    fn the_command_is_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn brokers_have_a_port_and_may_have_brackets() {
        let asked = |text: &str| text.split(',').map(broker).collect::<Result<Vec<_>, _>>();
        assert_eq!(asked("a,b:1"), Ok(vec!["a:9092".to_owned(), "b:1".to_owned()]));
        assert_eq!(asked("[::1],[fe80::1]:5"), Ok(vec!["[::1]:9092".to_owned(), "[fe80::1]:5".to_owned()]));
        assert_eq!(asked("PLAINTEXT://a:1"), Ok(vec!["a:1".to_owned()]));
        assert!(asked(":9092").is_err());
    }

    #[test]
    fn what_people_type() {
        for line in [
            "tidelog serve --store s3://bucket/prefix --linger 250ms --auto-create-topics=false",
            "tidelog serve --auto-create-topics --listen 127.0.0.1:0 --http off",
            "tidelog serve --listen PLAINTEXT://[::1]:9092 --listen inside=:9093 --inter-node-listener inside",
            "tidelog status -b [::1]:9092 -o json",
            "tidelog node list --timeout 5s",
            "tidelog node drain 3 --no-wait",
            "tidelog node drain 3 --undo",
            "tidelog node rebalance",
            "tidelog topic create orders --partitions 12 --config retention.ms=1000 -b other:9092",
            "tidelog topic list -o json",
            "tidelog topic describe orders",
            "tidelog topic delete orders payments",
            "tidelog topic alter orders --partitions 24 --dry-run",
            "tidelog config list --all",
            "tidelog config describe --topic orders retention.ms",
            "tidelog config describe --broker 1 --own -o json",
            "tidelog config set --broker-defaults log.retention.ms=1000 log.retention.bytes=-1",
            "tidelog config set --topic orders --append cleanup.policy=compact --dry-run",
            "tidelog config unset --group orders consumer.session.timeout.ms",
            "tidelog group list --state empty,Stable --type consumer -o json",
            "tidelog group describe orders payments",
            "tidelog group reset orders --to-earliest --all-topics",
            "tidelog group reset orders --shift-by -10 --topic a --topic b:0,1 --execute",
            "tidelog group reset orders --to-datetime 2026-01-31T12:00:00+01:00 --topic a",
            "tidelog group reset orders --by-duration 90m --topic a -o json",
            "tidelog group delete orders payments",
            "tidelog group delete orders --topic a:3",
            "tidelog produce orders -K : -p 3 -z zstd -H a=b -H c=d",
            "tidelog consume orders -o -10 -e -f %k:%s\\n",
            "tidelog consume orders -o s@1700000000000 -c 5 --json",
            "tidelog doctor --store memory://",
            "tidelog completions bash",
            "tidelog bench produce --duration 10s --record-size 1KiB --acks all --json",
            "tidelog bench fetch --topic t",
            "tidelog bench latency --rate 500",
        ] {
            assert_eq!(parse(line).err(), None, "{line}");
        }
        for line in [
            "tidelog",
            "tidelog serve --linger 250",
            "tidelog serve --slot-size 8M",
            "tidelog serve --windw 3",
            "tidelog serve --listen ::1:9092",
            "tidelog topic list -b ::1",
            "tidelog topic list -b a:b",
            "tidelog node",
            "tidelog node drain",
            "tidelog node drain -1",
            "tidelog node drain 3 --undo --wait",
            "tidelog topic create",
            "tidelog topic alter orders",
            "tidelog topic alter orders -p 0",
            "tidelog config describe",
            "tidelog config describe --topic a --group b",
            "tidelog config describe --broker x",
            "tidelog config set --topic orders",
            "tidelog config set --topic orders retention.ms",
            "tidelog config set --topic orders =1",
            "tidelog config set retention.ms=1",
            "tidelog config set --topic orders --append --subtract a=b",
            "tidelog config unset --topic orders",
            "tidelog group list --state sleepy",
            "tidelog group describe",
            "tidelog group reset orders --to-earliest",
            "tidelog group reset orders --topic a",
            "tidelog group reset orders --to-earliest --to-latest --topic a",
            "tidelog group reset orders --to-earliest --topic a --all-topics",
            "tidelog group reset orders --to-offset -1 --topic a",
            "tidelog group reset orders --to-datetime yesterday --topic a",
            "tidelog group reset orders --by-duration 90 --topic a",
            "tidelog group reset orders --to-earliest --topic a:x",
            "tidelog group delete",
            "tidelog consume t -f %s --json",
            "tidelog consume t -o yesterday",
            "tidelog produce t -z brotli",
            "tidelog bench produce --acks 2",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
