//! What is looked up of a group's members without going through them all. It follows from the members alone, and is
//! brought up to date as each of them comes, changes or goes.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};

use super::consumer::{ConsumerMember, Held, Progress};
use super::state::{Group, Member, MemberId};
use crate::PartitionId;

/// Members by what they have in common, and how many there are of each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Index {
    instances: BTreeMap<String, MemberId>,
    classic: usize,
    offers: Counts<String>,
    rebalance_timeouts: Counts<i32>,
    topics: Counts<String>,
    expressions: Counts<String>,
    holders: Counts<PartitionId>,
}

impl Index {
    /// That of a group as it is.
    pub(super) fn of(group: &Group) -> Self {
        let mut index = Self::default();
        group.members.iter().for_each(|(id, member)| index.replace(id, None, Some(member)));
        index
    }

    /// A member comes, changes or goes.
    pub(super) fn replace(&mut self, id: &MemberId, before: Option<&Member>, after: Option<&Member>) {
        let (was, is) = (Facets::of(before), Facets::of(after));
        if was.instance != is.instance {
            // Another member may have taken it already.
            if let Some(instance) = was.instance.filter(|instance| self.instance(instance) == Some(id)) {
                self.instances.remove(instance);
            }
            if let Some(instance) = is.instance {
                self.instances.insert(instance.to_owned(), MemberId::clone(id));
            }
        }
        self.classic += usize::from(is.offers.is_some());
        self.classic -= usize::from(was.offers.is_some());
        if was.offers != is.offers {
            self.offers.replace(&was.offered(), &is.offered());
        }
        self.rebalance_timeouts.replace(
            &was.rebalance_timeout.into_iter().collect(),
            &is.rebalance_timeout.into_iter().collect(),
        );
        if was.topics != is.topics {
            let nothing = BTreeSet::new();
            self.topics.replace(was.topics.unwrap_or(&nothing), is.topics.unwrap_or(&nothing));
        }
        if was.regex != is.regex {
            let set = |regex: Option<&str>| regex.map(str::to_owned).into_iter().collect();
            self.expressions.replace(&set(was.regex), &set(is.regex));
        }
        if was.held != is.held {
            self.holders.replace(&was.partitions(), &is.partitions());
        }
    }

    /// A member of a consumer group gets and gives back partitions.
    pub(super) fn progress(&mut self, member: &ConsumerMember, progress: &Progress) {
        let (was, is) = ((&member.assigned, &member.revoking), (&progress.assigned, &progress.revoking));
        if was != is {
            self.holders.replace(&partitions(was), &partitions(is));
        }
    }

    /// The member with a `group.instance.id`.
    pub(super) fn instance(&self, instance: &str) -> Option<&MemberId> {
        self.instances.get(instance)
    }

    /// How many members speak the classic protocol.
    pub(super) fn classic(&self) -> usize {
        self.classic
    }

    /// Whether every member that speaks the classic protocol takes an assignor.
    pub(super) fn all_take(&self, assignor: &str) -> bool {
        self.offers.of(assignor) == self.classic
    }

    /// The assignors that every member takes which speaks the classic protocol.
    pub(super) fn taken_by_all(&self) -> BTreeSet<&str> {
        let common = self.offers.0.iter().filter(|(_, count)| **count == self.classic);
        common.map(|(name, _)| name.as_str()).collect()
    }

    /// How long the most patient member of a classic group gives a rebalance (ms); 0 if there is none.
    pub(super) fn rebalance_timeout_ms(&self) -> i32 {
        self.rebalance_timeouts.0.last_key_value().map_or(0, |(ms, _)| *ms)
    }

    /// The names that members of a consumer or share group subscribe to, once one of them has changed from the first
    /// set to the second.
    pub(super) fn topics<'a>(
        &'a self,
        (was, is): (&BTreeSet<String>, &'a BTreeSet<String>),
    ) -> BTreeSet<&'a str> {
        self.topics.changed(was, is)
    }

    /// The expressions that members of a consumer group subscribe with, once one of them has another.
    pub(super) fn expressions(&self, was: Option<&str>, is: Option<&str>) -> BTreeSet<String> {
        let set = |regex: Option<&str>| regex.map(str::to_owned).into_iter().collect::<BTreeSet<String>>();
        let (was, is) = (set(was), set(is));
        self.expressions.changed(&was, &is).into_iter().map(str::to_owned).collect()
    }

    /// Whether some member subscribes with an expression.
    pub(super) fn has_expression(&self, expression: &str) -> bool {
        self.expressions.of(expression) > 0
    }

    /// How many members of a consumer group have a partition, or have yet to give it back.
    pub(super) fn holders(&self, partition: PartitionId) -> usize {
        self.holders.of(&partition)
    }
}

/// What of a member is indexed.
#[derive(Default)]
struct Facets<'a> {
    instance: Option<&'a str>,
    /// The assignors of a member that speaks the classic protocol.
    offers: Option<&'a [(String, bytes::Bytes)]>,
    /// Of a member of a classic group.
    rebalance_timeout: Option<i32>,
    topics: Option<&'a BTreeSet<String>>,
    regex: Option<&'a str>,
    held: Option<(&'a Held, &'a Held)>,
}

impl<'a> Facets<'a> {
    fn of(member: Option<&'a Member>) -> Self {
        match member {
            None => Self::default(),
            Some(Member::Classic(member)) => Self {
                instance: member.instance.as_deref(),
                offers: Some(&member.protocols),
                rebalance_timeout: Some(member.rebalance_timeout_ms),
                ..Self::default()
            },
            Some(Member::Consumer(member)) => Self {
                instance: member.instance.as_deref(),
                offers: member.classic.as_ref().map(|classic| &*classic.protocols),
                rebalance_timeout: None,
                topics: Some(&member.topics),
                regex: member.regex.as_deref(),
                held: Some((&member.assigned, &member.revoking)),
            },
            Some(Member::Share(member)) => Self { topics: Some(&member.topics), ..Self::default() },
        }
    }

    fn offered(&self) -> BTreeSet<String> {
        self.offers.into_iter().flatten().map(|(name, _)| name.clone()).collect()
    }

    fn partitions(&self) -> BTreeSet<PartitionId> {
        self.held.map(partitions).unwrap_or_default()
    }
}

fn partitions((assigned, revoking): (&Held, &Held)) -> BTreeSet<PartitionId> {
    let both = assigned.iter().chain(revoking);
    both.flat_map(|(&topic, all)| all.keys().map(move |&index| PartitionId { topic, index })).collect()
}

/// How many members have each thing; none of what no member has.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Counts<K>(BTreeMap<K, usize>);

impl<K> Default for Counts<K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord + Clone> Counts<K> {
    fn of<Q: Ord + ?Sized>(&self, thing: &Q) -> usize
    where
        K: Borrow<Q>,
    {
        self.0.get(thing).copied().unwrap_or(0)
    }

    /// A member that had some things has others.
    fn replace(&mut self, was: &BTreeSet<K>, is: &BTreeSet<K>) {
        for gone in was.difference(is) {
            if let Some(count) = self.0.get_mut(gone) {
                *count -= 1;
                if *count == 0 {
                    self.0.remove(gone);
                }
            }
        }
        for come in is.difference(was) {
            *self.0.entry(come.clone()).or_default() += 1;
        }
        #[cfg(test)]
        crate::steps::count(was.len() + is.len());
    }
}

impl Counts<String> {
    /// What there is once a member that had some things has others.
    fn changed<'a>(&'a self, was: &BTreeSet<String>, is: &'a BTreeSet<String>) -> BTreeSet<&'a str> {
        let stays = |(name, count): &(&String, &usize)| **count > 1 || !was.contains(*name);
        let others = self.0.iter().filter(stays).map(|(name, _)| name.as_str());
        others.chain(is.iter().map(String::as_str)).collect()
    }
}
