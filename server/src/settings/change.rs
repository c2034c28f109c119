//! `tidelog config set` and `tidelog config unset`.

use clap::Args;
use serde_json::json;

use super::{Whose, check_names};
use crate::cli::{Output, Target, pair, print_dry_run, print_json};
use crate::client::{Change, Client, Resource};

const SET_EXAMPLES: &str = "Examples:
  tidelog config set --topic orders retention.ms=86400000 max.message.bytes=2000000
  tidelog config set --topic orders --append cleanup.policy=compact
  tidelog config set --broker-defaults log.retention.ms=86400000
  tidelog config set --group payments consumer.session.timeout.ms=50000

All of it is done, or nothing.";

const UNSET_EXAMPLES: &str = "Examples:
  tidelog config unset --topic orders retention.ms
  tidelog config unset --broker-defaults log.retention.ms log.retention.bytes";

#[derive(Debug, Args)]
#[command(after_help = SET_EXAMPLES)]
pub(crate) struct Set {
    #[command(flatten)]
    whose: Whose,
    /// The settings, with their values
    #[arg(required = true, value_name = "NAME=VALUE", value_parser = pair)]
    settings: Vec<(String, String)>,
    /// Add the values to those that the settings have: they are lists
    #[arg(long)]
    append: bool,
    /// Take the values from those that the settings have: they are lists
    #[arg(long, conflicts_with = "append")]
    subtract: bool,
    #[command(flatten)]
    how: How,
}

#[derive(Debug, Args)]
#[command(after_help = UNSET_EXAMPLES)]
pub(crate) struct Unset {
    #[command(flatten)]
    whose: Whose,
    /// The settings
    #[arg(required = true, value_name = "NAME")]
    settings: Vec<String>,
    #[command(flatten)]
    how: How,
}

#[derive(Debug, Args)]
struct How {
    /// Only check that it could be done
    #[arg(long)]
    dry_run: bool,
    /// How to print the answer
    #[arg(short, long, value_enum, default_value = "table")]
    output: Output,
    #[command(flatten)]
    target: Target,
}

pub(super) async fn set(arguments: Set) -> anyhow::Result<()> {
    let Set { whose, settings, append, subtract, how } = arguments;
    let change: fn(String) -> Change = match (append, subtract) {
        (true, _) => Change::Append,
        (_, true) => Change::Subtract,
        _ => Change::Set,
    };
    let changes: Vec<_> = settings.into_iter().map(|(name, value)| (name, change(value))).collect();
    change_all(&how.target.client(), &whose.resource(), &changes, &how).await
}

/// Fails if there is no setting of a name, as far as that can be known: brokers do not mind.
pub(super) async fn unset(arguments: Unset) -> anyhow::Result<()> {
    let Unset { whose, settings, how } = arguments;
    let (client, resource) = (how.target.client(), whose.resource());
    if resource != Resource::BrokerDefaults {
        check_names(&resource, &client.settings(&resource).await?, &settings)?;
    }
    let changes: Vec<_> = settings.into_iter().map(|name| (name, Change::Unset)).collect();
    change_all(&client, &resource, &changes, &how).await
}

async fn change_all(
    client: &Client,
    resource: &Resource,
    changes: &[(String, Change)],
    how: &How,
) -> anyhow::Result<()> {
    client.change_settings(resource, changes, how.dry_run).await?;
    match how.output {
        Output::Json => print_json(&json!({
            "type": resource.type_name(),
            "name": resource.name(),
            "settings": changes.iter().map(|(name, _)| name).collect::<Vec<_>>(),
            "changed": !how.dry_run,
        }))?,
        Output::Table if how.dry_run => print_dry_run()?,
        Output::Table => {}
    }
    Ok(())
}
