//! `tidelog config set` and `tidelog config unset`.

use clap::Args;

use super::Whose;
use crate::cli::{Output, Target, pair, print_json, print_line};
use crate::client::Change;

const SET_EXAMPLES: &str = "Examples:
  tidelog config set --topic orders retention.ms=86400000 max.message.bytes=2000000
  tidelog config set --topic orders --append cleanup.policy=compact
  tidelog config set --broker-defaults log.retention.ms=86400000
  tidelog config set --group payments consumer.session.timeout.ms=50000

All of it is done, or nothing.";

const UNSET_EXAMPLES: &str = "Examples:
  tidelog config unset --topic orders retention.ms
  tidelog config unset --broker 1 log.retention.ms";

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
    let change: fn(String) -> Change = match (arguments.append, arguments.subtract) {
        (true, _) => Change::Append,
        (_, true) => Change::Subtract,
        _ => Change::Set,
    };
    let changes: Vec<_> = arguments.settings.into_iter().map(|(name, value)| (name, change(value))).collect();
    run(&arguments.whose, &changes, &arguments.how).await
}

pub(super) async fn unset(arguments: Unset) -> anyhow::Result<()> {
    let changes: Vec<_> = arguments.settings.into_iter().map(|name| (name, Change::Unset)).collect();
    run(&arguments.whose, &changes, &arguments.how).await
}

async fn run(whose: &Whose, changes: &[(String, Change)], how: &How) -> anyhow::Result<()> {
    let resource = whose.resource();
    how.target.client().change(&resource, changes, how.dry_run).await?;
    match how.output {
        Output::Json => print_json(&serde_json::json!({
            "type": resource.type_name(),
            "name": resource.name(),
            "changed": !how.dry_run,
            "settings": changes.iter().map(|(name, _)| name).collect::<Vec<_>>(),
        }))?,
        Output::Table if how.dry_run => print_line("nothing was changed: it could be")?,
        Output::Table => {}
    }
    Ok(())
}
