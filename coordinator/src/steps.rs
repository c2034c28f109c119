//! Counts what tests bound: entries that are gone through or copied.

use std::cell::Cell;

thread_local! {
    static STEPS: Cell<usize> = const { Cell::new(0) };
}

pub(super) fn count(steps: usize) {
    STEPS.set(STEPS.get() + steps);
}

/// How many steps this thread has made.
pub(super) fn so_far() -> usize {
    STEPS.get()
}
