//! What a group is at any time.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::run::Run;
use super::Before;
use crate::group::index::Index;
use crate::group::work::Entry;
use crate::group::{ClassicState, Effect, Group, GroupId};

/// All of them.
pub(in super::super) fn check(run: &mut Run, before: &Before, effects: &[Effect]) {
    replayed_writes_are_the_state(run, before, effects);
    for (id, entry) in &run.shard.groups {
        assert!(entry.is_known(), "{id} is kept for nothing");
        if entry.exists {
            leader_is_a_member(id, &entry.group);
            instances_are_unique(id, &entry.group);
            state_fits_members(id, &entry.group);
            protocol_is_common(id, &entry.group);
        }
        assert_eq!(entry.index, Index::of(&entry.group), "{id}: what is looked up follows from the members");
        soft_state_fits(id, entry);
        initial_delay_is_for_empty_groups(id, entry, before);
    }
}

/// The durable state follows from the writes alone, and nothing changes without one.
fn replayed_writes_are_the_state(run: &mut Run, before: &Before, effects: &[Effect]) {
    let mut written = BTreeSet::new();
    for effect in effects {
        if let Effect::Write { group, changes } = effect {
            assert!(!changes.is_empty(), "{group}: a write of nothing");
            Group::replay(&mut run.decided, group, changes);
            written.insert(GroupId::clone(group));
        }
    }
    assert_eq!(run.shard.groups().count(), run.decided.len());
    for (id, group) in run.shard.groups() {
        if written.contains(id) {
            assert_eq!(Some(&**group), run.decided.get(id), "{id}");
        } else {
            let same = before.groups.get(id).is_some_and(|(before, _)| Arc::ptr_eq(before, group));
            assert!(same, "{id} changed without a write");
        }
    }
}

/// The classic protocol: one member leads, whenever there is one.
fn leader_is_a_member(id: &str, group: &Group) {
    let leader = group.classic().and_then(|classic| classic.leader.as_ref());
    assert_eq!(leader.is_some(), !group.members.is_empty(), "{id} {group:?}");
    assert!(leader.is_none_or(|leader| group.members.contains_key(leader)), "{id} {group:?}");
}

/// KIP-345: an instance is one member.
fn instances_are_unique(id: &str, group: &Group) {
    let instances: Vec<_> = group.classic_members().filter_map(|(_, m)| m.instance.as_ref()).collect();
    let (all, unique) = (instances.len(), instances.into_iter().collect::<BTreeSet<_>>().len());
    assert_eq!(all, unique, "{id} {group:?}");
}

/// Empty has no members; CompletingRebalance and Stable have some. KIP-211: it is known since when there are none.
fn state_fits_members(id: &str, group: &Group) {
    let Some(classic) = group.classic() else { panic!("{id} is no classic group") };
    match classic.state {
        ClassicState::Empty => {
            assert!(group.members.is_empty(), "{id} {group:?}");
            assert_eq!(group.empty_since.is_some(), classic.protocol_type.is_some(), "{id} {group:?}");
        }
        ClassicState::PreparingRebalance => assert_eq!(group.empty_since, None, "{id} {group:?}"),
        ClassicState::CompletingRebalance | ClassicState::Stable => {
            assert!(!group.members.is_empty() && group.empty_since.is_none(), "{id} {group:?}");
        }
    }
}

/// What was agreed on, everybody takes.
fn protocol_is_common(id: &str, group: &Group) {
    let Some(classic) = group.classic() else { return };
    if matches!(classic.state, ClassicState::CompletingRebalance | ClassicState::Stable) {
        let protocol = classic.protocol.as_ref().expect("one is agreed on");
        for (_, member) in group.classic_members() {
            assert!(member.protocols.iter().any(|(name, _)| name == protocol), "{id} {group:?}");
        }
    }
}

/// Who waits is a member and waits for what the state says; KIP-394: who is pending is none.
fn soft_state_fits(id: &str, entry: &Entry) {
    let (group, soft) = (&entry.group, &entry.classic);
    let state = group.classic().map(|classic| classic.state).unwrap_or_default();
    let are_members = |mut ids: Box<dyn Iterator<Item = &crate::group::MemberId> + '_>| {
        ids.all(|id| group.members.contains_key(id))
    };
    assert!(are_members(Box::new(soft.joining.keys())), "{id} {soft:?}");
    assert!(are_members(Box::new(soft.syncing.keys())), "{id} {soft:?}");
    assert!(are_members(Box::new(soft.new.iter())), "{id} {soft:?}");
    assert!(are_members(Box::new(soft.unsynced.iter())), "{id} {soft:?}");
    assert!(soft.pending.iter().all(|pending| !group.members.contains_key(pending)), "{id} {soft:?}");
    assert!(soft.joining.is_empty() || state == ClassicState::PreparingRebalance, "{id} {soft:?}");
    assert!(soft.syncing.is_empty() || state == ClassicState::CompletingRebalance, "{id} {soft:?}");
    assert!(soft.new.iter().all(|new| soft.joining.contains_key(new)), "{id} {soft:?}");
    assert!(soft.syncing.keys().all(|id| !soft.unsynced.contains(id)), "{id} {soft:?}");
}

/// KIP-134: only a group that was empty waits for members that nobody knows of.
fn initial_delay_is_for_empty_groups(id: &GroupId, entry: &Entry, before: &Before) {
    if entry.classic.initial.is_none() {
        return;
    }
    let was_begun = before.groups.get(id).is_some_and(|(_, soft)| soft.initial.is_some());
    let was_empty = before.classic(id).is_none_or(|group| group.state == ClassicState::Empty);
    assert!(was_begun || was_empty, "{id} {entry:?}");
    let state = entry.group.classic().map(|classic| classic.state);
    assert_eq!(state, Some(ClassicState::PreparingRebalance), "{id}");
}
