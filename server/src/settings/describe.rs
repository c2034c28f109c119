//! `tidelog config describe`.

use clap::Args;
use serde_json::json;

use super::Whose;
use crate::cli::{Output, Target, print_json, print_table};
use crate::client::Setting;

const EXAMPLES: &str = "Examples:
  tidelog config describe --topic orders
  tidelog config describe --topic orders retention.ms cleanup.policy
  tidelog config describe --broker 1 --own
  tidelog config describe --broker-defaults -o json";

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
    let resource = arguments.whose.resource();
    let mut settings = arguments.target.client().settings(&resource).await?;
    let known = |name: &String| settings.iter().any(|setting| setting.name == *name);
    if let Some(name) = arguments.names.iter().find(|name| !known(name)) {
        let (near, of) = (nearest(name, &settings), resource.to_string());
        anyhow::bail!(
            "{of}: there is no setting {name}{}",
            near.map_or_else(String::new, |near| format!(": did you mean {near}?"))
        );
    }
    settings.retain(|setting| {
        (arguments.names.is_empty() || arguments.names.contains(&setting.name))
            && (setting.own || !arguments.own)
    });
    match arguments.output {
        Output::Json => {
            let settings = settings.iter().map(|setting| {
                json!({
                    "name": setting.name,
                    "value": setting.value,
                    "source": setting.source(),
                    "own": setting.own,
                    "read_only": setting.read_only,
                    "secret": setting.secret,
                })
            });
            print_json(&json!({
                "type": resource.type_name(),
                "name": resource.name(),
                "settings": settings.collect::<Vec<_>>(),
            }))?;
        }
        Output::Table => {
            let header = ["NAME", "VALUE", "SOURCE", "READ-ONLY"].map(str::to_owned).to_vec();
            let rows = settings.iter().map(|setting| {
                let shown = if setting.shown().is_empty() { "\"\"" } else { setting.shown() };
                let read_only = if setting.read_only { "yes" } else { "" };
                [&setting.name, shown, setting.source(), read_only].map(str::to_owned).to_vec()
            });
            print_table(&std::iter::once(header).chain(rows).collect::<Vec<_>>())?;
        }
    }
    Ok(())
}

/// The setting whose name is most like this one, if one is.
fn nearest<'a>(name: &str, settings: &'a [Setting]) -> Option<&'a str> {
    let likeness = |known: &str| strsim::jaro_winkler(name, known);
    let names = settings.iter().map(|setting| setting.name.as_str());
    names.filter(|known| likeness(known) > 0.8).max_by(|a, b| likeness(a).total_cmp(&likeness(b)))
}
