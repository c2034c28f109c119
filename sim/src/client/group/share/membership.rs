//! ShareGroupHeartbeat: joining, staying, learning what to read, leaving.

use std::sync::Arc;

use protocol::messages::ShareGroupHeartbeatRequest;
use protocol::{ErrorCode, Str, Uuid};

use super::Member;
use crate::history::{GroupReply, GroupRequest, Place};

impl Member {
    /// Returns whether it was answered.
    pub(super) async fn heartbeat(&mut self) -> bool {
        let names = self.seat.client.topics.iter().map(|topic| Str::from(&*topic.name));
        let topics = (!self.introduced).then(|| names.collect());
        match self.beat(self.epoch, topics).await {
            Some(GroupReply::Beat { epoch, .. }) => {
                (self.epoch, self.introduced) = (epoch, true);
                true
            }
            Some(GroupReply::Refused(code)) => {
                self.refused(code);
                false
            }
            _ => {
                // The answer may have said what it is to read.
                self.introduced = false;
                false
            }
        }
    }

    pub(super) async fn leave(&mut self) {
        // Without an answer, it is removed when its session ends.
        drop(self.beat(-1, None).await);
        self.assigned.clear();
    }

    async fn beat(&mut self, epoch: i32, topics: Option<Vec<Str>>) -> Option<GroupReply> {
        let request = ShareGroupHeartbeatRequest {
            group_id: Str::from(&*self.seat.group.plan.name),
            member_id: Str::from(&*self.id),
            member_epoch: epoch,
            subscribed_topic_names: topics,
            ..Default::default()
        };
        let (id, patience) = (Arc::clone(&self.id), self.seat.patience());
        let mut assigned: Option<Vec<(Uuid, i32)>> = None;
        let what = GroupRequest::ShareHeartbeat { epoch };
        let reply = self.seat.ask(&id, what, (1, &request), patience, |response| match response.error_code {
            0 => {
                assigned = response.assignment.map(|assignment| {
                    let topics = assignment.topic_partitions.into_iter();
                    topics.flat_map(|t| t.partitions.into_iter().map(move |p| (t.topic_id, p))).collect()
                });
                let place = |(topic, index): &(Uuid, i32)| -> Place { (topic.to_string().into(), *index) };
                let assignment = assigned.as_ref().map(|assigned| assigned.iter().map(place).collect());
                GroupReply::Beat { epoch: response.member_epoch, assignment }
            }
            code => GroupReply::Refused(code),
        });
        let reply = reply.await;
        if let Some(assigned) = assigned {
            self.assigned = assigned.into_iter().collect();
        }
        reply
    }

    fn refused(&mut self, code: i16) {
        self.introduced = false;
        match ErrorCode::from_code(code) {
            Some(ErrorCode::UnknownMemberId | ErrorCode::FencedMemberEpoch | ErrorCode::GroupIdNotFound) => {
                self.epoch = 0;
            }
            Some(code) if code.is_retriable() => {}
            code => {
                let name = Arc::clone(&self.seat.group.plan.name);
                self.seat.client.wrong(format!("{} of {name} was refused: {code:?}", self.id));
            }
        }
    }
}
