//! Random clients of both protocols, topics, time and crashes: whatever happens, the invariants hold after each
//! step; and once it stops, everyone gets to its target.

mod classic;
mod client;
mod event;
mod invariants;
mod run;
mod settle;

use std::cell::RefCell;
use std::collections::BTreeMap;

use proptest::test_runner::TestRunner;

use crate::group::properties::config;

/// What must have happened often enough for the invariants to mean something.
const WANTED: [&str; 15] = [
    "upgraded with members",
    "downgraded with members",
    "turned classic when empty",
    "mixed",
    "unrevoked",
    "unreleased",
    "fenced",
    "write lost",
    "reply lost",
    "came back",
    "settled as a consumer group",
    "settled mixed",
    "settled as a classic group",
    "regex",
    "offset expired",
];

#[test]
fn consumer_groups_keep_their_promises() {
    let reached = RefCell::new(BTreeMap::<&'static str, u32>::new());
    let config = config();
    let cases = config.cases;
    let outcome = TestRunner::new(config).run(&event::runs(), |(events, end)| {
        let mut run = run::Run::new();
        events.iter().for_each(|event| run.happen(event));
        run.settle(end);
        let mut reached = reached.borrow_mut();
        run.reached.iter().for_each(|what| *reached.entry(what).or_default() += 1);
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
    let reached = reached.into_inner();
    let rare: Vec<_> =
        WANTED.iter().filter(|what| reached.get(*what).is_none_or(|n| *n < cases / 200)).collect();
    assert!(rare.is_empty(), "{rare:?} of {reached:#?}");
}
