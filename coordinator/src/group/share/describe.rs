//! A share group as ShareGroupDescribe and ListGroups show it.

use super::state::ShareMember;
use crate::group::request::Reject;
use crate::group::state::{Group, MemberId};

/// Where a share group is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShareState {
    /// It has no members.
    Empty,
    /// It has some.
    Stable,
}

impl ShareState {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::Stable => "Stable",
        }
    }
}

/// A share group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described<'a> {
    /// Where it is.
    pub state: ShareState,
    /// Its epoch.
    pub group_epoch: i32,
    /// The epoch of its targets.
    pub assignment_epoch: i32,
    /// Its members. Topics that are deleted may be among their partitions.
    pub members: Vec<(&'a MemberId, &'a ShareMember)>,
}

/// Describes the group of this name. GROUP_ID_NOT_FOUND, with Kafka's message, if it is none or of another kind.
pub fn describe<'a>(id: &str, group: Option<&'a Group>) -> Result<Described<'a>, Reject> {
    let group = group.ok_or_else(|| Reject::group_not_found(id))?;
    let (Some(header), Some(state)) = (group.share(), group.share_state()) else {
        return Err(Reject::GroupNotFound(format!("Group {id} is not a share group.")));
    };
    Ok(Described {
        state,
        group_epoch: header.group_epoch,
        assignment_epoch: header.assignment_epoch,
        members: group.share_members().collect(),
    })
}

impl Group {
    /// Where it is, if it is a share group.
    pub fn share_state(&self) -> Option<ShareState> {
        self.share()?;
        Some(if self.members.is_empty() { ShareState::Empty } else { ShareState::Stable })
    }
}
