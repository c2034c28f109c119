//! `tidelog-sim`: repeats one run, searches many, or checks a history.

#[cfg(feature = "mutants")]
mod mutants;
mod scale;
mod search;

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use sim::{check, history};

/// Runs a cluster under clients and misfortunes, in simulated time, and checks what became of every record.
#[derive(Parser)]
#[command(name = "tidelog-sim", version, args_conflicts_with_subcommands = true)]
struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    search: search::Search,
}

#[derive(Subcommand)]
enum Command {
    /// Check histories, one event in a line, written by a test of real processes.
    Check {
        /// The files; together they are one history.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Measure what many nodes and partitions cost, without misfortunes.
    Scale(scale::Scale),
    /// Put faults into the protocol, one after the other, and look whether they are found.
    #[cfg(feature = "mutants")]
    Mutants(mutants::Mutants),
}

/// Runs are made of small allocations.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    match args.command {
        None => args.search.run(),
        Some(Command::Check { files }) => check_files(&files),
        Some(Command::Scale(scale)) => scale.run().map(|()| ExitCode::SUCCESS),
        #[cfg(feature = "mutants")]
        Some(Command::Mutants(mutants)) => Ok(mutants.run()),
    }
}

fn check_files(files: &[PathBuf]) -> anyhow::Result<ExitCode> {
    let mut events = Vec::new();
    for path in files {
        let file = File::open(path).map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))?;
        let read = history::read(BufReader::new(file));
        events.extend(read.map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))?);
    }
    let count = |which: fn(&history::Event) -> bool| events.iter().filter(|event| which(event)).count();
    println!(
        "{} partitions: {} acknowledged, {} seen, {} in the log",
        history::partitions(&events).len(),
        count(|event| matches!(event, history::Event::Ack { .. })),
        count(|event| matches!(event, history::Event::Seen { .. })),
        count(|event| matches!(event, history::Event::Log { .. })),
    );
    let violations = check::check(&events);
    violations.iter().for_each(|violation| println!("{violation}"));
    match violations.len() {
        0 => println!("nothing is wrong"),
        count => println!("{count} violations"),
    }
    Ok(if violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
