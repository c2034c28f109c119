//! DescribeShareGroupOffsets: where share partitions start, and whether anything is left.

use std::sync::Arc;

use protocol::messages::DescribeShareGroupOffsetsRequest;
use protocol::messages::describe_share_group_offsets::{
    DescribeShareGroupOffsetsRequestGroup, DescribeShareGroupOffsetsRequestTopic,
};
use protocol::{ErrorCode, Str};

use super::Member;
use crate::history::{Event, GroupReply, GroupRequest};

impl Member {
    /// Asks where the share partitions start. Returns whether the logs have ended and all is settled.
    pub(super) async fn look(&mut self) -> bool {
        let client = &self.seat.client;
        let (topics, group) = (Arc::clone(&client.topics), Arc::clone(&self.seat.group.plan.name));
        let named = topics.iter().map(|topic| DescribeShareGroupOffsetsRequestTopic {
            topic_name: Str::from(&*topic.name),
            partitions: (0..topic.partitions).collect(),
        });
        let asked = DescribeShareGroupOffsetsRequestGroup {
            group_id: Str::from(&*group),
            topics: Some(named.collect()),
        };
        let request = DescribeShareGroupOffsetsRequest { groups: vec![asked] };
        let asked = client.history.lock().len() as u64;
        let (id, patience) = (Arc::clone(&self.id), self.patience());
        let mut told = Vec::new();
        let what = GroupRequest::ShareOffsets;
        let reply = self.seat.ask(&id, what, (1, &request), patience, |mut response| {
            let Some(group) = response.groups.pop() else { return GroupReply::Refused(-1) };
            for topic in group.topics {
                let at = topics.iter().position(|t| *t.name == *topic.topic_name);
                let Some(at) = at else { continue };
                let partitions = topic.partitions.into_iter().filter(|p| p.error_code == 0);
                told.extend(partitions.map(|p| ((at, p.partition_index), p.start_offset, p.lag)));
            }
            match group.error_code {
                0 => GroupReply::Done,
                code => GroupReply::Refused(code),
            }
        });
        if let Some(GroupReply::Refused(code)) = reply.await {
            let code = ErrorCode::from_code(code);
            if !code.is_some_and(|code| code.is_retriable() || code == ErrorCode::GroupIdNotFound) {
                self.seat.client.wrong(format!("{group} was not described: {code:?}"));
            }
        }
        for ((at, index), offset, _) in &told {
            let place = (Arc::clone(&topics[*at].name), *index);
            let group = Arc::clone(&group);
            self.seat.client.note(Event::ShareStart { group, place, asked, offset: *offset });
        }
        let Some(ends) = self.ends() else { return false };
        // What the log does not hold any more needs no request to be settled.
        let settled = told.iter().filter(|(at, start, lag)| {
            ends.get(at).is_some_and(|end| start >= end) || (*start >= 0 && *lag == 0)
        });
        settled.count() == ends.len()
    }
}
