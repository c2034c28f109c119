//! `tidelog bench`: throughput and latency of any broker that speaks Kafka's protocol.
//!
//! The measuring itself must not be what is measured: batches are made beforehand, and a request copies
//! nothing but its header.

mod fetch;
mod latency;
mod length;
mod paced;
mod produce;
mod progress;
mod report;
mod template;

use std::process::ExitCode;

use clap::{Args, Subcommand};
use protocol::messages::list_offsets::LATEST_TIMESTAMP;

use crate::cli::{Target, print_json};
use crate::client::{self, Client, Error, NewTopic};
use report::Report;

#[derive(Debug, Subcommand)]
pub(crate) enum Arguments {
    /// Append as fast as the broker takes it, or at a given rate
    Produce(produce::Arguments),
    /// Read a topic from its beginning, as fast as the broker gives it
    Fetch(fetch::Arguments),
    /// Append at a given rate, read along, and print how long acknowledgements and records took
    Latency(latency::Arguments),
}

/// What every measurement needs.
#[derive(Debug, Clone, Args)]
struct Common {
    /// The topic
    #[arg(short, long, default_value = "tidelog-bench")]
    topic: String,
    /// Partitions of the topic if it has to be created
    #[arg(short, long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(i32).range(1..))]
    partitions: i32,
    /// Replication factor of the topic if it has to be created
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(i16).range(1..))]
    replication_factor: i16,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    /// Threads of this client; more than one where one is not fast enough for the broker
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: u16,
    #[command(flatten)]
    target: Target,
}

impl Common {
    /// The topic, which is created if there is none. Each partition has a leader that answers.
    async fn topic(&self, client: &Client) -> Result<client::Topic, Error> {
        let metadata = client.metadata(Some(&[&self.topic]), false).await?;
        let unknown = protocol::ErrorCode::UnknownTopicOrPartition;
        if metadata.topic(&self.topic).is_err_and(|error| error.code() == Some(unknown)) {
            let topic = NewTopic {
                name: self.topic.clone(),
                partitions: Some(self.partitions),
                replication_factor: Some(self.replication_factor),
                configs: Vec::new(),
            };
            match client.create_topic(&topic).await {
                Err(error) if error.code() != Some(protocol::ErrorCode::TopicAlreadyExists) => {
                    return Err(error);
                }
                _ => {}
            }
        }
        let topic = client.ready_topic(&self.topic, true).await?;
        // A leader may learn a moment later that it is one; here that is waited for.
        let latest = topic.partitions.keys().map(|partition| (*partition, LATEST_TIMESTAMP)).collect();
        client.offsets(&topic.name, &latest).await?;
        Ok(topic)
    }
}

pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let common = match &arguments {
        Arguments::Produce(arguments) => &arguments.common,
        Arguments::Fetch(arguments) => &arguments.common,
        Arguments::Latency(arguments) => &arguments.common,
    };
    let (json, threads) = (common.json, usize::from(common.threads));
    let runtime = match threads {
        1 => tokio::runtime::Builder::new_current_thread().enable_all().build()?,
        _ => tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()?,
    };
    let work = async {
        match arguments {
            Arguments::Produce(arguments) => Box::pin(produce::run(arguments)).await,
            Arguments::Fetch(arguments) => Box::pin(fetch::run(arguments)).await,
            Arguments::Latency(arguments) => Box::pin(latency::run(arguments)).await,
        }
    };
    let report: Report = runtime.block_on(work)?;
    runtime.shutdown_background();
    if json {
        print_json(&report.json())?;
    } else {
        std::io::Write::write_all(&mut std::io::stdout(), report.text().as_bytes())?;
    }
    Ok(ExitCode::SUCCESS)
}
