//! What always holds, of what is durable and of what clients believe.

use std::collections::BTreeSet;

use super::run::Run;
use crate::group::consumer::lab::GROUP;
use crate::group::consumer::state::AWAY;
use crate::group::consumer::{ConsumerMember, Held, MemberState};
use crate::group::index::Index;
use crate::group::state::{Assignment, Committed, Group, Membership};
use crate::group::timer::Timer;
use crate::group::{Kind, Request};
use crate::{Map, PartitionId};

/// What made the group step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    Commit,
    Delete,
    Other,
    Time,
}

impl Cause {
    pub(super) fn of(request: &Request) -> Self {
        match request {
            Request::Commit(_) => Self::Commit,
            Request::Delete => Self::Delete,
            _ => Self::Other,
        }
    }
}

/// All of them; answers what was reached.
pub(super) fn check(run: &Run, before: Option<&Group>, cause: Cause) -> Vec<&'static str> {
    let after = run.written();
    replay_makes_the_state(run);
    every_wait_has_a_timer(run);
    what_is_looked_up_follows_from_the_members(run);
    if let (Some(before), Some(after)) = (before, after) {
        epochs_never_go_back(before, after);
        conversion_keeps_members(before, after, cause);
    }
    if let Some(after) = after.filter(|group| group.kind() == Kind::Consumer) {
        epochs_follow_each_other(after);
        nobody_shares(after);
        targets_are_apart(after);
        states_are_what_they_say(after);
        clients_own_what_they_hold(run, after);
        topics_are_not_empty(after);
    }
    let mut reached = reached(before, after);
    if before.is_some_and(|before| offsets_stay(run, before, after, cause)) {
        reached.push("offset expired");
    }
    reached
}

/// What is decided is what is written: replaying the writes makes the groups that the shard has.
fn replay_makes_the_state(run: &Run) {
    let held: Vec<_> = run.lab.shard.groups().map(|(id, group)| (id, &**group)).collect();
    assert!(run.lab.written.iter().eq(held), "{:#?}", run.lab.written);
}

fn what_is_looked_up_follows_from_the_members(run: &Run) {
    for (id, entry) in &run.lab.shard.groups {
        assert_eq!(entry.index, Index::of(&entry.group), "{id}");
    }
}

/// KIP-848, "Member Fencing": every member has a session; who is to give back has its rebalance timeout.
fn every_wait_has_a_timer(run: &Run) {
    let id = GROUP.into();
    let Some(group) = run.lab.shard.group(GROUP).filter(|group| group.consumer().is_some()) else { return };
    for (member, state) in group.consumer_members() {
        let is_set = |timer: fn(crate::group::MemberId) -> Timer| {
            run.lab.shard.timers.is_set(&id, &timer(member.clone()))
        };
        assert!(is_set(Timer::Session), "{member} has no session");
        let gives_back =
            state.state == MemberState::UnrevokedPartitions && state.classic.is_none() && state.epoch != AWAY;
        assert_eq!(is_set(Timer::Revoke), gives_back, "{member}: {state:?}");
    }
    for (_, timer, _) in run.lab.shard.timers.all() {
        let member = |id: &str| group.consumer_member(id);
        let is_for_somebody = match timer {
            Timer::Session(id) | Timer::Revoke(id) => member(id).is_some(),
            Timer::Rejoin(id) | Timer::Resync(id) => member(id).is_some_and(|m| m.classic.is_some()),
            Timer::Expiry => true,
            Timer::Pending(_) | Timer::Join | Timer::Sync => false,
        };
        assert!(is_for_somebody, "{timer:?} is for nobody: {group:#?}");
    }
}

/// KIP-848, "Group Epoch", "Assignment Epoch", "Member Epoch": all three are monotonic. A generation goes on from a
/// group epoch, and the other way around.
fn epochs_never_go_back(before: &Group, after: &Group) {
    let epoch = |group: &Group| match &group.membership {
        Membership::Classic(classic) => classic.generation,
        Membership::Consumer(consumer) => consumer.group_epoch,
        Membership::Share(share) => unreachable!("{share:?}"),
    };
    assert!(epoch(before) <= epoch(after), "{before:#?} {after:#?}");
    if let (Some(before), Some(after)) = (before.consumer(), after.consumer()) {
        assert!(before.assignment_epoch <= after.assignment_epoch);
    }
    for (id, member) in before.consumer_members() {
        if let Some(later) = after.consumer_member(id).filter(|later| later.epoch != AWAY) {
            assert!(member.epoch <= later.epoch, "{id}: {member:#?} {later:#?}");
        }
    }
}

/// KIP-848, "Rebalance Process": targets are computed for a group epoch, and members reach targets.
fn epochs_follow_each_other(group: &Group) {
    let Some(header) = group.consumer() else { return };
    assert!(header.assignment_epoch <= header.group_epoch, "{header:?}");
    for (id, member) in group.consumer_members() {
        assert!(member.epoch <= header.assignment_epoch, "{id} {member:?} {header:?}");
        assert!(member.previous_epoch <= member.epoch.max(header.assignment_epoch));
    }
}

fn partitions(held: &Held) -> impl Iterator<Item = PartitionId> {
    held.iter().flat_map(|(&topic, all)| all.keys().map(move |&index| PartitionId { topic, index }))
}

/// KIP-848, "Member Assignment": a partition is given to a member only once the former one has given it back.
fn nobody_shares(group: &Group) {
    let mut taken = BTreeSet::new();
    for (id, member) in group.consumer_members() {
        for partition in partitions(&member.assigned).chain(partitions(&member.revoking)) {
            assert!(taken.insert(partition), "{id} and another hold {partition}: {group:#?}");
        }
    }
}

/// KIP-848, "Target Assignment": a partition is in one target at most.
fn targets_are_apart(group: &Group) {
    let mut taken = BTreeSet::new();
    for (id, target) in &group.targets {
        assert!(group.members.contains_key(id), "{id} has a target and is no member");
        for (&topic, all) in target {
            for &index in all {
                assert!(taken.insert(PartitionId { topic, index }), "{topic}-{index} is in two targets");
            }
        }
    }
}

/// KIP-848, "Member Assignment": what a member's state says of what it holds.
fn states_are_what_they_say(group: &Group) {
    let Some(header) = group.consumer() else { return };
    for (id, member) in group.consumer_members().filter(|(_, member)| member.epoch != AWAY) {
        let within_target = |member: &ConsumerMember| {
            let target = group.targets.get(id);
            let has = |p: PartitionId| {
                target.is_some_and(|t| t.get(&p.topic).is_some_and(|all| all.contains(&p.index)))
            };
            partitions(&member.assigned).all(has)
        };
        match member.state {
            MemberState::UnrevokedPartitions => {
                assert!(!member.revoking.is_empty(), "{id} has nothing to give back: {member:?}");
            }
            MemberState::Stable | MemberState::UnreleasedPartitions => {
                assert!(member.revoking.is_empty(), "{id} is to give back: {member:?}");
                let at_target = member.epoch == header.assignment_epoch;
                assert!(!at_target || within_target(member), "{id} has more than its target: {group:#?}");
            }
        }
        for epoch in member.assigned.values().chain(member.revoking.values()).flat_map(|all| all.values()) {
            assert!(*epoch <= header.assignment_epoch, "{id} got a partition in a later epoch");
        }
    }
}

/// What a client that is a member believes to own, the group knows it to hold: so no two clients read a partition.
fn clients_own_what_they_hold(run: &Run, group: &Group) {
    let cluster = &run.lab.cluster;
    for client in &run.clients {
        let Some(member) = group.consumer_member(&client.id) else { continue };
        let exists = |(topic, _): &(&crate::TopicId, _)| cluster.topic(**topic).is_some();
        for (&topic, all) in client.owned.iter().filter(exists) {
            for &index in all {
                let partition = PartitionId { topic, index };
                assert!(member.holds(partition), "{} owns {partition}, but {member:#?}", client.id);
            }
        }
    }
}

/// No topic without partitions is kept, so that equal assignments are equal.
fn topics_are_not_empty(group: &Group) {
    let is_full = |held: &Held| held.values().all(|all| !all.is_empty());
    assert!(
        group.consumer_members().all(|(_, member)| is_full(&member.assigned) && is_full(&member.revoking))
    );
    let is_full = |target: &Assignment| !target.is_empty() && target.values().all(|all| !all.is_empty());
    assert!(group.targets.values().all(is_full), "{:#?}", group.targets);
}

/// Offsets change by commits alone, whatever becomes of the group, and go by deletion or in time: those of deleted
/// topics, and those that no member reads once retention has passed since they were committed and since the group was
/// left (KIP-211). Answers whether any has expired.
fn offsets_stay(run: &Run, before: &Group, later: Option<&Group>, cause: Cause) -> bool {
    let nothing = Map::default();
    let after = later.map_or(&nothing, |group| &group.offsets);
    let is_kept = |(partition, _): &(&PartitionId, &Committed)| after.contains_key(*partition);
    match cause {
        Cause::Commit => assert!(before.offsets.iter().all(|offset| is_kept(&offset))),
        Cause::Delete => {}
        Cause::Other => assert_eq!(before.offsets, *after),
        Cause::Time => {
            let kept: Map<_, _> =
                before.offsets.iter().filter(is_kept).map(|(p, c)| (*p, c.clone())).collect();
            assert_eq!(kept, *after);
            let gone = before.offsets.iter().filter(|offset| !is_kept(offset));
            let topic = |partition: &PartitionId| run.lab.cluster.topic(partition.topic);
            let expired = gone.filter_map(|(partition, committed)| Some((topic(partition)?, committed)));
            let retention = run.lab.settings.offsets_retention.as_millis() as i64;
            return expired
                .map(|(topic, committed)| {
                    let since = before.empty_since.unwrap_or(i64::MIN).max(committed.committed_at);
                    assert!(
                        run.lab.now.wall >= since + retention,
                        "{} {committed:?} {before:#?}",
                        topic.name
                    );
                    // Time makes members go, and none come.
                    assert!(
                        !later.is_some_and(|group| is_read(group, &topic.name)),
                        "{} {later:#?}",
                        topic.name
                    );
                })
                .count()
                > 0;
        }
    }
    false
}

/// Whether a member of a consumer group reads a topic. The only expression that any has is `c.*`.
fn is_read(group: &Group, topic: &str) -> bool {
    group
        .consumer_members()
        .any(|(_, member)| member.topics.contains(topic) || member.regex.is_some() && topic.starts_with('c'))
}

/// KIP-848, "Online Migration": whoever is a member stays one, but for a static member that changes its protocol,
/// or whoever leaves.
fn conversion_keeps_members(before: &Group, after: &Group, cause: Cause) {
    if before.kind() == after.kind() || before.members.is_empty() {
        return;
    }
    let gone = before.members.keys().filter(|id| !after.members.contains_key(*id)).count();
    assert!(gone <= 1 || cause == Cause::Time, "{before:#?} {after:#?}");
    if after.kind() == Kind::Consumer {
        let new = after.members.keys().filter(|id| !before.members.contains_key(*id)).count();
        assert!(new == 1 || gone == 0, "{before:#?} {after:#?}");
    } else {
        assert!(!after.members.is_empty() && after.targets.is_empty());
    }
}

fn reached(before: Option<&Group>, after: Option<&Group>) -> Vec<&'static str> {
    let mut reached = Vec::new();
    let (Some(before), Some(after)) = (before, after) else { return reached };
    let conversion = match (before.kind(), after.kind(), before.members.is_empty()) {
        (Kind::Classic, Kind::Consumer, false) => Some("upgraded with members"),
        (Kind::Consumer, Kind::Classic, false) => Some("downgraded with members"),
        (Kind::Consumer, Kind::Classic, true) => Some("turned classic when empty"),
        _ => None,
    };
    reached.extend(conversion);
    if before.kind() == Kind::Consumer && after.members.len() < before.members.len() {
        reached.push("fenced");
    }
    let (classic, consumer): (Vec<_>, Vec<_>) =
        after.consumer_members().partition(|(_, member)| member.classic.is_some());
    if !classic.is_empty() && !consumer.is_empty() {
        reached.push("mixed");
    }
    for (_, member) in after.consumer_members() {
        match member.state {
            MemberState::Stable => {}
            MemberState::UnrevokedPartitions => reached.push("unrevoked"),
            MemberState::UnreleasedPartitions => reached.push("unreleased"),
        }
        if member.regex.is_some() {
            reached.push("regex");
        }
    }
    reached
}
