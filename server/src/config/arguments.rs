//! The flags of `tidelog serve`, made of the table of settings.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

use super::settings::DEFINITIONS;

const CONFIG: &str = "config";

/// The end of a value that may be repeated.
const MORE: &str = ",...";

/// What was typed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ServeArguments {
    /// The file.
    pub(crate) config: Option<PathBuf>,
    /// The flags, by key.
    pub(crate) flags: BTreeMap<String, String>,
}

impl Args for ServeArguments {
    fn augment_args(command: Command) -> Command {
        let config = Arg::new(CONFIG)
            .long(CONFIG)
            .value_name("FILE")
            .env("TIDELOG_CONFIG")
            .value_parser(clap::value_parser!(PathBuf))
            .help("A file with settings in TOML, named as the flags are. TIDELOG_* in the environment goes before it, flags before both");
        DEFINITIONS.iter().fold(command.arg(config), |command, definition| {
            let check = definition.check;
            let argument = Arg::new(definition.key)
                .long(definition.key)
                .value_name(definition.value)
                .help_heading(definition.section)
                .allow_hyphen_values(true)
                .value_parser(move |text: &str| check(text).map(|()| text.to_owned()))
                .help(format!("{} [default: {}]", definition.help, definition.default));
            command.arg(match definition.value {
                "BOOL" => argument.num_args(0..=1).require_equals(true).default_missing_value("true"),
                list if list.ends_with(MORE) => argument.action(ArgAction::Append),
                _ => argument,
            })
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for ServeArguments {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut arguments = Self::default();
        arguments.update_from_arg_matches(matches)?;
        Ok(arguments)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.config = matches.get_one::<PathBuf>(CONFIG).cloned();
        for definition in DEFINITIONS {
            if let Some(values) = matches.get_many::<String>(definition.key) {
                let values: Vec<&str> = values.map(String::as_str).collect();
                self.flags.insert(definition.key.to_owned(), values.join(","));
            }
        }
        Ok(())
    }
}
