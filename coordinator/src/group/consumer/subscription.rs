//! Which topics members read, and whether these are still what they were.

use std::collections::BTreeSet;
use std::time::Duration;

use xxhash_rust::xxh3::Xxh3;

use super::expression::Expression;
use super::soft::Soft;
use super::state::ConsumerMember;
use crate::TopicId;
use crate::cluster::Cluster;
use crate::group::state::MemberId;
use crate::group::work::Work;

/// How long expressions stay as they were matched, however often topics change. Kafka's
/// `REGEX_BATCH_REFRESH_MIN_INTERVAL_MS`.
const MATCHED_FOR: Duration = Duration::from_secs(10);

/// Looks at all that members read, one of which is about to be another; answers its hash.
pub(super) fn look(work: &mut Work<'_>, changing: Option<(&MemberId, &ConsumerMember)>) -> u64 {
    let nothing = BTreeSet::new();
    let was = changing.and_then(|(id, _)| work.group().consumer_member(id));
    let is = changing.map(|(_, member)| member);
    let regex = |member: Option<&ConsumerMember>| member.and_then(|member| member.regex.clone());
    let used = work.index().expressions(regex(was).as_deref(), regex(is).as_deref());
    match_expressions(work, used);
    let was = changing.and_then(|(id, _)| work.group().consumer_member(id));
    let was = was.map_or(&nothing, |member| &member.topics);
    let mut names = work.index().topics((was, is.map_or(&nothing, |member| &member.topics)));
    names.extend(work.entry.consumer.matched.values().flatten().map(String::as_str));
    hash(&names, work.world.cluster)
}

/// Matches expressions against the topics: those that are new at once, all of them when topics may have changed
/// and the last time is long enough ago. Forgets the others.
fn match_expressions(work: &mut Work<'_>, used: BTreeSet<String>) {
    let (cluster, now) = (work.world.cluster, work.now.since_start);
    let soft = &mut work.entry.consumer;
    soft.matched.retain(|expression, _| used.contains(expression));
    if used.is_empty() {
        soft.matched_at = None;
        return;
    }
    let again = soft.matched_at.is_none() || is_due(soft, cluster, now);
    if again {
        soft.matched.clear();
        soft.matched_at = Some((now, cluster.next()));
    }
    for expression in used {
        soft.matched.entry(expression).or_insert_with_key(|expression| matching(expression, cluster));
    }
}

/// The names that match. What was a valid expression to an earlier version and is none to this matches nothing.
pub(super) fn matching(expression: &str, cluster: &Cluster) -> BTreeSet<String> {
    let Ok(expression) = Expression::new(expression) else { return BTreeSet::new() };
    let names = cluster.topics_by_name().map(|topic| &topic.name);
    names.filter(|name| expression.matches(name)).cloned().collect()
}

/// Whether expressions may match other topics than when they were last matched, which is long enough ago.
pub(super) fn is_due(soft: &Soft, cluster: &Cluster, now: Duration) -> bool {
    soft.matched_at.is_some_and(|(at, seen)| seen != cluster.next() && now >= at + MATCHED_FOR)
}

/// The names of all topics that a member reads, whether they exist or not.
pub(super) fn names<'a>(member: &'a ConsumerMember, soft: &'a Soft) -> impl Iterator<Item = &'a str> {
    let matched = member.regex.as_ref().and_then(|expression| soft.matched.get(expression));
    member.topics.iter().chain(matched.into_iter().flatten()).map(String::as_str)
}

/// The topics that a member reads and that exist.
pub(super) fn topics(member: &ConsumerMember, soft: &Soft, cluster: &Cluster) -> BTreeSet<TopicId> {
    names(member, soft).filter_map(|name| cluster.topic_named(name)).map(|topic| topic.id).collect()
}

/// The hash of topics as they are; 0 if none exists.
pub(in crate::group) fn hash(names: &BTreeSet<&str>, cluster: &Cluster) -> u64 {
    let mut topics = names.iter().filter_map(|name| cluster.topic_named(name)).peekable();
    if topics.peek().is_none() {
        return 0;
    }
    let mut hasher = Xxh3::new();
    for topic in topics {
        hasher.update(topic.id.as_bytes());
        hasher.update(&topic.partitions.to_be_bytes());
        hasher.update(&(topic.name.len() as u32).to_be_bytes());
        hasher.update(topic.name.as_bytes());
    }
    hasher.digest()
}

#[cfg(test)]
#[path = "subscription_test.rs"]
mod tests;
