//! `tidelog config describe`.

use clap::Args;
use serde_json::{Value, json};

use super::{Whose, check_names};
use crate::cli::{Output, Target, print_json, print_table};
use crate::client::Setting;

const EXAMPLES: &str = "Examples:
  tidelog config describe --topic orders
  tidelog config describe --topic orders retention.ms cleanup.policy
  tidelog config describe --broker 1 --own
  tidelog config describe --broker-defaults -o json

OTHERWISE is what would count if the value had not been set where it is.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Describe {
    #[command(flatten)]
    whose: Whose,
    /// Only these settings
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Only what was set for this topic, node or group
    #[arg(long, conflicts_with = "names")]
    own: bool,
    /// How to print the answer
    #[arg(short, long, value_enum, default_value = "table")]
    output: Output,
    #[command(flatten)]
    target: Target,
}

/// Fails if there is no setting of a name.
pub(super) async fn run(arguments: Describe) -> anyhow::Result<()> {
    let Describe { whose, names, own, output, target } = arguments;
    let resource = whose.resource();
    let mut settings = target.client().settings(&resource).await?;
    check_names(&resource, &settings, &names)?;
    settings.retain(|setting| (names.is_empty() || names.contains(&setting.name)) && (setting.own || !own));
    match output {
        Output::Json => print_json(&json!({
            "type": resource.type_name(),
            "name": resource.name(),
            "settings": settings.iter().map(described).collect::<Vec<_>>(),
        }))?,
        Output::Table => {
            let header = ["NAME", "VALUE", "TYPE", "SOURCE", "READ-ONLY", "OTHERWISE"];
            let rows = settings.iter().map(row);
            let header = header.map(str::to_owned).to_vec();
            print_table(&std::iter::once(header).chain(rows).collect::<Vec<_>>())?;
        }
    }
    Ok(())
}

fn described(setting: &Setting) -> Value {
    let synonyms = setting.synonyms.iter();
    let synonyms = synonyms.map(|s| json!({"name": s.name, "value": s.value, "source": s.source}));
    json!({
        "name": setting.name,
        "value": setting.value,
        "type": setting.kind,
        "source": setting.source,
        "own": setting.own,
        "read_only": setting.read_only,
        "sensitive": setting.sensitive,
        "synonyms": synonyms.collect::<Vec<_>>(),
        "documentation": setting.documentation,
    })
}

fn row(setting: &Setting) -> Vec<String> {
    let read_only = if setting.read_only { "yes" } else { "no" };
    let otherwise = setting.otherwise().iter();
    let otherwise = otherwise.map(|s| format!("{}={} ({})", s.name, s.shown(), s.source));
    vec![
        setting.name.clone(),
        setting.shown().to_owned(),
        setting.kind.to_owned(),
        setting.source.to_owned(),
        read_only.to_owned(),
        otherwise.collect::<Vec<_>>().join(", "),
    ]
}
