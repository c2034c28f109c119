//! `tidelog group describe`.

mod page;

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;
use protocol::messages::list_offsets::LATEST_TIMESTAMP;
use serde_json::Value;

use crate::cli::{Output, Target, print_json, print_line, print_table};
use crate::client::{Client, Coordinator, Error, Group, Kind, TopicPartition};

const EXAMPLES: &str = "Examples:
  tidelog group describe orders
  tidelog group describe orders payments -o json

LAG is what lies between the offset that the group has committed and the end of the log. A dash stands for what is
not known: an offset that was not committed, the end of a partition that has gone.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Describe {
    /// The groups
    #[arg(required = true, value_name = "GROUP")]
    groups: Vec<String>,
    /// How to print the answer
    #[arg(short, long, value_enum, default_value = "table")]
    output: Output,
    #[command(flatten)]
    target: Target,
}

/// A group, and how far it has read.
struct Described {
    coordinator: Coordinator,
    group: Group,
    partitions: Vec<Partition>,
}

/// How far a group has read in a partition.
#[derive(Debug, PartialEq, Eq)]
struct Partition {
    topic: String,
    partition: i32,
    /// The next offset that the group wants to read; of a share group the first that is not settled.
    committed: Option<i64>,
    /// The end of the log.
    end: Option<i64>,
    /// The member that has it, as its place in the group; in a share group any number may, and none is shown.
    member: Option<usize>,
}

impl Partition {
    /// How many offsets are left to read.
    fn lag(&self) -> Option<i64> {
        // A log may have been deleted and made anew since.
        Some((self.end? - self.committed?).max(0))
    }
}

/// Describes those that exist, and fails if one does not.
pub(super) async fn run(arguments: Describe) -> anyhow::Result<()> {
    let client = arguments.target.client();
    let (mut groups, mut failed) = (Vec::new(), Vec::new());
    for id in &arguments.groups {
        match describe(&client, id).await {
            Ok(group) => groups.push(group),
            Err(error @ (Error::NoGroup { .. } | Error::Undescribed { .. } | Error::Refused { .. })) => {
                failed.push(error);
            }
            Err(error) => return Err(error.into()),
        }
    }
    match arguments.output {
        Output::Json if groups.is_empty() => {}
        Output::Json => print_json(&Value::Array(groups.iter().map(page::json).collect()))?,
        Output::Table => {
            let tables: Vec<_> = groups.iter().flat_map(page::tables).collect();
            for (at, table) in tables.iter().enumerate() {
                if at > 0 {
                    print_line("")?;
                }
                print_table(table)?;
            }
        }
    }
    match failed.len() {
        0 => Ok(()),
        1 => Err(failed.remove(0).into()),
        _ => anyhow::bail!("{}", failed.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")),
    }
}

async fn describe(client: &Client, id: &str) -> Result<Described, Error> {
    let (coordinator, group) = client.group(id).await?;
    let committed = match group.kind {
        Kind::Share => client.share_starts(id).await?,
        Kind::Classic | Kind::Consumer => client.committed(id).await?,
    };
    let members = assigned(&group);
    let partitions: BTreeSet<&TopicPartition> = committed.keys().chain(members.keys()).collect();
    let latest = partitions.iter().map(|partition| ((*partition).clone(), LATEST_TIMESTAMP)).collect();
    let ends = client.offsets_of(&latest).await?;
    let partitions = partitions.into_iter().map(|at| Partition {
        topic: at.0.clone(),
        partition: at.1,
        committed: committed.get(at).copied(),
        end: ends.get(at).copied(),
        member: members.get(at).copied().filter(|_| group.kind != Kind::Share),
    });
    let partitions = partitions.collect();
    Ok(Described { coordinator, group, partitions })
}

/// The member that has each partition, as its place in the group.
fn assigned(group: &Group) -> BTreeMap<TopicPartition, usize> {
    let mut assigned = BTreeMap::new();
    for (place, member) in group.members.iter().enumerate() {
        for (topic, partitions) in member.assignment.iter().flatten() {
            assigned.extend(partitions.iter().map(|partition| ((topic.clone(), *partition), place)));
        }
    }
    assigned
}
