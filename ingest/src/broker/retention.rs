//! Dropping what topics do not want kept any longer: `retention.ms` and `retention.bytes`. The clock is read here,
//! and nowhere when what was decided is read back.

use std::sync::Arc;

use coordinator::partition::Retention;
use tokio::time::sleep;

use super::Broker;
use crate::log::{Log, Partition};

impl Broker {
    /// Looks at every partition now and then, and trims those that are too old or too large. Never ends.
    pub(super) async fn retain(&self, log: &Arc<Log>) {
        loop {
            sleep(self.parts.config.retention_check_interval).await;
            let Some(cluster) = self.cluster() else { continue };
            let wanted = |partition: &Partition| -> Option<Retention> {
                let config = &cluster.topic(partition.id().topic)?.config;
                (config.delete && config.retention != Retention::FOREVER).then_some(config.retention)
            };
            for (partition, log_start) in log.retain_records(self.parts.clock.now_ms(), wanted) {
                let (partition, bytes) = (partition.id(), partition.size());
                tracing::info!(%partition, log_start, bytes, "records are no longer kept");
            }
        }
    }
}
