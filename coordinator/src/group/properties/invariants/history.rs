//! What a step may do to a group: generations go on, and nobody is removed before its time.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::client::share;
use super::super::run::{Cause, Run};
use super::Before;
use crate::group::classic::Soft;
use crate::group::{ClassicMember, ClassicState, Effect, Group, GroupId, MemberId, Reject, Reply, Request};

/// Since when whoever is waited for is waited for.
#[derive(Default)]
pub(in super::super) struct History {
    /// By member: when it was last known to live.
    signs: BTreeMap<(GroupId, MemberId), Duration>,
    /// By group: when its rebalance, or its generation, began, and how long its members are waited for.
    phases: BTreeMap<GroupId, (Duration, Duration)>,
}

impl History {
    pub(in super::super) fn check(run: &mut Run, before: &Before, cause: Cause<'_>, effects: &[Effect]) {
        let ids: Vec<GroupId> = run.names.to_vec();
        for id in &ids {
            let after = run.shard.group(id).cloned();
            let (was, is) = (before.group(id), after.as_deref());
            generations_go_on(id, was, is);
            leader_has_joined(id, was, is, effects);
            assignments_are_the_leaders(id, is);
            if let Some(was) = was {
                nobody_is_removed_before_its_time(run, id, was, &before.groups[id].1, is, cause);
            }
            note_phase(run, id, was, is);
        }
        note_signs(run, cause, effects);
    }

    /// A new owner knows nothing of before: every wait begins anew.
    pub(in super::super) fn crashed(run: &mut Run) {
        run.history = Self::default();
        let groups: Vec<_> =
            run.shard.groups().map(|(id, group)| (GroupId::clone(id), group.clone())).collect();
        for (id, group) in groups {
            let phase = (run.now.since_start, rebalance_timeout(&group));
            run.history.phases.insert(GroupId::clone(&id), phase);
            for member in group.members.keys() {
                run.history.signs.insert((GroupId::clone(&id), member.clone()), run.now.since_start);
            }
        }
    }
}

fn rebalance_timeout(group: &Group) -> Duration {
    let longest = group.classic_members().map(|(_, member)| member.rebalance_timeout_ms).max();
    Duration::from_millis(longest.unwrap_or(0).unsigned_abs().into())
}

/// The classic protocol: a generation is never taken back, and CompletingRebalance is always a new one.
fn generations_go_on(id: &str, was: Option<&Group>, is: Option<&Group>) {
    let (Some(was), Some(is)) = (was.and_then(Group::classic), is.and_then(Group::classic)) else { return };
    assert!(is.generation >= was.generation, "{id} {was:?} {is:?}");
    let new = is.generation > was.generation;
    match (was.state, is.state) {
        (a, ClassicState::CompletingRebalance) if a != ClassicState::CompletingRebalance => assert!(new),
        (a, ClassicState::Empty) if a != ClassicState::Empty => assert!(new),
        (_, ClassicState::Stable | ClassicState::PreparingRebalance) => {
            assert!(!new, "{id} {was:?} {is:?}");
        }
        _ => {}
    }
}

/// Whoever leads a new generation is there to assign: it is told so as the generation begins.
fn leader_has_joined(id: &str, was: Option<&Group>, is: Option<&Group>, effects: &[Effect]) {
    let Some(is) = is.and_then(Group::classic) else { return };
    let was = was.and_then(Group::classic).map(|was| (was.state, was.generation));
    if is.state != ClassicState::CompletingRebalance || was == Some((is.state, is.generation)) {
        return;
    }
    let is_told = |effect: &Effect| match effect {
        Effect::Reply { reply: Reply::Join(Ok(joined)), .. } => Some(&joined.member) == is.leader.as_ref(),
        _ => false,
    };
    assert!(effects.iter().any(is_told), "{id} {is:?}");
}

/// In a Stable group everyone has what its leader sent in this generation, for whoever has the member's name.
fn assignments_are_the_leaders(id: &str, group: Option<&Group>) {
    let Some((group, classic)) = group.and_then(|group| Some((group, group.classic()?))) else { return };
    if classic.state != ClassicState::Stable {
        return;
    }
    for (member, ClassicMember { instance, assignment, .. }) in group.classic_members() {
        let share = share(classic.generation, instance.as_deref().unwrap_or(member));
        assert!(assignment.is_empty() || *assignment == share, "{id} {member} {assignment:?}, not {share}");
    }
}

/// A member goes when it says so, when its session is over (KIP-62), when it is late in a rebalance, or when
/// another process takes its instance (KIP-345); a rebalance that was begun for others takes nobody.
fn nobody_is_removed_before_its_time(
    run: &mut Run,
    id: &GroupId,
    was: &Group,
    soft: &Soft,
    is: Option<&Group>,
    cause: Cause<'_>,
) {
    let stays = |member: &MemberId| is.is_some_and(|is| is.members.contains_key(member));
    for (member, known) in was.classic_members().filter(|(member, _)| !stays(member)) {
        let fair = match cause {
            Cause::TopicsDeleted => false,
            Cause::Request(_, Request::Leave(leave)) => leave.members.iter().any(|(leaves, instance)| {
                leaves == member || leaves.is_empty() && instance.is_some() && *instance == known.instance
            }),
            Cause::Request(_, Request::Join(join)) => {
                let returns =
                    join.member.is_empty() && join.instance.is_some() && join.instance == known.instance;
                let too_many = join.member == *member && soft.joining.len() >= run.settings.max_size;
                returns || too_many
            }
            Cause::Request(..) => false,
            Cause::Tick => {
                let overdue = overdue(run, id, was, soft, member, known);
                overdue.iter().for_each(|why| run.seen.note(format!("removed: {why}")));
                !overdue.is_empty()
            }
        };
        assert!(fair, "{id} lost {member}: {was:?} {soft:?} {is:?}");
    }
}

/// Why a member may go, by time alone.
fn overdue(
    run: &Run,
    id: &GroupId,
    was: &Group,
    soft: &Soft,
    member: &MemberId,
    known: &ClassicMember,
) -> Vec<&'static str> {
    let now = run.now.since_start;
    let parked = soft.joining.contains_key(member) || soft.syncing.contains_key(member);
    let silent = now - run.history.signs[&(GroupId::clone(id), member.clone())];
    let session = Duration::from_millis(known.session_timeout_ms.unsigned_abs().into());
    let waited = run.history.phases.get(id).is_some_and(|(since, timeout)| now - *since >= *timeout);
    let preparing = was.classic().is_some_and(|group| group.state == ClassicState::PreparingRebalance);
    let is_new = soft.new.contains(member);
    let reasons = [
        ("session", !parked && !is_new && silent >= session),
        ("new", is_new && silent >= Duration::from_secs(300)),
        ("late", waited && preparing && !parked && known.instance.is_none()),
        ("unsynced", waited && soft.unsynced.contains(member)),
    ];
    reasons.into_iter().filter(|(_, holds)| *holds).map(|(reason, _)| reason).collect()
}

fn note_phase(run: &mut Run, id: &GroupId, was: Option<&Group>, is: Option<&Group>) {
    let key = |group: &Group| group.classic().map(|group| (group.state, group.generation));
    let waits = |state| matches!(state, ClassicState::PreparingRebalance | ClassicState::CompletingRebalance);
    match is.map(|is| (is, key(is))) {
        None => drop(run.history.phases.remove(id)),
        Some((is, Some((state, generation)))) => {
            if waits(state) && was.and_then(key) != Some((state, generation)) {
                run.history.phases.insert(GroupId::clone(id), (run.now.since_start, rebalance_timeout(is)));
            }
        }
        Some((_, None)) => {}
    }
}

/// A member lives when a request of it is accepted or parked, and when it is told something that it waited for.
fn note_signs(run: &mut Run, cause: Cause<'_>, effects: &[Effect]) {
    let mut signs = Vec::new();
    for effect in effects {
        let Effect::Reply { group, reply, .. } = effect else { continue };
        if let Reply::Join(Ok(joined)) = reply {
            signs.push((group, joined.member.clone()));
        }
    }
    for (id, entry) in &run.shard.groups {
        let soft = &entry.classic;
        // A new member's wait is for its first generation, however often it asks.
        let waits = soft.joining.keys().chain(soft.syncing.keys());
        let is_old = |member: &&MemberId| {
            let known = run.history.signs.contains_key(&(GroupId::clone(id), MemberId::clone(member)));
            !known || !soft.new.contains(*member)
        };
        signs.extend(waits.filter(is_old).map(|member| (id, member.clone())));
    }
    if let Cause::Request(group, request) = cause {
        let accepted = effects.iter().any(|effect| match effect {
            Effect::Reply { reply, .. } => match reply {
                Reply::Done(outcome) => matches!(outcome, Ok(()) | Err(Reject::RebalanceInProgress)),
                Reply::Offsets(outcome) => outcome.is_ok(),
                Reply::Sync(outcome) => outcome.is_ok(),
                Reply::Join(_) | Reply::Left(_) => false,
                Reply::ConsumerHeartbeat(_)
                | Reply::ShareHeartbeat(_)
                | Reply::ShareTopics(_)
                | Reply::ShareGrant(_) => false,
            },
            Effect::Write { .. } => false,
        });
        let caller = match request {
            Request::Heartbeat(heartbeat) => Some(&heartbeat.caller),
            Request::Sync(sync) => Some(&sync.caller),
            Request::Commit(commit) => Some(&commit.caller),
            _ => None,
        };
        signs.extend(caller.filter(|_| accepted).map(|caller| (group, caller.member.clone())));
    }
    let at = run.now.since_start;
    let signs: Vec<_> =
        signs.into_iter().map(|(group, member)| ((GroupId::clone(group), member), at)).collect();
    run.history.signs.extend(signs);
}
