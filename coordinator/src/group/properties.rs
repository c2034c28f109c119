//! Random clients, time and crashes: whatever happens, the invariants hold after each step.

mod client;
mod event;
mod invariants;
mod run;
mod seen;

use std::cell::RefCell;

use proptest::test_runner::{Config, TestRunner};

use run::Run;
use seen::Seen;

const CASES: u32 = 10_000;

#[test]
fn groups_keep_their_promises() {
    let seen = RefCell::new(Seen::default());
    let config = Config { failure_persistence: None, ..Config::with_cases(CASES) };
    let outcome = TestRunner::new(config).run(&event::events(), |events| {
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
