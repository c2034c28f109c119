//! `tidelog group list`.

use clap::Args;
use serde_json::json;
use tokio::task::{JoinSet, LocalSet};

use super::number;
use crate::cli::{Output, Target, dash, print_json, print_table};
use crate::client::{Client, Error, Listed};

/// Groups that are asked about at once.
const AT_ONCE: usize = 64;

const EXAMPLES: &str = "Examples:
  tidelog group list
  tidelog group list --state empty,dead
  tidelog group list --type consumer -o json";

/// States, as Kafka's brokers name them.
const STATES: [&str; 8] = [
    "Empty",
    "Stable",
    "Assigning",
    "Reconciling",
    "PreparingRebalance",
    "CompletingRebalance",
    "Dead",
    "NotReady",
];

/// Types, as Kafka's brokers name them.
const TYPES: [&str; 4] = ["classic", "consumer", "share", "streams"];

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct List {
    /// Only groups in this state; several with commas between them
    #[arg(long = "state", value_name = "STATE", value_delimiter = ',', ignore_case = true, value_parser = STATES)]
    states: Vec<String>,
    /// Only groups of this type; several with commas between them
    #[arg(long = "type", value_name = "TYPE", value_delimiter = ',', ignore_case = true, value_parser = TYPES)]
    types: Vec<String>,
    /// How to print the answer
    #[arg(short, long, value_enum, default_value = "table")]
    output: Output,
    #[command(flatten)]
    target: Target,
}

/// A group, and how many members it has, if that is known.
struct Counted {
    group: Listed,
    members: Option<usize>,
}

pub(super) async fn run(arguments: List) -> anyhow::Result<()> {
    let client = arguments.target.client();
    let mut groups = client.groups().await?;
    groups.retain(|group| {
        is_wanted(&arguments.states, &group.state) && is_wanted(&arguments.types, &group.kind)
    });
    let groups = LocalSet::new().run_until(counted(&client, groups)).await?;
    match arguments.output {
        Output::Json => {
            let groups = groups.iter().map(|Counted { group, members }| {
                json!({
                    "group": group.id,
                    "type": group.kind,
                    "protocol": group.protocol,
                    "state": group.state,
                    "members": members,
                    "coordinator": {"id": group.coordinator.node, "address": group.coordinator.address},
                })
            });
            print_json(&groups.collect())?;
        }
        Output::Table => {
            let header =
                ["GROUP", "TYPE", "PROTOCOL", "STATE", "MEMBERS", "COORDINATOR"].map(str::to_owned).to_vec();
            let rows = groups.iter().map(|Counted { group, members }| {
                vec![
                    dash(&group.id),
                    dash(&group.kind),
                    dash(&group.protocol),
                    dash(&group.state),
                    number(*members),
                    group.coordinator.node.to_string(),
                ]
            });
            print_table(&std::iter::once(header).chain(rows).collect::<Vec<_>>())?;
        }
    }
    Ok(())
}

fn is_wanted(filter: &[String], value: &str) -> bool {
    filter.is_empty() || filter.iter().any(|wanted| wanted.eq_ignore_ascii_case(value))
}

/// Counts members, many groups at once, in tasks of this thread. Leaves out groups that were deleted since they were listed.
async fn counted(client: &Client, groups: Vec<Listed>) -> Result<Vec<Counted>, Error> {
    let mut counted = Vec::with_capacity(groups.len());
    let (mut left, mut asked) = (groups.into_iter(), JoinSet::new());
    loop {
        for group in left.by_ref().take(AT_ONCE.saturating_sub(asked.len())) {
            let client = client.clone();
            asked.spawn_local(async move {
                let members =
                    client.group_listed(&group).await.map(|told| told.map(|told| told.members.len()));
                (group, members)
            });
        }
        let Some(answer) = asked.join_next().await else { break };
        // A task here ends by itself alone.
        let Ok((group, members)) = answer else { continue };
        match members {
            Ok(members) => counted.push(Counted { group, members }),
            Err(Error::NoGroup { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    counted.sort_by(|a, b| a.group.id.cmp(&b.group.id));
    Ok(counted)
}
