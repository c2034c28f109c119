//! `tidelog-sim`: repeats one run, or searches many.

use tokio::time::Instant;

use clap::Parser;
use sim::run::{Plan, Report, run};

/// Runs a node on a faulty store under clients, in simulated time, and checks what became of every record.
#[derive(Parser)]
#[command(name = "tidelog-sim", version)]
struct Args {
    /// Repeat the run of this seed.
    #[arg(long, conflicts_with = "seeds")]
    seed: Option<u64>,
    /// Search this many seeds.
    #[arg(long, default_value_t = 100)]
    seeds: u64,
    /// Where the search begins.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Print every report.
    #[arg(long)]
    verbose: bool,
}

fn main() -> std::process::ExitCode {
    let args = Args::parse();
    let seeds = match args.seed {
        Some(seed) => seed..seed + 1,
        None => args.from..args.from + args.seeds,
    };
    let began = Instant::now();
    let (mut total, mut failed) = (Report::default(), 0u64);
    let count = seeds.end - seeds.start;
    for seed in seeds {
        let report = run(Plan::of(seed));
        if args.verbose || args.seed.is_some() {
            println!("seed {seed}: {report:?}");
        }
        if !report.violations.is_empty() {
            failed += 1;
            println!(
                "seed {seed} FAILED: {} violations; repeat it: tidelog-sim --seed {seed}",
                report.violations.len()
            );
            for violation in report.violations.iter().take(10) {
                println!("  {violation}");
            }
        }
        total.acknowledged += report.acknowledged;
        total.unknown += report.unknown;
        total.kills += report.kills;
        total.zombies += report.zombies;
        total.shutdowns += report.shutdowns;
        total.entries += report.entries;
        for (kind, count) in report.faults {
            *total.faults.entry(kind).or_default() += count;
        }
    }
    println!(
        "{count} seeds in {:.1} s: {} records acknowledged, {} attempts of unknown outcome, {} kills, {} zombies, \
         {} shutdowns, {} metadata entries, {failed} seeds failed",
        began.elapsed().as_secs_f64(),
        total.acknowledged,
        total.unknown,
        total.kills,
        total.zombies,
        total.shutdowns,
        total.entries,
    );
    println!("faults: {:?}", total.faults);
    if failed == 0 { std::process::ExitCode::SUCCESS } else { std::process::ExitCode::FAILURE }
}
