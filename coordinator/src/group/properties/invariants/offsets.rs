//! Committed offsets change by commits, and go by deletion or when they have expired (KIP-211).

use std::collections::BTreeMap;

use super::super::run::{Cause, Run};
use super::Before;
use crate::group::{Committed, Effect, Group, GroupId, Reply, Request};
use crate::{Map, PartitionId};

/// What the accepted requests make.
#[derive(Default)]
pub(in super::super) struct Offsets {
    committed: BTreeMap<GroupId, Map<PartitionId, Committed>>,
}

impl Offsets {
    pub(in super::super) fn check(run: &mut Run, before: &Before, cause: Cause<'_>, effects: &[Effect]) {
        match cause {
            Cause::Request(id, request) => accept(run, id, request, effects),
            Cause::Tick | Cause::TopicsDeleted => go(run, before),
        }
        for id in &run.names {
            let is = run.shard.group(id).map(|group| &group.offsets);
            let is_none = is.is_none_or(Map::is_empty);
            match run.offsets.committed.get(id).filter(|offsets| !offsets.is_empty()) {
                Some(expected) => assert_eq!(is, Some(expected), "{id}"),
                None => assert!(is_none, "{id} {is:?}"),
            }
        }
    }

    /// What was not durable is lost, and with it the replies.
    pub(in super::super) fn crashed(run: &mut Run) {
        let of = |(id, group): (&GroupId, &Group)| (GroupId::clone(id), group.offsets.clone());
        run.offsets.committed = run.durable.iter().map(of).collect();
    }
}

fn accept(run: &mut Run, id: &GroupId, request: &Request, effects: &[Effect]) {
    let accepted = effects.iter().any(|effect| match effect {
        Effect::Reply { reply: Reply::Offsets(Ok(parts)), .. } => parts[0].is_ok(),
        Effect::Reply { reply: Reply::Done(Ok(())), .. } => true,
        _ => false,
    });
    if !accepted {
        return;
    }
    let offsets = run.offsets.committed.entry(GroupId::clone(id)).or_default();
    match request {
        Request::Commit(commit) => {
            let (partition, offset) = &commit.offsets[0];
            let committed = Committed {
                offset: offset.offset,
                leader_epoch: offset.leader_epoch,
                metadata: offset.metadata.clone(),
                committed_at: run.now.wall,
                expires_at: commit.retention_ms.map(|retention| run.now.wall + retention),
            };
            offsets.insert(*partition, committed);
        }
        Request::DeleteOffsets(delete) => offsets.remove(&delete.partitions[0]),
        Request::Delete => offsets.clear(),
        _ => {}
    }
}

/// Offsets go of themselves only if their topic is deleted, or their time has passed since they were committed and
/// since the group was left, and no member reads them.
fn go(run: &mut Run, before: &Before) {
    for (id, offsets) in &mut run.offsets.committed {
        let was = before.group(id);
        let is = run.shard.group(id);
        let retention = run.settings.offsets_retention.as_millis() as i64;
        let is_gone = |partition: &PartitionId| !is.is_some_and(|is| is.offsets.contains_key(partition));
        let gone = offsets.iter().filter(|(partition, _)| is_gone(partition));
        let gone: Vec<_> = gone.map(|(partition, committed)| (*partition, committed.clone())).collect();
        for (partition, committed) in gone {
            let empty = was.and_then(|was| was.empty_since).unwrap_or(i64::MIN);
            let since = empty.max(committed.committed_at);
            let until = committed.expires_at.unwrap_or(since + retention);
            let is_deleted = run.cluster.topic(partition.topic).is_none();
            assert!(is_deleted || run.now.wall >= until, "{id} lost {partition}: {committed:?} {was:?}");
            run.seen.note(if is_deleted { "offset of no topic" } else { "offset expired" });
            offsets.remove(&partition);
        }
    }
}
