//! SIGTERM and SIGINT: the first asks the node to stop, the second does not ask.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The exit code of a node that was not let finish.
const FORCED: i32 = 1;

/// Cancels `stop` at the first signal, and ends the process at the second.
pub(super) fn watch(stop: &CancellationToken) -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = stop.clone();
    tokio::spawn(async move {
        for forced in [false, true] {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if forced {
                tracing::warn!("stopping at once; the next node ends this one's session");
                std::process::exit(FORCED);
            }
            tracing::info!("stopping; another signal forces it");
            stop.cancel();
        }
    });
    Ok(())
}
