//! What follows from what a member says: the group's epoch, the targets, and where the member goes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::assignor;
use super::state::{ShareGroup, ShareMember};
use crate::TopicId;
use crate::cluster::Cluster;
use crate::group::assignor::{Reader, Readers, Topics};
use crate::group::change::Change;
use crate::group::consumer::hash_topics;
use crate::group::state::{Assignment, Member, MemberId, Membership};
use crate::group::timer::Timer;
use crate::group::work::Work;

/// Gives every member its time anew, under a new owner. What the one before allowed to come into being is not known.
pub(in crate::group) fn begin(work: &mut Work<'_>) {
    work.entry.share.granted_at = work.number;
    let members: Vec<MemberId> = work.group().share_members().map(|(id, _)| MemberId::clone(id)).collect();
    members.iter().for_each(|id| session(work, id));
}

/// The member is there: it may be silent for its session timeout from now on.
pub(super) fn session(work: &mut Work<'_>, id: &MemberId) {
    work.set(Timer::Session(MemberId::clone(id)), work.settings.share_session_timeout);
}

/// Takes a member that says who it is and what it reads to its target.
pub(super) fn advance(
    work: &mut Work<'_>,
    id: &MemberId,
    before: &ShareMember,
    mut member: ShareMember,
) -> ShareMember {
    let changed = before.topics != member.topics;
    let bumped = bump(work, (id, &member), changed);
    retarget(work, (id, &member));

    let epoch = header(work).assignment_epoch;
    if bumped || member.epoch != epoch {
        let reads = topics(&member, work.world.cluster);
        let target = work.group().targets.get(id).cloned().unwrap_or_default();
        member.assigned = target.into_iter().filter(|(topic, _)| reads.contains(topic)).collect();
        if member.epoch != epoch {
            member.previous_epoch = member.epoch;
            member.epoch = epoch;
        }
    }
    put_header(work, header(work));
    if work.group().share_member(id) != Some(&member) {
        work.change(Change::Member(MemberId::clone(id), Some(Member::Share(member.clone()))));
    }
    member
}

/// Raises the group's epoch if a member reads something else, or if what members read has changed.
fn bump(work: &mut Work<'_>, (id, member): (&MemberId, &ShareMember), changed: bool) -> bool {
    let cluster = work.world.cluster;
    if !changed && work.entry.share.seen == Some(cluster.next()) {
        return false;
    }
    let hash = hash(work, Some((id, member)));
    let mut group = header(work);
    let bumps = changed || hash != group.metadata_hash;
    if bumps {
        group.group_epoch = group.group_epoch.saturating_add(1);
        group.metadata_hash = hash;
        group.topics.retain(|topic| cluster.topic(*topic).is_some());
        group
            .topics
            .extend(names(work, Some((id, member))).into_iter().filter_map(|name| id_of(name, cluster)));
    }
    put_header(work, group);
    work.entry.share.seen = Some(cluster.next());
    bumps
}

/// Computes targets for the group's epoch, unless the last time was just now.
fn retarget(work: &mut Work<'_>, (id, member): (&MemberId, &ShareMember)) {
    let mut group = header(work);
    let (now, interval) = (work.now.since_start, work.settings.share_assignment_interval);
    if group.assignment_epoch >= group.group_epoch
        || work.entry.share.assigned_at.is_some_and(|at| now < at + interval)
    {
        return;
    }
    for (id, target) in targets(work, (id, member)) {
        let target = Some(target).filter(|target| !target.is_empty());
        if work.group().targets.get(&id) != target.as_ref() {
            work.change(Change::Target(id, target));
        }
    }
    group.assignment_epoch = group.group_epoch;
    put_header(work, group);
    work.entry.share.assigned_at = Some(now);
}

/// The targets of a group whose member `id` is about to be `member`.
fn targets(work: &Work<'_>, (id, member): (&MemberId, &ShareMember)) -> BTreeMap<MemberId, Assignment> {
    let (group, cluster) = (work.group(), work.world.cluster);
    let members = group.share_members().filter(|(other, _)| *other != id).chain([(id, member)]);
    let nothing = Assignment::new();
    // Members of a group mostly read the same.
    let mut read = BTreeMap::new();
    let mut readers = Readers::new();
    for (id, member) in members {
        let topics = read.entry(&member.topics).or_insert_with(|| Arc::new(topics(member, cluster)));
        let had = group.targets.get(id).unwrap_or(&nothing);
        readers.insert(id, Reader { instance: None, topics: Arc::clone(topics), had });
    }
    let ids = read.values().flat_map(|topics| topics.iter().copied());
    let sizes: Topics = ids.filter_map(|id| cluster.topic(id).map(|topic| (id, topic.partitions))).collect();
    assignor::assign(&readers, &sizes)
}

/// The hash of what members read, one of whom is about to be `member`.
pub(super) fn hash(work: &Work<'_>, member: Option<(&MemberId, &ShareMember)>) -> u64 {
    hash_topics(&names(work, member), work.world.cluster)
}

/// The names that members read, one of whom is about to be `member`.
fn names<'a>(work: &'a Work<'_>, member: Option<(&'a MemberId, &'a ShareMember)>) -> BTreeSet<&'a str> {
    const NOTHING: &BTreeSet<String> = &BTreeSet::new();
    let was =
        member.and_then(|(id, _)| work.group().share_member(id)).map_or(NOTHING, |member| &member.topics);
    work.index().topics((was, member.map_or(NOTHING, |(_, member)| &member.topics)))
}

/// The topics that a member reads and that exist.
fn topics(member: &ShareMember, cluster: &Cluster) -> BTreeSet<TopicId> {
    member.topics.iter().filter_map(|name| id_of(name, cluster)).collect()
}

fn id_of(name: &str, cluster: &Cluster) -> Option<TopicId> {
    cluster.topic_named(name).map(|topic| topic.id)
}

/// The group's own fields, as they would be for the first member if there is no group.
pub(super) fn header(work: &Work<'_>) -> ShareGroup {
    work.group().share().cloned().unwrap_or_default()
}

/// Makes the group's own fields these, and the group one with members.
fn put_header(work: &mut Work<'_>, group: ShareGroup) {
    let is_so =
        work.entry.exists && work.group().empty_since.is_none() && work.group().share() == Some(&group);
    if !is_so {
        work.change(Change::Header { membership: Membership::Share(group), empty_since: None });
    }
}
