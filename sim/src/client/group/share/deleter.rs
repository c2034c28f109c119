//! A client that deletes a share group, and looks what is left of it.

use protocol::Str;
use protocol::messages::DeleteGroupsRequest;
use rand::Rng;

use super::Member;
use crate::client::group::seat::Seat;
use crate::history::{GroupReply, GroupRequest};

/// Goes on until the run says otherwise. It is never a member.
pub(in crate::client::group) async fn run(seat: Seat) {
    let mut deleter = Member::new(seat);
    let gap = deleter.seat.group.plan.deletions.map_or(1000, |gap| gap.as_millis() as u64);
    while deleter.seat.client.is_running() {
        deleter.seat.client.pause(0..2 * gap).await;
        // In the end members settle what there is, and what is deleted after that is settled by none.
        if deleter.seat.client.is_running() && deleter.delete().await {
            // A member may come back at once.
            let at_once = deleter.seat.client.rng.random_bool(0.5);
            deleter.seat.client.pause(0..if at_once { 50 } else { 3000 }).await;
            deleter.look().await;
        }
    }
}

impl Member {
    /// Returns whether the group was deleted. Mostly it has members.
    async fn delete(&mut self) -> bool {
        let name = Str::from(&*self.seat.group.plan.name);
        let request = DeleteGroupsRequest { groups_names: vec![name] };
        let (id, patience) = (self.id.clone(), self.seat.patience());
        let reply = self.seat.ask(&id, GroupRequest::Delete, (2, &request), patience, |response| {
            match response.results.first().map_or(-1, |result| result.error_code) {
                0 => GroupReply::Done,
                code => GroupReply::Refused(code),
            }
        });
        matches!(reply.await, Some(GroupReply::Done))
    }
}
