//! Which assignor a classic group's members agree on.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::Join;
use crate::group::state::{ClassicMember, ClassicState, Group};

/// Whether a join fits the group: the same protocol type, and one assignor at least that every member takes.
pub(super) fn supports(group: &Group, join: &Join) -> bool {
    let Some(classic) = group.classic() else { return false };
    if classic.state == ClassicState::Empty {
        return !join.protocol_type.is_empty() && !join.protocols.is_empty();
    }
    classic.protocol_type.as_ref() == Some(&join.protocol_type)
        && join.protocols.iter().any(|(name, _)| all_take(group, name))
}

/// The assignor with the most votes; each member votes for the first on its list that every member takes. Of
/// several with as many votes it is the first by name. `None` if there is no member.
pub(in crate::group) fn select(group: &Group) -> Option<String> {
    let (_, any) = group.classic_members().next()?;
    let names = any.protocols.iter().map(|(name, _)| name.as_str());
    let candidates: BTreeSet<&str> = names.filter(|name| all_take(group, name)).collect();
    let mut votes: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, member) in group.classic_members() {
        let mut names = member.protocols.iter().map(|(name, _)| name.as_str());
        if let Some(vote) = names.find(|name| candidates.contains(name)) {
            *votes.entry(vote).or_default() += 1;
        }
    }
    let most = votes.values().copied().max()?;
    votes.into_iter().find(|(_, count)| *count == most).map(|(name, _)| name.to_owned())
}

fn all_take(group: &Group, name: &str) -> bool {
    group.classic_members().all(|(_, member)| metadata(member, name).is_some())
}

/// A member's metadata for an assignor.
pub(super) fn metadata<'a>(member: &'a ClassicMember, protocol: &str) -> Option<&'a Bytes> {
    member.protocols.iter().find(|(name, _)| name == protocol).map(|(_, metadata)| metadata)
}
