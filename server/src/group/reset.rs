//! `tidelog group reset`.

mod plan;
mod target;

use std::collections::BTreeMap;

use clap::{ArgGroup, Args};
use serde_json::json;
use tiering::seams::Clock;

use super::scope::{self, Scope};
use crate::cli::{Output, Target, print_json, print_line, print_table};
use crate::client::{Client, Error, TopicPartition};
use plan::Step;
use target::To;

const EXAMPLES: &str = "Examples:
  tidelog group reset orders --to-earliest --all-topics
  tidelog group reset orders --to-datetime 2026-01-31T12:00:00Z --topic returns --execute
  tidelog group reset orders --shift-by -100 --topic returns:0,3 --execute

It prints what it would do, and does so only with --execute. The group must have no members: stop them first.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
#[command(group = ArgGroup::new("to").required(true), group = ArgGroup::new("scope").required(true))]
pub(crate) struct Reset {
    /// The group. One that does not exist is made
    group: String,
    /// In this topic, or in some of its partitions; may be repeated
    #[arg(long = "topic", value_name = "TOPIC[:P,P]", group = "scope")]
    topics: Vec<Scope>,
    /// In everything that the group has read
    #[arg(long, group = "scope")]
    all_topics: bool,
    #[command(flatten)]
    to: target::Arguments,
    /// Do it
    #[arg(long)]
    execute: bool,
    /// How to print the answer
    #[arg(short, long, value_enum, default_value = "table")]
    output: Output,
    #[command(flatten)]
    target: Target,
}

/// Fails if the group has members, and if anything was not done.
pub(super) async fn run(arguments: Reset) -> anyhow::Result<()> {
    let (client, group) = (arguments.target.client(), &*arguments.group);
    let exists = at_rest(&client, group).await?;
    let committed = client.committed(group).await?;
    let meant = match arguments.all_topics {
        true if !exists => return Err(Error::NoGroup { group: group.to_owned() }.into()),
        true if committed.is_empty() => {
            anyhow::bail!("group {group} has read nothing: name the topics with --topic")
        }
        true => committed.keys().cloned().collect(),
        false => scope::existing(&client, &arguments.topics).await?,
    };
    let to = arguments.to.to(Clock::system().now_ms())?;
    let steps = plan::of(&client, to, &meant, &committed).await?;
    let outcomes = match arguments.execute {
        true => {
            let moves = steps.iter().filter_map(|(at, step)| Some((at.clone(), step.new?)));
            client.commit(group, &moves.collect()).await?
        }
        false => BTreeMap::new(),
    };
    let failed: Vec<String> =
        outcomes.values().filter_map(|outcome| outcome.as_ref().err()).map(ToString::to_string).collect();
    match arguments.output {
        Output::Json => print_json(&json(&arguments, &steps, &outcomes))?,
        Output::Table => {
            print_table(&table(&steps, &outcomes))?;
            if !arguments.execute {
                print_line("\nNothing was changed: add --execute to do it.")?;
            }
        }
    }
    match failed.first() {
        Some(error) => anyhow::bail!("{} of {} offsets were not set: {error}", failed.len(), outcomes.len()),
        None => Ok(()),
    }
}

/// Whether the group exists. Fails if it has members, or reads in a way that has no offsets to be set.
async fn at_rest(client: &Client, id: &str) -> anyhow::Result<bool> {
    let group = match client.group(id).await {
        Ok((_, group)) => group,
        Err(Error::NoGroup { .. }) => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    if group.kind == crate::client::Kind::Share {
        anyhow::bail!(
            "group {id} is a share group, which reads on from where records are not settled: it has no offsets to be set here"
        );
    }
    let members = group.members.len();
    if members > 0 || !["Empty", "Dead"].contains(&&*group.state) {
        anyhow::bail!(
            "group {id} is in use ({}, {members} member{}): stop its members, wait until tidelog group list shows it Empty, and try again",
            group.state,
            if members == 1 { "" } else { "s" },
        );
    }
    Ok(true)
}

type Outcomes = BTreeMap<TopicPartition, Result<(), Error>>;

fn table(steps: &BTreeMap<TopicPartition, Step>, outcomes: &Outcomes) -> Vec<Vec<String>> {
    let header = ["TOPIC", "PARTITION", "OLD", "NEW", "NOTE"].map(str::to_owned).to_vec();
    let rows = steps.iter().map(|(at, step)| {
        let failed = outcomes.get(at).and_then(|outcome| outcome.as_ref().err()).map(ToString::to_string);
        vec![
            at.0.clone(),
            at.1.to_string(),
            super::number(step.old),
            super::number(step.new),
            failed.or_else(|| step.note.clone()).unwrap_or_default(),
        ]
    });
    std::iter::once(header).chain(rows).collect()
}

fn json(arguments: &Reset, steps: &BTreeMap<TopicPartition, Step>, outcomes: &Outcomes) -> serde_json::Value {
    let partitions = steps.iter().map(|(at, step)| {
        let outcome = outcomes.get(at);
        json!({
            "topic": at.0,
            "partition": at.1,
            "old_offset": step.old,
            "new_offset": step.new,
            "note": step.note,
            "done": outcome.is_some_and(Result::is_ok),
            "error": outcome.and_then(|outcome| outcome.as_ref().err()).map(ToString::to_string),
        })
    });
    json!({
        "group": arguments.group,
        "executed": arguments.execute,
        "partitions": partitions.collect::<Vec<_>>(),
    })
}
