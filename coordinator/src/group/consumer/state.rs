//! What is durable of a consumer group.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use crate::group::index::Index;
use crate::group::state::{Assignment, Group, Member, MemberId, Membership};
use crate::{PartitionId, TopicId};

/// Partitions by topic, each with the member epoch at which its member got it (KIP-1251).
pub type Held = BTreeMap<TopicId, BTreeMap<i32, i32>>;

/// The member epoch of a static member that is away for a while.
pub(in crate::group) const AWAY: i32 = -2;

/// What a consumer group keeps besides its members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerGroup {
    /// One more whenever what its members read changes, or who they are. Never goes back.
    pub group_epoch: i32,
    /// The group epoch that the targets were computed for.
    pub assignment_epoch: i32,
    /// Of the topics that members read: names, ids, numbers of partitions. Another hash is another group epoch.
    pub metadata_hash: u64,
}

impl Default for ConsumerGroup {
    /// A group that no member has joined. Its first member gets epoch 2, as from Kafka.
    fn default() -> Self {
        Self { group_epoch: 1, assignment_epoch: 1, metadata_hash: 0 }
    }
}

/// A member of a consumer group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConsumerMember {
    /// `group.instance.id` of a static member.
    pub instance: Option<String>,
    /// `client.rack`.
    pub rack: Option<String>,
    /// `client.id`.
    pub client_id: String,
    /// The client's address.
    pub client_host: String,
    /// How long it may take to give partitions back (ms).
    pub rebalance_timeout_ms: i32,
    /// The topics that it reads, by name.
    pub topics: BTreeSet<String>,
    /// The expression (RE2) whose topics it reads as well.
    pub regex: Option<String>,
    /// The assignor that it asks for.
    pub assignor: Option<String>,
    /// The group epoch that it has reached; −2 while it is away and will come back.
    pub epoch: i32,
    /// Its epoch before, from which a reply may have been lost.
    pub previous_epoch: i32,
    /// Where it is on its way to the target.
    pub state: MemberState,
    /// What it may read.
    pub assigned: Held,
    /// What it must give back, and is not known to have.
    pub revoking: Held,
    /// What it says in JoinGroup, if it speaks the classic protocol.
    pub classic: Option<ClassicFacet>,
}

/// How far a member has come on its way to its target: what of it changes though it says nothing new.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// [`ConsumerMember::epoch`].
    pub epoch: i32,
    /// [`ConsumerMember::previous_epoch`].
    pub previous_epoch: i32,
    /// [`ConsumerMember::state`].
    pub state: MemberState,
    /// [`ConsumerMember::assigned`].
    pub assigned: Held,
    /// [`ConsumerMember::revoking`].
    pub revoking: Held,
}

/// Where a member is on its way to the target (KIP-848, "Member Assignment").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum MemberState {
    /// It has all of the target of its epoch.
    #[default]
    Stable = 0,
    /// It must give partitions back before it reaches the next epoch.
    UnrevokedPartitions = 1,
    /// Partitions of its target are still held by others.
    UnreleasedPartitions = 2,
}

/// What only a member that speaks the classic protocol says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassicFacet {
    /// How long it may be silent (ms).
    pub session_timeout_ms: i32,
    /// The assignors that it takes, each with its own metadata.
    pub protocols: Vec<(String, Bytes)>,
}

impl ConsumerMember {
    /// Whether it has reached the target of this epoch.
    pub(in crate::group) fn reached(&self, epoch: i32) -> bool {
        self.state == MemberState::Stable && self.epoch == epoch
    }

    /// How far it has come.
    pub(in crate::group) fn progress(&self) -> Progress {
        Progress {
            epoch: self.epoch,
            previous_epoch: self.previous_epoch,
            state: self.state,
            assigned: self.assigned.clone(),
            revoking: self.revoking.clone(),
        }
    }

    /// The member once it has come this far.
    pub(in crate::group) fn at(&self, progress: &Progress) -> Self {
        let Progress { epoch, previous_epoch, state, assigned, revoking } = progress.clone();
        Self { epoch, previous_epoch, state, assigned, revoking, ..self.clone() }
    }

    /// Whether it is another one in nothing but how far it has come.
    pub(in crate::group) fn says_as_much_as(&self, other: &Self) -> bool {
        (&self.instance, &self.rack, &self.client_id, &self.client_host, self.rebalance_timeout_ms)
            == (
                &other.instance,
                &other.rack,
                &other.client_id,
                &other.client_host,
                other.rebalance_timeout_ms,
            )
            && (&self.topics, &self.regex, &self.assignor, &self.classic)
                == (&other.topics, &other.regex, &other.assignor, &other.classic)
    }

    /// Whether it has a partition, or has yet to give it back.
    pub(in crate::group) fn holds(&self, partition: PartitionId) -> bool {
        has(&self.assigned, partition) || has(&self.revoking, partition)
    }
}

/// Whether a partition is among those held.
pub(super) fn has(held: &Held, partition: PartitionId) -> bool {
    held.get(&partition.topic).is_some_and(|all| all.contains_key(&partition.index))
}

/// The same partitions, without their epochs.
pub(in crate::group) fn partitions(held: &Held) -> Assignment {
    held.iter().map(|(topic, all)| (*topic, all.keys().copied().collect())).collect()
}

impl Group {
    /// What it keeps as a consumer group, if it is one.
    pub(in crate::group) fn consumer(&self) -> Option<&ConsumerGroup> {
        match &self.membership {
            Membership::Consumer(group) => Some(group),
            _ => None,
        }
    }

    /// A member of a consumer group.
    pub(in crate::group) fn consumer_member(&self, id: &str) -> Option<&ConsumerMember> {
        self.consumer_entry(id).map(|(_, member)| member)
    }

    /// A member of a consumer group, with its id.
    pub(in crate::group) fn consumer_entry(&self, id: &str) -> Option<(&MemberId, &ConsumerMember)> {
        match self.members.get_key_value(id) {
            Some((id, Member::Consumer(member))) => Some((id, member)),
            _ => None,
        }
    }

    /// The members of a consumer group.
    pub(in crate::group) fn consumer_members(&self) -> impl Iterator<Item = (&MemberId, &ConsumerMember)> {
        self.members.iter().filter_map(|(id, member)| match member {
            Member::Consumer(member) => Some((id, member)),
            Member::Classic(_) | Member::Share(_) => None,
        })
    }

    /// The static member of a consumer group with this instance id.
    pub(in crate::group) fn consumer_instance(
        &self,
        index: &Index,
        instance: &str,
    ) -> Option<(&MemberId, &ConsumerMember)> {
        self.consumer_entry(index.instance(instance)?)
    }
}
