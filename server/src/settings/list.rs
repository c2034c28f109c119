//! `tidelog config list`.

use clap::Args;
use protocol::ErrorCode;
use serde_json::{Map, Value, json};

use crate::cli::{Output, Target, dash, print_json, print_table};
use crate::client::{Error, Resource, Setting};

const EXAMPLES: &str = "Examples:
  tidelog config list
  tidelog config list --all -o json";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct List {
    /// Also nodes and topics that have no settings of their own
    #[arg(long)]
    all: bool,
    /// How to print the answer
    #[arg(short, long, value_enum, default_value = "table")]
    output: Output,
    #[command(flatten)]
    target: Target,
}

/// A resource with its own settings.
type Own = (Resource, Vec<Setting>);

pub(super) async fn run(arguments: List) -> anyhow::Result<()> {
    let client = arguments.target.client();
    let mut listed: Vec<Own> = Vec::new();
    for (resource, settings) in client.settings_of(client.resources().await?).await? {
        match settings {
            Ok(settings) => listed.push((resource, settings.into_iter().filter(|s| s.own).collect())),
            // It was deleted since, or its node is down.
            Err(Error::NoTopic { .. } | Error::NoNode { .. }) => {}
            Err(error) if error.code() == Some(ErrorCode::GroupIdNotFound) => {}
            Err(error) => return Err(error.into()),
        }
    }
    listed.retain(|(_, own)| arguments.all || !own.is_empty());
    match arguments.output {
        Output::Json => print_json(&listed.iter().map(described).collect())?,
        Output::Table => {
            let header = ["TYPE", "NAME", "SETTING", "VALUE"].map(str::to_owned).to_vec();
            let rows = listed.iter().flat_map(rows);
            print_table(&std::iter::once(header).chain(rows).collect::<Vec<_>>())?;
        }
    }
    Ok(())
}

fn described((resource, own): &Own) -> Value {
    let own: Map<String, Value> =
        own.iter().map(|setting| (setting.name.clone(), json!(setting.value))).collect();
    json!({"type": resource.type_name(), "name": resource.name(), "settings": own})
}

fn rows((resource, own): &Own) -> Vec<Vec<String>> {
    let row = |setting: &str, value: &str| {
        vec![resource.type_name().to_owned(), dash(&resource.name()), setting.to_owned(), value.to_owned()]
    };
    if own.is_empty() {
        return vec![row("-", "-")];
    }
    own.iter().map(|setting| row(&setting.name, setting.shown())).collect()
}
