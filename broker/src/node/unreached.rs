//! A session whose node no other one has reached yet at the address that it advertises: it is given no shards. Where
//! that lasts, the address is wrong, or the way to it is closed; both ends say so.

use std::time::Duration;

use coordinator::SessionId;
use coordinator::cluster::{Session, SessionState};
use futures::future::join_all;
use tiering::metadata::MetadataLog;
use tokio::time::{MissedTickBehavior, interval};

use super::Broker;
use crate::log::Log;

/// How often a node looks whether others reach it, and how many times it finds that they don't for each time that it
/// says so.
const LOOK: Duration = Duration::from_secs(10);
const SAY: u32 = 6;

/// How many nodes are asked by one that wants to know whether there are others.
const ASKED: usize = 6;

impl Broker {
    /// Records that a session's node was reached at its address, if that is news.
    pub(super) async fn vouch(&self, metadata: &MetadataLog, session: SessionId) {
        let proposed =
            metadata.propose(|cluster| cluster.plan_reached(session, true).map(|op| vec![op]).ok_or(()));
        match proposed.await {
            Ok(Ok(committed)) => {
                tracing::info!(%session, "a node was reached at its address, and may have shards");
                self.nudge(&committed.cluster).await;
            }
            Ok(Err(())) => {}
            Err(error) => tracing::warn!(%error, %session, "that a node was reached was not recorded"),
        }
    }

    /// Says so where there are other nodes and they don't reach this one. Never ends.
    pub(super) async fn notice_unreached(&self, metadata: &MetadataLog, log: &Log) {
        let mut every = interval(LOOK);
        every.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut found = 0;
        loop {
            every.tick().await;
            let cluster = metadata.current();
            let own = cluster.session(log.session()).filter(|s| s.state == SessionState::Open && !s.reached);
            // Where there is no other node, none could reach it.
            let has_others = cluster.open_sessions().any(|s| s.process != self.process);
            let Some(own) = own.filter(|_| has_others) else {
                found = 0;
                continue;
            };
            // It may have been opened a moment ago.
            if found % SAY == 1 {
                tracing::warn!(
                    "no other node reaches this one at {}, so that it gets no shards: is --advertise right, and is the way to it open?",
                    inter_node_address(own)
                );
            }
            found += 1;
        }
    }

    /// Whether another process answers that has an open session.
    pub(super) async fn sees_others(&self) -> bool {
        let Some(cluster) = self.cluster() else { return false };
        let others = cluster.open_sessions().filter(|s| s.process != self.process).take(ASKED);
        join_all(others.map(|session| self.reaches(session))).await.contains(&true)
    }
}

/// Where other nodes reach the node of a session, for the log.
pub(super) fn inter_node_address(session: &Session) -> String {
    session.addresses.first().map_or_else(|| "an unknown address".to_owned(), ToString::to_string)
}
