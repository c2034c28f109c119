//! What is durable of a group.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;

use super::consumer::{ConsumerGroup, ConsumerMember, ConsumerState};
use super::share::{ShareGroup, ShareMember, ShareState};
use crate::cluster::Cluster;
use crate::{Map, PartitionId, TopicId};

/// A group's name (`group.id`).
pub type GroupId = Arc<str>;

/// A member's id within its group.
pub type MemberId = Arc<str>;

/// Partitions by topic.
pub type Assignment = BTreeMap<TopicId, BTreeSet<i32>>;

/// Which protocol a group follows, as ListGroups names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// JoinGroup and SyncGroup; also a group that only commits offsets.
    Classic,
    /// KIP-848.
    Consumer,
    /// KIP-932.
    Share,
}

/// A group: all of it that outlives its owner.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// Its protocol's own state.
    pub membership: Membership,
    /// Since when it has had no member (ms since 1970). `None` while it has some, and before it ever existed.
    pub empty_since: Option<i64>,
    /// Its members.
    pub members: Map<MemberId, Member>,
    /// By member of a consumer or share group: the partitions that it should end up with.
    pub targets: Map<MemberId, Assignment>,
    /// Committed offsets. Those of a deleted topic stay for a while and are not reported: see
    /// [`Group::offsets_in`].
    pub offsets: Map<PartitionId, Committed>,
}

impl Group {
    /// The name of its state, as DescribeGroups and ListGroups give it.
    pub fn state(&self) -> &'static str {
        match &self.membership {
            Membership::Classic(group) => group.state.name(),
            Membership::Consumer(_) => self.consumer_state().map_or("Empty", ConsumerState::name),
            Membership::Share(_) => self.share_state().map_or("Empty", ShareState::name),
        }
    }

    /// Its protocol.
    pub fn kind(&self) -> Kind {
        match self.membership {
            Membership::Classic(_) => Kind::Classic,
            Membership::Consumer(_) => Kind::Consumer,
            Membership::Share(_) => Kind::Share,
        }
    }

    /// What it keeps as a classic group, if it is one.
    pub fn classic(&self) -> Option<&ClassicGroup> {
        match &self.membership {
            Membership::Classic(classic) => Some(classic),
            Membership::Consumer(_) | Membership::Share(_) => None,
        }
    }

    /// Its members, if it is a classic group.
    pub fn classic_members(&self) -> impl Iterator<Item = (&MemberId, &ClassicMember)> {
        self.members.iter().filter_map(|(id, member)| Some((id, member.classic()?)))
    }

    /// A member of a classic group.
    pub fn classic_member(&self, id: &str) -> Option<&ClassicMember> {
        self.members.get(id)?.classic()
    }

    /// The committed offsets whose topics exist.
    pub fn offsets_in(&self, cluster: &Cluster) -> impl Iterator<Item = (&PartitionId, &Committed)> {
        self.offsets.iter().filter(|(partition, _)| cluster.topic(partition.topic).is_some())
    }
}

/// What a group's protocol keeps besides its members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Membership {
    /// A classic group.
    Classic(ClassicGroup),
    /// A consumer group.
    Consumer(ConsumerGroup),
    /// A share group.
    Share(ShareGroup),
}

impl Default for Membership {
    /// A classic group that no member has joined.
    fn default() -> Self {
        Self::Classic(ClassicGroup::default())
    }
}

/// A member, by the protocol that its group follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Member {
    /// Of a classic group.
    Classic(ClassicMember),
    /// Of a consumer group.
    Consumer(ConsumerMember),
    /// Of a share group.
    Share(ShareMember),
}

impl Member {
    /// The member, if it is one of a classic group.
    pub fn classic(&self) -> Option<&ClassicMember> {
        match self {
            Self::Classic(member) => Some(member),
            Self::Consumer(_) | Self::Share(_) => None,
        }
    }
}

impl ClassicState {
    /// Its name in DescribeGroups and ListGroups.
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::PreparingRebalance => "PreparingRebalance",
            Self::CompletingRebalance => "CompletingRebalance",
            Self::Stable => "Stable",
        }
    }
}

/// Where a classic group's rebalance is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum ClassicState {
    /// It has no members.
    #[default]
    Empty = 0,
    /// Members are to join again.
    PreparingRebalance = 1,
    /// All have joined; the leader is to send the assignment.
    CompletingRebalance = 2,
    /// Every member has its assignment.
    Stable = 3,
}

/// What a classic group keeps besides its members.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClassicGroup {
    /// Where its rebalance is.
    pub state: ClassicState,
    /// One more with each rebalance; never goes back.
    pub generation: i32,
    /// What its members' metadata is about: `consumer`, `connect`; `None` if it only ever committed offsets.
    pub protocol_type: Option<String>,
    /// The assignor that its members agreed on.
    pub protocol: Option<String>,
    /// The member that computes assignments.
    pub leader: Option<MemberId>,
}

impl ClassicGroup {
    /// Whether its members are consumers, whose metadata can be read.
    pub fn is_of_consumers(&self) -> bool {
        self.protocol_type.as_deref() == Some("consumer")
    }
}

/// A member of a classic group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassicMember {
    /// `group.instance.id` of a static member (KIP-345).
    pub instance: Option<String>,
    /// `client.id`.
    pub client_id: String,
    /// The client's address.
    pub client_host: String,
    /// How long a rebalance waits for it (ms).
    pub rebalance_timeout_ms: i32,
    /// How long it may be silent (ms).
    pub session_timeout_ms: i32,
    /// The assignors that it takes, most wanted first, each with its own metadata.
    pub protocols: Vec<(String, Bytes)>,
    /// What the leader assigned to it, in this generation or, until it does, in the one before.
    pub assignment: Bytes,
}

/// A committed offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The next record that the group will process.
    pub offset: i64,
    /// The leader epoch of the record before, or −1.
    pub leader_epoch: i32,
    /// What the client keeps with it.
    pub metadata: String,
    /// When it was committed (ms since 1970).
    pub committed_at: i64,
    /// When it expires, if its client said so itself (OffsetCommit 2 to 4; ms since 1970).
    pub expires_at: Option<i64>,
}
