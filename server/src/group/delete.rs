//! `tidelog group delete`.

use clap::Args;
use serde_json::{Value, json};

use super::scope::{self, Scope};
use crate::cli::{Output, Target, print_json, print_table};
use crate::client::{Client, Error};

const EXAMPLES: &str = "Examples:
  tidelog group delete orders payments
  tidelog group delete orders --topic returns
  tidelog group delete orders --topic returns:0,3

A group with members is not deleted, nor are offsets of topics that its members subscribe to: stop them first.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Delete {
    /// The groups
    #[arg(required = true, value_name = "GROUP")]
    groups: Vec<String>,
    /// Keep the groups, and delete only their offsets of this topic, or of some of its partitions; may be repeated
    #[arg(long = "topic", value_name = "TOPIC[:P,P]")]
    topics: Vec<Scope>,
    /// How to print the answer
    #[arg(short, long, value_enum, default_value = "table")]
    output: Output,
    #[command(flatten)]
    target: Target,
}

/// What became of a group, or of its offset in a partition.
struct Outcome {
    group: String,
    partition: Option<(String, i32)>,
    error: Option<String>,
}

/// Fails if anything was not deleted.
pub(super) async fn run(arguments: Delete) -> anyhow::Result<()> {
    let client = arguments.target.client();
    let mut outcomes = Vec::new();
    for group in &arguments.groups {
        if arguments.topics.is_empty() {
            let error = failure(client.delete_group(group).await)?;
            outcomes.push(Outcome { group: group.clone(), partition: None, error });
        } else {
            outcomes.extend(forget(&client, group, &arguments.topics).await?);
        }
    }
    match arguments.output {
        Output::Json => print_json(&outcomes.iter().map(json).collect())?,
        Output::Table => print_table(&table(&outcomes, !arguments.topics.is_empty()))?,
    }
    let failed: Vec<&str> = outcomes.iter().filter_map(|outcome| outcome.error.as_deref()).collect();
    match &failed[..] {
        [] => Ok(()),
        [error] if outcomes.len() == 1 => anyhow::bail!("{error}"),
        [error, ..] => anyhow::bail!("{} of {} were not deleted: {error}", failed.len(), outcomes.len()),
    }
}

/// Deletes a group's offsets.
async fn forget(client: &Client, group: &str, scopes: &[Scope]) -> Result<Vec<Outcome>, Error> {
    let outcome = |partition, error| Outcome { group: group.to_owned(), partition, error };
    let deleted = async {
        let offsets = client.committed(group).await?;
        if offsets.is_empty() {
            // There may be no such group: this fails then.
            client.group(group).await?;
        }
        match scope::committed(group, scopes, &offsets) {
            Ok(meant) => client.delete_offsets(group, &meant).await.map(Ok),
            Err(error) => Ok(Err(error)),
        }
    };
    Ok(match deleted.await {
        Ok(Ok(partitions)) => {
            let mut outcomes = Vec::new();
            for (partition, result) in partitions {
                outcomes.push(outcome(Some(partition), failure(result)?));
            }
            outcomes
        }
        Ok(Err(error)) => vec![outcome(None, Some(error))],
        Err(error) => vec![outcome(None, failure(Err(error))?)],
    })
}

/// What was wrong with one of many. Fails if there is no use in going on.
fn failure(result: Result<(), Error>) -> Result<Option<String>, Error> {
    match result {
        Ok(()) => Ok(None),
        Err(error @ (Error::Refused { .. } | Error::NoGroup { .. } | Error::Undescribed { .. })) => {
            Ok(Some(error.to_string()))
        }
        Err(error) => Err(error),
    }
}

fn json(outcome: &Outcome) -> Value {
    let Outcome { group, partition, error } = outcome;
    let mut value = json!({"group": group, "deleted": error.is_none(), "error": error});
    if let (Value::Object(value), Some((topic, partition))) = (&mut value, partition) {
        value.insert("topic".to_owned(), json!(topic));
        value.insert("partition".to_owned(), json!(partition));
    }
    value
}

fn table(outcomes: &[Outcome], with_partitions: bool) -> Vec<Vec<String>> {
    let row = |group: &str, partition: [&str; 2], result: &str| {
        let partition = if with_partitions { &partition[..] } else { &[] };
        [&[group], partition, &[result]].concat().into_iter().map(str::to_owned).collect()
    };
    let mut rows = vec![row("GROUP", ["TOPIC", "PARTITION"], "RESULT")];
    for Outcome { group, partition, error } in outcomes {
        let (topic, number) = match partition {
            Some((topic, number)) => (topic.as_str(), number.to_string()),
            None => ("-", "-".to_owned()),
        };
        rows.push(row(group, [topic, &number], error.as_deref().unwrap_or("deleted")));
    }
    rows
}
