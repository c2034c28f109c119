//! `tidelog topic alter`.

use clap::Args;
use serde_json::json;

use crate::cli::{Output, Target, print_dry_run, print_json};

const EXAMPLES: &str = "Examples:
  tidelog topic alter orders --partitions 24

Keys go to other partitions than before, and the records that are there stay where they are.
Partitions are never taken away. Settings are changed by tidelog config set --topic.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Alter {
    /// The name
    topic: String,
    /// How many partitions it shall have, those that it has included
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
    partitions: i32,
    /// Only check that it could be done
    #[arg(long)]
    dry_run: bool,
    /// How to print the answer
    #[arg(short, long, value_enum, default_value = "table")]
    output: Output,
    #[command(flatten)]
    target: Target,
}

pub(super) async fn run(arguments: Alter) -> anyhow::Result<()> {
    let Alter { topic, partitions, dry_run, output, target } = arguments;
    target.client().create_partitions(&topic, partitions, dry_run).await?;
    match output {
        Output::Json => {
            print_json(&json!({"topic": topic, "partitions": partitions, "changed": !dry_run}))?;
        }
        Output::Table if dry_run => print_dry_run()?,
        Output::Table => {}
    }
    Ok(())
}
