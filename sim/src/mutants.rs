//! `tidelog-sim mutants`: puts one fault after the other into the protocol, and looks whether it is found.

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use clap::Args;
use sim::run::{Options, run};
use sim::scenario::Scenario;
use tiering::mutant::{self, Mutant};

#[derive(Args)]
pub(crate) struct Mutants {
    /// How many seeds each fault may survive before it counts as not found.
    #[arg(long, default_value_t = 500)]
    seeds: u64,
    /// Where the search begins.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Only faults whose names contain this.
    #[arg(long, default_value = "")]
    only: String,
}

impl Mutants {
    pub(crate) fn run(&self) -> ExitCode {
        let (mut found, mut all) = (0, 0);
        for fault in Mutant::ALL {
            let name = format!("{fault:?}");
            if !name.contains(&self.only) {
                continue;
            }
            all += 1;
            match self.hunt(fault) {
                Some((seed, violation)) => {
                    found += 1;
                    println!("{name:<24} found at seed {seed}: {violation}");
                }
                None => println!("{name:<24} NOT FOUND in {} seeds", self.seeds),
            }
        }
        println!("{found} of {all} faults found");
        if found == all { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    /// The first seed that finds the fault, and what it finds.
    fn hunt(&self, fault: Mutant) -> Option<(u64, String)> {
        let next = AtomicU64::new(self.from);
        let found: Mutex<Option<(u64, String)>> = Mutex::new(None);
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    mutant::activate(Some(fault));
                    loop {
                        let seed = next.fetch_add(1, Ordering::Relaxed);
                        if seed >= self.from + self.seeds || lock(&found).is_some() {
                            return;
                        }
                        let (report, _) = run(&Scenario::of(seed), Options::default());
                        let Some(violation) = report.violations.into_iter().next() else { continue };
                        let mut found = lock(&found);
                        if found.as_ref().is_none_or(|(first, _)| seed < *first) {
                            *found = Some((seed, violation));
                        }
                    }
                });
            }
        });
        found.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
