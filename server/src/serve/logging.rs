//! The log, on standard error: text for people, JSON for everything else.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;

/// What is logged unless the settings or the environment say otherwise; the SDK reports what it looks for and does not find, and the
/// store's client each of its retries.
const DEFAULT: &str = "info,aws_config=warn,object_store=warn";

/// Starts logging. The filter was checked before.
pub(super) fn start(format: LogFormat, filter: Option<&str>) {
    let filter = match filter {
        Some(filter) => EnvFilter::new(filter),
        None => EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(DEFAULT)),
    };
    let terminal = stderr().is_terminal();
    let json = match format {
        LogFormat::Auto => !terminal,
        LogFormat::Json => true,
        LogFormat::Text => false,
    };
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr);
    if json {
        log.json().flatten_event(true).with_current_span(false).with_span_list(false).init();
    } else {
        log.with_ansi(terminal).init();
    }
}
