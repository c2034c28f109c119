//! A consumer group as ConsumerGroupDescribe and ListGroups show it.

use super::state::{ConsumerMember, partitions};
use super::target;
use crate::group::assignor::Assignor;
use crate::group::request::Reject;
use crate::group::state::{Assignment, Group, MemberId};

/// Where a consumer group is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsumerState {
    /// It has no members.
    Empty,
    /// Its targets are of an earlier epoch.
    Assigning,
    /// Some members have not reached their targets.
    Reconciling,
    /// All have.
    Stable,
}

impl ConsumerState {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::Assigning => "Assigning",
            Self::Reconciling => "Reconciling",
            Self::Stable => "Stable",
        }
    }
}

/// A consumer group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described<'a> {
    /// Where it is.
    pub state: ConsumerState,
    /// Its epoch.
    pub group_epoch: i32,
    /// The epoch of its targets.
    pub assignment_epoch: i32,
    /// The assignor that most members ask for, or the default.
    pub assignor: Assignor,
    /// Its members.
    pub members: Vec<DescribedMember<'a>>,
}

/// A member. Topics that are deleted may be among its partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedMember<'a> {
    /// Its id.
    pub id: &'a MemberId,
    /// What it says of itself, and its epoch. It is of the classic protocol if it has a classic facet.
    pub member: &'a ConsumerMember,
    /// What it has, or has yet to give back.
    pub current: Assignment,
    /// What it should end up with.
    pub target: Assignment,
}

/// Describes the group of this name. GROUP_ID_NOT_FOUND, with Kafka's message, if it is none or of another kind.
pub fn describe<'a>(id: &str, group: Option<&'a Group>) -> Result<Described<'a>, Reject> {
    let group = group.ok_or_else(|| Reject::GroupNotFound(format!("Group {id} not found.")))?;
    let (Some(header), Some(state)) = (group.consumer(), group.consumer_state()) else {
        return Err(Reject::GroupNotFound(format!("Group {id} is not a consumer group.")));
    };
    let member = |(id, member): (&'a MemberId, &'a ConsumerMember)| {
        let mut current = partitions(&member.assigned);
        for (topic, all) in partitions(&member.revoking) {
            current.entry(topic).or_default().extend(all);
        }
        DescribedMember { id, member, current, target: group.targets.get(id).cloned().unwrap_or_default() }
    };
    Ok(Described {
        state,
        group_epoch: header.group_epoch,
        assignment_epoch: header.assignment_epoch,
        assignor: target::preferred(group.consumer_members().map(|(_, member)| member)),
        members: group.consumer_members().map(member).collect(),
    })
}

impl Group {
    /// Where it is, if it is a consumer group.
    pub fn consumer_state(&self) -> Option<ConsumerState> {
        let group = self.consumer()?;
        Some(if self.members.is_empty() {
            ConsumerState::Empty
        } else if group.group_epoch > group.assignment_epoch {
            ConsumerState::Assigning
        } else if self.consumer_members().all(|(_, member)| member.reached(group.assignment_epoch)) {
            ConsumerState::Stable
        } else {
            ConsumerState::Reconciling
        })
    }
}
