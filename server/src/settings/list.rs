//! `tidelog config list`.

use clap::Args;
use protocol::ErrorCode;
use serde_json::{Map, Value, json};

use crate::cli::{Output, Target, print_json, print_table};
use crate::client::{Error, Resource, Setting};

const EXAMPLES: &str = "Examples:
  tidelog config list
  tidelog config list --all -o json";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct List {
    /// Also what has no settings of its own
    #[arg(long)]
    all: bool,
    /// How to print the answer
    #[arg(short, long, value_enum, default_value = "table")]
    output: Output,
    #[command(flatten)]
    target: Target,
}

pub(super) async fn run(arguments: List) -> anyhow::Result<()> {
    let client = arguments.target.client();
    let mut listed: Vec<(Resource, Vec<Setting>)> = Vec::new();
    for resource in client.resources().await? {
        let settings = match client.settings(&resource).await {
            Ok(settings) => settings.into_iter().filter(|setting| setting.own).collect(),
            // It has gone since.
            Err(Error::NoTopic { .. } | Error::NoNode { .. }) => continue,
            Err(error) if error.code() == Some(ErrorCode::GroupIdNotFound) => continue,
            Err(error) => return Err(error.into()),
        };
        listed.push((resource, settings));
    }
    listed.retain(|(_, settings)| arguments.all || !settings.is_empty());
    match arguments.output {
        Output::Json => print_json(&listed.iter().map(|(resource, own)| described(resource, own)).collect())?,
        Output::Table => {
            let header = ["TYPE", "NAME", "SETTINGS"].map(str::to_owned).to_vec();
            let rows = listed.iter().map(|(resource, own)| {
                let own = own.iter().map(|setting| format!("{}={}", setting.name, setting.shown()));
                let own = own.collect::<Vec<_>>().join(" ");
                let dash = |text: String| if text.is_empty() { "-".to_owned() } else { text };
                vec![resource.type_name().to_owned(), dash(resource.name()), dash(own)]
            });
            print_table(&std::iter::once(header).chain(rows).collect::<Vec<_>>())?;
        }
    }
    Ok(())
}

fn described(resource: &Resource, own: &[Setting]) -> Value {
    let own: Map<String, Value> =
        own.iter().map(|setting| (setting.name.clone(), json!(setting.value))).collect();
    json!({"type": resource.type_name(), "name": resource.name(), "settings": own})
}
