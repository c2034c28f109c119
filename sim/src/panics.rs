//! Panics of a run's tasks, which the runtime would keep to itself.

use std::cell::RefCell;
use std::sync::Once;

thread_local! {
    static SEEN: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Begins to collect this thread's panics.
pub(crate) fn collect() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            SEEN.with_borrow_mut(|seen| seen.push(panic.to_string()));
            before(panic);
        }));
    });
    SEEN.with_borrow_mut(Vec::clear);
}

/// The panics since [`collect`].
pub(crate) fn collected() -> Vec<String> {
    SEEN.with_borrow_mut(std::mem::take)
}
