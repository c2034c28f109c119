//! What every member should end up with (KIP-848, "Target Assignment").

use std::collections::BTreeMap;
use std::sync::Arc;

use super::soft::Soft;
use super::state::ConsumerMember;
use super::subscription::topics;
use crate::cluster::Cluster;
use crate::group::assignor::{Assignor, Reader, Readers, Topics};
use crate::group::state::{Assignment, Group, MemberId};

/// The targets of a group whose member `id` is about to be `member`.
pub(super) fn compute(
    group: &Group,
    soft: &Soft,
    cluster: &Cluster,
    (id, member): (&MemberId, &ConsumerMember),
) -> BTreeMap<MemberId, Assignment> {
    let others = group.consumer_members().filter(|(other, _)| *other != id);
    let members: Vec<(&MemberId, &ConsumerMember)> = others.chain([(id, member)]).collect();

    let nothing = Assignment::new();
    // Members of a group mostly read the same.
    let mut read = BTreeMap::new();
    let mut readers = Readers::new();
    for (id, member) in &members {
        let read = read.entry((&member.topics, &member.regex));
        let topics = Arc::clone(read.or_insert_with(|| Arc::new(topics(member, soft, cluster))));
        let had = group.targets.get(*id).unwrap_or(&nothing);
        readers.insert(id, Reader { instance: member.instance.as_deref(), topics, had });
    }
    let ids = read.values().flat_map(|topics| topics.iter().copied());
    let topics: Topics = ids.filter_map(|id| cluster.topic(id).map(|topic| (id, topic.partitions))).collect();
    preferred(members.iter().map(|(_, member)| *member)).assign(&readers, &topics)
}

/// The assignor that most members ask for; `uniform` if as many ask for that, or none for any.
pub(super) fn preferred<'a>(members: impl Iterator<Item = &'a ConsumerMember>) -> Assignor {
    let mut asked: BTreeMap<Assignor, usize> = BTreeMap::new();
    for assignor in members.filter_map(|member| Assignor::named(member.assignor.as_deref()?)) {
        *asked.entry(assignor).or_default() += 1;
    }
    asked
        .into_iter()
        .rev()
        .max_by_key(|(_, count)| *count)
        .map_or_else(Assignor::default, |(assignor, _)| assignor)
}
