//! `tidelog node`: the nodes of a cluster, and taking one out of service.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use protocol::messages::peer::{DRAIN, REBALANCE, UNDRAIN};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::cli::{Output, Target, megabytes, print_json, print_line, print_table};
use crate::client::{Client, Error};
use crate::survey::{self, Node, Pace, Survey};

/// How often a node that is waited for is looked at.
const PAUSE: Duration = Duration::from_millis(200);

#[derive(Debug, Subcommand)]
pub(crate) enum Arguments {
    /// List the nodes, how they are and what they do
    List(List),
    /// Have a node give its shards to the others and get none, so that it can be stopped
    Drain(Drain),
    /// Even out load now: busy nodes give shards to idle ones. Nodes do so by themselves, too, if more slowly
    Rebalance(Rebalance),
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// How to print the answer
    #[arg(short, long, value_enum, default_value = "table")]
    output: Output,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub(crate) struct Drain {
    /// The node's id
    #[arg(value_name = "ID", value_parser = clap::value_parser!(i32).range(0..))]
    node: i32,
    /// Wait until the node holds no shards; the default
    #[arg(long, overrides_with = "no_wait")]
    wait: bool,
    /// Return as soon as it is recorded that the node shall give its shards away
    #[arg(long)]
    no_wait: bool,
    /// Let the node have shards again
    #[arg(long, conflicts_with_all = ["wait", "no_wait"])]
    undo: bool,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub(crate) struct Rebalance {
    #[command(flatten)]
    target: Target,
}

pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments {
        Arguments::List(arguments) => list(arguments).await?,
        Arguments::Drain(arguments) => drain(arguments).await?,
        Arguments::Rebalance(arguments) => rebalance(arguments).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(arguments: List) -> anyhow::Result<()> {
    let survey = Survey::of(&arguments.target.client()).await?;
    match arguments.output {
        Output::Json => print_json(&survey.nodes.iter().map(described).collect())?,
        Output::Table => {
            let header = [
                "ID",
                "ADDRESS",
                "RACK",
                "SESSION",
                "STATE",
                "SHARDS",
                "PARTITIONS",
                "LAG",
                "IN MB/s",
                "OUT MB/s",
                "STORE/s",
                "$/MONTH",
            ];
            let header = header.map(str::to_owned).to_vec();
            let rows = survey.nodes.iter().map(row);
            print_table(&std::iter::once(header).chain(rows).collect::<Vec<_>>())?;
            for problem in survey.cut_off() {
                print_line(&problem)?;
            }
        }
    }
    Ok(())
}

fn row(node: &Node) -> Vec<String> {
    let told = node.told.as_ref().ok();
    let pace = told.map(Pace::of);
    let number = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    vec![
        node.session.node_id.to_string(),
        node.address.clone(),
        node.session.rack.as_deref().unwrap_or("-").to_owned(),
        node.session_id(),
        node.state().to_string(),
        node.session.shards.to_string(),
        node.leads.to_string(),
        number(told.map(|told| told.checkpoint_lag.to_string())),
        number(pace.as_ref().map(|pace| megabytes(pace.taken))),
        number(pace.as_ref().map(|pace| megabytes(pace.given))),
        number(pace.as_ref().map(|pace| format!("{:.1}", pace.requests()))),
        number(pace.as_ref().map(|pace| format!("{:.2}", pace.dollars))),
    ]
}

fn described(node: &Node) -> Value {
    let session = &node.session;
    let mut value = json!({
        "id": session.node_id,
        "address": node.address,
        "rack": session.rack.as_deref(),
        "session": node.session_id(),
        "state": node.state().to_string(),
        "draining": session.draining,
        "suspected": session.suspected,
        "unreached": session.unreached,
        "shards": session.shards,
        "partitions": node.leads,
    });
    let more = match &node.told {
        Ok(told) => {
            let pace = Pace::of(told);
            json!({
                "version": told.version.as_str(),
                "process": coordinator::ProcessId(*told.process_id.as_bytes()).to_string(),
                "uptime_ms": told.uptime_ms,
                "metadata_entries": told.metadata_next,
                "store_age_ms": (told.store_age_ms >= 0).then_some(told.store_age_ms),
                "store_trouble": told.store_trouble.as_deref(),
                "unserved_shards": told.unserved_shards,
                "slots": told.slots,
                "checkpoint_lag": told.checkpoint_lag,
                "tail_bytes": told.tail_bytes,
                "connections": told.connections,
                "pace_seconds": told.window_ms / 1000,
                "bytes_in_per_second": pace.taken,
                "bytes_out_per_second": pace.given,
                "store_requests_per_second": pace.store,
                "s3_dollars_per_month": pace.dollars,
            })
        }
        Err(error) => json!({ "error": error }),
    };
    if let (Value::Object(value), Value::Object(more)) = (&mut value, more) {
        value.extend(more);
    }
    value
}

async fn drain(arguments: Drain) -> anyhow::Result<()> {
    let (client, node) = (arguments.target.client(), arguments.node);
    // The node that is asked may be the one that is stopped once it is drained: know others, too.
    client.metadata(Some(&[]), false).await?;
    if arguments.undo {
        client.control(node, UNDRAIN).await?;
        print_line(&format!("node {node} may have shards again"))?;
        return Ok(());
    }
    client.control(node, DRAIN).await?;
    if arguments.no_wait {
        print_line(&format!("node {node} gives its shards away"))?;
        return Ok(());
    }
    let deadline = Instant::now() + client.timeout();
    loop {
        let left = shards(&client, node).await?;
        if left == 0 {
            print_line(&format!("node {node} holds no shards: it can be stopped"))?;
            return Ok(());
        }
        if Instant::now() + PAUSE > deadline {
            anyhow::bail!(
                "node {node} still holds {left} shards after {:?}, and goes on giving them away: see tidelog node list",
                client.timeout()
            );
        }
        sleep(PAUSE).await;
    }
}

/// The shards that a node holds; none if it has no session.
async fn shards(client: &Client, node: i32) -> Result<i32, Error> {
    let status = client.status().await?;
    Ok(status.sessions.iter().filter(|session| session.node_id == node).map(|session| session.shards).sum())
}

async fn rebalance(arguments: Rebalance) -> anyhow::Result<()> {
    let client = arguments.target.client();
    let sessions = client.status().await?.sessions;
    let nodes: BTreeMap<i32, String> = sessions.iter().map(|s| (s.node_id, survey::address(s))).collect();
    let mut failed = Vec::new();
    for (node, address) in &nodes {
        if let Err(error) = client.control_at(address, *node, REBALANCE).await {
            failed.push(format!("node {node}: {error}"));
        }
    }
    if !failed.is_empty() {
        anyhow::bail!("not every node could be asked: {}", failed.join("; "));
    }
    print_line(&format!("{} nodes even out their load", nodes.len()))?;
    Ok(())
}
