//! What others say of the metadata log's end. It is only said: a peer may be wrong, and each look costs a GET.

use std::time::Duration;

use coordinator::Epoch;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::Broker;

/// How long nothing that is said is looked into after something was not found to be true. The log is read once a
/// second anyhow.
const DEAF: Duration = Duration::from_secs(1);

/// When what is said is looked into again. Held while one look is under way: there is at most one.
#[derive(Debug, Default)]
pub(super) struct Hearsay(Mutex<Option<Instant>>);

impl Broker {
    /// Reads the metadata log on if a peer says that it has entries before `next` that this node does not know.
    /// Whether it knows them now.
    pub(super) async fn look_into(&self, next: Epoch) -> bool {
        let known = || self.cluster().is_some_and(|cluster| cluster.next() >= next);
        if known() {
            return true;
        }
        let mut deaf_until = self.hearsay.0.lock().await;
        if known() || deaf_until.is_some_and(|until| Instant::now() < until) {
            return known();
        }
        // What is given up before it is answered counts as not true.
        *deaf_until = Some(Instant::now() + DEAF);
        if let Err(error) = self.refresh().await {
            tracing::debug!(%error, "the metadata log could not be read");
        }
        let known = known();
        if known {
            *deaf_until = None;
        }
        known
    }
}
