//! `tidelog topic`: create, list, describe, alter, delete.

mod alter;

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use coordinator::TopicId;
use protocol::messages::list_offsets::{EARLIEST_TIMESTAMP, LATEST_TIMESTAMP};
use serde_json::json;

use crate::cli::{Output, Target, pair, print_json, print_table};
use crate::client::{Client, Error, NewTopic, Resource, Topic};
use crate::survey::Survey;

#[derive(Debug, Subcommand)]
pub(crate) enum Arguments {
    /// Create a topic
    Create(Create),
    /// List the topics
    List(List),
    /// Show partitions, offsets and settings of a topic
    Describe(Describe),
    /// Give a topic more partitions
    Alter(alter::Alter),
    /// Delete topics, with all their records
    Delete(Delete),
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    /// The name
    topic: String,
    /// Number of partitions [default: the broker's]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
    partitions: Option<i32>,
    /// Replication factor [default: the broker's]. Tidelog takes any: its store replicates
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(i16).range(1..))]
    replication_factor: Option<i16>,
    /// A setting of the topic; may be repeated
    #[arg(short, long, value_name = "NAME=VALUE", value_parser = pair)]
    config: Vec<(String, String)>,
    /// Succeed where the topic exists already
    #[arg(long)]
    if_not_exists: bool,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Also list the broker's own topics
    #[arg(long)]
    internal: bool,
    /// How to print the answer
    #[arg(short, long, value_enum, default_value = "table")]
    output: Output,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub(crate) struct Describe {
    /// The name
    topic: String,
    /// How to print the answer
    #[arg(short, long, value_enum, default_value = "table")]
    output: Output,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub(crate) struct Delete {
    /// The names
    #[arg(required = true)]
    topics: Vec<String>,
    #[command(flatten)]
    target: Target,
}

pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments {
        Arguments::Create(arguments) => create(arguments).await?,
        Arguments::List(arguments) => list(arguments).await?,
        Arguments::Describe(arguments) => describe(arguments).await?,
        Arguments::Alter(arguments) => alter::run(arguments).await?,
        Arguments::Delete(arguments) => {
            let client = arguments.target.client();
            for topic in &arguments.topics {
                client.delete_topic(topic).await?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn create(arguments: Create) -> Result<(), Error> {
    let topic = NewTopic {
        name: arguments.topic,
        partitions: arguments.partitions,
        replication_factor: arguments.replication_factor,
        configs: arguments.config,
    };
    match arguments.target.client().create_topic(&topic).await {
        Err(error)
            if arguments.if_not_exists && error.code() == Some(protocol::ErrorCode::TopicAlreadyExists) =>
        {
            Ok(())
        }
        result => result,
    }
}

async fn list(arguments: List) -> anyhow::Result<()> {
    let metadata = arguments.target.client().metadata(None, false).await?;
    let topics = metadata.topics.values().filter(|topic| arguments.internal || !topic.internal);
    let replicas = |topic: &crate::client::Topic| {
        topic.partitions.values().map(|partition| partition.replicas.len()).max().unwrap_or(0)
    };
    match arguments.output {
        Output::Json => {
            let topics = topics.map(|topic| {
                json!({
                    "topic": topic.name,
                    "id": topic.id.to_string(),
                    "partitions": topic.partitions.len(),
                    "replicas": replicas(topic),
                })
            });
            print_json(&topics.collect())?;
        }
        Output::Table => {
            let header = ["TOPIC", "PARTITIONS", "REPLICAS"].map(str::to_owned).to_vec();
            let rows = topics.map(|topic| {
                vec![topic.name.clone(), topic.partitions.len().to_string(), replicas(topic).to_string()]
            });
            print_table(&std::iter::once(header).chain(rows).collect::<Vec<_>>())?;
        }
    }
    Ok(())
}

async fn describe(arguments: Describe) -> anyhow::Result<()> {
    let client = arguments.target.client();
    let topic = client.ready_topic(&arguments.topic, false).await?;
    let every = |timestamp| topic.partitions.keys().map(|p| (*p, timestamp)).collect::<BTreeMap<_, _>>();
    let ends = async {
        let first = client.offsets(&topic.name, &every(EARLIEST_TIMESTAMP)).await?;
        Ok::<_, Error>((first, client.offsets(&topic.name, &every(LATEST_TIMESTAMP)).await?))
    };
    let (first, end) = match ends.await {
        Ok(ends) => ends,
        Err(error) => return Err(explained(&client, &topic, error).await),
    };
    let configs = client.settings(&Resource::Topic(topic.name.clone())).await?;
    let offset = |offsets: &BTreeMap<i32, i64>, partition| offsets.get(partition).copied().unwrap_or(-1);
    match arguments.output {
        Output::Json => {
            let partitions = topic.partitions.iter().map(|(index, partition)| {
                json!({
                    "partition": index,
                    "leader": partition.leader,
                    "leader_epoch": partition.epoch,
                    "replicas": partition.replicas,
                    "in_sync": partition.in_sync,
                    "first_offset": offset(&first, index),
                    "end_offset": offset(&end, index),
                })
            });
            let configs = configs
                .iter()
                .map(|config| json!({"name": config.name, "value": config.value, "own": config.own}));
            print_json(&json!({
                "topic": topic.name,
                "id": topic.id.to_string(),
                "partitions": partitions.collect::<Vec<_>>(),
                "configs": configs.collect::<Vec<_>>(),
            }))?;
        }
        Output::Table => {
            let own = configs.iter().filter(|config| config.own);
            let own: Vec<_> = own.map(|c| format!("{}={}", c.name, c.shown())).collect();
            let own = if own.is_empty() { "(all default)".to_owned() } else { own.join(" ") };
            let about = [("topic", topic.name.clone()), ("id", topic.id.to_string()), ("settings", own)];
            print_table(&about.map(|(name, value)| vec![name.to_owned(), value]))?;
            let header =
                ["PARTITION", "LEADER", "EPOCH", "REPLICAS", "FIRST", "END"].map(str::to_owned).to_vec();
            let rows = topic.partitions.iter().map(|(index, partition)| {
                let replicas: Vec<String> = partition.replicas.iter().map(i32::to_string).collect();
                vec![
                    index.to_string(),
                    partition.leader.to_string(),
                    partition.epoch.to_string(),
                    replicas.join(","),
                    offset(&first, index).to_string(),
                    offset(&end, index).to_string(),
                ]
            });
            print_table(&std::iter::once(header).chain(rows).collect::<Vec<_>>())?;
        }
    }
    Ok(())
}

/// The error, and what the nodes know of partitions of the topic that are not served.
async fn explained(client: &Client, topic: &Topic, error: Error) -> anyhow::Error {
    let Ok(survey) = Survey::of(client).await else { return error.into() };
    let partitions = topic.partitions.keys().filter_map(|index| {
        let (shard, error) = survey.unserved(TopicId(*topic.id.as_bytes()), *index)?;
        Some(format!("\npartition {index} is not served, its shard {shard} can't be rebuilt: {error}"))
    });
    let partitions: String = partitions.collect();
    if partitions.is_empty() { error.into() } else { anyhow::anyhow!("{error}{partitions}") }
}
