//! From file, environment and flags to one set of settings. An unknown name is a mistake, and is
//! answered with the nearest known one.

use std::collections::BTreeMap;
use std::path::Path;

use figment::Figment;
use figment::providers::{Format, Serialized, Toml};
use figment::value::Dict;

use super::arguments::ServeArguments;
use super::settings::{DEFINITIONS, Settings, definition};
use super::validate::Serve;
use crate::nearest::nearest;

const PREFIX: &str = "TIDELOG_";

/// Variables with our prefix that are no settings: of the commands, and of this project's tests.
const NO_SETTINGS: [&str; 6] = ["CONFIG", "BOOTSTRAP", "BIN", "BLESS", "CACHE", "MEASURE_DIR"];

/// The configuration can't be used as it is.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

/// The node's configuration. Fails on a file that can't be read, and with [`Usage`].
pub(crate) fn load(arguments: &ServeArguments) -> anyhow::Result<Serve> {
    let file = match &arguments.config {
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .map_err(|error| anyhow::anyhow!("configuration file {}: {error}", path.display()))?;
            Some((path.as_path(), text))
        }
        None => None,
    };
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.to_str()?.to_owned(), value.to_str()?.to_owned())));
    let settings =
        merge(file.as_ref().map(|(path, text)| (*path, text.as_str())), variables, &arguments.flags)?;
    Ok(settings.validate()?)
}

pub(super) fn merge(
    file: Option<(&Path, &str)>,
    variables: impl Iterator<Item = (String, String)>,
    flags: &BTreeMap<String, String>,
) -> Result<Settings, Usage> {
    let mut figment = Figment::new();
    if let Some((path, text)) = file {
        let layer = Figment::from(Toml::string(text));
        let place = |key: &str| format!("{}: {key}", path.display());
        check(&layer, place, |key| key.to_owned())?;
        figment = figment.merge(layer);
    }
    let layer = Figment::from(Serialized::defaults(environment(variables)));
    check(&layer, variable, variable)?;
    figment = figment.merge(layer);
    let layer = Figment::from(Serialized::defaults(flags));
    check(&layer, |key| format!("--{key}"), |key| format!("--{key}"))?;
    figment.merge(layer).extract().map_err(|error| Usage(error.to_string()))
}

/// Fails on unknown keys, and on values that are not what they should be.
fn check(
    layer: &Figment,
    place: impl Fn(&str) -> String,
    spelling: impl Fn(&str) -> String,
) -> Result<(), Usage> {
    let told = |error: figment::Error| {
        let place = place(&error.path.join("."));
        Usage(format!("{place}: {}", error.kind))
    };
    let values: Dict = layer.extract().map_err(told)?;
    for key in values.keys() {
        if definition(key).is_none() {
            let like = key.replace('_', "-").to_ascii_lowercase();
            let advice = match nearest(&like, DEFINITIONS.iter().map(|definition| definition.key)) {
                Some(known) => format!("did you mean {}?", spelling(known)),
                None => "see tidelog serve --help".to_owned(),
            };
            return Err(Usage(format!("{}: there is no such setting: {advice}", place(key))));
        }
    }
    layer.extract::<Settings>().map(drop).map_err(told)
}

fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('-', "_").to_ascii_uppercase())
}

fn environment(variables: impl Iterator<Item = (String, String)>) -> BTreeMap<String, String> {
    let ours = variables.filter_map(|(name, value)| Some((name.strip_prefix(PREFIX)?.to_owned(), value)));
    ours.filter(|(name, value)| !is_other(name, value))
        .map(|(name, value)| (name.replace('_', "-").to_ascii_lowercase(), value))
        .collect()
}

/// Whether a variable is none of ours in spite of its prefix. Kubernetes gives every pod some for each service
/// there is, and a service may well be called tidelog.
fn is_other(name: &str, value: &str) -> bool {
    let service = name.contains("SERVICE_HOST") || name.contains("SERVICE_PORT");
    let link = name.ends_with("PORT") && value.contains("://");
    let link = link || name.contains("PORT_") && (name.contains("_TCP") || name.contains("_UDP"));
    service || link || name.starts_with("TEST_") || NO_SETTINGS.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(file: &str, variables: &[(&str, &str)], flags: &[(&str, &str)]) -> Result<Settings, String> {
        let owned = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let flags = owned(flags).into_iter().collect();
        merge(Some((Path::new("t.toml"), file)), owned(variables).into_iter(), &flags)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn flags_go_before_environment_before_file() {
        let file = "window = 5\nrack = \"file\"\nslot-size = \"1MiB\"\nauto-create-topics = false\n";
        let variables = [("TIDELOG_WINDOW", "6"), ("TIDELOG_RACK", "007"), ("HOME", "/")];
        let settings = merged(file, &variables, &[("window", "7")]).expect("sound");
        assert_eq!(settings.window, Some(7));
        assert_eq!(settings.rack.as_deref(), Some("007"));
        assert_eq!(settings.slot_size.map(|size| size.0), Some(1 << 20));
        assert_eq!(settings.auto_create_topics, Some(false));
        assert_eq!(settings.linger, None);
    }

    #[test]
    fn a_list_may_be_one() {
        let listed = merged("listen = [\"127.0.0.1:1\", \"INSIDE://[::1]:2\"]", &[], &[]).expect("sound");
        let written = merged("", &[("TIDELOG_LISTEN", "127.0.0.1:1,inside=[::1]:2")], &[]).expect("sound");
        assert_eq!(listed.listen, written.listen);
        assert!(listed.listen.is_some());
    }

    #[test]
    fn a_number_without_a_unit_is_bytes_but_no_time() {
        let settings = merged("slot-size = 4096", &[], &[]).expect("sound");
        assert_eq!(settings.slot_size.map(|size| size.0), Some(4096));
        let error = merged("linger = 250", &[], &[]).expect_err("no unit");
        assert_eq!(error, "t.toml: linger: \"250\" has no unit: write 250ms or 250s");
    }

    #[test]
    fn unknown_names_are_answered_with_the_nearest() {
        for (file, variable, expected) in [
            ("windw = 1", "", "t.toml: windw: there is no such setting: did you mean window?"),
            ("slot_size = 1", "", "t.toml: slot_size: there is no such setting: did you mean slot-size?"),
            ("", "TIDELOG_LINGR", "TIDELOG_LINGR: there is no such setting: did you mean TIDELOG_LINGER?"),
            ("", "TIDELOG_ZZZZ", "TIDELOG_ZZZZ: there is no such setting: see tidelog serve --help"),
        ] {
            let variables = [(variable, "1")];
            assert_eq!(merged(file, &variables, &[]).expect_err(expected), expected);
        }
    }

    #[test]
    fn wrong_values_name_their_place() {
        let error = merged("[window]\nx = 1", &[], &[]).expect_err("a table");
        assert!(error.starts_with("t.toml: window: "), "{error}");
        let error = merged("", &[("TIDELOG_SLOT_SIZE", "8M")], &[]).expect_err("ambiguous");
        assert_eq!(error, "TIDELOG_SLOT_SIZE: \"8M\" is ambiguous: write 8MiB or 8MB");
        assert!(merged("window = ", &[], &[]).is_err());
    }

    #[test]
    fn variables_of_others_are_left_alone() {
        let variables = [
            ("TIDELOG_SERVICE_HOST", "10.0.0.1"),
            ("TIDELOG_SERVICE_PORT_KAFKA", "9092"),
            ("TIDELOG_PORT", "tcp://10.0.0.1:9092"),
            ("TIDELOG_PORT_9092_TCP_ADDR", "10.0.0.1"),
            ("TIDELOG_HTTP_SERVICE_HOST", "10.0.0.1"),
            ("TIDELOG_HTTP_PORT", "tcp://10.0.0.1:8080"),
            ("TIDELOG_TEST_STORE", "file"),
            ("TIDELOG_BIN", "/bin/tidelog"),
        ];
        assert!(merged("", &variables, &[]).is_ok());
        assert!(merged("", &[("TIDELOG_PORT", "9092")], &[]).is_err());
    }
}
