//! What is durable of a share group.

use std::collections::BTreeSet;

use crate::TopicId;
use crate::group::state::{Assignment, Group, Member, MemberId, Membership};

/// What a share group keeps besides its members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareGroup {
    /// One more whenever what its members read changes, or who they are. Never goes back.
    pub group_epoch: i32,
    /// The group epoch that the targets were computed for.
    pub assignment_epoch: i32,
    /// Of the topics that members read: names, ids, numbers of partitions. Another hash is another group epoch.
    pub metadata_hash: u64,
    /// The topics of whose partitions the group may have share partitions. Some may have been deleted.
    pub topics: BTreeSet<TopicId>,
}

impl Default for ShareGroup {
    /// A group that no member has joined. Its first member gets epoch 2, as from Kafka.
    fn default() -> Self {
        Self { group_epoch: 1, assignment_epoch: 1, metadata_hash: 0, topics: BTreeSet::new() }
    }
}

/// A member of a share group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShareMember {
    /// `client.rack`.
    pub rack: Option<String>,
    /// `client.id`.
    pub client_id: String,
    /// The client's address.
    pub client_host: String,
    /// The topics that it reads, by name.
    pub topics: BTreeSet<String>,
    /// The assignment epoch that it is at.
    pub epoch: i32,
    /// Its epoch before, from which a reply may have been lost.
    pub previous_epoch: i32,
    /// What it reads.
    pub assigned: Assignment,
}

impl Group {
    /// What it keeps as a share group, if it is one.
    pub fn share(&self) -> Option<&ShareGroup> {
        match &self.membership {
            Membership::Share(group) => Some(group),
            _ => None,
        }
    }

    /// A member of a share group.
    pub(in crate::group) fn share_member(&self, id: &str) -> Option<&ShareMember> {
        self.members.get(id).and_then(share_member)
    }

    /// The members of a share group.
    pub fn share_members(&self) -> impl Iterator<Item = (&MemberId, &ShareMember)> {
        self.members.iter().filter_map(|(id, member)| Some((id, share_member(member)?)))
    }
}

fn share_member(member: &Member) -> Option<&ShareMember> {
    match member {
        Member::Share(member) => Some(member),
        _ => None,
    }
}
