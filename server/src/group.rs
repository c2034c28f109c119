//! `tidelog group`: list, describe, reset, delete.

mod delete;
mod describe;
mod list;
mod reset;
mod scope;

use std::process::ExitCode;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum Arguments {
    /// List the groups of all nodes
    List(list::List),
    /// Show how far groups have read, and their members
    Describe(describe::Describe),
    /// Set anew how far a group has read
    Reset(reset::Reset),
    /// Delete groups, or what they have read of a topic
    Delete(delete::Delete),
}

pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments {
        Arguments::List(arguments) => list::run(arguments).await?,
        Arguments::Describe(arguments) => describe::run(arguments).await?,
        Arguments::Reset(arguments) => reset::run(arguments).await?,
        Arguments::Delete(arguments) => delete::run(arguments).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// A number, or a dash where there is none.
fn number<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}
