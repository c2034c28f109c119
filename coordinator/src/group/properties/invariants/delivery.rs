//! What clients were told is durable, and no crash takes it back.

use std::collections::BTreeMap;

use super::super::run::Run;
use crate::group::classic::Joined;
use crate::group::{Change, Group, GroupId, MemberId, Reply, Request};

/// What clients know for certain.
#[derive(Default)]
pub(in super::super) struct Delivered {
    /// By group: the last generation that anybody was told of.
    generations: BTreeMap<GroupId, i32>,
    /// By group and generation: whoever was told to assign.
    leaders: BTreeMap<(GroupId, i32), MemberId>,
}

/// A write has become durable: no generation that was told is taken back. A group that is deleted begins anew.
pub(in super::super) fn written(run: &mut Run, id: &GroupId, changes: &[Change]) {
    if changes.contains(&Change::Deleted) {
        run.delivered.generations.remove(id);
        run.delivered.leaders.retain(|(group, _), _| group != id);
    }
    let told = run.delivered.generations.get(id).copied().unwrap_or(0);
    let durable = run.durable.get(id).and_then(Group::classic).map_or(0, |classic| classic.generation);
    assert!(durable >= told, "{id} was told {told}, and {durable} is durable");
}

/// A client is told something: the writes that it follows from are durable by then.
pub(in super::super) fn told(run: &mut Run, id: &GroupId, request: &Request, reply: &Reply) {
    let durable = run.durable.get(id);
    match (request, reply) {
        (_, Reply::Join(Ok(joined))) => told_joined(run, id, joined),
        (Request::Sync(sync), Reply::Sync(Ok(synced))) => {
            let member = durable.and_then(|group| group.classic_member(&sync.caller.member));
            assert_eq!(member.map(|member| &member.assignment), Some(&synced.assignment), "{id}");
        }
        (Request::Leave(leave), Reply::Left(Ok(outcomes))) if outcomes[0].is_ok() => {
            let (member, instance) = &leave.members[0];
            let is_in = durable.is_some_and(|group| {
                let named = |(id, known): (&MemberId, &crate::group::ClassicMember)| {
                    id == member || member.is_empty() && known.instance == *instance
                };
                group.classic_members().any(named)
            });
            assert!(!is_in, "{id} still has {member} {instance:?}");
        }
        (Request::Commit(commit), Reply::Offsets(Ok(_))) => {
            let (partition, offset) = &commit.offsets[0];
            let committed = durable.and_then(|group| group.offsets.get(partition));
            assert_eq!(committed.map(|committed| committed.offset), Some(offset.offset), "{id}");
        }
        (Request::DeleteOffsets(delete), Reply::Offsets(Ok(outcomes))) if outcomes[0].is_ok() => {
            assert!(durable.is_none_or(|group| !group.offsets.contains_key(&delete.partitions[0])), "{id}");
        }
        (Request::Delete, Reply::Done(Ok(()))) => assert!(durable.is_none(), "{id} is still there"),
        _ => {}
    }
}

/// The classic protocol: a generation has one leader that assigns. KIP-814: one that returns to it does not.
fn told_joined(run: &mut Run, id: &GroupId, joined: &Joined) {
    let durable = run.durable.get(id).expect("the group is durable");
    let classic = durable.classic().expect("a classic group");
    assert_eq!(joined.generation, classic.generation, "{id}");
    assert!(durable.members.contains_key(&joined.member), "{id} {joined:?}");
    assert!(joined.generation > 0 && joined.protocol == classic.protocol, "{id} {joined:?}");
    let told = run.delivered.generations.entry(GroupId::clone(id)).or_default();
    assert!(joined.generation >= *told, "{id} {joined:?} after {told}");
    *told = joined.generation;
    if joined.leader == joined.member && !joined.skip_assignment {
        assert_eq!(joined.members.len(), durable.members.len(), "{id} {joined:?}");
        let key = (GroupId::clone(id), joined.generation);
        let leader = run.delivered.leaders.entry(key).or_insert_with(|| joined.member.clone());
        assert_eq!(*leader, joined.member, "{id} has two leaders");
    }
}
