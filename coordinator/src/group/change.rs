//! What may happen to a group durably.

use std::collections::BTreeMap;

use super::consumer::Progress;
use super::state::{Assignment, Committed, Group, GroupId, Member, MemberId, Membership};
use crate::{Map, PartitionId};

/// One part of a group becomes something else. Parts are put whole, so that applying is the same everywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The group as a whole; the group comes into being if there is none.
    Header {
        /// [`Group::membership`].
        membership: Membership,
        /// [`Group::empty_since`].
        empty_since: Option<i64>,
    },
    /// A member comes, changes, or goes. Its target goes with it.
    Member(MemberId, Option<Member>),
    /// What a member should end up with.
    Target(MemberId, Option<Assignment>),
    /// How far a member of a consumer group has come. What is no such member stays as it is.
    Progress(MemberId, Progress),
    /// An offset is committed or forgotten.
    Offset(PartitionId, Option<Committed>),
    /// The group is deleted, and its offsets with it.
    Deleted,
}

impl Change {
    /// The change that repeats a group's own fields.
    pub fn header(group: &Group) -> Self {
        Self::Header { membership: group.membership.clone(), empty_since: group.empty_since }
    }
}

impl Group {
    /// Changes one part. [`Change::Deleted`] empties the group; its holder forgets it.
    pub fn apply(&mut self, change: &Change) {
        match change {
            Change::Header { membership, empty_since } => {
                self.membership = membership.clone();
                self.empty_since = *empty_since;
            }
            Change::Member(id, member) => {
                if member.is_none() {
                    self.targets.remove(id);
                }
                put(&mut self.members, id, member);
            }
            Change::Progress(id, progress) => {
                if let Some(member) = self.consumer_member(id).map(|member| member.at(progress)) {
                    self.members.insert(MemberId::clone(id), Member::Consumer(member));
                }
            }
            Change::Target(id, target) => put(&mut self.targets, id, target),
            Change::Offset(id, offset) => put(&mut self.offsets, id, offset),
            Change::Deleted => *self = Self::default(),
        }
    }

    /// Applies changes to one of many groups.
    pub fn replay(groups: &mut BTreeMap<GroupId, Self>, id: &GroupId, changes: &[Change]) {
        for change in changes {
            match change {
                Change::Deleted => drop(groups.remove(id)),
                change => groups.entry(GroupId::clone(id)).or_default().apply(change),
            }
        }
    }

    /// The changes that make this group out of nothing.
    pub fn changes(&self) -> impl Iterator<Item = Change> {
        let members = self.members.iter().map(|(id, m)| Change::Member(MemberId::clone(id), Some(m.clone())));
        let targets = self.targets.iter().map(|(id, t)| Change::Target(MemberId::clone(id), Some(t.clone())));
        let offsets = self.offsets.iter().map(|(id, o)| Change::Offset(*id, Some(o.clone())));
        std::iter::once(Change::header(self)).chain(members).chain(targets).chain(offsets)
    }
}

fn put<K: Ord + Clone, V: Clone>(map: &mut Map<K, V>, key: &K, value: &Option<V>) {
    match value {
        Some(value) => map.insert(key.clone(), value.clone()),
        None => map.remove(key),
    }
}
