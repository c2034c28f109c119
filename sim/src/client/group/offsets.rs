//! Committing offsets and reading them. The offsets mean nothing but which commit they are of.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;

use protocol::messages::offset_commit::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use protocol::messages::offset_fetch::OffsetFetchRequestGroup;
use protocol::messages::{OffsetCommitRequest, OffsetFetchRequest};
use protocol::{Str, Uuid};

use super::seat::Seat;
use super::{GroupKind, Place};
use crate::history::{GroupReply, GroupRequest};

/// Who commits and reads: a member's id and its generation or epoch.
pub(super) type Caller = (Arc<str>, i32);

/// A client that is no member.
pub(super) fn nobody() -> Caller {
    (Arc::from(""), -1)
}

/// Commits offsets of these partitions that were never committed before.
pub(super) async fn commit(seat: &mut Seat, caller: &Caller, places: Vec<Place>) -> Option<GroupReply> {
    let by_id = seat.group.plan.kind == GroupKind::Consumer;
    let mut topics: BTreeMap<Arc<str>, Vec<OffsetCommitRequestPartition>> = BTreeMap::new();
    let mut offsets = Vec::new();
    for place in places {
        let mut next = seat.group.next.lock();
        let next = next.entry(place.clone()).or_default();
        topics.entry(Arc::clone(&place.0)).or_default().push(OffsetCommitRequestPartition {
            partition_index: place.1,
            committed_offset: *next,
            ..Default::default()
        });
        offsets.push((place, *next));
        *next += 1;
    }
    let topic = |(label, partitions): (Arc<str>, _)| match by_id {
        true => OffsetCommitRequestTopic { topic_id: id(&label), partitions, ..Default::default() },
        false => OffsetCommitRequestTopic { name: Str::from(&*label), partitions, ..Default::default() },
    };
    let request = OffsetCommitRequest {
        group_id: Str::from(&*seat.group.plan.name),
        generation_id_or_member_epoch: caller.1,
        member_id: Str::from(&*caller.0),
        topics: topics.into_iter().map(topic).collect(),
        ..Default::default()
    };
    let patience = seat.patience();
    let version = if by_id { 10 } else { 8 };
    seat.ask(&caller.0, GroupRequest::Commit(offsets), (version, &request), patience, |response| {
        let codes = response.topics.iter().flat_map(|topic| &topic.partitions).map(|p| p.error_code);
        codes.filter(|code| *code != 0).map(GroupReply::Refused).next().unwrap_or(GroupReply::Done)
    })
    .await
}

/// Reads all offsets of the group.
pub(super) async fn fetch(seat: &mut Seat, caller: &Caller) -> Option<GroupReply> {
    let by_id = seat.group.plan.kind == GroupKind::Consumer;
    let group = OffsetFetchRequestGroup {
        group_id: Str::from(&*seat.group.plan.name),
        member_id: (by_id && !caller.0.is_empty()).then(|| Str::from(&*caller.0)),
        member_epoch: if by_id { caller.1 } else { -1 },
        topics: None,
    };
    let request = OffsetFetchRequest { groups: vec![group], ..Default::default() };
    let patience = seat.patience();
    // A partition without a commit when the request was sent may have an offset or none.
    let places: Vec<Place> = seat.group.next.lock().keys().cloned().collect();
    let version = if by_id { 10 } else { 8 };
    seat.ask(&caller.0, GroupRequest::Fetch, (version, &request), patience, |mut response| {
        let Some(group) = response.groups.pop() else { return GroupReply::Refused(-1) };
        let codes = group.topics.iter().flat_map(|topic| &topic.partitions).map(|p| p.error_code);
        if let Some(code) = codes.chain([group.error_code]).find(|code| *code != 0) {
            return GroupReply::Refused(code);
        }
        let mut offsets: BTreeMap<Place, i64> = places.into_iter().map(|place| (place, -1)).collect();
        for topic in &group.topics {
            let label: Arc<str> = match by_id {
                true => Arc::from(topic.topic_id.to_string()),
                false => Arc::from(topic.name.as_str()),
            };
            let of = |p: &protocol::messages::offset_fetch::OffsetFetchResponsePartitions| {
                ((Arc::clone(&label), p.partition_index), p.committed_offset)
            };
            offsets.extend(topic.partitions.iter().map(of));
        }
        GroupReply::Offsets(offsets.into_iter().collect())
    })
    .await
}

/// The id that a label stands for.
pub(super) fn id(label: &str) -> Uuid {
    Uuid::from_str(label).unwrap_or_default()
}
