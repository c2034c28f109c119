//! What nodes log: shown in the trace, and searched for what must never be said.

use std::cell::RefCell;
use std::fmt::{self, Write};
use std::sync::{Arc, Once};

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::trace::Trace;

/// What no fault of a network, a process or a store can bring about: stored data that contradicts itself. By
/// the words of the errors that say so.
const NEVER: [&str; 9] = [
    "an object that this process did not write lies at its own session's key",
    "does not follow its log's end",
    "is not released there",
    "has no recorded end",
    "lacks a shard that it held",
    "names another slot before it",
    "belongs under another key",
    "can't be decoded",
    "was not encoded",
];

/// How many such lines are kept.
const KEPT: usize = 5;

thread_local! {
    static CURRENT: RefCell<Option<Current>> = const { RefCell::new(None) };
}

struct Current {
    trace: Arc<Trace>,
    /// Whether objects are damaged on purpose: then anything may be said of them.
    damaged: bool,
    never: Vec<String>,
}

/// Begins to collect what this thread logs. What must never be said may be said where objects are `damaged`.
pub(crate) fn collect(trace: &Arc<Trace>, damaged: bool) {
    static ONCE: Once = Once::new();
    // A program that has another subscriber looks at the logs there.
    ONCE.call_once(|| drop(tracing::subscriber::set_global_default(Logs)));
    let current = Current { trace: Arc::clone(trace), damaged, never: Vec::new() };
    CURRENT.with_borrow_mut(|it| *it = Some(current));
}

/// What must never be said, and was since [`collect`].
pub(crate) fn collected() -> Vec<String> {
    CURRENT.with_borrow_mut(|current| current.take().map_or_else(Vec::new, |current| current.never))
}

struct Logs;

impl Subscriber for Logs {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::INFO
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::INFO)
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        CURRENT.with_borrow_mut(|current| {
            let Some(Current { trace, damaged, never }) = current else { return };
            let level = *event.metadata().level();
            if level > Level::WARN && !trace.prints() {
                return;
            }
            let mut line = Line(String::new());
            event.record(&mut line);
            if !*damaged && never.len() < KEPT && NEVER.iter().any(|never| line.0.contains(never)) {
                never.push(format!("it was said that{}", line.0));
            }
            trace.remark(format_args!("{level}{}", line.0));
        });
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing into a string can't fail.
        let _ = match field.name() {
            "message" => write!(self.0, " {value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
    }
}
