//! `tidelog config`: settings of topics, nodes and groups in a running cluster.

mod change;
mod describe;
mod list;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::client::{Resource, Setting};
use crate::nearest::nearest;

#[derive(Debug, Subcommand)]
pub(crate) enum Arguments {
    /// List what has settings of its own, and which
    List(list::List),
    /// Show the settings of a topic, a node or a group
    Describe(describe::Describe),
    /// Give settings a value
    Set(change::Set),
    /// Take back what was set: what it would be otherwise holds again
    Unset(change::Unset),
}

/// Whose settings are meant.
#[derive(Debug, Args)]
#[group(id = "resource", required = true, multiple = false)]
struct Whose {
    /// Of this topic
    #[arg(long, value_name = "TOPIC")]
    topic: Option<String>,
    /// Of this node alone
    #[arg(long, value_name = "ID", value_parser = clap::value_parser!(i32).range(0..))]
    broker: Option<i32>,
    /// Of all nodes that have no such setting of their own
    #[arg(long)]
    broker_defaults: bool,
    /// Of this group
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
}

impl Whose {
    fn resource(&self) -> Resource {
        let topic = self.topic.clone().map(Resource::Topic);
        let broker = self.broker.map(Resource::Broker);
        let group = self.group.clone().map(Resource::Group);
        // The parser lets exactly one through.
        topic.or(broker).or(group).unwrap_or(Resource::BrokerDefaults)
    }
}

pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments {
        Arguments::List(arguments) => list::run(arguments).await?,
        Arguments::Describe(arguments) => describe::run(arguments).await?,
        Arguments::Set(arguments) => change::set(arguments).await?,
        Arguments::Unset(arguments) => change::unset(arguments).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Fails if the resource has no setting of one of these names.
fn check_names(resource: &Resource, settings: &[Setting], names: &[String]) -> anyhow::Result<()> {
    let known = || settings.iter().map(|setting| setting.name.as_str());
    match names.iter().find(|name| !known().any(|known| known == *name)) {
        None => Ok(()),
        // The answer about these has only what is set.
        Some(name) if *resource == Resource::BrokerDefaults => {
            anyhow::bail!("{name} is not set for {resource}")
        }
        Some(name) => {
            let advice = match nearest(name, known()) {
                Some(known) => format!("did you mean {known}?"),
                None => "tidelog config describe shows what there is".to_owned(),
            };
            anyhow::bail!("{resource} has no setting {name}: {advice}")
        }
    }
}
