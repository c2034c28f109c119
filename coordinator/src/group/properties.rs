//! Random clients, time and crashes: whatever happens, the invariants hold after each step.

mod client;
mod event;
mod invariants;
mod run;
mod seen;

use std::cell::RefCell;

use proptest::test_runner::{Config, RngSeed, TestRunner};

use run::Run;
use seen::Seen;

/// How many cases are run, and from which seed, unless `PROPTEST_CASES` and `PROPTEST_RNG_SEED` say so: a search
/// for new failures has a seed of its own each time, a test has not.
pub(super) fn config() -> Config {
    let asked = Config::default();
    Config {
        cases: if std::env::var_os("PROPTEST_CASES").is_some() { asked.cases } else { 10_000 },
        rng_seed: if asked.rng_seed == RngSeed::Random { RngSeed::Fixed(1) } else { asked.rng_seed },
        failure_persistence: None,
        ..asked
    }
}

#[test]
fn groups_keep_their_promises() {
    let seen = RefCell::new(Seen::default());
    let outcome = TestRunner::new(config()).run(&event::events(), |events| {
        let mut run = Run::new();
        events.iter().for_each(|event| run.happen(event));
        seen.borrow_mut().add(&run.seen);
        run.end();
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
    seen.into_inner().check();
}
