//! What follows from what a member says: the group's epoch, the targets, the member's own next step.

use super::admit::Admitted;
use super::reconcile::{Goal, reconcile};
use super::state::{ConsumerGroup, ConsumerMember};
use super::{subscription, target, timers};
use crate::cluster::PROGRESS_LEVEL;
use crate::group::change::Change;
use crate::group::state::{Assignment, Member, MemberId, Membership};
use crate::group::work::Work;

/// Puts a static member that comes back into its place; answers what the member was.
pub(super) fn take_place(work: &mut Work<'_>, id: &MemberId, admitted: Admitted) -> ConsumerMember {
    let (holder, member) = match admitted {
        Admitted::Member(member) => return member,
        Admitted::Returns(holder, member) => (holder, member),
    };
    let member = ConsumerMember { epoch: 0, previous_epoch: 0, ..member };
    timers::cancel(work, &holder);
    let target = work.group().targets.get(&holder).cloned();
    if holder != *id {
        work.change(Change::Member(holder, None));
        work.change(Change::Target(MemberId::clone(id), target));
    }
    work.change(Change::Member(MemberId::clone(id), Some(Member::Consumer(member.clone()))));
    member
}

/// Takes a member that says who it is and what it reads as far as it can go.
pub(super) fn advance(
    work: &mut Work<'_>,
    id: &MemberId,
    before: &ConsumerMember,
    member: ConsumerMember,
    owned: Option<&Assignment>,
) -> ConsumerMember {
    let changed = reads_otherwise(before, &member);
    bump(work, id, &member, changed);
    retarget(work, id, &member);
    let member = settle(work, id, member, changed, owned);
    put(work, id, member)
}

/// Whether a member has changed what it reads.
pub(super) fn reads_otherwise(before: &ConsumerMember, after: &ConsumerMember) -> bool {
    before.topics != after.topics || before.regex != after.regex
}

/// Raises the group's epoch if a member reads something else, or if what members read has changed.
pub(super) fn bump(work: &mut Work<'_>, id: &MemberId, member: &ConsumerMember, changed: bool) {
    let cluster = work.world.cluster;
    let soft = &work.entry.consumer;
    let is_due = subscription::is_due(soft, cluster, work.now.since_start);
    if !changed && !is_due && soft.seen == Some(cluster.next()) {
        return;
    }
    let hash = subscription::look(work, Some((id, member)));
    let mut group = header(work);
    if changed || hash != group.metadata_hash {
        group.group_epoch = group.group_epoch.saturating_add(1);
        group.metadata_hash = hash;
    }
    put_header(work, group);
    work.entry.consumer.seen = Some(cluster.next());
}

/// Computes targets for the group's epoch, unless the last time was just now.
pub(super) fn retarget(work: &mut Work<'_>, id: &MemberId, member: &ConsumerMember) {
    let mut group = header(work);
    let now = work.now.since_start;
    let interval = work.settings.consumer_assignment_interval;
    if group.assignment_epoch >= group.group_epoch
        || work.entry.consumer.assigned_at.is_some_and(|at| now < at + interval)
    {
        return;
    }
    let targets = target::compute(work.group(), &work.entry.consumer, work.world.cluster, (id, member));
    for (id, target) in targets {
        let target = Some(target).filter(|target| !target.is_empty());
        if work.group().targets.get(&id) != target.as_ref() {
            work.change(Change::Target(id, target));
        }
    }
    group.assignment_epoch = group.group_epoch;
    put_header(work, group);
    work.entry.consumer.assigned_at = Some(now);
}

/// The member after its next step towards its target.
pub(super) fn settle(
    work: &Work<'_>,
    id: &MemberId,
    member: ConsumerMember,
    changed: bool,
    owned: Option<&Assignment>,
) -> ConsumerMember {
    let group = work.group();
    let epoch = header(work).assignment_epoch;
    if !changed && member.reached(epoch) {
        return member;
    }
    let nothing = Assignment::new();
    let goal = Goal {
        epoch,
        target: group.targets.get(id).unwrap_or(&nothing),
        reads: &subscription::topics(&member, &work.entry.consumer, work.world.cluster),
        subscription_changed: changed,
        owned,
        held_by_others: &|partition| {
            let own = group.consumer_member(id).is_some_and(|member| member.holds(partition));
            work.index().holders(partition) > usize::from(own)
        },
    };
    reconcile(member, &goal)
}

/// Makes a member what it has become, and gives it time for what it is to give back.
pub(super) fn put(work: &mut Work<'_>, id: &MemberId, member: ConsumerMember) -> ConsumerMember {
    put_header(work, header(work));
    let id = MemberId::clone(id);
    let all_read = work.world.cluster.format().level >= PROGRESS_LEVEL;
    let change = match work.group().consumer_member(&id) {
        Some(before) if *before == member => return member,
        // At a new epoch most members say nothing new, and what they said is not written again.
        Some(before) if all_read && before.says_as_much_as(&member) => {
            Change::Progress(id.clone(), member.progress())
        }
        _ => Change::Member(id.clone(), Some(Member::Consumer(member.clone()))),
    };
    timers::revoke(work, &id, &member);
    work.change(change);
    member
}

/// The group's own fields, as they would be for the first member if there is no group.
pub(super) fn header(work: &Work<'_>) -> ConsumerGroup {
    work.group().consumer().cloned().unwrap_or_default()
}

/// Makes the group's own fields these, and the group one with members.
pub(super) fn put_header(work: &mut Work<'_>, group: ConsumerGroup) {
    let is_so =
        work.entry.exists && work.group().empty_since.is_none() && work.group().consumer() == Some(&group);
    if !is_so {
        work.change(Change::Header { membership: Membership::Consumer(group), empty_since: None });
    }
}
