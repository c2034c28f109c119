//! Dropping what topics do not want kept any longer: `retention.ms` and `retention.bytes`. The clock is read here,
//! and nowhere when what was decided is read back. While it may be wrong, nothing is too old.

use std::sync::Arc;

use coordinator::cluster::Cluster;
use coordinator::partition::Retention;
use tokio::time::sleep;

use super::Broker;
use crate::log::{Log, Partition};

impl Broker {
    /// Compares the clock with the oldest session that the cluster knows before this one opens its own, so that a
    /// wrong clock of the last one does not prove itself. Sessions of a cluster that is written to follow each other
    /// within the hour.
    pub(super) fn doubt_the_clock(&self, cluster: &Cluster) {
        if let Some(oldest) = cluster.sessions().map(|session| session.id.drawn_ms()).min() {
            self.parts.clock.compare(oldest);
        }
    }

    /// Looks at every partition now and then, and trims those that are too old or too large. Never ends.
    pub(super) async fn retain(&self, log: &Arc<Log>) {
        loop {
            sleep(self.parts.config.retention_check_interval).await;
            let Some(cluster) = self.cluster() else { continue };
            let settled = self.parts.clock.settled_ms();
            let wanted = |partition: &Partition| -> Option<Retention> {
                let config = &cluster.topic(partition.id().topic)?.config;
                let mut retention = config.retention;
                if settled.is_none() {
                    retention.ms = Retention::FOREVER.ms;
                }
                (config.delete && retention != Retention::FOREVER).then_some(retention)
            };
            // Nothing is too old at the beginning of time.
            for (partition, log_start) in log.retain_records(settled.unwrap_or(i64::MIN), wanted) {
                let (partition, bytes) = (partition.id(), partition.size());
                tracing::info!(%partition, log_start, bytes, "records are no longer kept");
            }
        }
    }
}
