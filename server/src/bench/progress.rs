//! A bar on the terminal, where there is one.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::task::JoinHandle;
use tokio::time::{Instant, interval};

use super::length::Run;

const TICK: Duration = Duration::from_millis(200);

/// Shows a run until it is dropped. `total` is the number of records, if that is what ends the run.
pub(super) struct Progress {
    bar: ProgressBar,
    task: JoinHandle<()>,
}

impl Progress {
    pub(super) fn of(run: &Arc<Run>, total: Option<u64>) -> Self {
        let span = run.end().map(|end| end - run.begun);
        let length = span.map_or(total.unwrap_or(0), |span| u64::try_from(span.as_millis()).unwrap_or(0));
        // Standard error; hidden where that is no terminal.
        let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{wide_bar} {msg}") {
            bar.set_style(style);
        }
        let (run, shown) = (Arc::clone(run), bar.clone());
        let task = tokio::spawn(async move {
            let mut ticks = interval(TICK);
            loop {
                ticks.tick().await;
                let (records, bytes) = (run.records.load(Relaxed), run.bytes.load(Relaxed));
                let elapsed = Instant::now().saturating_duration_since(run.begun);
                let position = match span {
                    Some(_) => u64::try_from(elapsed.as_millis()).unwrap_or(0),
                    None => records,
                };
                shown.set_position(position);
                let rate = bytes as f64 / (1024.0 * 1024.0) / run.seconds().max(0.001);
                shown.set_message(format!("{records} records, {rate:.0} MiB/s"));
            }
        });
        Self { bar, task }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.task.abort();
        self.bar.finish_and_clear();
    }
}
