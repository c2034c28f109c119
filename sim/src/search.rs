//! Repeating a seed, and searching many on all cores.

use std::fs::File;
use std::io::BufWriter;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clap::Args;
use sim::history;
use sim::report::Report;
use sim::run::{Options, run};
use sim::scenario::Scenario;
use tokio::time::Instant;

/// How many violations of one run are shown.
const SHOWN: usize = 10;

#[derive(Args)]
pub(crate) struct Search {
    /// Repeat the run of this seed.
    #[arg(long, conflicts_with_all = ["seeds", "from"])]
    seed: Option<u64>,
    /// Search this many seeds.
    #[arg(long, default_value_t = 100)]
    seeds: u64,
    /// Search for this long instead, and then finish the runs that have begun.
    #[arg(long, conflicts_with = "seeds")]
    minutes: Option<u64>,
    /// Where the search begins.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// How many runs at a time; as many as there are cores if not given.
    #[arg(long)]
    threads: Option<usize>,
    /// Run every seed twice, and compare.
    #[arg(long)]
    repeat: bool,
    /// Print every report.
    #[arg(long)]
    verbose: bool,
    /// Print everything that happens.
    #[arg(long, requires = "seed")]
    trace: bool,
    /// Write the run's history, one event in a line.
    #[arg(long, requires = "seed", value_name = "FILE")]
    history: Option<PathBuf>,
}

impl Search {
    pub(crate) fn run(&self) -> anyhow::Result<ExitCode> {
        match self.seed {
            Some(seed) => self.one(seed),
            None => Ok(self.many()),
        }
    }

    fn one(&self, seed: u64) -> anyhow::Result<ExitCode> {
        let scenario = Scenario::of(seed);
        println!("{scenario:#?}");
        let options = Options { trace: self.trace, history: self.history.is_some() };
        let (report, events) = run(&scenario, options);
        if let Some(path) = &self.history {
            history::write(&events, BufWriter::new(File::create(path)?))?;
        }
        println!("{report}");
        report.violations.iter().for_each(|violation| println!("VIOLATION {violation}"));
        let same = !self.repeat || repeats(&scenario, &report);
        Ok(if report.violations.is_empty() && same { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn many(&self) -> ExitCode {
        let threads =
            self.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
        let (began, next) = (Instant::now(), AtomicU64::new(self.from));
        let total = Mutex::new((Report::default(), 0u64));
        let enough = |seed: u64| match self.minutes {
            Some(minutes) => began.elapsed() >= Duration::from_secs(minutes * 60),
            None => seed >= self.from + self.seeds,
        };
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| self.work(&next, &total, &enough));
            }
        });
        let (total, failed) = total.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        let seconds = began.elapsed().as_secs_f64();
        println!("{total}");
        println!(
            "{} seeds in {seconds:.1} s: {:.1} a second, {failed} failed",
            total.runs,
            total.runs as f64 / seconds
        );
        if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    fn work(&self, next: &AtomicU64, total: &Mutex<(Report, u64)>, enough: &(dyn Fn(u64) -> bool + Sync)) {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if enough(seed) {
                return;
            }
            let scenario = Scenario::of(seed);
            let (report, _) = run(&scenario, Options::default());
            let good = report.violations.is_empty() && (!self.repeat || repeats(&scenario, &report));
            let mut total = total.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if self.verbose {
                println!("seed {seed}: {report}");
            }
            if !good {
                total.1 += 1;
                println!(
                    "seed {seed} FAILED: {} violations; repeat it: tidelog-sim --seed {seed}",
                    report.violations.len()
                );
                report.violations.iter().take(SHOWN).for_each(|violation| println!("  {violation}"));
            }
            total.0.add(&report);
        }
    }
}

/// Whether a second run is the same as the first.
fn repeats(scenario: &Scenario, first: &Report) -> bool {
    let (second, _) = run(scenario, Options::default());
    let same = *first == second;
    if !same {
        println!("seed {}: {:016x}, and {:016x} when repeated", scenario.seed, first.hash, second.hash);
    }
    same
}
