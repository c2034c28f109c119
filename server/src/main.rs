//! The `tidelog` command: a node, and what one needs to try it, look at it and measure it.

mod bench;
mod cli;
mod client;
mod config;
mod consume;
mod doctor;
mod group;
mod json;
mod nearest;
mod node;
mod produce;
mod serve;
mod settings;
mod status;
mod survey;
mod topic;

use std::io;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use cli::{Cli, Command};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The exit code of a command that was typed wrongly; clap's own.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(code) => code,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tidelog: {}", one_line(&error));
            ExitCode::from(if error.is::<config::Usage>() { USAGE } else { 1 })
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Status(arguments) => on_one_thread(status::run(arguments)),
        Command::Node(arguments) => on_one_thread(node::run(arguments)),
        Command::Topic(arguments) => on_one_thread(topic::run(arguments)),
        Command::Config(arguments) => on_one_thread(settings::run(arguments)),
        Command::Group(arguments) => on_one_thread(group::run(arguments)),
        Command::Produce(arguments) => on_one_thread(produce::run(arguments)),
        Command::Consume(arguments) => on_one_thread(consume::run(arguments)),
        Command::Doctor(arguments) => on_one_thread(doctor::run(arguments)),
        Command::Bench(arguments) => bench::run(arguments),
        Command::Completions { shell } => {
            // In memory first: the generator panics where the reader has closed its end.
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "tidelog", &mut script);
            io::Write::write_all(&mut io::stdout(), &script)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::ConfigReference => {
            io::Write::write_all(&mut io::stdout(), config::reference().as_bytes())?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn on_one_thread(work: impl Future<Output = anyhow::Result<ExitCode>>) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(work);
    // A thread that reads standard input can't be waited for.
    runtime.shutdown_background();
    result
}

/// Whether the reader of our output has closed its end.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io_errors = error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>());
    io_errors.into_iter().any(|error| error.kind() == io::ErrorKind::BrokenPipe)
        && !error.is::<client::Error>()
}

/// The error and its causes; a cause that its consequence quotes already is not repeated.
fn one_line(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if !line.contains(&cause) {
            if !line.is_empty() {
                line.push_str(": ");
            }
            line.push_str(&cause);
        }
    }
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}
