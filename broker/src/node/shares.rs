//! What a node does for members of share groups besides what its log does.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use coordinator::PartitionId;
use coordinator::cluster::Session;
use coordinator::group::{GroupId, MemberId};
use coordinator::share::{Request as ShareRequest, SharePartitionId};

use super::Broker;
use crate::peer;

impl Broker {
    /// Releases what a member has acquired of these partitions, as far as they are led here.
    pub fn release_shares(&self, group: &GroupId, member: &MemberId, partitions: &[PartitionId]) {
        for &partition in partitions {
            let id = SharePartitionId { group: Arc::clone(group), partition };
            let request = ShareRequest::Release(Arc::clone(member));
            // Where it leads no more, nothing is acquired by way of this node.
            if let Ok(led) = self.lead(partition) {
                let _ = led.log.share(&id, request, None);
            }
        }
    }

    /// Asks the node of a session.
    pub async fn ask_node<R: protocol::Request>(
        &self,
        session: &Session,
        request: &R,
        within: Duration,
    ) -> io::Result<R::Response> {
        let address = session.addresses.first().ok_or(io::ErrorKind::AddrNotAvailable)?;
        peer::call(&self.parts.connect, address, request, within).await
    }
}
